"""One record of a VCF: checked against the header and the reference, and made ready for csq."""

import re
from collections import Counter
from functools import cached_property, lru_cache
from itertools import islice
from typing import NamedTuple

from annotations.genomics import fasta, references
from annotations.genomics.findings import Findings, show
from annotations.genomics.header import Header
from annotations.genomics.limits import Limits
from annotations.genomics.references import Contig, Reference

CALLED, WITHHELD, UNCHANGED = range(3)
OTHERS = "other sequences"
"""Where skipped records are counted once too many sequences were named."""

_BASES = frozenset(b"ACGT")
_ONE_BASE = frozenset((b"A", b"C", b"G", b"T"))
_REF = frozenset(b"ACGTN")
_AMBIGUOUS = frozenset(b"ACGTNRYKMSWBDHV")
_BREAKEND = re.compile(
    rb"[ACGTNacgtn.]*[\[\]][^\[\]\s]+[\[\]][ACGTNacgtn.]*|\.[A-Za-z]+|[A-Za-z]+\."
)
_NAME = re.compile(rb"[A-Za-z0-9_][0-9A-Za-z_.:+-]*")
_OLD = re.compile(rb"(?:^|;)BCSQ(?:=[^;]*)?")


class Record(NamedTuple):
    """A checked record: where it sorts, the line for the result, and what csq is asked.

    `kind` is CALLED, WITHHELD (no allele that can be interpreted) or UNCHANGED (no other allele);
    `site` is "contig, position" and "REF, ALTs" around the place of an id, empty unless CALLED.
    """

    rank: int
    pos: int
    line: bytes
    kind: int
    ref: bytes
    alts: bytes
    contig: Contig | None
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
        if chrom != self._chrom and not self._enter(chrom, number):
            return None
        if not digits.isdigit() or len(digits) > 10:
            self._fail("pos-format", number, digits)
            return None
        pos, ref = int(digits), ref.upper()
        if not self._fits(pos, ref, number):
            return None
        if alt in _ONE_BASE:
            kind, alts = (CALLED, alt) if alt != ref else self._unchanged(number, alt)
        else:
            kind, alts = self._sort_alleles(alt.upper() if alt.isalpha() else alt, ref, number)
        if qual != b"." and not _is_number(qual):
            self._fail("qual-format", number, qual)
            return None
        if b"BCSQ" in info:
            line = self._drop_old(fields, number)
        self._note_names(filters, info, fields[8:], number)
        return Record(self._rank, pos, line, kind, ref, alts, self._contig, number)

    def _fail(self, code: str, number: int, raw: bytes, **facts: object) -> None:
        self._findings.add(code, line=number, raw=raw, **facts)

    def _refuse_columns(self, line: bytes, number: int, *, last: bool) -> None:
        found, expected = line.count(b"\t") + 1, self._tabs + 1
        if found == 1 and len(line.split()) >= 8:
            self._fail("spaces", number, line)
            return
        code = "truncated-text" if last else "few-columns"
        self._fail(code, number, line, found=found, expected=expected)

    def _enter(self, chrom: bytes, number: int) -> bool:
        """Go to another contig; False when the reference has none of this name."""
        name = chrom.decode()
        contig = self._names.get(name)
        if contig is None:
            self._skip(chrom, number)
            return False
        if chrom not in self.used:
            self._ranks[chrom] = len(self.used)
            self.used[chrom] = contig
        self._chrom, self._contig = chrom, contig
        self._rank = self._ranks[chrom]
        self._before, self._length = self._starts[contig.name] - 1, contig.length
        return True

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

    def _fits(self, pos: int, ref: bytes, number: int) -> bool:
        """Compare REF with the reference; note what is wrong."""
        contig = self._contig
        if contig is None:
            return False
        first = self._before + pos
        expected = self._text[first : first + len(ref)] if 0 < pos <= self._length else b""
        if expected == ref and ref:
            return True
        if not 1 <= pos <= contig.length - len(ref) + 1:
            name, last = self._chrom.decode(), pos + max(len(ref), 1) - 1
            facts = {"name": name, "pos": pos, "last": last, "length": contig.length}
            self._fail("pos-range", number, b"%d" % pos, **facts)
        elif not ref or not _REF.issuperset(ref):
            self._fail("ref-alphabet", number, ref)
        else:
            self._mismatch(contig, expected, ref, number)
        return False

    def _mismatch(self, contig: Contig, expected: bytes, ref: bytes, number: int) -> None:
        shown = expected[:20].decode() + ("…" if len(expected) > 20 else "")
        advice = " ".join(f"Note: {why}." for why in contig.traps.values())
        facts = {"reference": self._reference.title, "expected": shown, "advice": advice}
        self._fail("ref-mismatch", number, ref, **facts)

    def _unchanged(self, number: int, alt: bytes) -> tuple[int, bytes]:
        self._fail("no-change", number, alt)
        return UNCHANGED, b""

    def _sort_alleles(self, alt: bytes, ref: bytes, number: int) -> tuple[int, bytes]:
        """Part the alleles that csq can interpret from those that are only kept."""
        alleles = alt.split(b",")
        if len(alleles) > self._limits.alts:
            facts = {"found": len(alleles), "limit": self._limits.alts}
            self._fail("alt-count", number, alt, **facts)
            return WITHHELD, b""
        called, codes = [], []
        for allele in alleles:
            code = _judge(allele, ref)
            if code:
                codes.append(code)
                self._fail(code, number, allele)
            else:
                called.append(allele.upper())
        if called:
            return CALLED, b",".join(called)
        return (UNCHANGED if set(codes) == {"no-change"} else WITHHELD), b""

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


@lru_cache(maxsize=10_000)
def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return b"_" not in text and text.strip() == text


def _judge(allele: bytes, ref: bytes) -> str:
    """Return the code of the finding for an allele that csq is not asked about, or nothing."""
    upper = allele.upper()
    if _BASES.issuperset(upper) and upper:
        return "no-change" if upper == ref else ""
    if allele == b".":
        return "no-change"
    if allele == b"*":
        return "star"
    if allele.startswith(b"<") and allele.endswith(b">") and len(allele) > 2:
        return "symbolic"
    if _BREAKEND.fullmatch(allele):
        return "breakend"
    return "ambiguous" if upper and _AMBIGUOUS.issuperset(upper) else "alt-alphabet"
