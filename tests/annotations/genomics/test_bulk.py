"""Lines that are looked at together are judged as they are one by one."""

import random
from collections import Counter
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import pytest

from annotations.genomics import engine, references
from annotations.genomics.blocks import Block
from annotations.genomics.findings import Rejected
from annotations.genomics.order import Unsorted
from annotations.genomics.preflight import Preflight
from annotations.genomics.records import Checker
from tests.annotations.genomics.runs import VIRUS, head

FILES, ROWS = 120, 60
LIMITS = replace(
    engine.Limits(), alts=6, records_per_position=6, undeclared_names=6, block_records=9
)
BASES = references.read_sequences(references.find(VIRUS).sequence)["NC_045512.2"].decode()

ODD: dict[int, tuple[str, ...]] = {
    0: ("MN908947.3", "MT", "", "#x"),
    1: ("0", "29903", "29904", "1e3", "", "99999999999", "007"),
    3: ("A", "acg", "R", "", "-"),
    4: ("*", ".", "<DEL>", "<NON_REF>", "A[x:1[", "C,A,T,CC,AA,TT,G", "R", "", "é", "a"),
    5: (".", "nan", "1e5", "1_0", " 1", "x"),
    6: (".", "q10;low", "no such", ";"),
    7: (".", "DP=3;DB", "BCSQ=x|y", "XX", "XX=1", "=", "1X=2", ";;", "a\r", "É"),
}
"""By column, what a line may hold instead of the ordinary."""


def ordinary(dice: random.Random, pos: int) -> list[str]:
    """Return a sound record's fields."""
    ref = BASES[pos - 1 : pos - 1 + dice.choice([1, 1, 1, 2, 5])]
    alt = ",".join(dice.sample(["A", "C", "G", "T", "CA", "GGT"], dice.choice([1, 1, 2])))
    return ["NC_045512.2", str(pos), ".", ref, alt, dice.choice([".", "30", "1e2"]), "PASS", "."]


def text(dice: random.Random) -> bytes:
    """Return a file of mostly ordinary lines, in order but for one time in eight."""
    oddness = dice.choice([0, 0.01, 0.05, 0.2])
    places = [dice.choice([5_000, *dice.sample(range(1, 29_890), 14)]) for _ in range(ROWS)]
    rows = [ordinary(dice, pos) for pos in (sorted(places) if dice.random() < 0.87 else places)]
    for fields in rows:
        if dice.random() < oddness:
            column = dice.choice(list(ODD))
            fields[column] = dice.choice(ODD[column])
    lines = ["\t".join(fields) for fields in rows]
    if dice.random() < oddness:
        lines.insert(dice.randrange(ROWS), dice.choice(["", "##late", "NC_045512.2\t5", "a b"]))
    return (head() + "\n".join(lines) + dice.choice(["\n", "\n", ""])).encode()


def told(source: Path, unsorted: Unsorted | None = None) -> dict[str, Any]:
    """Return all that preflight says of a file, and every record as it understood it."""
    reading = Preflight(
        source, references.find(VIRUS), limits=LIMITS, told=lambda _: None, unsorted=unsorted
    )
    records: list[Any] = []
    refused = False
    try:
        for block in reading.blocks():
            columns = zip(*block.columns, strict=True)
            alleles = map(astuple, block.alleles)
            records += zip(block.lines, columns, block.positions, alleles, strict=True)
    except Unsorted as late:
        return told(source, late)
    except Rejected:
        refused, records = True, []
    return {
        "refused": refused,
        "records": [] if refused else records,
        "read": reading.records,
        "findings": [finding.as_dict() for finding in reading.findings],
        "header": None if refused else reading.header.render(reading.checker.used, []),
    }


def test_in_bulk_and_one_by_one_say_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    dice, source, look = random.Random(seed), tmp_path / "input.vcf", Checker.look
    taken: Counter[bool] = Counter()

    def counted(checker: Checker, lines: list[bytes]) -> Block | None:
        block = look(checker, lines)
        taken[block is not None] += 1
        return block

    for number in range(FILES):
        source.write_bytes(text(dice))
        monkeypatch.setattr(Checker, "look", counted)
        bulk = told(source)
        monkeypatch.setattr(Checker, "look", lambda *_: None)
        assert told(source) == bulk, f"SEED={seed}, file {number}: {source.read_bytes()!r}"
    assert min(taken[True], taken[False]) > FILES // 4, f"SEED={seed}: {taken}"
