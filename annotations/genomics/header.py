"""The VCF header: read, checked against a reference, and written clean."""

import re
from dataclasses import dataclass, field

from annotations.genomics.findings import Findings
from annotations.genomics.limits import Limits
from annotations.genomics.references import Contig, Reference

COLUMNS = [b"#CHROM", b"POS", b"ID", b"REF", b"ALT", b"QUAL", b"FILTER", b"INFO"]
_DECLARED = re.compile(rb"##(INFO|FILTER|FORMAT|contig)=<(?:[^\"]*,)?ID=([^,>]+)")
_LENGTH = re.compile(rb"[<,]length=(\d+)")
_FIRST = b"##fileformat=VCFv4.2"
_OWN = (b"##GAS_engine=", b"##GAS_reference=")
_SHOWN = 10
BCSQ = (
    b'##INFO=<ID=BCSQ,Number=.,Type=String,Description="Local consequence annotation from '
    b"BCFtools/csq, see http://samtools.github.io/bcftools/howtos/csq-calling.html for details. "
    b'Format: Consequence|gene|transcript|biotype|strand|amino_acid_change|dna_change">'
)


@dataclass
class Header:
    """A header as it was read, and what the records add to it.

    `declared` holds the names of INFO, FILTER and FORMAT; `lengths` the contigs the file declares;
    `added` the undeclared names that records use, each with whether it ever had a value.
    """

    lines: list[bytes] = field(default_factory=list)
    columns: list[bytes] = field(default_factory=list)
    declared: dict[bytes, set[bytes]] = field(
        default_factory=lambda: {b"INFO": set(), b"FILTER": {b"PASS"}, b"FORMAT": set()}
    )
    lengths: dict[bytes, int | None] = field(default_factory=dict)
    added: dict[tuple[bytes, bytes], bool] = field(default_factory=dict)
    size: int = 0

    def take(self, line: bytes, *, number: int, limits: Limits, findings: Findings) -> bool:
        """Read one header line; return True when it was the last one, the line of columns."""
        if number == 1 and not line.startswith(b"##fileformat="):
            findings.add("no-fileformat", line=1, raw=line)
            self.lines.append(_FIRST)
        self.size += len(line) + 1
        if self.size > limits.header:
            raise findings.refuse("header-size", line=number, limit=limits.header)
        if not line.startswith(b"##"):
            self._take_columns(line, number=number, findings=findings)
            return True
        if self._declare(line, number=number, limits=limits, findings=findings):
            self.lines.append(line)
        return False

    def _declare(self, line: bytes, *, number: int, limits: Limits, findings: Findings) -> bool:
        """Note what a line declares; return False for a line that the result must not keep."""
        match = _DECLARED.match(line)
        if match is None:
            return not line.startswith(_OWN)
        kind, name = match.groups()
        if kind == b"contig":
            length = _LENGTH.search(line)
            self.lengths[name] = int(length[1]) if length else None
            if len(self.lengths) > limits.contigs:
                raise findings.refuse("header-contigs", line=number, limit=limits.contigs)
        elif kind == b"INFO" and name == b"BCSQ":
            findings.add("old-annotation", line=number, raw=line)
            return False
        else:
            self.declared[kind].add(name)
        return True

    def _take_columns(self, line: bytes, *, number: int, findings: Findings) -> None:
        self.columns = line.split(b"\t")
        if self.columns[:8] != COLUMNS:
            code = "spaces" if line.split()[:8] == COLUMNS else "columns"
            raise findings.refuse(code, line=number, raw=line)
        samples = self.columns[9:]
        if len(set(samples)) < len(samples):
            twice = next(name for name in samples if samples.count(name) > 1)
            raise findings.refuse("duplicate-samples", line=number, raw=twice)

    def check_contigs(self, reference: Reference, findings: Findings) -> None:
        """Compare declared lengths with the reference's, whose names they use."""
        for name, length in self.lengths.items():
            shown = name.decode("utf-8", "replace")
            contig = reference.names().get(shown)
            if contig is not None and length not in (None, contig.length):
                _refuse_length(shown, int(length or 0), contig, reference, findings)

    def add(self, kind: bytes, name: bytes, *, valued: bool, limits: Limits) -> bool:
        """Note an undeclared name; return False when there are too many of them."""
        self.added[kind, name] = self.added.get((kind, name), False) or valued
        return len(self.added) <= limits.undeclared_names

    def note_added(self, used: dict[bytes, Contig], findings: Findings) -> None:
        """Tell what the clean header declares on top of the file's own."""
        contigs = [name for name in used if name not in self.lengths]
        if contigs:
            findings.add("contigs-added", names=_name_some(contigs))
        for kind in self.declared:
            names = [name for (of, name) in self.added if of == kind]
            if names:
                shown = _name_some(names)
                findings.add("keys-added", kind=kind.decode(), count=len(names), names=shown)

    def render(self, used: dict[bytes, Contig], own: list[bytes]) -> bytes:
        """Return the clean header: contigs and names declared, one BCSQ, GAS's own lines."""
        contigs = [
            b"##contig=<ID=%b,length=%d>" % (name, contig.length)
            for name, contig in used.items()
            if name not in self.lengths
        ]
        names = [_declaration(kind, name, valued) for (kind, name), valued in self.added.items()]
        columns = b"\t".join(self.columns)
        return b"\n".join([*self.lines, *contigs, *names, *own, BCSQ, columns, b""])


def _refuse_length(
    name: str, found: int, contig: Contig, reference: Reference, findings: Findings
) -> None:
    reason = contig.traps.get(found)
    if reason:
        raise findings.refuse("contig-trap", name=name, found=found, reason=reason)
    raise findings.refuse(
        "contig-length",
        name=name,
        found=found,
        expected=contig.length,
        reference=reference.title,
    )


def _name_some(names: list[bytes]) -> str:
    shown = ", ".join(name.decode("utf-8", "replace") for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _declaration(kind: bytes, name: bytes, valued: bool) -> bytes:
    told = b'Description="Not declared in the input">'
    if kind == b"FILTER":
        return b"##FILTER=<ID=%b,%b" % (name, told)
    if kind == b"INFO" and not valued:
        return b"##INFO=<ID=%b,Number=0,Type=Flag,%b" % (name, told)
    number = b"1" if name == b"GT" else b"."
    return b"##%b=<ID=%b,Number=%b,Type=String,%b" % (kind, name, number, told)
