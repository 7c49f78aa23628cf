"""The table of a result, written and read by DuckDB behind locks.

`variants.parquet` has one row per record, in the order of the annotated VCF; `idx` counts from 0;
`hits` are the record's different "consequence|impact|gene", between semicolons.
`consequences.parquet` beside it has one row per consequence, in the same order, at least one for
each record; `place` counts a record's from 0.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from annotations.genomics.filters import ALL, Condition, Filter, condition

VARIANTS, CONSEQUENCES = "variants.parquet", "consequences.parquet"
PAGE = 50
OFFERED = 200
"""Values of a field that a filter offers, at most."""
_MEMORY = "150MB"
SHARED, ALONE = "80MB", "250MB"
"""Memory for a table that is written beside another, and for one whose rows are too wide for it."""
_BATCH = 65_536
# Rows come as tab-separated text without quotes; an empty number is null. One thread and small
# buffers keep the memory below the limit at any number of rows.
_TEXT = """read_csv($rows, auto_detect = false, header = false, delim = '\t', quote = '',
    escape = '', new_line = '\\n', max_line_size = 65536, buffer_size = 1048576, parallel = false,
    columns = {columns})"""
_QUERY = "SELECT * REPLACE ({texts}) FROM {text}"
_VARIANT_COLUMNS = """{
    idx: 'INTEGER', chrom: 'VARCHAR', pos: 'INTEGER', id: 'VARCHAR', ref: 'VARCHAR',
    alt: 'VARCHAR', qual: 'DOUBLE', filter: 'VARCHAR', kind: 'VARCHAR', consequence: 'VARCHAR',
    impact: 'VARCHAR', gene: 'VARCHAR', transcript: 'VARCHAR', aa_change: 'VARCHAR',
    dna_change: 'VARCHAR', consequences: 'INTEGER', hits: 'VARCHAR'
}"""
_CONSEQUENCE_COLUMNS = """{
    idx: 'INTEGER', place: 'INTEGER', consequence: 'VARCHAR', impact: 'VARCHAR', terms: 'VARCHAR',
    gene: 'VARCHAR', transcript: 'VARCHAR', biotype: 'VARCHAR', strand: 'VARCHAR',
    aa_change: 'VARCHAR', dna_change: 'VARCHAR'
}"""
_NAMED = ("impact", "gene", "transcript", "aa_change", "dna_change")
"""Columns of both tables that hold text or an empty text, never null."""
# Groups of this size need little memory for wide rows too, and 41 of them hold a million rows.
_COPY = "COPY ({query}) TO $parquet (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 24576)"

SORTS = {
    "position": "0",
    "quality": "coalesce(-qual, 'infinity'::DOUBLE)",
    "impact": "array_position(['HIGH', 'MODERATE', 'LOW', 'MODIFIER', ''], impact)",
}
"""The orders of a table: the file's own, highest QUAL first, most severe first. Ties by `idx`."""
_SHOWN = "* EXCLUDE (kind, hits)"


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, how many there are in all, and cursors (`idx`) to the pages beside it, if any."""

    rows: list[dict[str, Any]]
    count: int
    before: int | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """One record with all of its consequences, and where it stands among the filtered ones.

    `place` counts from 1, 0 when the filter does not let it pass; `previous` and `following` are
    the neighbours' `idx`, if any.
    """

    row: dict[str, Any]
    consequences: list[dict[str, Any]]
    place: int
    count: int
    previous: int | None
    following: int | None


@contextmanager
def connect(
    folder: Path, *, threads: int = 2, memory: str = _MEMORY
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open DuckDB in memory, able to touch files below `folder` and nothing else, for good."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"SET threads = {threads}")
        connection.execute(f"SET memory_limit = '{memory}'")
        connection.execute("SET temp_directory = ''")
        connection.execute("SET allowed_directories = [$folder]", {"folder": f"{folder}/"})
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection


# --- writing -----------------------------------------------------------------------------------


Opened = Callable[[duckdb.DuckDBPyConnection], None]
"""Told of the connection that writes, so that another thread can interrupt it."""


def write(
    rows: Path, parquet: Path, *, memory: str = ALONE, opened: Opened = lambda _: None
) -> None:
    """Turn rows of text into `variants.parquet`; both lie in one folder. The order is kept.

    Raises duckdb.OutOfMemoryException when `memory` is not enough for the widest rows.
    """
    _write(_NAMED, _VARIANT_COLUMNS, rows, parquet, memory=memory, opened=opened)


def write_consequences(
    rows: Path, parquet: Path, *, memory: str = ALONE, opened: Opened = lambda _: None
) -> None:
    """Turn rows of text into `consequences.parquet`, as `write` does."""
    texts = (*_NAMED, "biotype", "strand")
    _write(texts, _CONSEQUENCE_COLUMNS, rows, parquet, memory=memory, opened=opened)


def _write(
    texts: tuple[str, ...], columns: str, rows: Path, parquet: Path, *, memory: str, opened: Opened
) -> None:
    full = ", ".join(f"coalesce({name}, '') AS {name}" for name in texts)
    query = _QUERY.replace("{texts}", full).replace("{text}", _TEXT.replace("{columns}", columns))
    with connect(rows.parent, threads=1, memory=memory) as connection:
        opened(connection)
        connection.execute(
            _COPY.replace("{query}", query), {"rows": str(rows), "parquet": str(parquet)}
        )


# --- reading -----------------------------------------------------------------------------------


class _Reader:
    """A locked connection with the table as a view, and a filter to ask it with."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, parquet: Path, asked: Filter) -> None:
        self._connection = connection
        connection.read_parquet(str(parquet)).create_view("variants")
        self._asked: Condition = condition(asked, self._hits)
        self.everything = asked == ALL

    def _hits(self) -> list[str]:
        found = self._connection.execute("SELECT DISTINCT hits FROM variants").fetchall()
        return [hits for (hits,) in found]

    def run(self, sql: str, **more: Any) -> duckdb.DuckDBPyConnection:
        """Run a query; `{where}` in it is the filter."""
        text = sql.replace("{where}", self._asked.sql)
        parameters = {**(self._asked.parameters if "{where}" in sql else {}), **more}
        return self._connection.execute(text, parameters)

    def rows(self, sql: str, **more: Any) -> list[dict[str, Any]]:
        """Return all rows of a query."""
        found = self.run(sql, **more)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def number(self, sql: str, **more: Any) -> Any:
        """Return the one value of a query, None when there is no row."""
        row = self.run(sql, **more).fetchone()
        return row[0] if row else None

    def count(self) -> int:
        """Return how many records pass the filter."""
        return int(self.number("SELECT count(*) FROM variants WHERE {where}"))

    def key(self, sort: str, idx: int) -> Any:
        """Return what a record is sorted by. Raises LookupError."""
        found = self.number(f"SELECT {SORTS[sort]} FROM variants WHERE idx = $idx", idx=idx)  # noqa: S608
        if found is None:
            raise LookupError(idx)
        return found

    def first(self, sort: str, size: int) -> list[dict[str, Any]]:
        """Return the first rows."""
        if sort == "position":
            return self.beside(sort, size, idx=-1, back=False)
        return self._ordered(sort, "true", "ASC", size=size)

    def beside(self, sort: str, size: int, *, idx: int, back: bool) -> list[dict[str, Any]]:
        """Return up to `size` rows after (or before) a record, nearest first."""
        sign, order = ("<", "DESC") if back else (">", "ASC")
        if sort == "position":
            # Without a filter the rows are known beforehand: DuckDB then reads one group of them.
            end = idx - size if back else idx + size
            near = f" AND idx {'>=' if back else '<='} {end}" if self.everything else ""
            return self._ordered(sort, f"idx {sign} $idx{near}", order, size=size, idx=idx)
        by, key = SORTS[sort], self.key(sort, idx)
        after = f"({by} {sign} $key OR ({by} = $key AND idx {sign} $idx))"
        return self._ordered(sort, after, order, size=size, idx=idx, key=key)

    def _ordered(self, sort: str, also: str, order: str, **more: Any) -> list[dict[str, Any]]:
        by = "" if sort == "position" else f"{SORTS[sort]} {order}, "
        return self.rows(
            f"SELECT {_SHOWN} FROM variants WHERE ({{where}}) AND {also}"  # noqa: S608
            f" ORDER BY {by}idx {order} LIMIT $size",
            **more,
        )

    def place(self, sort: str, idx: int) -> int:
        """Return where a record stands among those that pass, from 1; 0 when it does not pass."""
        if not self.number("SELECT 1 FROM variants WHERE ({where}) AND idx = $idx", idx=idx):
            return 0
        by = SORTS[sort]
        sql = (
            "SELECT count(*) FROM variants WHERE ({where})"  # noqa: S608
            f" AND ({by} < $key OR ({by} = $key AND idx <= $idx))"
        )
        return int(self.number(sql, idx=idx, key=self.key(sort, idx)))


