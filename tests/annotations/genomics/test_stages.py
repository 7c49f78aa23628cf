"""Large genomes go another way to the same bytes; a cancel ends every stage, and leaves nothing."""

import gzip
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from annotations.genomics import csq, engine, outputs, preflight, report, spool
from annotations.genomics.references import Reference
from tests.annotations.genomics import toy
from tests.annotations.genomics.runs import VIRUS, run
from tests.annotations.genomics.test_engine import _children, scatter

WHOLE = engine.Limits(large_genome=1)


def test_a_file_passed_whole_gives_the_same_bytes(tmp_path: Path) -> None:
    made = {}
    for name, limits in (("chunks", engine.Limits(chunk_records=700)), ("whole", WHOLE)):
        (tmp_path / name).mkdir()
        result = run(tmp_path / name, scatter(3_000, seed=5), VIRUS, limits=limits)
        made[name] = {key: path.read_bytes() for key, path in result.files.items()}
    assert made["chunks"] == made["whole"]


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
    for limits in (engine.Limits(), WHOLE):
        result = annotate(tmp_path, text, reference, limits=limits)
        body = gzip.decompress(result.files["annotated.vcf.gz"].read_bytes()).decode()
        told = [line.split("\t")[7] for line in body.splitlines() if line[0] != "#"]
        made.append([info.partition("|")[0] for info in told])
    assert made[0] == made[1] == ["BCSQ=synonymous", "BCSQ=stop_lost", ".", "BCSQ=missense"]


def test_an_engine_that_loses_or_turns_records_is_noticed() -> None:
    assert spool.take(iter([(0, ""), (2, "x")]), 2) == {2: "x"}
    with pytest.raises(csq.EngineFailed, match="lost 1 record"):
        spool.take(iter([(0, "")]), 2)
    with pytest.raises(csq.EngineFailed, match="order"):
        spool.take(iter([(1, ""), (0, "")]), 2)


STAGES: dict[str, tuple[object, str, engine.Limits]] = {
    "reading": (preflight.Chunk, "add", engine.Limits()),
    "sorting": (preflight.Preflight, "_sorted", engine.Limits()),
    "asking in chunks": (csq, "_read", engine.Limits(chunk_records=500)),
    "asking for all": (csq, "_lines", WHOLE),
    "writing": (outputs.Writer, "write", engine.Limits(chunk_records=500)),
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
