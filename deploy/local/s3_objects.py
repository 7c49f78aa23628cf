"""What the local S3 holds: buckets and objects, a row each, and a file for each object's bytes.

A body's file never changes once its row exists: a new object takes a new file, and readers that
have the old one open keep it. Rows change inside a transaction; files go after it.
"""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, BinaryIO

from deploy.local.clock import Clock
from deploy.local.disk import Disk
from deploy.local.s3_conditions import no_such_key
from deploy.local.s3_digests import Checksum
from deploy.local.s3_errors import S3Error
from deploy.local.s3_xml import document

SCHEMA = """
CREATE TABLE IF NOT EXISTS s3_buckets (name TEXT PRIMARY KEY, created REAL NOT NULL);
CREATE TABLE IF NOT EXISTS s3_configs (
    bucket TEXT NOT NULL, kind TEXT NOT NULL, document BLOB NOT NULL, PRIMARY KEY (bucket, kind)
);
CREATE TABLE IF NOT EXISTS s3_objects (
    bucket TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, size INTEGER NOT NULL,
    etag TEXT NOT NULL, modified REAL NOT NULL, traits TEXT NOT NULL,
    restore_due REAL, restore_until REAL, restore_told INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (bucket, key)
);
CREATE INDEX IF NOT EXISTS s3_restores ON s3_objects (restore_due) WHERE restore_due IS NOT NULL;
"""

LAST = "\U0010ffff"
"""The last of all characters, and no key holds it: it bounds the keys that begin alike."""

DEFAULTS = {
    "publicAccessBlock": document(
        "PublicAccessBlockConfiguration",
        [
            (name, True)
            for name in (
                "BlockPublicAcls",
                "IgnorePublicAcls",
                "BlockPublicPolicy",
                "RestrictPublicBuckets",
            )
        ],
    ),
    "ownershipControls": document(
        "OwnershipControls", [("Rule", {"ObjectOwnership": "BucketOwnerEnforced"})]
    ),
    "encryption": document(
        "ServerSideEncryptionConfiguration",
        [("Rule", {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}})],
    ),
    "notification": document("NotificationConfiguration", []),
    "versioning": document("VersioningConfiguration", []),
}
"""What a new bucket is configured as (Amazon S3 user guide, "Default settings for new buckets")."""

_COLUMNS = "bucket, key, body, size, etag, modified, traits, restore_due, restore_until"


@dataclass(frozen=True)
class Traits:
    """What a writer says about an object and S3 gives back; kept as JSON.

    headers: Content-Type and its like. parts: the sizes of a multipart object's parts.
    tier: that of the restore under way or done, if there is one.
    """

    headers: dict[str, str]
    metadata: dict[str, str]
    storage_class: str = "STANDARD"
    checksum: Checksum | None = None
    parts: tuple[int, ...] = ()
    tier: str = ""


@dataclass(frozen=True)
class Object:
    """One object. `restore_due` and `restore_until` bound the life of a cold one's warm copy."""

    bucket: str
    key: str
    body: str
    size: int
    etag: str
    modified: float
    traits: Traits
    restore_due: float | None = None
    restore_until: float | None = None


def dump(traits: Traits) -> str:
    """Write traits as JSON."""
    return json.dumps(asdict(traits))


def load(text: str) -> Traits:
    """Read traits that `dump` wrote."""
    fields: dict[str, Any] = json.loads(text)
    checksum = fields.pop("checksum")
    parts = tuple(fields.pop("parts"))
    return Traits(**fields, checksum=Checksum(**checksum) if checksum else None, parts=parts)


def create_bucket(disk: Disk, clock: Clock, name: str) -> None:
    """Make a bucket, or find it made. Raises S3Error InvalidBucketName.

    In us-east-1 making one's own bucket again succeeds and changes nothing (Amazon S3 API
    reference, CreateBucket).
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", name) or ".." in name:
        raise S3Error("InvalidBucketName", "The specified bucket is not valid.", BucketName=name)
    with disk.transaction():
        if disk.run("INSERT OR IGNORE INTO s3_buckets VALUES (?, ?)", (name, clock.now())):
            for kind, default in DEFAULTS.items():
                set_config(disk, name, kind, default)


def config(disk: Disk, bucket: str, kind: str) -> bytes | None:
    """Return one of a bucket's configurations as it was put, or None."""
    rows = disk.rows(
        "SELECT document FROM s3_configs WHERE (bucket, kind) = (?, ?)", (bucket, kind)
    )
    return rows[0][0] if rows else None


def set_config(disk: Disk, bucket: str, kind: str, content: bytes) -> None:
    """Put one of a bucket's configurations."""
    disk.run("INSERT OR REPLACE INTO s3_configs VALUES (?, ?, ?)", (bucket, kind, content))


def drop_config(disk: Disk, bucket: str, kind: str) -> None:
    """Remove one of a bucket's configurations; AES256 encryption cannot be taken away."""
    if kind == "encryption":
        set_config(disk, bucket, kind, DEFAULTS[kind])
    else:
        disk.run("DELETE FROM s3_configs WHERE (bucket, kind) = (?, ?)", (bucket, kind))