@contextmanager
def _reader(parquet: Path, asked: Filter) -> Iterator[_Reader]:
    with connect(parquet.parent) as connection:
        yield _Reader(connection, parquet, asked)


def page(
    parquet: Path,
    asked: Filter = ALL,
    *,
    sort: str = "position",
    after: int | None = None,
    before: int | None = None,
    size: int = PAGE,
) -> Page:
    """Return the rows that pass a filter: the first, or those after or before a record's `idx`."""
    with _reader(parquet, asked) as reader:
        if after is not None:
            found = reader.beside(sort, size + 1, idx=after, back=False)
        elif before is not None:
            found = reader.beside(sort, size + 1, idx=before, back=True)
        else:
            found = reader.first(sort, size + 1)
        return _paged(found, reader.count(), size, moved=after is not None, back=before is not None)


def _paged(found: list[dict[str, Any]], count: int, size: int, *, moved: bool, back: bool) -> Page:
    more, rows = len(found) > size, found[:size]
    if back:
        rows.reverse()
    if not rows:
        return Page(rows, count)
    earlier, later = (more, True) if back else (moved, more)
    first, last = rows[0]["idx"], rows[-1]["idx"]
    return Page(rows, count, first if earlier else None, last if later else None)


def variant(parquet: Path, idx: int, asked: Filter = ALL, *, sort: str = "position") -> Variant:
    """Return one record with its neighbours among the filtered. Raises LookupError.

    `consequences.parquet` lies beside the table.
    """
    with _reader(parquet, asked) as reader:
        found = reader.rows("SELECT * EXCLUDE (hits) FROM variants WHERE idx = $idx", idx=idx)
        if not found:
            raise LookupError(idx)
        previous, following = (
            next((row["idx"] for row in reader.beside(sort, 1, idx=idx, back=back)), None)
            for back in (True, False)
        )
        told = reader.rows(
            "SELECT * EXCLUDE (idx) FROM read_parquet($beside) WHERE idx = $idx ORDER BY place",
            idx=idx,
            beside=str(parquet.with_name(CONSEQUENCES)),
        )
        place = reader.place(sort, idx)
        return Variant(found[0], told, place, reader.count(), previous, following)


