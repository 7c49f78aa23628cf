"""PutObject, CopyObject, DeleteObject, DeleteObjects, and what all writes share.

Source: Amazon S3 API reference, the operations of these names.
"""

from dataclasses import replace
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response

from deploy.local import ACCOUNT
from deploy.local import s3_objects as objects
from deploy.local.s3_body import MAX_OBJECT, chunks, new_file
from deploy.local.s3_call import Call, empty_response, receive_file, xml_response
from deploy.local.s3_conditions import check_copy_source, check_match, check_write
from deploy.local.s3_digests import Checksum, Declared, Digests, known_algorithm
from deploy.local.s3_errors import S3Error
from deploy.local.s3_events import iso, tell
from deploy.local.s3_headers import META
from deploy.local.s3_objects import Object, Traits
from deploy.local.s3_restore import check_class, check_readable
from deploy.local.s3_xml import document, malformed, parse, text

KEPT = (
    "Content-Type",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Cache-Control",
    "Expires",
)
"""Headers that S3 keeps with an object and gives back."""
MAX_META = 2048
"""Bytes of all metadata together (user guide, "Working with object metadata")."""
MAX_KEY = 1024
"""Bytes of a key (user guide, "Naming objects")."""
MAX_DELETES = 1000


def put_object(call: Call) -> Response:
    """Answer PutObject, or CopyObject if the request names a source."""
    if call.headers.get("x-amz-copy-source", ""):
        return _copy_object(call)
    check_key(call.key)
    traits = read_traits(call.headers)
    path = call.site.disk.body()
    digests = receive_file(call, path=path)
    new = store(call, path, digests, traits, event="ObjectCreated:Put")
    return empty_response(headers=written(new))


def store(call: Call, path: Path, digests: Digests, traits: Traits, *, event: str) -> Object:
    """Make a received file the call's object, if the call's conditions hold, and tell of it."""
    new = Object(
        bucket=call.bucket,
        key=call.key,
        body=path.name,
        size=digests.size,
        etag=digests.md5,
        modified=call.site.clock.now(),
        traits=replace(traits, checksum=digests.checksum()),
    )
    commit(call, new, event=event)
    return new


def commit(call: Call, new: Object, *, event: str) -> None:
    """Put an object whose body lies ready; the body goes again if the call's conditions fail."""
    try:
        objects.put(
            call.site.disk,
            new,
            check=lambda etag: check_write(call.headers, etag=etag),
        )
    except BaseException:
        call.site.disk.find(new.body).unlink(missing_ok=True)
        raise
    tell(call.site, event, new)


def written(new: Object) -> dict[str, str]:
    """Return the headers that answer a write."""
    headers = {"ETag": f'"{new.etag}"', "x-amz-server-side-encryption": "AES256"}
    return headers | (new.traits.checksum.headers() if new.traits.checksum else {})


def read_traits(headers: Headers) -> Traits:
    """Read what a request's headers, or a form's fields, say about the object.

    Raises S3Error InvalidStorageClass, MetadataTooLarge.
    """
    kept = {name: value for name in KEPT if (value := headers.get(name))}
    coding = [c.strip() for c in kept.pop("Content-Encoding", "").split(",")]
    coding = [each for each in coding if each not in ("", "aws-chunked")]
    if coding:
        kept["Content-Encoding"] = ", ".join(coding)
    metadata = {
        name.lower().removeprefix(META): value
        for name, value in headers
        if name.lower().startswith(META)
    }
    if sum(len((name + value).encode()) for name, value in metadata.items()) > MAX_META:
        raise S3Error("MetadataTooLarge", "Your metadata headers exceed the maximum allowed size")
    return Traits(
        headers={"Content-Type": "binary/octet-stream"} | kept,
        metadata=metadata,
        storage_class=check_class(headers.get("x-amz-storage-class", "")),
    )


def check_key(key: str) -> None:
    """Raise S3Error KeyTooLongError."""
    if len(key.encode()) > MAX_KEY:
        raise S3Error("KeyTooLongError", "Your key is too long", MaxSizeAllowed=MAX_KEY)


def open_source(call: Call) -> tuple[Object, BinaryIO]:
    """Open the object that a copy names as its source, if its conditions hold.

    Raises S3Error NoSuchBucket, NoSuchKey, InvalidObjectState, PreconditionFailed, InvalidArgument.
    """
    bucket, key = _source(call)
    owner = call.headers.get("x-amz-source-expected-bucket-owner", ACCOUNT)
    if owner != ACCOUNT:
        raise S3Error("AccessDenied", "Access Denied: the source belongs to another account.")
    objects.check_bucket(call.site.disk, bucket)
    found, file = objects.opened(call.site.disk, bucket, key)
    try:
        check_readable(call.site, found)
        check_copy_source(call.headers, etag=found.etag, modified=found.modified)
    except BaseException:
        file.close()
        raise
    return found, file


