"""Codons on a genome, and what a change of bases makes of them."""

from dataclasses import dataclass
from enum import Enum, auto

from annotations.genomics import codes
from annotations.genomics.alignment import Bases, Change


@dataclass(frozen=True)
class Codon:
    """A codon: genome positions in reading order, its bases, its place in the protein."""

    transcript: str
    gene: str
    contig: str
    strand: str
    code: int
    positions: tuple[int, ...]
    bases: str
    number: int

    @property
    def starts(self) -> bool:
        """Whether its genetic code begins proteins with it."""
        return self.bases in codes.STARTS[self.code]


class Fate(Enum):
    """What becomes of a first codon: a start still stands there, or moved with all behind it."""

    KEPT = auto()
    MOVED = auto()
    LOST = auto()


def substitute(codon: Codon, change: Change) -> str | None:
    """Return the codon's bases after a change, or None unless it is a substitution inside it."""
    pos, ref, alt = change
    places = range(pos, pos + len(ref))
    if len(ref) != len(alt) or not all(place in codon.positions for place in places):
        return None
    bases = list(codon.bases)
    for place, base in zip(places, alt.decode(), strict=True):
        own = base if codon.strand == "+" else codes.reverse_complement(base)
        bases[codon.positions.index(place)] = own
    return "".join(bases)


def foresee(codon: Codon, change: Change, bases: Bases) -> Fate | None:
    """Say what a change makes of a first codon; None for one that is no start, or is parted."""
    low, high = min(codon.positions), max(codon.positions)
    if not codon.starts or high - low != 2:
        return None
    last = change.pos + len(change.ref) - 1
    if change.pos > high or last < low:
        return Fate.KEPT if (change.pos > high) == (codon.strand == "+") else Fate.MOVED
    first = max(1, min(low, change.pos) - 3)
    old = bases.read(first, max(high, last) + 3)
    behind = change.pos - first
    new = old[:behind] + change.alt.decode() + old[behind + len(change.ref) :]
    start = low - first
    if codon.strand == "-":
        start = len(old) - start - 3
        old, new = codes.reverse_complement(old), codes.reverse_complement(new)
    if new[:start] == old[:start] and new[start : start + 3] in codes.STARTS[codon.code]:
        return Fate.KEPT
    return Fate.MOVED if new.endswith(old[start:]) else Fate.LOST
