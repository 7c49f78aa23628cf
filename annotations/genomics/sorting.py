"""Records put in order slice by slice, so that whoever waits can be looked after in between."""

from collections import defaultdict
from collections.abc import Iterator
from operator import attrgetter

from annotations.genomics.records import Record

_SLICES = 256
"""Stretches of equal length into which a contig is cut; each is sorted when its turn comes."""


class Sorter:
    """Holds records, and gives them back by contig (as first met) and position.

    Records of one position keep the order in which they were added.
    """

    def __init__(self) -> None:
        self._slices: dict[tuple[int, int], list[Record]] = defaultdict(list)

    def add(self, record: Record) -> None:
        """Hold a record."""
        place = record.pos * _SLICES // record.contig.length
        self._slices[record.rank, place].append(record)

    def slices(self) -> Iterator[list[Record]]:
        """Yield all records in order, one slice after the other; may be called once."""
        for place in sorted(self._slices):
            yield sorted(self._slices.pop(place), key=attrgetter("pos"))