def facets(parquet: Path) -> dict[str, dict[str, int]]:
    """Return the values a filter may take, with the records that have each, most first.

    Consequence, impact and gene are counted over all consequences of a record.
    """
    fields = ("consequence", "impact", "gene")
    counted: dict[str, Counter[str]] = {field: Counter() for field in (*fields, "filter")}
    with _reader(parquet, ALL) as reader:
        for hits, n in reader.run("SELECT hits, count(*) FROM variants GROUP BY hits").fetchall():
            parts = [hit.split("|") for hit in hits.split(";")]
            for place, field in enumerate(fields):
                for value in {part[place] for part in parts} - {""}:
                    counted[field][value] += n
        named = reader.run("SELECT filter, count(*) FROM variants GROUP BY filter").fetchall()
        counted["filter"].update(dict(named))
    return {field: dict(_most(counts)) for field, counts in counted.items()}


def _most(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:OFFERED]


def stream(parquet: Path, asked: Filter = ALL) -> Iterator[tuple[Any, ...]]:
    """Yield the rows that pass a filter, in the order of the file: first the columns' names.

    The table is read in stretches, so that memory is flat at any number of rows.
    """
    with _reader(parquet, asked) as reader:
        last = reader.number("SELECT max(idx) FROM variants")
        found = reader.run("SELECT * EXCLUDE (hits) FROM variants LIMIT 0")
        yield tuple(column[0] for column in found.description or ())
        for start in range(0, -1 if last is None else last + 1, _BATCH):
            yield from reader.run(
                "SELECT * EXCLUDE (hits) FROM variants WHERE ({where})"
                " AND idx >= $start AND idx < $stop ORDER BY idx",
                start=start,
                stop=start + _BATCH,
            ).fetchall()


def indexes(parquet: Path, asked: Filter = ALL) -> "array[int]":
    """Return the `idx` of each record that passes a filter, ascending; 4 bytes each."""
    wanted = array("I")
    with _reader(parquet, asked) as reader:
        found = reader.run("SELECT idx FROM variants WHERE {where} ORDER BY idx")
        while batch := found.fetchmany(_BATCH):
            wanted.extend(row[0] for row in batch)
    return wanted
