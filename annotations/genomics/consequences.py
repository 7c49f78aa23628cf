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


class Leading(NamedTuple):
    """The most severe consequence of a record, and how many it has."""

    consequence: str
    impact: str
    gene: str
    transcript: str
    aa_change: str
    dna_change: str
    entries: int


def lead(answer: str) -> Leading:
    """Return the leading consequence of a BCSQ value: the most severe, the first among equals."""
    best, best_rank, count = [""] * 7, _UNKNOWN + 1, 0
    for text in answer.split(","):
        count += 1
        fields = text.split("|")
        rank = min(_RANK.get(term.lstrip("*"), _UNKNOWN) for term in fields[0].split("&"))
        if rank < best_rank:
            best, best_rank = fields, rank
    terms = best[0].lstrip("*").split("&")
    top = min(terms, key=lambda term: _RANK.get(term, _UNKNOWN))
    _, gene, transcript, _, _, aa, dna = [*best, "", "", ""][:7]
    return Leading(top, IMPACTS.get(top, "MODIFIER"), gene, transcript, name_change(aa), dna, count)


@lru_cache(maxsize=1000)
def leading_term(terms: str) -> tuple[str, str]:
    """Return an entry's most severe term, its impact and all terms with tabs between them.

    Second, the term and its impact as the hits of a table have them.
    """
    own = terms.lstrip("*")
    top = min(own.split("&"), key=lambda term: _RANK.get(term, _UNKNOWN))
    impact = IMPACTS.get(top, "MODIFIER")
    return f"{top}\t{impact}\t{own}", f"{top}|{impact}"


def without(consequence: str) -> Leading:
    """Return what stands for a record that csq says nothing about."""
    return Leading(consequence, IMPACTS[consequence], "", "", "", "", 0)


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
