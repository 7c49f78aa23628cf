"""Conditional requests and byte ranges, as pure decisions over an object's ETag, date and size.

Sources: Amazon S3 API reference, GetObject, PutObject, CopyObject; Amazon S3 user guide,
"Conditional requests"; RFC 9110.
"""

import re
from email.utils import parsedate_to_datetime

from werkzeug.datastructures import Headers

from deploy.local.s3_errors import NotModified, S3Error, not_implemented

COPY = "x-amz-copy-source-"
"""What the conditions on the source of a copy begin with; they never answer 304."""


def check_read(headers: Headers, *, etag: str, modified: float) -> None:
    """Hold a read's conditions against an object. Raises PreconditionFailed or NotModified."""
    failed = _failed_for_read(headers, "", etag=etag, modified=modified)
    if failed in ("If-None-Match", "If-Modified-Since"):
        raise NotModified(etag)
    if failed:
        raise precondition_failed(failed)


def check_copy_source(headers: Headers, *, etag: str, modified: float) -> None:
    """Hold a copy's conditions against its source. Raises PreconditionFailed."""
    failed = _failed_for_read(headers, COPY, etag=etag, modified=modified)
    if failed:
        raise precondition_failed(COPY + failed)


def check_write(headers: Headers, *, etag: str | None) -> None:
    """Hold a write's conditions against what the key holds now; None is nothing.

    Raises PreconditionFailed, or NoSuchKey for If-Match where nothing is.
    """
    if "If-Match" in headers:
        check_match(headers["If-Match"], etag=etag)
    wanted = headers.get("If-None-Match")
    if wanted is not None and wanted.strip() != "*":
        raise not_implemented("If-None-Match other than * for writing")
    if wanted is not None and etag is not None:
        raise precondition_failed("If-None-Match")


def check_match(wanted: str, *, etag: str | None) -> None:
    """Hold If-Match of a write or a deletion against what the key holds now; None is nothing.

    Raises PreconditionFailed, or NoSuchKey where nothing is: S3 answers so to deletions, too.
    """
    if etag is None:
        raise no_such_key()
    if not _matches(wanted, etag):
        raise precondition_failed("If-Match")


def no_such_key() -> S3Error:
    """Return the refusal of a key that holds nothing."""
    return S3Error("NoSuchKey", "The specified key does not exist.")


def precondition_failed(condition: str) -> S3Error:
    """Return the refusal of a request whose condition does not hold."""
    return S3Error(
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
        Condition=condition,
    )


def byte_range(header: str, *, size: int) -> tuple[int, int] | None:
    """Return the range [start, stop) that a Range header asks for; None is the whole object.

    A header that S3 does not understand, such as one of several ranges, asks for the whole.
    Raises InvalidRange when no byte of it exists.
    """
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", header.strip())
    if not found or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if first and last and int(last) < int(first):
        return None
    if first:
        start, stop = int(first), min(int(last) + 1, size) if last else size
    else:
        start, stop = max(size - int(last), 0), size
    if start >= stop:
        raise invalid_range(header, size=size)
    return start, stop


def invalid_range(asked: str, *, size: int) -> S3Error:
    """Return the refusal of a range that holds no byte of the object."""
    error = S3Error(
        "InvalidRange",
        "The requested range is not satisfiable",
        RangeRequested=asked,
        ActualObjectSize=size,
    )
    error.headers["Content-Range"] = f"bytes */{size}"
    return error


def _failed_for_read(headers: Headers, prefix: str, *, etag: str, modified: float) -> str | None:
    """An ETag outranks a date, and If-Match comes before If-None-Match (RFC 9110, 13.2.2)."""
    match, none_match = headers.get(f"{prefix}If-Match"), headers.get(f"{prefix}If-None-Match")
    if match is not None and not _matches(match, etag):
        return "If-Match"
    unmodified = _since(headers.get(f"{prefix}If-Unmodified-Since"))
    if match is None and unmodified is not None and int(modified) > unmodified:
        return "If-Unmodified-Since"
    if none_match is not None:
        return "If-None-Match" if _matches(none_match, etag) else None
    since = _since(headers.get(f"{prefix}If-Modified-Since"))
    return "If-Modified-Since" if since is not None and int(modified) <= since else None


def _matches(wanted: str, etag: str) -> bool:
    tags = (tag.strip().removeprefix("W/").strip('"') for tag in wanted.split(","))
    return any(tag in ("*", etag) for tag in tags)


def _since(date: str | None) -> float | None:
    """A date that cannot be read is no condition (RFC 9110, 13.1.3)."""
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None
