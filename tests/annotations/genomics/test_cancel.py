"""A cancel reaches into work that takes long: each test stops what would not end by itself."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from threading import Event

import pytest

from annotations.genomics import (
    alleles,
    attend,
    engine,
    indexing,
    outputs,
    references,
    sorting,
    summary,
)
from annotations.genomics.csq import EngineFailed
from annotations.genomics.records import Record
from tests.annotations.genomics.runs import VIRUS, row, run, sites
from tests.annotations.genomics.test_engine import _children, scatter

ENDLESS = "SELECT count(*), 0 FROM range(1000000000) a, range(1000000000) b"


class Cancel:
    """Somebody who cancels once a run has come to where it would not end by itself."""

    def __init__(self) -> None:
        self.reached = Event()

    def asked(self) -> bool:
        return self.reached.is_set()


def stopped(folder: Path, cancel: Cancel, text: str = sites(VIRUS, (241, "C", "T"))) -> None:
    """Run until the cancel; nothing may be left, neither files nor processes."""
    before = _children()
    with pytest.raises(engine.Stopped):
        run(folder, text, cancelled=cancel.asked)
    assert cancel.asked()
    assert list((folder / "out").iterdir()) == []
    assert _children() == before


def test_a_cancel_breaks_off_a_query_of_the_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel, count = Cancel(), summary.count

    def counting(*args: object, **more: object) -> object:
        cancel.reached.set()
        return count(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(summary, "count", counting)
    monkeypatch.setattr(summary, "_KINDS", ENDLESS)
    stopped(tmp_path, cancel)


def test_a_cancel_kills_the_child_that_indexes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel, index = Cancel(), indexing.index
    child = tmp_path / "child.py"
    child.write_text("while True: pass\n")

    def indexes(path: Path, *, given_up: Event) -> None:
        cancel.reached.set()
        index(path, given_up=given_up)

    monkeypatch.setattr(indexing, "_CHILD", child)
    monkeypatch.setattr(indexing, "index", indexes)
    stopped(tmp_path, cancel)


def test_a_cancel_ends_the_checksums_of_the_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel, digest = Cancel(), outputs.digest

    def digests(path: Path, **more: object) -> str:
        cancel.reached.set()
        return digest(path, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(outputs, "digest", digests)
    stopped(tmp_path, cancel)


def test_a_cancel_comes_between_the_slices_of_a_sort(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel, slices, given = Cancel(), sorting.Sorter.slices, list[int]()

    def one_by_one(self: sorting.Sorter) -> Iterator[list[Record]]:
        for some in slices(self):
            cancel.reached.set()
            given.append(len(some))
            yield some

    monkeypatch.setattr(sorting.Sorter, "slices", one_by_one)
    stopped(tmp_path, cancel, scatter(4_000, seed=7) + row(241, "C", "T"))
    assert sum(given) < 200


def test_slices_put_together_are_sorted_and_equal_places_keep_their_order() -> None:
    contig = references.find(VIRUS).contigs[0]
    random = Random(8)
    blank = Record(0, 1, b"", alleles.judge(b"A", b"C", most=1), contig, 0)
    records = [
        blank._replace(rank=random.randrange(2), pos=random.choice([1, 2, 29_903]), number=number)
        for number in range(1_000)
    ]
    sorter = sorting.Sorter()
    for record in records:
        sorter.add(record)
    expected = sorted(records, key=lambda record: (record.rank, record.pos))
    assert [record for some in sorter.slices() for record in some] == expected


def test_an_index_that_cannot_be_made_is_the_engines_failure(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="index"):
        indexing.index(tmp_path / "none.vcf.gz", given_up=Event())


def test_what_is_attended_is_looked_after_until_it_ends() -> None:
    looked, stopping = Event(), Event()
    assert attend.attend(looked.wait, looked.is_set, look_up=looked.set, stop=stopping.set)[0]

    def cancel() -> None:
        raise engine.Stopped

    with pytest.raises(engine.Stopped):
        attend.attend(stopping.wait, look_up=cancel, stop=stopping.set)
    assert stopping.is_set()
