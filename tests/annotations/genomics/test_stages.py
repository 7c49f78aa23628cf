"""However csq is asked, the bytes are the same; a cancel ends every stage, and leaves nothing."""

import gzip
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from annotations.genomics import csq, engine, outputs, preflight, records, references, report
from annotations.genomics.references import Reference
from tests.annotations.genomics import toy
from tests.annotations.genomics.runs import VIRUS, lines, run, sites
from tests.annotations.genomics.test_engine import _children, scatter

TINY = engine.Limits(block_records=1, chunk_records=8)
MANY = engine.Limits(block_records=50, chunk_records=200)


def test_one_child_or_many_give_the_same_bytes(tmp_path: Path) -> None:
    made = {}
    for name, limits in (("one", engine.Limits()), ("many", MANY)):
        (tmp_path / name).mkdir()
        result = run(tmp_path / name, scatter(3_000, seed=5), VIRUS, limits=limits)
        made[name] = {key: path.read_bytes() for key, path in result.files.items()}
    assert made["one"] == made["many"]


def test_deletions_that_are_asked_further_left_keep_their_records_order(tmp_path: Path) -> None:
    bases = "".join(references.find(VIRUS).sequence.read_text().splitlines()[1:])
    chance = random.Random(3)
    records = []
    for pos in sorted(chance.choices(range(21_600, 21_700), k=300)):
        ref = bases[pos - 1 : pos + chance.choice([0, 0, 0, 3, 6])]
        alt = chance.choice([ref[-1], ref[0]]) if len(ref) > 1 else {"A": "C"}.get(ref, "A")
        records.append((pos, ref, alt))
    made = []
    for name, limits in (("one", engine.Limits()), ("many", TINY)):
        (tmp_path / name).mkdir()
        result = run(tmp_path / name, sites(VIRUS, *records), VIRUS, limits=limits)
        made.append((lines(result), {key: path.read_bytes() for key, path in result.files.items()}))
    assert made[0] == made[1]
    assert [(int(row[1]), row[3], row[4]) for row in made[0][0]] == records


def annotate(
    folder: Path,
    text: str,
    reference: Reference,
    *,
    limits: engine.Limits | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> engine.Result:
    (folder / "input").write_text(text)
    return engine.annotate(
        source=folder / "input",
        reference=reference,
        out=folder / "out",
        progress=lambda _: None,
        cancelled=cancelled,
        limits=limits,
    )


def test_contigs_of_several_codes_come_back_in_the_order_of_the_file(tmp_path: Path) -> None:
    reference = toy.make(tmp_path)
    rows = ["MT\t26\t.\tA\tG", "MT\t33\t.\tA\tC", "1\t50\t.\tA\tG", "1\t125\t.\tC\tA"]
    text = toy.SITES.partition("chr1")[0] + "".join(f"{row}\t.\t.\t.\n" for row in rows)
    made = []
    for limits in (engine.Limits(), engine.Limits(block_records=1, chunk_records=1)):
        result = annotate(tmp_path, text, reference, limits=limits)
        body = gzip.decompress(result.files["annotated.vcf.gz"].read_bytes()).decode()
        told = [line.split("\t")[7] for line in body.splitlines() if line[0] != "#"]
        made.append([info.partition("|")[0] for info in told])
    assert made[0] == made[1] == ["BCSQ=synonymous", "BCSQ=stop_lost", ".", "BCSQ=missense"]


ECHO = """
import sys
lines = sys.stdin.read().splitlines(keepends=True)
head = [line for line in lines if line.startswith("#")]
sites = [line for line in lines if not line.startswith("#")]
sys.stdout.writelines([*head, *{}])
"""


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("sites[:-1]", "lost 1 record"),
        ("sites[::-1]", "order"),
        ("[*sites, *sites]", "added records"),
        ("sites[:1] * 2 + sites[2:]", "order"),
    ],
)
def test_an_engine_that_loses_turns_or_adds_records_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, words: str
) -> None:
    child = tmp_path / "child.py"
    child.write_text(ECHO.format(told))
    monkeypatch.setattr(csq, "_CHILD", child)
    with pytest.raises(engine.EngineFailed, match=words):
        run(tmp_path, scatter(500, seed=7))
    assert list((tmp_path / "out").iterdir()) == []


STAGES: dict[str, tuple[object, str, engine.Limits]] = {
    "looking at many lines": (records.Checker, "look", engine.Limits(block_records=500)),
    "checking one by one": (records.Checker, "check", engine.Limits()),
    "sorting": (preflight.Preflight, "_sorted", engine.Limits()),
    "asking": (csq.Child, "ask", MANY),
    "waiting for answers": (csq.Child, "take", engine.Limits()),
    "waiting for the end": (csq.Child, "finish", engine.Limits()),
    "writing": (outputs.Writer, "write", engine.Limits(block_records=500)),
    "index and tables": (outputs.Writer, "_join", engine.Limits()),
    "tables alone": (outputs.Writer, "_tabulate", engine.Limits()),
    "summary": (report, "write", engine.Limits()),
}


@pytest.mark.parametrize("name", STAGES)
def test_a_cancel_ends_every_stage_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    owner, method, limits = STAGES[name]
    plain, reached = getattr(owner, method), list[float]()

    def entered(*args: object, **more: object) -> object:
        reached.append(time.monotonic())
        return plain(*args, **more)

    monkeypatch.setattr(owner, method, entered)
    before = _children()
    text = scatter(4_000, seed=6)
    if name == "sorting":
        text += text.split("\n")[5] + "\n"
    with pytest.raises(engine.Stopped):
        run(tmp_path, text, limits=limits, cancelled=lambda: bool(reached))
    assert list((tmp_path / "out").iterdir()) == []
    assert _children() == before