def copy_range(
    call: Call, file: BinaryIO, *, start: int, stop: int, algorithm: str
) -> tuple[Path, Digests]:
    """Copy bytes [start, stop) of an open file into a new body, and digest them on the way."""
    path = call.site.disk.body()
    digests = Digests(Declared(algorithm=algorithm))
    with new_file(path) as copy:
        file.seek(start)
        for piece in chunks(file, length=stop - start):
            digests.update(piece)
            copy.write(piece)
    return path, digests


def delete_object(call: Call) -> Response:
    """Answer DeleteObject: 204 whether or not there was an object, unless If-Match says more."""
    _delete(call, call.key, call.headers.get("If-Match"))
    return empty_response(204)


def delete_objects(call: Call) -> Response:
    """Answer DeleteObjects: each key is judged and reported on its own."""
    root = parse(call.document(), root="Delete")
    keys = root.findall("Object")
    if not 1 <= len(keys) <= MAX_DELETES:
        raise malformed(f"there must be from 1 to {MAX_DELETES} objects")
    results: list[tuple[str, object]] = []
    for node in keys:
        key, etag = node.findtext("Key") or "", text(node, "ETag")
        if any(each.tag not in ("Key", "ETag") for each in node):
            results.append(_failure(key, "NotImplemented", "Only Key and ETag are implemented."))
            continue
        try:
            _delete(call, key, etag or None)
        except S3Error as error:
            results.append(_failure(key, error.code, error.message))
        else:
            results.append(("Deleted", {"Key": key}))
    if text(root, "Quiet") == "true":
        results = [each for each in results if each[0] == "Error"]
    return xml_response(document("DeleteResult", results))


def _failure(key: str, code: str, message: str) -> tuple[str, object]:
    return "Error", {"Key": key, "Code": code, "Message": message}


def _delete(call: Call, key: str, match: str | None) -> None:
    def check(etag: str | None) -> None:
        if match is not None:
            check_match(match, etag=etag)

    gone = objects.delete(call.site.disk, call.bucket, key, check=check)
    if gone:
        tell(call.site, "ObjectRemoved:Delete", gone)


def _copy_object(call: Call) -> Response:
    check_key(call.key)
    found, file = open_source(call)
    with file:
        if found.size > MAX_OBJECT:
            raise S3Error("InvalidRequest", "The specified copy source is larger than 5 GiB")
        traits = _copied_traits(call, found)
        algorithm = known_algorithm(call.headers.get("x-amz-checksum-algorithm", ""))
        path, digests = copy_range(
            call,
            file,
            start=0,
            stop=found.size,
            algorithm=algorithm or _algorithm(found.traits.checksum),
        )
    new = store(call, path, digests, traits, event="ObjectCreated:Copy")
    fields = [("ETag", f'"{new.etag}"'), ("LastModified", iso(new.modified))]
    if new.traits.checksum:
        fields += new.traits.checksum.fields()
    return xml_response(document("CopyObjectResult", fields))


def _algorithm(checksum: Checksum | None) -> str:
    return checksum.algorithm if checksum else ""


def _copied_traits(call: Call, found: Object) -> Traits:
    """The storage class is the request's own; the rest is the source's unless it is replaced."""
    asked = read_traits(call.headers)
    directive = call.headers.get("x-amz-metadata-directive", "COPY")
    if directive not in ("COPY", "REPLACE"):
        raise S3Error("InvalidArgument", "Unknown metadata directive.")
    if directive == "REPLACE":
        return asked
    same = (found.bucket, found.key) == (call.bucket, call.key)
    if same and not call.headers.get("x-amz-storage-class", ""):
        raise S3Error(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without "
            "changing the object's metadata, storage class, website redirect location or "
            "encryption attributes.",
        )
    return replace(found.traits, storage_class=asked.storage_class, parts=(), tier="")


def _source(call: Call) -> tuple[str, str]:
    source, _, version = call.headers.get("x-amz-copy-source", "").partition("?")
    bucket, _, key = unquote(source).removeprefix("/").partition("/")
    if not bucket or not key or version:
        raise S3Error(
            "InvalidArgument",
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
        )
    return bucket, key
