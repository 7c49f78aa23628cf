"""All that is stored against all items: inventory, buckets, open uploads and the table.

What the stores list goes to a scratch database on disk, ordered by job; then the table is streamed
past it. So memory stays bounded, however many there are. What looks wrong is looked at once more
in the stores and in the item when all is read, since both change meanwhile: nobody is called for
what was seen once. It writes nothing.
"""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from annotations import jobs, locators, storage, timeline
from annotations.locators import Locator, Store
from annotations.safety import margins
from annotations.states import Job, place
from archival import reconcile
from archival.reconcile import Findings, Report
from archival.stores import NotThere, vault
from gas_project import aws, clock, events
from gas_project.items import code_of

BUCKETS = ("uploads", "results", "archive")
SCHEMA = """
CREATE TABLE stored (job TEXT, kind TEXT, uri TEXT, name TEXT, size INTEGER, tree TEXT, at INTEGER);
CREATE TABLE seen (job TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE suspect (job TEXT);
"""


class TooOld(Exception):
    """The newest inventory is too old to say anything about today."""


def take(retrieval: str | None) -> Findings:
    """Hold everything stored against the items; without an inventory, all but the vault's archives.

    Raises TooOld for an inventory of more than 72 hours, stores.NotThere for one that is gone.
    """
    taken, listed = vault.inventory(retrieval=retrieval) if retrieval else (0, iter(()))
    if retrieval and taken < clock.now() - 3 * margins().proof:
        raise TooOld("the inventory is older than 72 hours")
    found = Findings(taken)
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(sqlite3.connect(Path(folder) / "census")) as scratch,
    ):
        scratch.executescript(SCHEMA)
        scratch.executemany("INSERT INTO stored VALUES (?,?,?,?,?,?,?)", _stored(listed, found))
        scratch.execute("CREATE INDEX by_job ON stored (job)")
        _compare(scratch, found)
    return found


# --- what the stores list ----------------------------------------------------------------------


def _stored(listed: Iterator[vault.Listed], found: Findings) -> Iterator[tuple[Any, ...]]:
    for one in listed:
        found.listed += 1
        said = vault.described(one.description)
        uri = str(Locator(Store.VAULT, aws.vault(), one.archive_id))
        name = said[1] if said else ""
        yield (said[0] if said else "", "archive", uri, name, one.size, one.tree_hash, one.created)
    yield from _vault_uploads()
    for kind in BUCKETS:
        yield from _objects(kind)
        yield from _uploads(kind)


def _job_of(key: str) -> str:
    """Return the job that a key names, "" when it names none."""
    parts = key.split("/")
    return parts[1] if len(parts) > 2 and events.is_id(parts[1]) else ""


def _locator(kind: str, entry: Any) -> Locator:
    deep = entry.get("StorageClass") == "DEEP_ARCHIVE"
    cold = Store.S3_DEEP if deep else Store.S3_GLACIER
    store = cold if kind == "archive" else Store.HOT
    return Locator(store, aws.bucket(kind), entry["Key"], entry.get("UploadId"))


def _objects(kind: str) -> Iterator[tuple[Any, ...]]:
    pages = aws.s3().get_paginator("list_objects_v2").paginate(Bucket=aws.bucket(kind))
    for entry in (entry for page in pages for entry in page.get("Contents", [])):
        where, at = _locator(kind, entry), int(entry["LastModified"].timestamp())
        yield _job_of(where.name), "object", str(where), where.name, entry["Size"], "", at


def _uploads(kind: str) -> Iterator[tuple[Any, ...]]:
    pages = aws.s3().get_paginator("list_multipart_uploads").paginate(Bucket=aws.bucket(kind))
    for entry in (entry for page in pages for entry in page.get("Uploads", [])):
        where, at = _locator(kind, entry), int(entry["Initiated"].timestamp())
        yield _job_of(where.name), "upload", str(where), where.name, 0, "", at


def no_vault(error: ClientError) -> bool:
    """Whether an error says that this account has no vault, as a new one never has."""
    return code_of(error) in ("ResourceNotFoundException", "NoLongerSupportedException")


def _vault_uploads() -> Iterator[tuple[Any, ...]]:
    pages = aws.glacier().get_paginator("list_multipart_uploads")
    try:
        listed = list(pages.paginate(accountId="-", vaultName=aws.vault()))
    except ClientError as error:
        if not no_vault(error):
            raise
        return
    for page in listed:
        for entry in page["UploadsList"]:
            said = vault.described(entry.get("ArchiveDescription", "")) or ("", "")
            where = Locator(Store.VAULT, aws.vault(), said[1] or "-", entry["MultipartUploadId"])
            at = int(datetime.fromisoformat(entry["CreationDate"]).timestamp())
            yield said[0], "upload", str(where), said[1], 0, "", at


# --- the table past it -------------------------------------------------------------------------


