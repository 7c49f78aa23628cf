"""REF and ALT of a record, judged once for each pair: what csq is asked, and what to say of it."""

import re
from dataclasses import dataclass

from annotations.genomics.alignment import is_settled

CALLED, WITHHELD, UNCHANGED = range(3)

_BASES = frozenset(b"ACGT")
_AMBIGUOUS = frozenset(b"ACGTNRYKMSWBDHV")
_BREAKEND = re.compile(
    rb"[ACGTNacgtn.]*[\[\]][^\[\]\s]+[\[\]][ACGTNacgtn.]*|\.[A-Za-z]+|[A-Za-z]+\."
)
FAULTS = frozenset({"alt-alphabet", "alt-count"})
"""Codes of findings about alleles after which a file can't be annotated."""
_KEPT, _LONG = 50_000, 64


@dataclass(frozen=True, slots=True, eq=False)
class Alleles:
    """A judged pair of REF and ALT; equal to itself alone, so that it is cheap as a key.

    `kind` is CALLED, WITHHELD (no allele that can be interpreted) or UNCHANGED (no other allele).
    `ref` and `alts` are what csq is asked, in capitals; `alts` is empty unless CALLED.
    `shape` is snv (one base for one, in every ALT), indel (some ALT of another length) or other.
    `remarks` are codes of findings, each with the allele it is about.
    `lengths` tells by how many bases each ALT that csq is asked about is longer than REF, unless 0.
    `settled` says that csq is asked about its ALTs as they are written: see `alignment`.
    """

    kind: int
    ref: bytes
    alts: bytes
    shape: bytes
    remarks: tuple[tuple[str, bytes], ...]
    lengths: tuple[int, ...]
    settled: bool = True


class Judge(dict[tuple[bytes, bytes], Alleles]):
    """Alleles by REF and ALT as they are written; remembers short ones, which come again."""

    def __init__(self, most: int) -> None:
        self._most = most

    def __missing__(self, pair: tuple[bytes, bytes]) -> Alleles:
        """Judge a pair that was not seen before."""
        made = judge(*pair, most=self._most)
        if len(pair[0]) + len(pair[1]) <= _LONG:
            if len(self) >= _KEPT:
                self.clear()
            self[pair] = made
        return made


def judge(ref: bytes, alt: bytes, *, most: int) -> Alleles:
    """Part the alleles that csq can interpret from those that are only kept.

    More than `most` of them are not looked at one by one.
    """
    ref = ref.upper()
    alleles = (alt.upper() if alt.isalpha() else alt).split(b",")
    if len(alleles) > most:
        return Alleles(WITHHELD, ref, b"", b"other", (("alt-count", alt),), ())
    codes = [_name_fault(allele, ref) for allele in alleles]
    remarks = tuple((code, a) for code, a in zip(codes, alleles, strict=True) if code)
    called = [a.upper() for code, a in zip(codes, alleles, strict=True) if not code]
    if not called:
        kind = UNCHANGED if set(codes) == {"no-change"} else WITHHELD
        return Alleles(kind, ref, b"", b"other", remarks, ())
    longer = [len(a) - len(ref) for a in called]
    shape = b"other" if remarks else _name_shape(len(ref), longer)
    lengths = tuple(filter(None, longer))
    settled = all(is_settled(ref, allele) for allele in called)
    return Alleles(CALLED, ref, b",".join(called), shape, remarks, lengths, settled)


def _name_shape(size: int, longer: list[int]) -> bytes:
    if any(longer):
        return b"indel"
    return b"snv" if size == 1 else b"other"


def _name_fault(allele: bytes, ref: bytes) -> str:
    """Return the code of the finding for an allele that csq is not asked about, or nothing."""
    upper = allele.upper()
    if _BASES.issuperset(upper) and upper:
        return "no-change" if upper == ref else ""
    if allele == b".":
        return "no-change"
    if allele == b"*":
        return "star"
    if allele.startswith(b"<") and allele.endswith(b">") and len(allele) > 2:
        return "symbolic"
    if _BREAKEND.fullmatch(allele):
        return "breakend"
    return "ambiguous" if upper and _AMBIGUOUS.issuperset(upper) else "alt-alphabet"
