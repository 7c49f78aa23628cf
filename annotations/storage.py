"""S3: keys, links, side files, and the verbs of the hot store.

Keys hold ids and random parts only, and none is used twice; what a name means is in the job.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

from annotations.locators import Locator, Store
from gas_project import aws, clock
from gas_project.items import code_of

RESULT = "annotated.vcf.gz"
INDEX = "annotated.vcf.gz.csi"
TABLE = "variants.parquet"
SUMMARY = "summary.json"
PREVIEW = "preview.json"
LOG = "log.txt"
MANIFEST = "manifest.json"
GONE_CODES = frozenset({"404", "NoSuchKey", "NoSuchUpload", "NotFound", "InvalidObjectState"})
CHANGED_CODES = frozenset(
    {"412", "PreconditionFailed", "BadDigest", "InvalidPart", "InvalidPartOrder"}
)
ABORTS = 3
"""An abort with parts in flight may leave some: it is repeated until no part is listed."""
READ_TRIES = 3
"""How often a stream that breaks is taken up again before it counts as broken for good."""
CHUNK = 1024 * 1024


class NotThere(Exception):
    """The object, the upload, the archive or the retrieval is not there, or can't be read."""


class Changed(Exception):
    """The bytes are not those that were confirmed, or sent: another ETag or checksum."""


class TooLate(Exception):
    """The time in which a request might be signed is over."""


@dataclass(frozen=True, slots=True)
class Head:
    """What S3 says of an object: bytes and ETag."""

    size: int
    etag: str


# --- names -----------------------------------------------------------------------------------


def new_input(job_id: str) -> Locator:
    """Return a fresh key for an upload."""
    return Locator(Store.HOT, aws.bucket("uploads"), f"u/{job_id}/{uuid.uuid4().hex}")


def new_attempt(job_id: str) -> Locator:
    """Return a fresh prefix for one annotator's outputs."""
    return Locator(Store.HOT, aws.bucket("results"), f"r/{job_id}/{uuid.uuid4().hex}/")


def inside(prefix: Locator, name: str) -> Locator:
    """Return the locator of a file below an attempt's prefix."""
    return Locator(prefix.store, prefix.bucket, prefix.name + name)


def _of(locator: Locator) -> dict[str, str]:
    return {"Bucket": locator.bucket, "Key": locator.name}


# --- one object ------------------------------------------------------------------------------


def _asked(error: ClientError) -> Exception:
    """Return our word for an S3 error, or the error itself."""
    code = code_of(error)
    if code in GONE_CODES:
        return NotThere()
    if code in CHANGED_CODES:
        return Changed()
    return error


def head(locator: Locator) -> Head:
    """Return an object's size and ETag. Raises NotThere."""
    try:
        found = aws.s3().head_object(Bucket=locator.bucket, Key=locator.name)
    except ClientError as error:
        raise _asked(error) from error
    return Head(found["ContentLength"], found["ETag"])


def stream(
    locator: Locator, *, etag: str | None = None, start: int = 0, chunk: int = CHUNK
) -> Iterator[bytes]:
    """Yield an object's bytes from `start` on, in chunks of at most `chunk` bytes.

    Raises NotThere or Changed.
    """
    asked = {"IfMatch": etag} if etag else {}
    if start:
        asked["Range"] = f"bytes={start}-"
    try:
        body = aws.s3().get_object(Bucket=locator.bucket, Key=locator.name, **asked)["Body"]  # type: ignore[arg-type]
    except ClientError as error:
        raise _asked(error) from error
    yield from body.iter_chunks(chunk)


_sign_until: ContextVar[int | None] = ContextVar("sign_until", default=None)


def _in_time(**_: Any) -> None:
    until = _sign_until.get()
    if until is not None and clock.now() > until:
        raise TooLate


@contextmanager
def _signing(until: int | None) -> Iterator[Any]:
    """Yield a client that signs no put and no copy later than `until` (epoch s), repeat or not.

    S3 refuses a signature that is older than 15 minutes, so a request that sleeps on its way cannot
    land long after that either.
    """
    client = aws.s3()
    for operation in ("PutObject", "CopyObject"):
        name = f"before-sign.s3.{operation}"
        client.meta.events.register(name, _in_time, unique_id=f"gas-in-time-{operation}")
    token = _sign_until.set(until)
    try:
        yield client
    finally:
        _sign_until.reset(token)


