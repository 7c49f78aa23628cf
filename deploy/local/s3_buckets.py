"""Buckets: making, finding, listing and removing them, and listing what is in them.

Source: Amazon S3 API reference, CreateBucket to ListObjectsV2.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from werkzeug.wrappers import Response

from deploy.local import REGION
from deploy.local import s3_objects as objects
from deploy.local import s3_uploads as uploads
from deploy.local.s3_call import Call, empty_response, xml_response
from deploy.local.s3_errors import S3Error, not_implemented
from deploy.local.s3_events import iso
from deploy.local.s3_objects import LAST, Object
from deploy.local.s3_xml import document, parse, text

MAX_KEYS = 1000


def list_buckets(call: Call) -> Response:
    """Answer ListBuckets, all on one page."""
    found = [
        ("Bucket", {"Name": name, "CreationDate": iso(created)})
        for name, created in objects.buckets(call.site.disk)
    ]
    return xml_response(
        document("ListAllMyBucketsResult", [("Owner", {"ID": "local"}), ("Buckets", found)])
    )


def create_bucket(call: Call) -> Response:
    """Answer CreateBucket. There is one region, whose buckets name no location."""
    body = call.document()
    if body:
        root = parse(body, root="CreateBucketConfiguration")
        if any(node.tag != "LocationConstraint" for node in root):
            raise not_implemented("bucket configuration but LocationConstraint")
        if text(root, "LocationConstraint"):
            raise S3Error(
                "IllegalLocationConstraintException", f"There is only {REGION}: name no location."
            )
    objects.create_bucket(call.site.disk, call.site.clock, call.bucket)
    return empty_response(headers={"Location": f"/{call.bucket}"})


def head_bucket(call: Call) -> Response:
    """Answer HeadBucket; that the bucket exists is checked before any handler."""
    return empty_response(headers={"x-amz-bucket-region": REGION})


def get_location(call: Call) -> Response:
    """Answer GetBucketLocation: in us-east-1 it is empty."""
    return xml_response(document("LocationConstraint", []))


def delete_bucket(call: Call) -> Response:
    """Answer DeleteBucket: uploads still open do not keep a bucket, and go with it."""
    disk = call.site.disk
    with disk.transaction():
        objects.delete_bucket(disk, call.bucket)
        left = uploads.close_all(disk, call.bucket)
    for name in left:
        disk.find(name).unlink(missing_ok=True)
    return empty_response(204)


def list_objects(call: Call) -> Response:
    """Answer ListObjectsV2, and the older ListObjects where `list-type` is not given."""
    if call.arg("list-type") not in ("", "2"):
        raise S3Error("InvalidArgument", "Invalid List Type specified in Query")
    return _second(call) if call.arg("list-type") else _first(call)


@dataclass
class Listing:
    """One page of keys: objects and common prefixes together, in order, at most `limit`.

    last: the key or prefix after which the next page begins.
    """

    contents: list[Object] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    last: str = ""
    truncated: bool = False


def read_page(call: Call, *, after: str, limit: int) -> Listing:
    """Read the page after a key or common prefix."""
    found = Listing()
    prefix, delimiter = call.arg("prefix"), call.arg("delimiter")
    while True:
        left = limit - len(found.contents) - len(found.prefixes)
        batch = objects.page(
            call.site.disk,
            call.bucket,
            prefix=prefix,
            after=after,
            limit=1 if delimiter else left + 1,
        )
        for each in batch:
            if left <= 0:
                found.truncated = limit > 0
                return found
            left -= 1
            after = _take(found, each, prefix, delimiter)
        if not batch or not delimiter:
            return found


def _take(found: Listing, each: Object, prefix: str, delimiter: str) -> str:
    """Add an object, or the prefix it shares with others; return where to read on."""
    head, cut, _ = each.key[len(prefix) :].partition(delimiter) if delimiter else (each.key, "", "")
    if not cut:
        found.contents.append(each)
        found.last = each.key
        return each.key
    common = prefix + head + delimiter
    found.prefixes.append(common)
    found.last = common
    return common + LAST


def _second(call: Call) -> Response:
    limit = page_limit(call, "max-keys")
    token = call.arg("continuation-token")
    after = _start(call, _untoken(token) if token else call.arg("start-after"))
    found = read_page(call, after=after, limit=limit)
    code = coder(call)
    return xml_response(
        document(
            "ListBucketResult",
            [
                ("Name", call.bucket),
                ("Prefix", code(call.arg("prefix"))),
                ("Delimiter", code(call.arg("delimiter")) or None),
                ("MaxKeys", limit),
                ("EncodingType", call.arg("encoding-type") or None),
                ("StartAfter", code(call.arg("start-after")) or None),
                ("KeyCount", len(found.contents) + len(found.prefixes)),
                ("IsTruncated", found.truncated),
                ("ContinuationToken", token or None),
                ("NextContinuationToken", _token(found.last) if found.truncated else None),
                *_entries(found, code, owner=call.arg("fetch-owner") == "true"),
            ],
        )
    )


def _first(call: Call) -> Response:
    limit = page_limit(call, "max-keys")
    found = read_page(call, after=_start(call, call.arg("marker")), limit=limit)
    code = coder(call)
    return xml_response(
        document(
            "ListBucketResult",
            [
                ("Name", call.bucket),
                ("Prefix", code(call.arg("prefix"))),
                ("Marker", code(call.arg("marker"))),
                ("Delimiter", code(call.arg("delimiter")) or None),
                ("MaxKeys", limit),
                ("EncodingType", call.arg("encoding-type") or None),
                ("IsTruncated", found.truncated),
                ("NextMarker", code(found.last) if found.truncated else None),
                *_entries(found, code, owner=True),
            ],
        )
    )


def _entries(
    found: Listing, code: Callable[[str], str], *, owner: bool
) -> list[tuple[str, dict[str, object]]]:
    contents: list[tuple[str, dict[str, object]]] = [
        (
            "Contents",
            {
                "Key": code(each.key),
                "LastModified": iso(each.modified),
                "ETag": f'"{each.etag}"',
                "Size": each.size,
                "StorageClass": each.traits.storage_class,
                "Owner": {"ID": "local"} if owner else None,
            },
        )
        for each in found.contents
    ]
    return contents + [("CommonPrefixes", {"Prefix": code(name)}) for name in found.prefixes]


def page_limit(call: Call, name: str) -> int:
    """Return the size of the page asked for, at most 1,000. Raises S3Error InvalidArgument."""
    value = call.arg(name, str(MAX_KEYS))
    if not (value.isascii() and value.isdigit()):
        raise S3Error("InvalidArgument", f"Provided {name} not an integer or within integer range")
    return min(int(value), MAX_KEYS)


def coder(call: Call) -> Callable[[str], str]:
    """Return how names are written in a listing: as they are, or URL-encoded on demand."""
    if call.arg("encoding-type") == "url":
        return lambda name: quote(name, safe="/-_.~*")
    if call.arg("encoding-type"):
        raise S3Error("InvalidArgument", "Invalid Encoding Method specified in Request")
    return str


def _start(call: Call, marker: str) -> str:
    """A marker that is a common prefix stands for all keys under it."""
    delimiter = call.arg("delimiter")
    return marker + LAST if delimiter and marker.endswith(delimiter) else marker


def _token(last: str) -> str:
    return base64.urlsafe_b64encode(last.encode()).decode()


def _untoken(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError as error:
        raise S3Error("InvalidArgument", "The continuation token provided is incorrect") from error
