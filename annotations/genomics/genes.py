"""Where genes lie: csq has nothing to say elsewhere, so it is not asked there."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from annotations.genomics.references import Reference

# csq looks 8 bases beyond an exon for splice sites, and nowhere else beyond a gene.
_MARGIN = 100

Spans = tuple[list[int], list[int]]
"""First and last bases (1-based) of stretches with genes and their margins, in order, apart."""


def spans(reference: Reference) -> dict[str, Spans]:
    """Return the stretches with genes by contig."""
    genes = reference.genes
    return _read(genes, genes.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read(path: Path, _made: int) -> dict[str, Spans]:
    found: dict[str, list[tuple[int, int]]] = {}
    with path.open("rb") as file:
        for line in file:
            if not line.startswith(b"#"):
                contig, _, _, first, last, _ = line.split(b"\t", 5)
                found.setdefault(contig.decode(), []).append((int(first), int(last)))
    return {contig: _merge(sorted(rows)) for contig, rows in found.items()}


def _merge(rows: list[tuple[int, int]]) -> Spans:
    starts: list[int] = []
    ends: list[int] = []
    for first, last in rows:
        if ends and first - _MARGIN <= ends[-1]:
            ends[-1] = max(ends[-1], last + _MARGIN)
        else:
            starts.append(first - _MARGIN)
            ends.append(last + _MARGIN)
    return starts, ends


def near(stretches: Spans, positions: Sequence[int], longest: int) -> Iterator[slice]:
    """Yield which of some positions, which ascend, lie where genes are; slices may overlap.

    `longest` is the most bases that a record at one of them takes (REF).
    """
    starts, ends = stretches
    place = bisect_left(ends, positions[0])
    while place < len(starts) and starts[place] - longest <= positions[-1]:
        first = bisect_left(positions, starts[place] - longest)
        yield slice(first, bisect_right(positions, ends[place]))
        place += 1