def buckets(disk: Disk) -> list[tuple[str, float]]:
    """Return every bucket's name and date."""
    rows = disk.rows("SELECT name, created FROM s3_buckets ORDER BY name")
    return [(name, created) for name, created in rows]


def check_bucket(disk: Disk, name: str) -> None:
    """Raise S3Error NoSuchBucket unless the bucket exists."""
    if not disk.rows("SELECT 1 FROM s3_buckets WHERE name = ?", (name,)):
        raise S3Error("NoSuchBucket", "The specified bucket does not exist", BucketName=name)


def delete_bucket(disk: Disk, name: str) -> None:
    """Remove an empty bucket and its configurations. Raises S3Error BucketNotEmpty."""
    with disk.transaction():
        if page(disk, name, prefix="", after="", limit=1):
            raise S3Error("BucketNotEmpty", "The bucket you tried to delete is not empty")
        disk.run("DELETE FROM s3_configs WHERE bucket = ?", (name,))
        disk.run("DELETE FROM s3_buckets WHERE name = ?", (name,))


def find(disk: Disk, bucket: str, key: str) -> Object | None:
    """Return an object, or None."""
    rows = disk.rows(
        f"SELECT {_COLUMNS} FROM s3_objects WHERE bucket = ? AND key = ?",  # noqa: S608
        (bucket, key),
    )
    return _object(rows[0]) if rows else None


def get(disk: Disk, bucket: str, key: str) -> Object:
    """Return an object. Raises S3Error NoSuchKey."""
    found = find(disk, bucket, key)
    if found is None:
        raise no_such_key()
    return found


def page(disk: Disk, bucket: str, *, prefix: str, after: str, limit: int) -> list[Object]:
    """Return the next objects whose keys begin with a prefix, in the order of the keys' UTF-8."""
    rows = disk.rows(
        f"SELECT {_COLUMNS} FROM s3_objects WHERE bucket = ? AND key > ?"  # noqa: S608
        " AND key >= ? AND key < ? ORDER BY key LIMIT ?",
        (bucket, after, prefix, prefix + LAST, limit),
    )
    return [_object(row) for row in rows]


def opened(disk: Disk, bucket: str, key: str) -> tuple[Object, BinaryIO]:
    """Return an object with its body open: safe from then on, whoever overwrites or deletes it.

    Raises S3Error NoSuchKey.
    """
    with disk.transaction():
        found = get(disk, bucket, key)
        return found, disk.find(found.body).open("rb")


def put(disk: Disk, new: Object, *, check: Callable[[str | None], object]) -> None:
    """Let a new object take its key's place, if `check` of the old one's ETag does not object."""
    old = put_row(disk, new, check=check)
    if old:
        disk.find(old.body).unlink(missing_ok=True)


def put_row(disk: Disk, new: Object, *, check: Callable[[str | None], object]) -> Object | None:
    """Do as `put` does, but leave the old body to the caller, who unlinks it after the commit."""
    with disk.transaction():
        old = find(disk, new.bucket, new.key)
        check(old.etag if old else None)
        disk.run(
            "INSERT OR REPLACE INTO s3_objects (bucket, key, body, size, etag, modified, traits)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (new.bucket, new.key, new.body, new.size, new.etag, new.modified, dump(new.traits)),
        )
    return old


def delete(
    disk: Disk, bucket: str, key: str, *, check: Callable[[str | None], object]
) -> Object | None:
    """Remove an object, if `check` of its ETag does not object; return what was there."""
    with disk.transaction():
        old = find(disk, bucket, key)
        check(old.etag if old else None)
        disk.run("DELETE FROM s3_objects WHERE bucket = ? AND key = ?", (bucket, key))
    if old:
        disk.find(old.body).unlink(missing_ok=True)
    return old


def set_restore(disk: Disk, changed: Object, *, told: bool | None) -> None:
    """Record an object's restore, unless the object is another one by now.

    told: whether its end has been told of; None leaves that as it is.
    """
    state = (dump(changed.traits), changed.restore_due, changed.restore_until, told)
    disk.run(
        "UPDATE s3_objects SET traits = ?, restore_due = ?, restore_until = ?,"
        " restore_told = coalesce(?, restore_told) WHERE bucket = ? AND key = ? AND body = ?",
        (*state, changed.bucket, changed.key, changed.body),
    )


def find_restores(disk: Disk, *, told: bool, by: float) -> list[Object]:
    """Return the objects whose restore is done by a time, or, of those told, whose copy is gone."""
    when = "restore_until" if told else "restore_due"
    rows = disk.rows(
        f"SELECT {_COLUMNS} FROM s3_objects"  # noqa: S608
        f" WHERE restore_due IS NOT NULL AND restore_told = ? AND {when} <= ?",
        (told, by),
    )
    return [_object(row) for row in rows]


def _object(row: tuple[Any, ...]) -> Object:
    found = Object(*row)
    return replace(found, traits=load(row[6]))
