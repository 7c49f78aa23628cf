"""Results as people browse them: tables kept in a local folder, and exports out of S3.

A result's side files never change, and their names are never used again: a copy on this machine
is right for ever. Several processes share the folder.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from itertools import chain
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any, TypeVar

import duckdb
from django.conf import settings

from annotations import services, storage
from annotations.genomics import exports, methods, table
from annotations.genomics.filters import Filter
from annotations.states import Dated, Job
from gas_project import clock

FILES = (table.VARIANTS, table.CONSEQUENCES)
MOST_BYTES = 2_000_000_000
"""Bytes that the folder may hold; those looked at longest ago go first."""
KEPT = 24 * 3600
"""Seconds after its last use that a copy stays, at most: deleted results leave with the rest."""
# A query takes two threads and 150 MB at most; more at once would only wait for each other.
_QUERIES = BoundedSemaphore(3)
T = TypeVar("T")


# --- copies on this machine --------------------------------------------------------------------


def _folder() -> Path:
    return Path(settings.GAS_DATA) / "cache" / "results"


def _own(attempt: Dated) -> Path:
    return _folder() / sha256(attempt.locator.name.encode()).hexdigest()


def table_of(job: Job) -> Path:
    """Return the local copy of a result's table, with that of its consequences beside it.

    Raises services.Declined when the result has none, or can't be read now.
    """
    services.check_readable(job)
    assert job.attempt is not None
    own = _own(job.attempt)
    if not all((own / name).exists() for name in FILES):
        _fetch(job, own)
    with suppress(FileNotFoundError):
        os.utime(own)
    return own / table.VARIANTS


def _fetch(job: Job, own: Path) -> None:
    """Download a result's tables; each appears at once, complete, under its name."""
    assert job.attempt is not None
    own.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="new-", dir=own.parent))
    try:
        for name in FILES:
            storage.fetch(storage.inside(job.attempt.locator, name), fresh / name)
        own.mkdir(exist_ok=True)
        for name in FILES:
            (fresh / name).replace(own / name)  # perhaps over the same bytes of another process
    except storage.NotThere as error:
        raise services.Declined(
            "This result has no table to browse. Run it again to make one."
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    _tidy(own)


def _tidy(own: Path) -> None:
    """Remove copies that were not looked at for long, and the oldest beyond the limit."""
    found = []
    for folder in _folder().iterdir():
        with suppress(FileNotFoundError):
            found.append((folder.stat().st_mtime, _size(folder), folder))
    room = MOST_BYTES
    for used, size, folder in sorted(found, reverse=True):
        room -= size
        growing = folder.name.startswith("new-")
        if folder != own and ((room < 0 and not growing) or used < clock.now() - KEPT):
            shutil.rmtree(folder, ignore_errors=True)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def forget(job: Job) -> None:
    """Remove this machine's copy of a deleted result."""
    if job.attempt is not None:
        shutil.rmtree(_own(job.attempt), ignore_errors=True)


# --- what people ask ---------------------------------------------------------------------------


def _ask(job: Job, query: Callable[[Path], T]) -> T:
    """Run a query over a result's table; once more when its copy was tidied away meanwhile."""
    with _QUERIES:
        try:
            return query(table_of(job))
        except (duckdb.IOException, FileNotFoundError):
            return query(table_of(job))


def page(job: Job, asked: Filter, **where: Any) -> table.Page:
    """Return a page of a result, as `table.page` does. Raises services.Declined."""
    return _ask(job, lambda path: table.page(path, asked, **where))


def variant(job: Job, idx: int, asked: Filter, *, sort: str) -> table.Variant:
    """Return one variant of a result. Raises services.Declined or LookupError."""
    return _ask(job, lambda path: table.variant(path, idx, asked, sort=sort))


def facets(job: Job) -> dict[str, dict[str, int]]:
    """Return the values that a result's filters offer. Raises services.Declined."""
    return _ask(job, _facets)


@lru_cache(maxsize=64)
def _facets(path: Path) -> dict[str, dict[str, int]]:
    return table.facets(path)


def export_tsv(job: Job, asked: Filter) -> Iterator[bytes]:
    """Yield the rows that pass a filter as TSV. Raises services.Declined."""
    return _begun(exports.tsv(table.stream(table_of(job), asked)))


def export_vcf(job: Job, asked: Filter, *, note: str) -> Iterator[bytes]:
    """Yield the records that pass a filter as VCF.gz, read from S3. Raises services.Declined."""
    wanted = _ask(job, lambda path: table.indexes(path, asked))
    assert job.copy is not None
    return _begun(exports.vcf(storage.stream(job.copy), wanted, note=note))


def _begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Read the first piece now, so that what is wrong is told before an answer begins."""
    try:
        first = next(pieces)
    except (storage.NotThere, duckdb.IOException) as error:
        raise services.Declined("This result was moved just now. Try again in a moment.") from error
    return chain([first], pieces)


def how(job: Job, *, title: str) -> tuple[str, list[str]]:
    """Return the paragraph on methods and what it cites; both empty before there is a result."""
    manifest = services.manifest(job)
    if not manifest:
        return "", []
    cited = methods.citations(manifest["reference"]["id"])
    return methods.paragraph(manifest, title=title), cited