def put(locator: Locator, body: bytes | IO[bytes], *, until: int | None = None) -> None:
    """Put an object in one request, at most 5 GB, signed by `until` (epoch s). Raises TooLate."""
    with _signing(until) as client:
        client.put_object(Bucket=locator.bucket, Key=locator.name, Body=body)


def copy(source: Locator, target: Locator, *, etag: str, until: int) -> None:
    """Copy an object inside S3, at most 5 GB, signed by `until` (epoch s).

    Raises NotThere, Changed or TooLate.
    """
    from_ = {"Bucket": source.bucket, "Key": source.name}
    try:
        with _signing(until) as client:
            client.copy_object(
                Bucket=target.bucket, Key=target.name, CopySource=from_, CopySourceIfMatch=etag
            )
    except ClientError as error:
        raise _asked(error) from error


@lru_cache(maxsize=256)
def side_file(prefix: Locator, name: str) -> bytes:
    """Return a small file of an attempt. A name never means other bytes later, so it is cached.

    Raises NotThere.
    """
    return b"".join(stream(inside(prefix, name)))


# --- browsers --------------------------------------------------------------------------------


def post(locator: Locator, *, most: int, life: int, redirect: str | None) -> dict[str, Any]:
    """Return {"url", "fields"} with which a browser may post one file of 1 to `most` bytes.

    `life` in seconds; with `redirect`, S3 sends the browser there afterwards.
    """
    fields: dict[str, str] = {"success_action_redirect": redirect} if redirect else {}
    conditions: list[Any] = [
        ["content-length-range", 1, most],
        *({k: v} for k, v in fields.items()),
    ]
    return dict(
        aws.s3().generate_presigned_post(
            **_of(locator),
            Fields=fields,
            Conditions=conditions,
            ExpiresIn=life,
        )
    )


