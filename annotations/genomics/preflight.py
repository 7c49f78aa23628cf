"""Preflight: reads a VCF once, line by line, says what is wrong, and hands on clean chunks.

It is the authority on the input. csq is never asked about anything that did not pass here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from annotations.genomics import source as sources
from annotations.genomics.findings import Findings, Rejected
from annotations.genomics.header import Header
from annotations.genomics.limits import Limits
from annotations.genomics.records import CALLED, Checker, Record
from annotations.genomics.references import Reference
from annotations.genomics.sorting import Sorter


class Unsorted(Exception):
    """The records are not in order; `line` is the first that comes too late."""

    def __init__(self, line: int, here: str, there: str) -> None:
        super().__init__(line, here, there)
        self.line, self.here, self.there = line, here, there


@dataclass
class Chunk:
    """Records in order, all of one genetic code, and the sites that csq is asked about.

    A site's id is the record's place in the chunk; csq gives it back with the answer.
    """

    code: int
    records: list[Record] = field(default_factory=list)
    sites: list[bytes] = field(default_factory=list)
    text: int = 0
    alts: int = 0

    def add(self, record: Record) -> None:
        """Put a record at the end."""
        if record.kind == CALLED and record.contig is not None:
            place = (record.contig.name.encode(), record.pos, len(self.records))
            self.sites.append(b"%b\t%d\t%d\t%b\t%b\t.\t.\t.\n" % (*place, record.ref, record.alts))
            self.alts += record.alts.count(b",") + 1
        self.records.append(record)
        self.text += len(record.line)

    def full(self, limits: Limits) -> bool:
        """Say whether it is time for the next chunk."""
        return (
            self.text >= limits.chunk_text
            or self.alts >= limits.chunk_alts
            or len(self.records) >= limits.chunk_records
        )


class Preflight:
    """One reading of one file. After `chunks` is exhausted without error, all of it is sound.

    `chunks` raises Rejected with the findings, and Unsorted on the first record out of order
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

    @property
    def checker(self) -> Checker:
        """The checker of records; there is one as soon as the header was read."""
        if self._checker is None:
            raise self.findings.refuse("no-records")
        return self._checker

    def chunks(self) -> Iterator[Chunk]:
        """Yield the records in chunks for csq; none after the first error."""
        chunk: Chunk | None = None
        for record in self._ordered():
            code = record.contig.code if record.contig else 0
            if chunk is not None and (chunk.code != code or chunk.full(self._limits)):
                yield chunk
                chunk = None
            chunk = chunk or Chunk(code)
            chunk.add(record)
        self._conclude()
        if chunk is not None:
            yield chunk

    def _conclude(self) -> None:
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

    def _ordered(self) -> Iterator[Record]:
        """Yield sound records in order, and watch how many share a position."""
        last, crowd = None, 0
        for record in self._sorted() if self._unsorted else self._sound():
            place = (record.rank, record.pos)
            if last is not None and place < (last.rank, last.pos):
                raise Unsorted(record.number, _place(record), _place(last))
            if last is not None and place == (last.rank, last.pos):
                crowd += 1
                self._check_crowd(record, last, crowd)
            else:
                crowd = 1
            last = record
            yield record

    def _check_crowd(self, record: Record, last: Record, crowd: int) -> None:
        limit = self._limits.records_per_position
        if crowd > limit:
            raise self.findings.refuse("crowded-position", line=record.number, limit=limit)
        if (record.ref, record.alts) == (last.ref, last.alts) and record.alts:
            self.findings.add("duplicate-record", line=record.number)

    def _sorted(self) -> Iterator[Record]:
        """Read all records, then yield them sorted by contig (as first met) and position."""
        known = self._unsorted
        if known is not None:
            self.findings.add("unsorted", line=known.line, here=known.here, there=known.there)
        sorter, size = Sorter(), 0
        for record in self._sound():
            sorter.add(record)
            size += len(record.line)
            if size > self._limits.sortable:
                raise self.findings.refuse("unsorted-large")
        whole = self._source.stat().st_size
        for some in sorter.slices():
            self._told(whole)
            yield from some

    def _sound(self) -> Iterator[Record]:
        """Yield records until the first error, and read on to find the other errors."""
        try:
            for record in self._read():
                self.records += 1
                if record is not None and not self.findings.failed:
                    yield record
        except sources.Cut as cut:
            raise self.findings.refuse(cut.code, records=self.records) from cut

    def _read(self) -> Iterator[Record | None]:
        number = 0
        lines = sources.read_lines(
            self._source, limits=self._limits, findings=self.findings, told=self._told
        )
        for block, unfinished in lines:
            for raw in block:
                number += 1
                line = raw if raw.isascii() and b"\r" not in raw else self._tidy(raw, number)
                if self._checker is None:
                    self._take_header(line, number)
                elif line[:1] in (b"", b"#"):
                    self._leave_out(line, number)
                else:
                    yield self._checker.check(line, number, last=unfinished)
            if unfinished and not self.findings.failed:
                self.findings.add("no-final-newline", line=number)

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


def _place(record: Record) -> str:
    chrom = record.line.partition(b"\t")[0].decode()
    return f"{chrom[:40]}:{record.pos:,}"