def _compare(scratch: sqlite3.Connection, found: Findings) -> None:
    for job in jobs.every():
        found.items += 1
        scratch.execute("INSERT OR IGNORE INTO seen VALUES (?)", (job.job_id,))
        rows = scratch.execute("SELECT * FROM stored WHERE job = ?", (job.job_id,)).fetchall()
        if _suspect(job, rows, found.taken):
            scratch.execute("INSERT INTO suspect VALUES (?)", (job.job_id,))
    for (job_id,) in scratch.execute("SELECT job FROM suspect"):
        now = jobs.get(job_id)
        if now is not None:
            rows = scratch.execute("SELECT * FROM stored WHERE job = ?", (job_id,)).fetchall()
            _judge(now, rows, found)
    orphans = "SELECT kind, uri FROM stored WHERE job NOT IN (SELECT job FROM seen) ORDER BY uri"
    for kind, uri in scratch.execute(orphans):
        if kind == "archive":
            found.foreign += 1
        found.reports.append(Report("nobody's", "", uri))


def _names(job: Job, row: tuple[Any, ...]) -> bool:
    """Whether an item names what a row lists: by itself, by a prefix, or as an upload's outcome.

    Of archives only the open upload's is spared by its name, since its record may be late. What an
    upload on the garbage became needs a name of its own before that upload is struck off.
    """
    _, kind, uri, name, *_ = row
    dated = [g.locator for g in (*job.garbage, *([job.attempt] if job.attempt else []))]
    every = [one for one in (job.input, job.copy, job.upload, *dated) if one]
    if any(_is_at(one, uri) for one in every):
        return True
    uploads = [job.upload] if kind == "archive" else every
    return any(one.name == name for one in uploads if one and one.upload)


def _is_at(one: Locator, uri: str) -> bool:
    """Whether a name means these bytes, or another upload of the same key.

    The SDK repeats a CreateMultipartUpload whose reply was lost. The upload that nobody knows then
    holds nothing, and the bucket's lifecycle rule ends it; the key is the copy's.
    """
    plain, here = str(one.finished()), uri.partition("?upload=")[0]
    return uri == str(one) or here == plain or (one.is_prefix and uri.startswith(plain))


def _suspect(job: Job, rows: list[tuple[Any, ...]], taken: int) -> bool:
    wrong = bool(reconcile.unproved(job, taken)) or _stuck(job) or bool(_wrong(job, rows, taken))
    return wrong or not all(_names(job, row) for row in rows)


def _judge(job: Job, rows: list[tuple[Any, ...]], found: Findings) -> None:
    """Look once more, at the newest item and at the bytes, and say what is wrong."""
    if kept := reconcile.unproved(job, found.taken):
        found.proved[job.job_id] = kept
    if _stuck(job):
        found.reports.append(Report("stuck", job.job_id, "", page=True))
    for row in rows:
        if not _names(job, row) and _still(job, row):
            found.stray.setdefault(job.job_id, []).append(_parse(row))
    if why := _wrong(job, rows, found.taken):
        _tell_wrong(job, why, found)


def _parse(row: tuple[Any, ...]) -> Locator:
    uri: str = row[2]
    return locators.parse(uri)


def _still(job: Job, row: tuple[Any, ...]) -> bool:
    """Whether it is there still.

    An inventory lists what was removed since: the timeline knows what the eraser removed. An open
    upload counts only when it is a day old, and so forgotten.
    """
    _, kind, uri, _, _, _, at = row
    if kind == "upload":
        return bool(at < clock.now() - margins().proof)
    if kind == "archive":
        lines = timeline.read(job.job_id)
        return not any(line.step == "reap" and line.note == uri for line in lines)
    try:
        storage.head(locators.parse(uri))
    except NotThere:
        return False
    return True


def _stuck(job: Job) -> bool:
    """Whether it has been due for an hour, though each sweep hints whose step it is."""
    return job.due_at is not None and job.due_at < clock.now() - margins().policy


def _wrong(job: Job, rows: list[tuple[Any, ...]], taken: int) -> str:
    """Return what is wrong with the copy by what was listed: "", "missing" or "differs"."""
    if job.copy is None or job.deleted or job.problem:
        return ""
    for _, _, uri, _, size, tree, _ in rows:
        if uri == str(job.copy):
            same = size == job.size and (not tree or not job.tree_hash or tree == job.tree_hash)
            return "" if same else "differs"
    if job.copy.store is Store.VAULT and job.copied_at + margins().proof > taken:
        return ""  # the inventory is too old to know it
    return "missing"


def _tell_wrong(job: Job, why: str, found: Findings) -> None:
    """Ask the store itself, where it can tell, and the item a last time; then say it."""
    assert job.copy is not None
    if job.copy.store is not Store.VAULT and _as_recorded(job, why):
        return  # it came, or was put right, after the listing
    now = jobs.get(job.job_id)
    if now is None or now.copy != job.copy or now.deleted:
        return  # it was moved or deleted meanwhile
    if why == "differs":
        found.differs[job.job_id] = "the store lists another size or hash"
        return
    spare = [str(g.locator) for g in job.garbage if place(g.locator) != place(job.copy)]
    note = f"there may be {spare[-1]}" if spare else ""
    found.reports.append(Report("missing", job.job_id, str(job.copy), note=note, page=True))


def _as_recorded(job: Job, why: str) -> bool:
    assert job.copy is not None
    try:
        return storage.head(job.copy).size == job.size or why == "missing"
    except NotThere:
        return False
