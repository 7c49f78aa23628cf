"""What a result says of a record, as text: in the VCF's INFO, and in the rows of the tables."""

import math
from functools import lru_cache
from typing import NamedTuple

from annotations.genomics import consequences
from annotations.genomics.alleles import CALLED, UNCHANGED, WITHHELD
from annotations.genomics.blocks import Column

_CELL = 256
_ABSENT = ("",) * 7


class Told(NamedTuple):
    """What is told of a site.

    `info` is what INFO gets, maybe nothing; `cells` end a row of the table of variants; each of
    `entries` is what follows `idx` in a row of the table of consequences, with its newline.
    """

    info: bytes
    cells: bytes
    entries: tuple[bytes, ...]


def _silence(term: str) -> Told:
    impact = consequences.IMPACTS[term]
    cells = f"{term}\t{impact}\t\t\t\t\t0\t{term}|{impact}|"
    return Told(b"", cells.encode(), (f"\t0\t{term}\t{impact}\t{term}\t\t\t\t\t\t\n".encode(),))


SILENT = {
    CALLED: _silence("intergenic"),
    UNCHANGED: _silence("unchanged"),
    WITHHELD: _silence("not_interpreted"),
}
"""What is told of records that have no answer, by kind."""


def tell(answer: str) -> Told:
    """Return what is told of a site whose answer (the value of BCSQ) is not empty.

    The most severe consequence leads, the first among equals.
    """
    entries: list[bytes] = []
    hits: dict[str, None] = {}
    least, leading = math.inf, ""
    for place, whole in enumerate(answer.split(",")):
        entry = whole if len(whole) <= _CELL else "|".join(map(cut, whole.split("|")))
        fields = entry.split("|")
        terms, gene, transcript, biotype, strand, aa, dna = [*fields, *_ABSENT[len(fields) :]]
        term, impact, terms, rank = consequences.rate(terms)
        change = f"{consequences.name_change(aa) if aa else aa}\t{dna}"
        row = f"\t{place}\t{term}\t{impact}\t{terms}\t{gene}\t{transcript}\t{biotype}\t{strand}"
        entries.append(f"{row}\t{change}\n".encode())
        hits[f"{term}|{impact}|{gene}"] = None
        if rank < least:
            least, leading = rank, f"{term}\t{impact}\t{gene}\t{transcript}\t{change}"
    cells = f"{leading}\t{len(entries)}\t{';'.join(hits)}"
    return Told(b"BCSQ=" + answer.encode(), cells.encode(), tuple(entries))


def cut(text: str) -> str:
    """Return text as a cell of a table holds it."""
    return text if len(text) <= _CELL else f"{text[:_CELL]}… ({len(text):,} characters)"


def cut_all(column: Column) -> Column:
    """Return a column with its long values cut."""
    if max(map(len, column)) <= _CELL:
        return column
    return [cut(value.decode()).encode() for value in column]


@lru_cache(maxsize=10_000)
def number(qual: bytes) -> bytes:
    """Return QUAL as a plain number, or nothing where it is missing, infinite or NaN."""
    value = math.inf if qual == b"." else float(qual)
    return repr(value).encode() if math.isfinite(value) else b""