def link(locator: Locator, *, filename: str, life: int) -> str:
    """Return a link to download an object as `filename`, for `life` seconds."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in filename)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename)}"
    params = {
        **_of(locator),
        "ResponseContentDisposition": disposition,
        "ResponseContentType": "application/octet-stream",
    }
    return aws.s3().generate_presigned_url("get_object", Params=params, ExpiresIn=life)


def fetch(
    locator: Locator,
    path: Path,
    *,
    etag: str | None = None,
    look_up: Callable[[], None] = lambda: None,
) -> None:
    """Write an object to a local file; `look_up` is called before each MiB, and may raise.

    Raises NotThere or Changed.
    """
    with path.open("wb") as file:
        for chunk in stream(locator, etag=etag):
            look_up()
            file.write(chunk)


# --- the hot store's verbs, as archival.stores describes them --------------------------------


def open(*, job_id: str, size: int) -> Locator:
    """Begin a multipart upload of `size` bytes at a fresh key."""
    key = f"t/{job_id}/{uuid.uuid4().hex}"
    return begin(Locator(Store.HOT, aws.bucket("results"), key))


def begin(locator: Locator, **options: Any) -> Locator:
    """Begin a multipart upload at a key; `options` may name the storage class.

    The checksum is named here, since S3 refuses parts and completions that carry another one (S3
    API reference, CreateMultipartUpload).
    """
    found = aws.s3().create_multipart_upload(
        **_of(locator),  # type: ignore[arg-type]
        ChecksumAlgorithm="CRC32",
        **options,
    )
    return Locator(locator.store, locator.bucket, locator.name, found["UploadId"])


def held(*, upload: Locator) -> dict[int, str]:
    """Return the tags of the parts that an open upload has, by number. Raises NotThere."""
    asked: Any = _of(upload) | {"UploadId": upload.upload or ""}
    pages = aws.s3().get_paginator("list_parts").paginate(**asked)
    try:
        return {p["PartNumber"]: _tag(p) for page in pages for p in page.get("Parts", [])}
    except ClientError as error:
        raise _asked(error) from error


def write(*, upload: Locator, number: int, offset: int, data: bytes, held: str = "") -> str:
    """Send part `number` (from 1), return its ETag and CRC32.

    A part whose ETag in `held` is the MD5 of `data` is there already; of an object encrypted by KMS
    the ETag is none (S3 API reference, Object), and the part is sent again. Raises NotThere when
    the upload is gone, Changed when other bytes arrived.
    """
    if held and held.startswith(f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'):
        return held
    try:
        sent = aws.s3().upload_part(
            **_of(upload),  # type: ignore[arg-type]
            UploadId=upload.upload or "",
            PartNumber=number,
            Body=data,
            ChecksumAlgorithm="CRC32",
        )
    except ClientError as error:
        raise _asked(error) from error
    return _tag(sent)


def _tag(part: Any) -> str:
    return f"{part['ETag']} {part.get('ChecksumCRC32', '')}"


def _part(number: int, tag: str) -> dict[str, Any]:
    etag, _, crc = tag.partition(" ")
    return {"PartNumber": number, "ETag": etag} | ({"ChecksumCRC32": crc} if crc else {})


def finish(*, upload: Locator, size: int, tags: list[str]) -> Locator:
    """Complete the upload, or find that it was completed before. Raises NotThere or Changed."""
    parts = [_part(number, tag) for number, tag in enumerate(tags, 1)]
    try:
        aws.s3().complete_multipart_upload(
            **_of(upload),  # type: ignore[arg-type]
            UploadId=upload.upload or "",
            MultipartUpload={"Parts": parts},  # type: ignore[typeddict-item]
        )
    except ClientError as error:
        gone = _asked(error)
        if not isinstance(gone, NotThere):
            raise gone from error
        if head(upload).size != size:  # completed before, and the reply lost: then it is there
            raise gone from error
    return upload.finished()


def read(*, copy: Locator, retrieval: str | None, size: int, part: int) -> Iterator[bytes]:
    """Yield the object in exact parts of `part` bytes, the last one shorter. Raises NotThere.

    It is read in pieces of a part, which pass as they are: they are joined only after a break.
    """
    held: list[bytes] = []
    missing = part
    for piece in _whole(copy, part):
        rest = piece
        while len(rest) >= missing:
            yield b"".join([*held, rest[:missing]])
            rest, held, missing = rest[missing:], [], part
        if rest:
            held.append(rest)
            missing -= len(rest)
    if held:
        yield b"".join(held)


def _whole(locator: Locator, chunk: int) -> Iterator[bytes]:
    """Yield an object's bytes; a stream that breaks is taken up where it broke."""
    at = 0
    for tries_left in reversed(range(READ_TRIES)):
        try:
            for piece in stream(locator, start=at, chunk=chunk):
                at += len(piece)
                yield piece
            return
        except (HTTPClientError, IncompleteReadError):
            if not tries_left:
                raise


def remove(*, locator: Locator) -> bool:
    """Abort an open upload, then delete what it became; or delete an object, or a whole prefix.

    Always True: S3 can tell what an upload became, since it is the same key.
    """
    if locator.upload:
        _abort(locator)
    if locator.is_prefix:
        _empty(locator)
    else:
        aws.s3().delete_object(Bucket=locator.bucket, Key=locator.name)
    return True


def _abort(locator: Locator) -> None:
    for _ in range(ABORTS):
        try:
            aws.s3().abort_multipart_upload(**_of(locator), UploadId=locator.upload or "")  # type: ignore[arg-type]
        except ClientError as error:
            if not isinstance(_asked(error), NotThere):
                raise
            return


def _empty(prefix: Locator) -> None:
    client = aws.s3()
    where = {"Bucket": prefix.bucket, "Prefix": prefix.name}
    for page in client.get_paginator("list_multipart_uploads").paginate(**where):  # type: ignore[arg-type]
        for found in page.get("Uploads", []):
            _abort(Locator(prefix.store, prefix.bucket, found["Key"], found["UploadId"]))
    for listed in client.get_paginator("list_objects_v2").paginate(**where):  # type: ignore[arg-type]
        for entry in listed.get("Contents", []):
            client.delete_object(Bucket=prefix.bucket, Key=entry["Key"])
