"""Which reference a file was probably made with, told from its header and first records."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from annotations.genomics import fasta, references
from annotations.genomics.references import Contig, Reference

_CONTIG = re.compile(r"##contig=<(?:[^\"]*,)?ID=([^,>]+)(?:[^\n]*?[,<]length=(\d+))?")


class Proposal(NamedTuple):
    """A reference's id, or None, and the reason in words."""

    reference: str | None
    reason: str


def propose(text: bytes) -> Proposal:
    """Propose a reference for the start of a VCF (decompressed; `source.peek` gives it).

    Contig lines count first, with their lengths; then the names and REF alleles of records.
    """
    lines = text.decode("utf-8", "replace").replace("\r", "").split("\n")
    declared = [(match[1], match[2]) for line in lines if (match := _CONTIG.match(line))]
    records = [line.split("\t") for line in lines[:-1] if line and not line.startswith("#")]
    return _by_contigs(declared) or _by_records(records) or Proposal(None, _unknown(declared))


def _known(name: str) -> Iterator[tuple[Reference, Contig]]:
    for reference in references.known().values():
        if contig := reference.names().get(name):
            yield reference, contig


def _by_contigs(declared: list[tuple[str, str | None]]) -> Proposal | None:
    """Propose by contig lines, when the header declares only contigs of one reference."""
    found = {name: list(_known(name)) for name, _ in declared}
    trapped = _trapped(declared)
    if trapped or not found or not all(found.values()):
        return trapped
    for name, length in declared:
        for reference, contig in found[name]:
            if length is None or int(length) == contig.length:
                size = f" of {contig.length:,} bases" if length else ""
                return Proposal(reference.id, f"The header declares the contig {name}{size}.")
    return None


def _trapped(declared: list[tuple[str, str | None]]) -> Proposal | None:
    for name, length in declared:
        for _, contig in _known(name):
            if length and (why := contig.traps.get(int(length))):
                return Proposal(None, f"The header's {name} does not fit: {why}.")
    return None


def _by_records(records: list[list[str]]) -> Proposal | None:
    """Propose by the records' contig, when their REF alleles agree with it."""
    whole = [fields for fields in records if len(fields) >= 5 and fields[1].isdigit()]
    names = {fields[0] for fields in whole}
    for reference, contig in _known(next(iter(names))) if len(names) == 1 else ():
        fetch = fasta.fetcher(reference.sequence)
        bases = fetch(contig.name, contig.length)
        if all(bases.startswith(f[3].upper(), int(f[1]) - 1) for f in whole if int(f[1])):
            count, name = len(whole), next(iter(names))
            return Proposal(
                reference.id, f"The first {count:,} record(s) are on {name} and their REF agrees."
            )
    return None


def _unknown(declared: list[tuple[str, str | None]]) -> str:
    if declared:
        return f"The header declares contigs that no reference here has, such as {declared[0][0]}."
    return "Neither the header nor the first records name a contig of a reference here."
