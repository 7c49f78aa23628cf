"""Indels in the form that csq reads as what they are: the shortest, and furthest to the left.

Measured on bcftools 1.24: when the alleles of a deletion, once their common end is cut, have no
first base in common, csq applies it one base too far left. So `TAGT>T`, which callers write when
they do not move indels to the left, and `AATC>G` get wrong amino acids, and stops come and go.
Beside a splice site or a start codon its answer depends on how many bases are written around an
indel. It is asked about the form that `bcftools norm` makes, which is what it is tested on.
"""

import mmap
from typing import NamedTuple

_FARTHEST = 10_000
"""Bases that an indel is moved by at most; one in a longer repeat is asked as it is written."""


class Bases(NamedTuple):
    """A contig's bases: the one at a position (1-based) is `text[before + position]`."""

    text: bytes | mmap.mmap
    before: int

    def read(self, first: int, last: int) -> str:
        """Return the bases from a position to another, both included."""
        return self.text[self.before + first : self.before + last + 1].decode()


class Change(NamedTuple):
    """A change of bases: position (1-based), REF, and one ALT, in capitals."""

    pos: int
    ref: bytes
    alt: bytes

    def __str__(self) -> str:
        return f"{self.pos}{self.ref.decode()}>{self.alt.decode()}"


def is_settled(ref: bytes, alt: bytes) -> bool:
    """Say whether a change of REF to one ALT is in the form that csq is asked in."""
    if len(ref) == len(alt):
        return True
    start, lost, gained = _cut(Change(0, ref, alt))
    shortest = len(ref) == start + len(lost)
    return shortest and (start == 1 or not _needs_base(lost, gained))


def settle(change: Change, bases: Bases) -> Change:
    """Return the same change in the form that csq is asked in.

    One that reaches back to a contig's first base stays, as there is no base before it.
    """
    if is_settled(change.ref, change.alt):
        return change
    pos, lost, gained = _cut(change)
    if not _needs_base(lost, gained):
        return Change(pos, lost, gained)
    text, before = bases
    if not lost or not gained:
        steps, size = _count_steps(pos, lost + gained, bases), len(lost + gained)
        passed = text[before + pos - steps : before + pos]
        lost, gained = ((passed + one)[:size] if one else one for one in (lost, gained))
        pos = 1 if steps == _FARTHEST else pos - steps
    first = text[before + pos - 1 : before + pos]
    return Change(pos - 1, first + lost, first + gained) if pos > 1 else change


def _cut(change: Change) -> Change:
    """Return a change without the bases that both alleles have in common at their ends."""
    pos, ref, alt = change
    end = _common(ref[::-1], alt[::-1])
    ref, alt = ref[: len(ref) - end], alt[: len(alt) - end]
    start = _common(ref, alt)
    return Change(pos + start, ref[start:], alt[start:])


def _common(one: bytes, other: bytes) -> int:
    """Return how many first bases two alleles have in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _needs_base(lost: bytes, gained: bytes) -> bool:
    """Say whether the base before a change must be written as well: csq counts on it."""
    return not lost or len(gained) < min(2, len(lost))


def _count_steps(pos: int, indel: bytes, bases: Bases) -> int:
    """Return by how many bases bases that are lost or gained at a position can move to the left."""
    text, before = bases
    size, steps = len(indel), 0
    while steps < min(pos - 1, _FARTHEST):
        here = before + pos - 1 - steps
        if text[here] != (indel[size - 1 - steps] if steps < size else text[here + size]):
            break
        steps += 1
    return steps


def reword(answer: str, change: Change) -> str:
    """Return csq's answer about a change that was settled elsewhere, with the change as it was."""
    entries = (entry.split("|") for entry in answer.split(","))
    return ",".join("|".join([*fields[:6], str(change)][: len(fields)]) for fields in entries)
