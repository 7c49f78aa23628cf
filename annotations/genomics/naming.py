"""What contigs are called: `1` is also `chr1`, and RefSeq tells the chromosome of an accession."""

from collections.abc import Mapping

from annotations.genomics import mitochondrion


def usual(name: str) -> set[str]:
    """Return the other usual names of chromosomes: `1` is `chr1`, `MT` is `chrM`."""
    if name in mitochondrion.NAMES:
        return {*mitochondrion.NAMES} - {name}
    short = name.removeprefix("chr")
    plain = short.isdigit() or short in ("X", "Y", "W", "Z")
    return {short, f"chr{short}"} - {name} if plain else set()


def meanings(contigs: Mapping[str, set[str]]) -> dict[str, str]:
    """Return which contig each name means, of contigs with what else they are called.

    A contig's own name comes first; a name that several could have means none of them.
    """
    others: dict[str, set[str]] = {}
    for contig, aliases in contigs.items():
        for name in aliases | usual(contig):
            others.setdefault(name, set()).add(contig)
    sure = {name: found.pop() for name, found in others.items() if len(found) == 1}
    return sure | {contig: contig for contig in contigs}
