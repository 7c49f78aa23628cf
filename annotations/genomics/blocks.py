"""Records in bulk: some thousands that follow each other on one contig, as columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from annotations.genomics.alleles import Alleles
from annotations.genomics.references import Contig

Column = Sequence[bytes]
Site = tuple[int, Alleles]
"""A position (1-based) and what is there: records of one site have one answer."""


@dataclass(slots=True)
class Block:
    """Sound records of one contig in the order of the result.

    `lines` are as they go into the result, `columns` their first eight fields, and what comes
    after these as a ninth; `positions` and `alleles` are POS, REF and ALT as they were understood.
    """

    contig: Contig
    lines: list[bytes]
    columns: list[Column]
    positions: list[int]
    alleles: list[Alleles]

    def sites(self) -> Iterator[Site]:
        """Yield every record's site."""
        return zip(self.positions, self.alleles, strict=True)
