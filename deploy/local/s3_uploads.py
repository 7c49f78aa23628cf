"""Multipart uploads at rest: a row each, a row and a file for each part. A restart loses none."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from deploy.local.disk import Disk
from deploy.local.s3_digests import Checksum
from deploy.local.s3_errors import S3Error
from deploy.local.s3_objects import LAST, Traits, dump, load

SCHEMA = """
CREATE TABLE IF NOT EXISTS s3_uploads (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, traits TEXT NOT NULL,
    algorithm TEXT NOT NULL, kind TEXT NOT NULL, created REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS s3_parts (
    upload TEXT NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL, size INTEGER NOT NULL,
    etag TEXT NOT NULL, checksum TEXT NOT NULL, algorithm TEXT NOT NULL, modified REAL NOT NULL,
    PRIMARY KEY (upload, number)
);
"""


@dataclass(frozen=True)
class Upload:
    """An open upload; `algorithm` and `kind` are those of the checksum its object will have."""

    id: str
    bucket: str
    key: str
    traits: Traits
    algorithm: str
    kind: str
    created: float


@dataclass(frozen=True)
class Part:
    """One part as it lies there; `body` names its file."""

    number: int
    body: str
    size: int
    etag: str
    checksum: Checksum | None
    modified: float


def begin(disk: Disk, new: Upload) -> None:
    """Record a new upload."""
    disk.run(
        "INSERT INTO s3_uploads VALUES (?, ?, ?, ?, ?, ?, ?)",
        (new.id, new.bucket, new.key, dump(new.traits), new.algorithm, new.kind, new.created),
    )


def new_id() -> str:
    """Return the id of an upload to be."""
    return secrets.token_urlsafe(48)


def get(disk: Disk, upload: str, *, bucket: str, key: str) -> Upload:
    """Return an open upload of a key. Raises S3Error NoSuchUpload."""
    rows = disk.rows(
        "SELECT * FROM s3_uploads WHERE id = ? AND bucket = ? AND key = ?", (upload, bucket, key)
    )
    if not rows:
        raise S3Error(
            "NoSuchUpload",
            "The specified upload does not exist. The upload ID may be invalid, or the upload may "
            "have been aborted or completed.",
            UploadId=upload,
        )
    return _upload(rows[0])


def page(
    disk: Disk, bucket: str, *, prefix: str, after: tuple[str, str], limit: int
) -> list[Upload]:
    """Return the open uploads after a (key, id), in that order, whose keys begin with a prefix."""
    rows = disk.rows(
        "SELECT * FROM s3_uploads WHERE bucket = ? AND (key, id) > (?, ?)"
        " AND key >= ? AND key < ? ORDER BY key, id LIMIT ?",
        (bucket, *after, prefix, prefix + LAST, limit),
    )
    return [_upload(row) for row in rows]


def put_part(disk: Disk, upload: Upload, new: Part) -> None:
    """Record a part in place of one with its number. Raises S3Error NoSuchUpload."""
    with disk.transaction():
        get(disk, upload.id, bucket=upload.bucket, key=upload.key)
        old = [part.body for part in parts(disk, upload.id) if part.number == new.number]
        checksum = new.checksum
        disk.run(
            "INSERT OR REPLACE INTO s3_parts VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (upload.id, new.number, new.body, new.size, new.etag)
            + ((checksum.value, checksum.algorithm) if checksum else ("", ""))
            + (new.modified,),
        )
    _unlink(disk, old)


def parts(disk: Disk, upload: str) -> list[Part]:
    """Return an upload's parts by number."""
    rows = disk.rows(
        "SELECT number, body, size, etag, checksum, algorithm, modified FROM s3_parts"
        " WHERE upload = ? ORDER BY number",
        (upload,),
    )
    return [
        Part(number, body, size, etag, Checksum(algorithm, value) if value else None, modified)
        for number, body, size, etag, value, algorithm, modified in rows
    ]


def close(disk: Disk, upload: Upload) -> list[str]:
    """Forget an upload and its parts; return the parts' bodies, to be unlinked after the commit.

    Raises S3Error NoSuchUpload.
    """
    with disk.transaction():
        get(disk, upload.id, bucket=upload.bucket, key=upload.key)
        bodies = [part.body for part in parts(disk, upload.id)]
        disk.run("DELETE FROM s3_parts WHERE upload = ?", (upload.id,))
        disk.run("DELETE FROM s3_uploads WHERE id = ?", (upload.id,))
    return bodies


def close_all(disk: Disk, bucket: str) -> list[str]:
    """Do as `close` does with every upload of a bucket."""
    with disk.transaction():
        rows = disk.rows("SELECT * FROM s3_uploads WHERE bucket = ?", (bucket,))
        return [body for row in rows for body in close(disk, _upload(row))]


def abort(disk: Disk, upload: Upload) -> None:
    """Remove an upload with its parts. Raises S3Error NoSuchUpload."""
    _unlink(disk, close(disk, upload))


def _unlink(disk: Disk, bodies: Sequence[str]) -> None:
    for name in bodies:
        disk.find(name).unlink(missing_ok=True)


def _upload(row: tuple[Any, ...]) -> Upload:
    found = Upload(*row)
    return replace(found, traits=load(row[3]))
