"""Which reference a file was probably made with, told from its header and first records.

The upload page has the same rule in `static/annotations/proposal.js`, without the bases; the tests
run both on the same headers.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from annotations.genomics import fasta, references
from annotations.genomics.references import Contig, Reference

_CONTIG = re.compile(r"##contig=<(?:[^\"]*,)?ID=([^,>]+)")
_LENGTH = re.compile(r"[<,]length=([0-9]{1,12})(?![0-9])")
_POS = re.compile(r"[0-9]{1,10}")

Declared = dict[str, int | None]
Record = list[str]


class Proposal(NamedTuple):
    """A reference's id, or None, and the reason in words."""

    reference: str | None
    reason: str


def propose(text: bytes, *, bases: bool = True) -> Proposal:
    """Propose a reference for the start of a VCF (decompressed; `source.peek` gives it).

    Contig lines count first, with their lengths; then the names, positions and, unless `bases` is
    false, the REF alleles of records.
    """
    lines = text.decode("utf-8", "replace").replace("\r", "").split("\n")
    declared = dict(_declared(lines))
    records = [line.split("\t") for line in lines[:-1] if line and not line.startswith("#")]
    whole = [fields for fields in records if len(fields) >= 5 and _POS.fullmatch(fields[1])]
    return _by_contigs(declared) or _by_records(whole, bases=bases) or _none(declared)


def _declared(lines: list[str]) -> Iterator[tuple[str, int | None]]:
    for line in lines:
        if match := _CONTIG.match(line):
            length = _LENGTH.search(line)
            yield match[1], int(length[1]) if length else None


def _known(name: str) -> list[Contig]:
    found = (reference.names().get(name) for reference in references.known().values())
    return [contig for contig in found if contig]


def _by_contigs(declared: Declared) -> Proposal | None:
    """Propose the first reference that has every declared contig, in its length."""
    if not declared:
        return None
    for reference in references.known().values():
        names = reference.names()
        if all(_fits(names.get(name), length) for name, length in declared.items()):
            (name, length), *more = declared.items()
            size = f" of {length:,} bases" if length else ""
            rest = f", and {len(more):,} more of this reference" if more else ""
            return Proposal(reference.id, f"The header declares the contig {name}{size}{rest}.")
    return None


def _fits(contig: Contig | None, length: int | None) -> bool:
    return contig is not None and length in (None, contig.length)


def _by_records(records: list[Record], *, bases: bool) -> Proposal | None:
    """Propose the first reference whose sequences the records are on, and that agrees with them."""
    if not records:
        return None
    for reference in references.known().values():
        if _holds(reference, records) and (not bases or _agrees(reference, records)):
            first, *more = dict.fromkeys(fields[0] for fields in records)
            where = f"{first} and others" if more else first
            agree = " and their REF agrees" if bases else ""
            reason = f"The first {len(records):,} record(s) are on {where}{agree}."
            return Proposal(reference.id, reason)
    return None


def _holds(reference: Reference, records: list[Record]) -> bool:
    names = reference.names()
    return all(
        (contig := names.get(fields[0])) is not None and int(fields[1]) <= contig.length
        for fields in records
    )


def _agrees(reference: Reference, records: list[Record]) -> bool:
    text, starts = fasta.open_genome(reference.sequence)
    names = reference.names()
    for chrom, pos, _, ref, *_ in records:
        first = starts[names[chrom].name] + int(pos) - 1
        if int(pos) and text[first : first + len(ref)] != ref.upper().encode():
            return False
    return True


def _none(declared: Declared) -> Proposal:
    """Say why there is nothing to propose: another sequence of a known name, or unknown names."""
    for name, length in declared.items():
        for contig in _known(name):
            if length and (why := contig.traps.get(length)):
                return Proposal(None, f"The header's {name} does not fit: {why}.")
    for name, length in declared.items():
        found = _known(name)
        if not found:
            told = f"The header declares contigs that no reference here has, such as {name}."
            return Proposal(None, told)
        if not any(_fits(contig, length) for contig in found):
            told = f"The header gives {name} {length:,} bases, which it has in no reference here."
            return Proposal(None, told)
    if declared:
        return Proposal(None, "No reference here has all the contigs that the header declares.")
    told = "Neither the header nor the first records name a contig of a reference here."
    return Proposal(None, told)
