"""The table of a result: `variants.parquet`, written and read by DuckDB behind locks.

One row per record, in the order of the annotated VCF; `idx` counts from 0.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

_MEMORY = "150MB"
# Rows come as tab-separated text without quotes; an empty number is null. One thread and small
# buffers keep the memory below the limit at any number of rows.
_WRITE = """
    COPY (
        SELECT * REPLACE (
            coalesce(impact, '') AS impact, coalesce(gene, '') AS gene,
            coalesce(transcript, '') AS transcript, coalesce(aa_change, '') AS aa_change,
            coalesce(dna_change, '') AS dna_change
        )
        FROM read_csv(
            $rows, auto_detect = false, header = false, delim = '\t', quote = '', escape = '',
            new_line = '\\n', max_line_size = 65536, buffer_size = 1048576, parallel = false,
            columns = {
                idx: 'INTEGER', chrom: 'VARCHAR', pos: 'INTEGER', id: 'VARCHAR', ref: 'VARCHAR',
                alt: 'VARCHAR', qual: 'DOUBLE', filter: 'VARCHAR', kind: 'VARCHAR',
                consequence: 'VARCHAR', impact: 'VARCHAR', gene: 'VARCHAR',
                transcript: 'VARCHAR', aa_change: 'VARCHAR', dna_change: 'VARCHAR',
                consequences: 'INTEGER'
            }
        )
    ) TO $parquet (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 65536)
"""
_PAGE = """
    SELECT * EXCLUDE (kind, consequences) FROM read_parquet($parquet)
    WHERE idx >= $first AND idx < $last ORDER BY idx
"""
_COUNT = "SELECT count(*) FROM read_parquet($parquet)"


@dataclass(frozen=True)
class Page:
    """Some rows of a table, and how many it has in all."""

    rows: list[dict[str, Any]]
    count: int


@contextmanager
def connect(folder: Path, *, threads: int = 2) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open DuckDB in memory, able to touch files below `folder` and nothing else, for good."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"SET threads = {threads}")
        connection.execute(f"SET memory_limit = '{_MEMORY}'")
        connection.execute("SET temp_directory = ''")
        connection.execute("SET allowed_directories = [$folder]", {"folder": f"{folder}/"})
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection


def write(rows: Path, parquet: Path) -> None:
    """Turn rows of text into the Parquet file; both lie in one folder. The order is kept."""
    with connect(rows.parent, threads=1) as connection:
        connection.execute(_WRITE, {"rows": str(rows), "parquet": str(parquet)})


def page(parquet: Path, *, first: int = 0, size: int = 100) -> Page:
    """Return rows `first` to `first + size` of a table, with the number of all its rows."""
    with connect(parquet.parent) as connection:
        path = {"parquet": str(parquet)}
        (count,) = connection.execute(_COUNT, path).fetchone() or (0,)
        found = connection.execute(_PAGE, {**path, "first": first, "last": first + size})
        names = [column[0] for column in found.description or ()]
        return Page([dict(zip(names, row, strict=True)) for row in found.fetchall()], count)
