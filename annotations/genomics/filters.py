"""What a person asks of a table: read from the words of an address, told as SQL and as chips.

Different fields must all hold; the values of one field are alternatives. Consequence, impact and
gene must hold for one and the same consequence of a variant: for any of its consequences, or for
the most severe one alone.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from annotations.genomics.consequences import IMPACTS

IMPACT_ORDER = ("HIGH", "MODERATE", "LOW", "MODIFIER")
MOST_VALUES, LONGEST = 50, 100
_REGION = re.compile(r"(.+):([\d,]{1,15})(?:-([\d,]{1,15}))?")
_SAFE = re.compile(r"[^\x00-\x1f\x7f]*")
_SEARCHED = ("id", "transcript", "aa_change", "dna_change")
_LAST = 2**31 - 1


class BadFilter(Exception):
    """A filter that can't be understood; the text says which, why and what to write instead."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Region(NamedTuple):
    """A stretch of a contig, both ends included, from 1."""

    contig: str
    start: int
    end: int

    def __str__(self) -> str:
        if (self.start, self.end) == (1, _LAST):
            return self.contig
        return f"{self.contig}:{self.start}-{self.end}"


@dataclass(frozen=True, slots=True)
class Filter:
    """What must hold of a variant; an empty filter lets all pass."""

    consequences: tuple[str, ...] = ()
    impacts: tuple[str, ...] = ()
    genes: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    regions: tuple[Region, ...] = ()
    qual_from: float | None = None
    qual_to: float | None = None
    text: str = ""
    severe: bool = False


class Term(NamedTuple):
    """One condition of a filter as its address has it, and what it is called."""

    field: str
    value: str
    label: str


ALL = Filter()
Values = Mapping[str, Sequence[str]]


# --- from an address ---------------------------------------------------------------------------


def parse(values: Values) -> Filter:
    """Return the filter that the fields of an address ask for. Raises BadFilter.

    Lists are repeated fields, or values between commas or blanks. Empty fields ask for nothing.
    """
    asked = Filter(
        consequences=_known(values, "consequence", tuple(IMPACTS)),
        impacts=_known(values, "impact", IMPACT_ORDER),
        genes=_words(values, "gene", r"[,\s]+"),
        filters=_words(values, "filter", r"[,;\s]+"),
        regions=tuple(_region(word) for word in _words(values, "region", r"[;\s]+")),
        qual_from=_number(values, "qual_from"),
        qual_to=_number(values, "qual_to"),
        text=_one(values, "text"),
        severe=bool(_one(values, "severe")),
    )
    low, high = asked.qual_from, asked.qual_to
    if low is not None and high is not None and low > high:
        raise BadFilter("qual_from", "QUAL: the lower end is above the upper end. Swap them.")
    return asked


def _one(values: Values, field: str) -> str:
    text = (values.get(field) or [""])[-1].strip()
    if len(text) > LONGEST or not _SAFE.fullmatch(text):
        raise BadFilter(
            field, f"A value of “{field}” is longer than {LONGEST} characters, or not text."
        )
    return text


def _words(values: Values, field: str, between: str) -> tuple[str, ...]:
    given = [word for text in values.get(field, ()) for word in re.split(between, text) if word]
    if len(given) > MOST_VALUES:
        raise BadFilter(field, f"“{field}” takes at most {MOST_VALUES} values at once.")
    for word in given:
        _one({field: [word]}, field)
    return tuple(dict.fromkeys(given))


def _known(values: Values, field: str, known: tuple[str, ...]) -> tuple[str, ...]:
    words = _words(values, field, r"[,\s]+")
    for word in words:
        if word not in known:
            raise BadFilter(
                field, f"There is no {field} “{word}”. It is one of {', '.join(known)}."
            )
    return words


def _number(values: Values, field: str) -> float | None:
    text = _one(values, field)
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadFilter(field, f"QUAL: “{text}” is not a number. Write one, such as 30.")
    return number


def _region(word: str) -> Region:
    found = _REGION.fullmatch(word)
    if found is None:
        if ":" in word:
            raise BadFilter(
                "region", f"“{word}” is no region. Write contig:from-to, such as chr1:100-200."
            )
        return Region(word, 1, _LAST)
    digits = [(text or found[2]).replace(",", "") for text in found.groups()[1:]]
    start, end = (int(text) if text else 0 for text in digits)
    if not 1 <= start <= end:
        raise BadFilter("region", f"“{word}”: positions begin at 1 and the end is not before them.")
    return Region(found[1], start, min(end, _LAST))


# --- to an address, and to chips ---------------------------------------------------------------


