"""Consequences: csq's terms in order of severity, their impact, and the one that leads a record."""

import re
from functools import lru_cache
from typing import NamedTuple

# The impacts are those of Ensembl's calculated consequences; the terms are bcftools csq's names.
IMPACTS = {
    "splice_acceptor": "HIGH",
    "splice_donor": "HIGH",
    "stop_gained": "HIGH",
    "frameshift": "HIGH",
    "stop_lost": "HIGH",
    "start_lost": "HIGH",
    "inframe_altering": "MODERATE",
    "inframe_insertion": "MODERATE",
    "inframe_deletion": "MODERATE",
    "missense": "MODERATE",
    "splice_region": "LOW",
    "start_retained": "LOW",
    "stop_retained": "LOW",
    "synonymous": "LOW",
    "coding_sequence": "MODIFIER",
    "5_prime_utr": "MODIFIER",
    "3_prime_utr": "MODIFIER",
    "non_coding": "MODIFIER",
    "intron": "MODIFIER",
    "feature_elongation": "MODIFIER",
    "feature_truncation": "MODIFIER",
    # Ours: what csq leaves without a word
    "intergenic": "MODIFIER",
    "unchanged": "",
    "not_interpreted": "",
}
_RANK = {term: rank for rank, term in enumerate(IMPACTS)}
_UNKNOWN = len(_RANK)
_CHANGED = re.compile(r"(\d+)([A-Z*])(?:>(\d+)([A-Z*]))?")


class Rated(NamedTuple):
    """The terms of one consequence: the most severe, its impact, all of them, and its rank.

    Of two ranks the lower is the more severe.
    """

    term: str
    impact: str
    terms: str
    rank: int


@lru_cache(maxsize=1000)
def rate(terms: str) -> Rated:
    """Rate the terms of a consequence as csq writes them, with & between them."""
    own = terms.lstrip("*")
    ranks = {term: _RANK.get(term.lstrip("*"), _UNKNOWN) for term in own.split("&")}
    top = min(ranks, key=lambda term: ranks[term])
    return Rated(top, IMPACTS.get(top, "MODIFIER"), own, ranks[top])


def name_change(aa: str) -> str:
    """Write csq's amino-acid change as people do: `614D>614G` is D614G, `4401N` is N4401=.

    Anything longer than one amino acid stays as csq wrote it.
    """
    change = _CHANGED.fullmatch(aa)
    if change is None:
        return aa
    place, old, again, new = change.groups()
    if again is None:
        return f"{old}{place}="
    return f"{old}{place}{new}" if place == again else aa
