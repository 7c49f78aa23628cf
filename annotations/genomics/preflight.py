"""Preflight: reads a VCF once, says what is wrong and where, and hands on clean blocks.

It is the authority on the input. csq is never asked about anything that did not pass here.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path

from annotations.genomics import source as sources
from annotations.genomics.blocks import Block, Column
from annotations.genomics.findings import Findings, Rejected
from annotations.genomics.header import Header
from annotations.genomics.limits import Limits
from annotations.genomics.order import Order, Unsorted
from annotations.genomics.records import Checker, Record
from annotations.genomics.references import Reference
from annotations.genomics.sorting import Sorter

Lines = list[bytes]


class Preflight:
    """One reading of one file. After `blocks` is exhausted without error, all of it is sound.

    `blocks` raises Rejected with the findings, and Unsorted on the first record out of order
    unless `unsorted` tells that this is known: then the records are sorted in memory.
    """

    def __init__(
        self,
        source: Path,
        reference: Reference,
        *,
        limits: Limits,
        told: Callable[[int], None],
        unsorted: Unsorted | None = None,
    ) -> None:
        self.findings = Findings(most_errors=limits.errors)
        self.header = Header()
        self.records = 0
        self._source = source
        self._reference = reference
        self._limits = limits
        self._told = told
        self._unsorted = unsorted
        self._checker: Checker | None = None
        self._order = Order(findings=self.findings, limit=limits.records_per_position)
        self._number = 0

    @property
    def checker(self) -> Checker:
        """The checker of records; there is one as soon as the header was read."""
        if self._checker is None:
            raise self.findings.refuse("no-records")
        return self._checker

    def blocks(self) -> Iterator[Block]:
        """Yield the records in blocks; none after the first error."""
        try:
            yield from self._sorted() if self._unsorted else self._as_they_come()
        except sources.Cut as cut:
            raise self.findings.refuse(cut.code, records=self.records) from cut
        if self.records == 0 and not self.findings.failed:
            self.findings.add("no-records")
        elif not self.checker.used and not self.findings.failed:
            self._refuse_strangers(self.checker)
        if self.findings.failed:
            raise Rejected(self.findings)
        self.header.note_added(self.checker.used, self.findings)

    def _refuse_strangers(self, checker: Checker) -> None:
        """Note that not one record is on a sequence of the reference."""
        first, *more = checker.skipped
        self.findings.add(
            "unknown-contig",
            names=f"{first} and others" if more else first,
            reference=self._reference.title,
            advice=checker.advise(first),
        )

    def _as_they_come(self) -> Iterator[Block]:
        for lines, unfinished in self._pieces():
            block = None if unfinished else self._look(lines)
            if block is not None:
                yield block
            else:
                yield from gather(self._follow(self._check(lines, unfinished=unfinished)))

    def _look(self, lines: Lines) -> Block | None:
        """Take lines in bulk, when all are ordinary and nothing was wrong so far."""
        checker, number = self._checker, self._number + 1
        if checker is None or self.findings.failed:
            return None
        block = checker.look(lines)
        rank, chrom = checker.here
        if block is None or not self._order.admits(rank, block.positions):
            return None
        checker.remark_all(block, number)
        self._order.take_all(rank, chrom, number, block.positions, block.alleles)
        self._number += len(lines)
        self.records += len(lines)
        return block

    def _follow(self, records: Iterable[Record]) -> Iterator[Record]:
        """Yield records that are in order."""
        for record in records:
            self._order.take(record)
            yield record

    def _sorted(self) -> Iterator[Block]:
        """Read all records, then yield them sorted by contig (as first met) and position."""
        known = self._unsorted
        if known is not None:
            self.findings.add("unsorted", line=known.line, here=known.here, there=known.there)
        sorter, size = Sorter(), 0
        for lines, unfinished in self._pieces():
            for record in self._check(lines, unfinished=unfinished):
                sorter.add(record)
                size += len(record.line)
                if size > self._limits.sortable:
                    raise self.findings.refuse("unsorted-large")
        whole = self._source.stat().st_size
        for some in sorter.slices():
            self._told(whole)
            yield from gather(self._follow(some))

    def _pieces(self) -> Iterator[tuple[Lines, bool]]:
        """Yield lists of lines short enough for a block; the flag says that the last has no end."""
        size = self._limits.block_records
        found = sources.read_lines(
            self._source, limits=self._limits, findings=self.findings, told=self._told
        )
        for lines, unfinished in found:
            for first in range(0, len(lines), size):
                yield lines[first : first + size], unfinished

    def _check(self, lines: Lines, *, unfinished: bool) -> Iterator[Record]:
        """Check lines one by one; yield records until the first error, find the other errors."""
        for raw in lines:
            self._number += 1
            line = raw if raw.isascii() and b"\r" not in raw else self._tidy(raw, self._number)
            if self._checker is None:
                self._take_header(line, self._number)
            elif line[:1] in (b"", b"#"):
                self._leave_out(line, self._number)
            else:
                record = self._checker.check(line, self._number, last=unfinished)
                self.records += 1
                if record is not None and not self.findings.failed:
                    yield record
        if unfinished and not self.findings.failed:
            self.findings.add("no-final-newline", line=self._number)

    def _tidy(self, line: bytes, number: int) -> bytes:
        """Return the line without a carriage return and as UTF-8."""
        if line.endswith(b"\r"):
            self.findings.add("crlf", line=number)
            line = line.rstrip(b"\r")
        if b"\r" in line:
            raise self.findings.refuse("binary", line=number, raw=line)
        try:
            line.decode()
        except UnicodeDecodeError:
            self.findings.add("latin-1", line=number, raw=line)
            return line.decode("latin-1").encode()
        return line

    def _leave_out(self, line: bytes, number: int) -> None:
        self.findings.add("late-header" if line else "blank-line", line=number, raw=line)
        counts, limit = self.findings.counts, self._limits.stray_lines
        if counts["late-header"] + counts["blank-line"] > limit:
            raise self.findings.refuse("stray-lines", line=number, limit=limit)

    def _take_header(self, line: bytes, number: int) -> None:
        limits, findings = self._limits, self.findings
        if not line:
            self._leave_out(line, number)
        elif not line.startswith(b"#"):
            raise self._refuse_start(line, number)
        elif self.header.take(line, number=number, limits=limits, findings=findings):
            self.header.check_contigs(self._reference, findings)
            self._checker = Checker(self.header, self._reference, limits=limits, findings=findings)

    def _refuse_start(self, line: bytes, number: int) -> Rejected:
        fields = line.split(b"\t")
        if self.header.lines or (len(fields) >= 8 and fields[1].isdigit()):
            return self.findings.refuse("no-columns", line=number, raw=line)
        advice = "Upload the VCF itself, with its header."
        facts = {"kind": "text without a VCF header", "advice": advice}
        return self.findings.refuse("not-vcf", line=number, raw=line, **facts)


def gather(records: Iterable[Record]) -> Iterator[Block]:
    """Yield records that were checked one by one in blocks, one for each stretch of a contig."""
    for _, stretch in groupby(records, key=lambda record: record.rank):
        some = list(stretch)
        lines = [record.line for record in some]
        columns: list[Column] = list(zip(*(line.split(b"\t", 8) for line in lines), strict=True))
        positions = [record.pos for record in some]
        yield Block(some[0].contig, lines, columns, positions, [r.alleles for r in some])