def terms(asked: Filter) -> list[Term]:
    """Return a filter's conditions one by one, as an address has them."""
    lists = {
        "impact": asked.impacts,
        "consequence": asked.consequences,
        "gene": asked.genes,
        "filter": asked.filters,
        "region": tuple(str(region) for region in asked.regions),
    }
    found = [
        Term(field, value, f"{field} {in_words(field, value)}")
        for field, values in lists.items()
        for value in values
    ]
    for field, number, sign in (
        ("qual_from", asked.qual_from, "≥"),
        ("qual_to", asked.qual_to, "≤"),
    ):
        if number is not None:
            found.append(Term(field, f"{number:g}", f"QUAL {sign} {number:g}"))
    if asked.text:
        found.append(Term("text", asked.text, f"text “{asked.text}”"))
    if asked.severe:
        found.append(Term("severe", "1", "most severe consequence only"))
    return found


def in_words(field: str, value: str) -> str:
    """Return a value of a field as people read it."""
    if field == "filter" and value == ".":
        return "not given"
    if field == "impact":
        return value.lower()
    return value.replace("_", " ") if field == "consequence" else value


# --- to SQL ------------------------------------------------------------------------------------


class Condition(NamedTuple):
    """SQL for a WHERE, with its named parameters."""

    sql: str
    parameters: dict[str, Any]


def condition(asked: Filter, hits: Callable[[], Iterable[str]]) -> Condition:
    """Return a filter as SQL over the columns of `variants`. Every value is a parameter.

    `hits` tells the different values of that column: they are few, so they are compared here.
    """
    build = _Builder()
    known = [*hits()] if asked.text or asked.consequences or asked.impacts or asked.genes else []
    parts = [
        build.severe(asked) if asked.severe else build.any_hit(asked, known),
        build.filters(asked.filters),
        build.regions(asked.regions),
        build.quality(">=", asked.qual_from),
        build.quality("<=", asked.qual_to),
        build.text(asked.text, known),
    ]
    return Condition(" AND ".join(filter(None, parts)) or "true", build.parameters)


class _Builder:
    """Writes conditions and collects their parameters."""

    def __init__(self) -> None:
        self.parameters: dict[str, Any] = {}

    def _bind(self, value: Any) -> str:
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"${name}"

    def severe(self, asked: Filter) -> str:
        """Return what must hold of the most severe consequence."""
        fields = {
            "consequence": asked.consequences,
            "impact": asked.impacts,
            "lower(gene)": tuple(gene.lower() for gene in asked.genes),
        }
        parts = (self._among(column, values) for column, values in fields.items())
        return " AND ".join(filter(None, parts))

    def _among(self, column: str, values: tuple[str, ...]) -> str:
        names = ", ".join(self._bind(value) for value in values)
        return f"{column} IN ({names})" if names else ""

    def any_hit(self, asked: Filter, known: list[str]) -> str:
        """Return what must hold of one of the consequences."""
        fields = [
            {value.lower() for value in values}
            for values in (asked.consequences, asked.impacts, asked.genes)
        ]
        return self._hits([one for one in known if _hit(one, fields)]) if any(fields) else ""

    def _hits(self, values: list[str]) -> str:
        return f"hits IN (SELECT unnest({self._bind(values)}::VARCHAR[]))"

    def filters(self, values: tuple[str, ...]) -> str:
        """Return that one of the values stands in FILTER, alone or between semicolons."""
        either = " OR ".join(
            f"filter = {name} OR contains(';' || filter || ';', ';' || {name} || ';')"
            for name in map(self._bind, values)
        )
        return f"({either})" if either else ""

    def regions(self, regions: tuple[Region, ...]) -> str:
        """Return that a variant begins in one of the regions."""
        either = " OR ".join(
            f"(chrom = {self._bind(contig)} AND pos BETWEEN {self._bind(start)}"
            f" AND {self._bind(end)})"
            for contig, start, end in regions
        )
        return f"({either})" if either else ""

    def quality(self, sign: str, number: float | None) -> str:
        """Return a bound of QUAL; a missing QUAL is within no bound."""
        return "" if number is None else f"qual {sign} {self._bind(number)}"

    def text(self, text: str, known: list[str]) -> str:
        """Return that the text stands in a name, a transcript, a change, a gene or a term."""
        if not text:
            return ""
        lower = text.lower()
        name = self._bind(lower)
        parts = [f"contains(lower({column}), {name})" for column in _SEARCHED]
        parts.append(self._hits([one for one in known if lower in one.lower()]))
        return f"({' OR '.join(parts)})"


def _hit(hits: str, fields: Sequence[set[str]]) -> bool:
    """Say whether one of a record's hits has one of the values of each field."""
    return any(
        all(
            not values or part in values
            for values, part in zip(fields, hit.split("|"), strict=False)
        )
        for hit in hits.lower().split(";")
    )
