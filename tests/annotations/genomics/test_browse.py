"""Browsing a table: pages, orders, filters and neighbours agree with plain Python."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, seed, settings
from hypothesis import strategies as st

from annotations.genomics import table
from annotations.genomics.filters import ALL, BadFilter, Filter, Region, parse, terms

SEED = random.SystemRandom().randrange(2**32)
CONTIGS, GENES, FILTERS = ("chr1", "chr2"), ("S", "ORF1ab", ""), ("PASS", "q10", "q10;sb", ".")
LEVELS = {"missense": "MODERATE", "stop_gained": "HIGH", "synonymous": "LOW", "intron": "MODIFIER"}
ORDER = ("HIGH", "MODERATE", "LOW", "MODIFIER", "")
Row = dict[str, Any]

entries = st.lists(
    st.tuples(st.sampled_from([*LEVELS]), st.sampled_from(GENES)), min_size=1, max_size=5
)
records = st.fixed_dictionaries(
    {
        "chrom": st.sampled_from(CONTIGS),
        "pos": st.integers(1, 30),
        "id": st.sampled_from([".", "rs12", "RS3"]),
        "ref": st.sampled_from(["A", "ACGT"]),
        "alt": st.sampled_from(["C", "G,T"]),
        "qual": st.sampled_from([None, 0.0, 9.5, 30.0, 30.0, 99.9]),
        "filter": st.sampled_from(FILTERS),
        "entries": entries,
    }
)
filters = st.builds(
    Filter,
    consequences=st.lists(st.sampled_from([*LEVELS]), max_size=2).map(tuple),
    impacts=st.lists(st.sampled_from(ORDER[:4]), max_size=2).map(tuple),
    genes=st.lists(st.sampled_from(["s", "ORF1AB", "none"]), max_size=2).map(tuple),
    filters=st.lists(st.sampled_from(["PASS", "q10", "sb", "q10;sb"]), max_size=2).map(tuple),
    regions=st.lists(
        st.builds(Region, st.sampled_from(CONTIGS), st.integers(1, 20), st.integers(10, 30)),
        max_size=2,
    ).map(tuple),
    qual_from=st.sampled_from([None, 0.0, 10.0, 30.0]),
    qual_to=st.sampled_from([None, 9.5, 50.0]),
    text=st.sampled_from(["", "rs", "orf", "stop"]),
    severe=st.booleans(),
)


def written(folder: Path, rows: list[Row]) -> Path:
    """Write rows as an engine does; the leading consequence is the first entry."""
    lines, told = [], []
    for idx, row in enumerate(rows):
        lead, gene = row["entries"][0]
        qual = "" if row["qual"] is None else repr(row["qual"])
        place = [idx, *(row[name] for name in ("chrom", "pos", "id", "ref", "alt"))]
        leading = [lead, LEVELS[lead], gene, "T1", "", ""]
        hits = ";".join(f"{term}|{LEVELS[term]}|{name}" for term, name in row["entries"])
        cells = [*place, qual, row["filter"], "snv", *leading, len(row["entries"]), hits]
        lines.append("\t".join(map(str, cells)) + "\n")
        for number, (term, name) in enumerate(row["entries"]):
            rest = f"{name}\tT1\tprotein_coding\t+\tD12G\t35A>G"
            told.append(f"{idx}\t{number}\t{term}\t{LEVELS[term]}\t{term}\t{rest}\n")
    (folder / "rows.tsv").write_text("".join(lines))
    (folder / "entries.tsv").write_text("".join(told))
    table.write(folder / "rows.tsv", folder / table.VARIANTS)
    table.write_consequences(folder / "entries.tsv", folder / table.CONSEQUENCES)
    return folder / table.VARIANTS


def hits(row: Row, asked: Filter) -> bool:
    """Say whether some consequence that counts has all that is asked of one."""
    counted = row["entries"][:1] if asked.severe else row["entries"]
    genes = [gene.lower() for gene in asked.genes]
    return any(
        (not asked.consequences or term in asked.consequences)
        and (not asked.impacts or LEVELS[term] in asked.impacts)
        and (not genes or gene.lower() in genes)
        for term, gene in counted
    )


def passes(row: Row, asked: Filter) -> bool:
    """The oracle: whether a row passes a filter."""
    qual, genes = row["qual"], [gene for _, gene in row["entries"]]
    searched = [row["id"], "T1", *genes, *(term for term, _ in row["entries"])]
    names = {row["filter"], *row["filter"].split(";")}
    inside = [
        r for r in asked.regions if r.contig == row["chrom"] and r.start <= row["pos"] <= r.end
    ]
    return (
        hits(row, asked)
        and (not asked.filters or bool(names & set(asked.filters)))
        and (not asked.regions or bool(inside))
        and (asked.qual_from is None or (qual is not None and qual >= asked.qual_from))
        and (asked.qual_to is None or (qual is not None and qual <= asked.qual_to))
        and (not asked.text or any(asked.text in text.lower() for text in searched))
    )


def ordered(rows: list[Row], asked: Filter, sort: str) -> list[int]:
    """The oracle: the `idx` of what passes, in order."""
    keys: dict[str, Callable[[Row], float]] = {
        "position": lambda _: 0,
        "quality": lambda row: float("inf") if row["qual"] is None else -row["qual"],
        "impact": lambda row: ORDER.index(LEVELS[row["entries"][0][0]]),
    }
    kept = [idx for idx, row in enumerate(rows) if passes(row, asked)]
    return sorted(kept, key=lambda idx: (keys[sort](rows[idx]), idx))


def walked(parquet: Path, asked: Filter, sort: str, *, back: bool) -> list[int]:
    """Read every page, forwards from the first or backwards from the last."""
    found: list[int] = []
    page = table.page(parquet, asked, sort=sort, size=5)
    while page.after is not None and back:
        page = table.page(parquet, asked, sort=sort, size=5, after=page.after)
    while True:
        own = [row["idx"] for row in page.rows]
        found = own + found if back else found + own
        cursor = page.before if back else page.after
        if cursor is None:
            return found
        if back:
            page = table.page(parquet, asked, sort=sort, size=5, before=cursor)
        else:
            page = table.page(parquet, asked, sort=sort, size=5, after=cursor)


@seed(SEED)
@settings(
    max_examples=8,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(records, min_size=1, max_size=12), filters, st.permutations([*table.SORTS]))
def test_pages_counts_and_neighbours_agree_with_plain_python(
    tmp_path: Path, rows: list[Row], asked: Filter, sorts: list[str]
) -> None:
    note(f"seed {SEED}")
    parquet = written(tmp_path, rows)
    for one, sort in zip((ALL, asked), sorts, strict=False):
        expected = ordered(rows, one, sort)
        page = table.page(parquet, one, sort=sort, size=100)
        assert [row["idx"] for row in page.rows] == expected
        assert page.count == len(expected)
        assert walked(parquet, one, sort, back=False) == expected
        assert walked(parquet, one, sort, back=True) == expected
        assert [*table.indexes(parquet, one)] == sorted(expected)
        for place, idx in enumerate(expected[:3]):
            told = table.variant(parquet, idx, one, sort=sort)
            assert (told.place, told.count) == (place + 1, len(expected))
            assert told.previous == (expected[place - 1] if place else None)
            assert told.following == [*expected, None][place + 1]


def test_a_variant_tells_all_of_its_consequences_in_order(tmp_path: Path) -> None:
    row = {"chrom": "chr1", "pos": 7, "id": ".", "ref": "A", "alt": "C", "qual": None}
    told = [("missense", "ORF1ab"), ("synonymous", "S")]
    parquet = written(tmp_path, [{**row, "filter": "PASS", "entries": told}])
    found = table.variant(parquet, 0, Filter(genes=("none",)))
    assert [(c["consequence"], c["gene"], c["aa_change"]) for c in found.consequences] == [
        ("missense", "ORF1ab", "D12G"),
        ("synonymous", "S", "D12G"),
    ]
    assert (found.place, found.count) == (0, 0)
    with pytest.raises(LookupError):
        table.variant(parquet, 1)


def test_values_of_a_filter_are_counted_by_record(tmp_path: Path) -> None:
    row = {"chrom": "chr1", "pos": 7, "id": ".", "ref": "A", "alt": "C", "qual": None}
    twice = {**row, "filter": "PASS", "entries": [("missense", "S"), ("missense", "S")]}
    facets = table.facets(written(tmp_path, [twice, twice]))
    assert facets["gene"] == {"S": 2}
    assert facets["consequence"] == {"missense": 2}
    assert facets["filter"] == {"PASS": 2}


# --- the words of an address -------------------------------------------------------------------


@seed(SEED)
@settings(max_examples=80, deadline=None, database=None)
@given(filters)
def test_a_filter_survives_its_way_through_an_address(asked: Filter) -> None:
    note(f"seed {SEED}")
    lists = ("consequences", "impacts", "genes", "filters", "regions")
    once: Any = {name: tuple(dict.fromkeys(getattr(asked, name))) for name in lists}
    one = replace(asked, **once)
    if one.qual_from is not None and one.qual_to is not None and one.qual_from > one.qual_to:
        return
    if any(region.start > region.end for region in one.regions):
        return
    values: dict[str, list[str]] = {}
    for field, value, _ in terms(one):
        values.setdefault(field, []).append(value)
    again = parse(values)
    assert {*again.filters} == {word for text in one.filters for word in text.split(";")}
    assert [t for t in terms(again) if t.field != "filter"] == [
        t for t in terms(one) if t.field != "filter"
    ]


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("impact", "SEVERE", "HIGH, MODERATE, LOW, MODIFIER"),
        ("consequence", "'; DROP TABLE", "no consequence “';”"),
        ("qual_from", "high", "“high” is not a number"),
        ("qual_to", "nan", "“nan” is not a number"),
        ("region", "chr1:x-y", "Write contig:from-to"),
        ("region", "chr1:20-10", "the end is not before them"),
        ("region", "chr1:0-10", "positions begin at 1"),
        ("text", "x" * 101, "longer than 100 characters"),
        ("text", "a\0b", "not text"),
        ("gene", ",".join(f"G{n}" for n in range(51)), "at most 50 values"),
    ],
)
def test_a_bad_filter_says_what_is_wrong_and_what_to_write(
    field: str, value: str, says: str
) -> None:
    with pytest.raises(BadFilter) as bad:
        parse({field: [value]})
    assert says in str(bad.value)
    assert bad.value.field == field


def test_bounds_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(BadFilter, match="Swap them"):
        parse({"qual_from": ["30"], "qual_to": ["10"]})


def test_regions_are_read_as_people_write_them() -> None:
    asked = parse({"region": ["chr1:1,000-2,000 HLA-A*01:01:5; chrM"]})
    assert [str(region) for region in asked.regions] == [
        "chr1:1000-2000",
        "HLA-A*01:01:5-5",
        "chrM",
    ]


@pytest.mark.parametrize("value", ["' OR 1=1 --", "$p0", "{where}", "%", "é"])
def test_no_value_becomes_sql(tmp_path: Path, value: str) -> None:
    row = {"chrom": "chr1", "pos": 7, "id": ".", "ref": "A", "alt": "C", "qual": None}
    parquet = written(tmp_path, [{**row, "filter": "PASS", "entries": [("missense", "S")]}])
    for asked in (Filter(text=value), Filter(genes=(value,)), Filter(filters=(value,))):
        assert table.page(parquet, asked).count == 0
