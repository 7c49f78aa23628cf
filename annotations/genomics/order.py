"""The order of records: nothing comes too late, no position is crowded, what repeats is noted."""

from bisect import bisect_left
from collections import Counter

from annotations.genomics.alleles import Alleles
from annotations.genomics.findings import Findings
from annotations.genomics.records import Record


class Unsorted(Exception):
    """The records are not in order; `line` is the first that comes too late."""

    def __init__(self, line: int, here: str, there: str) -> None:
        super().__init__(line, here, there)
        self.line, self.here, self.there = line, here, there


class Order:
    """Where the last record was, and how many share its position."""

    def __init__(self, *, findings: Findings, limit: int) -> None:
        self._findings = findings
        self._limit = limit
        self._last = (-1, 0)
        self._chrom = b""
        self._alleles: Alleles | None = None
        self._crowd = 0

    def take(self, record: Record) -> None:
        """Let a record follow. Raises Unsorted, and Rejected when its position is crowded."""
        place = (record.rank, record.pos)
        chrom = record.line.partition(b"\t")[0]
        if place < self._last:
            there = _show(self._chrom, self._last[1])
            raise Unsorted(record.number, _show(chrom, record.pos), there)
        self._crowd = self._crowd + 1 if place == self._last else 1
        if self._crowd > self._limit:
            code, line = "crowded-position", record.number
            raise self._findings.refuse(code, line=line, limit=self._limit)
        if place == self._last and _repeats(record.alleles, self._alleles):
            self._findings.add("duplicate-record", line=record.number)
        self._last, self._chrom, self._alleles = place, chrom, record.alleles

    def admits(self, rank: int, positions: list[int]) -> bool:
        """Say whether records of one contig surely may follow; `take` tells why not."""
        if (rank, positions[0]) < self._last or positions != sorted(positions):
            return False
        return self._crowd + max(Counter(positions).values()) <= self._limit

    def take_all(
        self, rank: int, chrom: bytes, number: int, positions: list[int], alleles: list[Alleles]
    ) -> None:
        """Let records that were admitted follow; `number` is the first one's line."""
        same = (rank, positions[0]) == self._last
        before = (self._alleles if same else None, *alleles)
        places = (self._last[1] if same else 0, *positions)
        again = zip(positions, places, alleles, before, strict=False)
        lines = [
            number + i for i, (p, q, a, b) in enumerate(again) if p == q and _repeats(a, b)
        ]  # fmt: skip
        self._findings.add_all("duplicate-record", lines)
        crowd = len(positions) - bisect_left(positions, positions[-1])
        whole = same and crowd == len(positions)
        self._crowd = self._crowd + crowd if whole else crowd
        self._last, self._chrom, self._alleles = (rank, positions[-1]), chrom, alleles[-1]


def _repeats(one: Alleles, other: Alleles | None) -> bool:
    """Say whether csq would be asked the same about both."""
    if one is other:
        return bool(one.alts)
    return other is not None and (one.ref, one.alts) == (other.ref, other.alts) and one.alts != b""


def _show(chrom: bytes, pos: int) -> str:
    return f"{chrom.decode()[:40]}:{pos:,}"
