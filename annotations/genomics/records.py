"""The records of a VCF, checked against the header and the reference, and made ready for csq.

Most lines of most files are ordinary: they are looked at together, column by column. Where one of
them is not, all are checked one by one, which also finds the words for what is wrong.
"""

import re
from collections import Counter
from functools import cached_property, lru_cache
from itertools import islice
from typing import NamedTuple

from annotations.genomics import fasta, references
from annotations.genomics.alleles import FAULTS, Alleles, Judge
from annotations.genomics.blocks import Block, Column
from annotations.genomics.findings import Findings, show
from annotations.genomics.header import Header
from annotations.genomics.limits import Limits
from annotations.genomics.references import Contig, Reference

OTHERS = "other sequences"
"""Where skipped records are counted once too many sequences were named."""

_REF = frozenset(b"ACGTN")
_DIGITS = 10
_NAME = re.compile(rb"[A-Za-z0-9_][0-9A-Za-z_.:+-]*")
_OLD = re.compile(rb"(?:^|;)BCSQ(?:=[^;]*)?")


class Record(NamedTuple):
    """A checked record: where it sorts, the line for the result, and its alleles."""

    rank: int
    pos: int
    line: bytes
    alleles: Alleles
    contig: Contig
    number: int


class Checker:
    """Checks record lines one by one; remembers the contig it is in and the names it has seen."""

    def __init__(
        self, header: Header, reference: Reference, *, limits: Limits, findings: Findings
    ) -> None:
        self._header = header
        self._reference = reference
        self._limits = limits
        self._findings = findings
        self._names = reference.names()
        self._text, self._starts = fasta.open_genome(reference.sequence)
        self._judge = Judge(limits.alts)
        self._tabs = len(header.columns) - 1
        self._seen: dict[bytes, set[bytes]] = {b"FILTER": {b".", b"PASS"}, b"FORMAT": set()}
        self._chrom = b"\t"  # no field is like it, not even an empty one
        self._contig: Contig | None = None
        self._before, self._length = 0, 0
        self._rank = -1
        self._ranks: dict[bytes, int] = {}
        self.used: dict[bytes, Contig] = {}
        self._strangers: dict[bytes, str] = {}
        self.skipped: Counter[str] = Counter()

    def check(self, line: bytes, number: int, *, last: bool = False) -> Record | None:
        """Return the record of a line, or None when something is wrong with it.

        A record on a sequence that the reference does not have is no error: it is in `skipped`,
        which counts records by the sequence's name.
        """
        fields = line.split(b"\t", 8)
        if len(fields) < 8 or line.count(b"\t") != self._tabs:
            self._refuse_columns(line, number, last=last)
            return None
        chrom, digits, _, ref, alt, qual, filters, info = fields[:8]
        contig = self._contig if chrom == self._chrom else self._enter(chrom, number)
        if contig is None:
            return None
        if not digits.isdigit() or len(digits) > _DIGITS:
            self._fail("pos-format", number, digits)
            return None
        pos, alleles = int(digits), self._judge[ref, alt]
        if not self._fits(contig, pos, ref, number):
            return None
        for code, allele in alleles.remarks:
            self.remark(code, number, allele)
        if qual != b"." and not is_number(qual):
            self._fail("qual-format", number, qual)
            return None
        if b"BCSQ" in info:
            line = self._drop_old(fields, number)
        self._note_names(filters, info, fields[8:], number)
        return Record(self._rank, pos, line, alleles, contig, number)

    def look(self, lines: list[bytes]) -> Block | None:
        """Return lines as a block when all are ordinary: sound, and of names met before.

        None says that they must be checked one by one. Nothing is noted.
        """
        text, contig = b"".join(lines), self._contig
        if contig is None or not text.isascii() or b"\r" in text or b"BCSQ" in text:
            return None
        if {line.count(b"\t") for line in lines} != {self._tabs}:
            return None
        columns = _split(lines, self._tabs)
        chroms, digits, _, refs, alts, quals = columns[:6]
        if chroms.count(self._chrom) < len(lines) or not _are_positions(digits):
            return None
        if not all(qual == b"." or is_number(qual) for qual in set(quals)):
            return None
        positions = list(map(int, digits))
        alleles = list(map(self._judge.__getitem__, zip(refs, alts, strict=True)))
        if not self._all_fit(positions, alleles) or not self._know_names(columns):
            return None
        return Block(contig, lines, columns, positions, alleles)

    def _all_fit(self, positions: list[int], alleles: list[Alleles]) -> bool:
        """Say whether every REF is what the reference has there, and every ALT an allele."""
        if min(positions) < 1 or max(positions) > self._length:
            return False
        text, before = self._text, self._before
        refs = [one.ref for one in alleles]
        starts = [before + pos for pos in positions]
        found = [text[s : s + len(ref)] for s, ref in zip(starts, refs, strict=True)]
        codes = {code for one in set(alleles) for code, _ in one.remarks}
        return found == refs and b"" not in refs and FAULTS.isdisjoint(codes)

    def _know_names(self, columns: list[Column]) -> bool:
        """Say whether checking one by one would add no name to the header."""
        filters, infos = columns[6:8]
        formats = {rest.partition(b"\t")[0] for column in columns[8:] for rest in column}
        told = b";".join([info for info in infos if info != b"."])
        keys = {part.partition(b"=")[:2] for part in set(told.split(b";"))}
        return (
            all(self._knows(b"INFO", name, valued=bool(valued)) for name, valued in keys)
            and all(self._know_list(b"FILTER", text, b";") for text in set(filters))
            and all(self._know_list(b"FORMAT", text, b":") for text in formats)
        )

    def _know_list(self, kind: bytes, text: bytes, between: bytes) -> bool:
        names = () if text in self._seen[kind] else text.split(between)
        return all(name == b"." or self._knows(kind, name, valued=True) for name in names)

    def _knows(self, kind: bytes, name: bytes, *, valued: bool) -> bool:
        added = self._header.added
        return not name or name in self._header.declared[kind] or (
            (kind, name) in added and (added[kind, name] or not valued)
        )  # fmt: skip

    def remark_all(self, block: Block, number: int) -> None:
        """Note what there is to say about a block's alleles; `number` is the first one's line."""
        for place, alleles in enumerate(block.alleles):
            for code, allele in alleles.remarks:
                self.remark(code, number + place, allele)

    @property
    def here(self) -> tuple[int, bytes]:
        """The rank of the contig that the last record was on, and its name in the file."""
        return self._rank, self._chrom

    def remark(self, code: str, number: int, allele: bytes) -> None:
        """Note a finding about an allele, or about all of them."""
        facts = {"found": allele.count(b",") + 1, "limit": self._limits.alts}
        self._findings.add(code, line=number, raw=allele, **facts)

    def _fail(self, code: str, number: int, raw: bytes, **facts: object) -> None:
        self._findings.add(code, line=number, raw=raw, **facts)

    def _refuse_columns(self, line: bytes, number: int, *, last: bool) -> None:
        found, expected = line.count(b"\t") + 1, self._tabs + 1
        if found == 1 and len(line.split()) >= 8:
            self._fail("spaces", number, line)
            return
        code = "truncated-text" if last else "few-columns"
        self._fail(code, number, line, found=found, expected=expected)

    def _enter(self, chrom: bytes, number: int) -> Contig | None:
        """Go to another contig; None when the reference has none of this name."""
        name = chrom.decode()
        contig = self._names.get(name)
        if contig is None:
            self._skip(chrom, number)
            return None
        if chrom not in self.used:
            self._ranks[chrom] = len(self.used)
            self.used[chrom] = contig
        self._chrom, self._contig = chrom, contig
        self._rank = self._ranks[chrom]
        self._before, self._length = self._starts[contig.name] - 1, contig.length
        return contig

    def _skip(self, chrom: bytes, number: int) -> None:
        name = self._strangers.get(chrom)
        if name is None and len(self._strangers) < self._limits.skipped_names:
            name = self._strangers[chrom] = show(chrom)
            facts = {"name": name, "reference": self._reference.title}
            self._fail("skipped-contig", number, chrom, advice=self.advise(name), **facts)
        self.skipped[name or OTHERS] += 1

    @cached_property
    def _elsewhere(self) -> dict[str, str]:
        """The title of another reference by each name that it knows."""
        others = [r for r in references.known().values() if r.id != self._reference.id]
        return {name: other.title for other in reversed(others) for name in other.names()}

    def advise(self, name: str) -> str:
        """Say which reference has a sequence, or else which ones this reference has."""
        if other := self._elsewhere.get(name):
            return f"To annotate these records, choose the reference {other}."
        return f"It knows: {', '.join(islice(self._names, 8))}."

    def _fits(self, contig: Contig, pos: int, ref: bytes, number: int) -> bool:
        """Compare REF with the reference; note what is wrong."""
        first, bases = self._before + pos, ref.upper()
        expected = self._text[first : first + len(ref)] if 0 < pos <= self._length else b""
        if expected == bases and ref:
            return True
        if not 1 <= pos <= contig.length - len(ref) + 1:
            name, last = self._chrom.decode(), pos + max(len(ref), 1) - 1
            facts = {"name": name, "pos": pos, "last": last, "length": contig.length}
            self._fail("pos-range", number, b"%d" % pos, **facts)
        elif not ref or not _REF.issuperset(bases):
            self._fail("ref-alphabet", number, ref)
        else:
            self._mismatch(contig, expected, ref, number)
        return False

    def _mismatch(self, contig: Contig, expected: bytes, ref: bytes, number: int) -> None:
        shown = expected[:20].decode() + ("…" if len(expected) > 20 else "")
        advice = " ".join(f"Note: {why}." for why in contig.traps.values())
        facts = {"reference": self._reference.title, "expected": shown, "advice": advice}
        self._fail("ref-mismatch", number, ref, **facts)

    def _drop_old(self, fields: list[bytes], number: int) -> bytes:
        info = _OLD.sub(b"", fields[7]).lstrip(b";") or b"."
        if info != fields[7]:
            self._fail("old-annotation", number, fields[7])
        fields[7] = info
        return b"\t".join(fields)

    def _note_names(self, filters: bytes, info: bytes, rest: list[bytes], number: int) -> None:
        """Note names that the header does not declare."""
        if info != b".":
            known = self._header.declared[b"INFO"]
            for part in info.split(b";"):
                name, valued, _ = part.partition(b"=")
                if name not in known and name and name != b"BCSQ":
                    self._add_name(b"INFO", name, number, valued=bool(valued))
        if filters not in self._seen[b"FILTER"]:
            self._note_list(b"FILTER", filters, b";", number)
        if rest:
            formats = rest[0].partition(b"\t")[0]
            if formats not in self._seen[b"FORMAT"]:
                self._note_list(b"FORMAT", formats, b":", number)

    def _note_list(self, kind: bytes, text: bytes, between: bytes, number: int) -> None:
        if len(self._seen[kind]) < self._limits.undeclared_names:
            self._seen[kind].add(text)
        for name in text.split(between):
            if name not in self._header.declared[kind] and name not in (b"", b"."):
                self._add_name(kind, name, number, valued=True)

    def _add_name(self, kind: bytes, name: bytes, number: int, *, valued: bool) -> None:
        if not _NAME.fullmatch(name):
            self._fail("odd-name", number, name)
        elif not self._header.add(kind, name, valued=valued, limits=self._limits):
            limit = self._limits.undeclared_names
            raise self._findings.refuse("undeclared-keys", line=number, raw=name, limit=limit)


def _split(lines: list[bytes], tabs: int) -> list[Column]:
    """Return lines of so many tabs as columns, what comes after the eighth as a ninth."""
    if tabs == 7:
        fields = b"\t".join(lines).split(b"\t")
        return [fields[place::8] for place in range(8)]
    return list(zip(*[line.split(b"\t", 8) for line in lines], strict=True))


def _are_positions(digits: Column) -> bool:
    return b"".join(digits).isdigit() and b"" not in digits and max(map(len, digits)) <= _DIGITS


@lru_cache(maxsize=10_000)
def is_number(text: bytes) -> bool:
    """Say whether text is a number as QUAL may hold one."""
    try:
        float(text)
    except ValueError:
        return False
    return b"_" not in text and text.strip() == text
