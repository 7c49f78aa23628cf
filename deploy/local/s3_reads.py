"""GetObject and HeadObject: whole, in ranges, by part, under conditions, under other names.

Source: Amazon S3 API reference, GetObject and HeadObject.
"""

from dataclasses import dataclass
from email.header import Header
from email.utils import formatdate

from werkzeug.wrappers import Response

from deploy.local import s3_objects as objects
from deploy.local.s3_body import chunks
from deploy.local.s3_call import Call, empty_response
from deploy.local.s3_conditions import byte_range, check_read
from deploy.local.s3_errors import S3Error
from deploy.local.s3_objects import Object
from deploy.local.s3_restore import check_readable, restore_header

OVERRIDES = {
    f"response-{name.lower()}": name
    for name in (
        "Content-Type",
        "Content-Disposition",
        "Content-Encoding",
        "Content-Language",
        "Cache-Control",
        "Expires",
    )
}
"""The parameters by which a reader chooses headers of the answer."""


@dataclass(frozen=True)
class Span:
    """Which bytes [start, stop) are asked for, and whether that is less than a whole object."""

    start: int
    stop: int
    partial: bool


def get_object(call: Call) -> Response:
    """Answer GetObject: the body goes from its file to the socket in pieces."""
    found, file = objects.opened(call.site.disk, call.bucket, call.key)
    try:
        check_readable(call.site, found)
        span, headers = _judge(call, found)
        file.seek(span.start)
    except BaseException:
        file.close()
        raise
    response = Response(
        chunks(file, length=span.stop - span.start),
        206 if span.partial else 200,
        headers=headers,
        direct_passthrough=True,
    )
    response.call_on_close(file.close)
    return response


def head_object(call: Call) -> Response:
    """Answer HeadObject; a cold object can be asked about, though not read."""
    found = objects.get(call.site.disk, call.bucket, call.key)
    span, headers = _judge(call, found)
    return empty_response(206 if span.partial else 200, headers)


def _judge(call: Call, found: Object) -> tuple[Span, dict[str, str]]:
    check_read(call.headers, etag=found.etag, modified=found.modified)
    span = _span(call, found)
    headers = _headers(call, found) | _overrides(call)
    headers["Content-Length"] = str(span.stop - span.start)
    if span.partial:
        headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{found.size}"
    elif call.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED" and found.traits.checksum:
        headers |= found.traits.checksum.headers()
    return span, headers


def _span(call: Call, found: Object) -> Span:
    ranged = call.headers.get("Range")
    if call.arg("partNumber"):
        if ranged:
            raise S3Error("InvalidRequest", "Cannot specify both Range header and partNumber")
        return _part(call, found)
    wanted = call.headers.get("If-Range", found.etag).strip('"')
    if ranged and wanted == found.etag:
        bounds = byte_range(ranged, size=found.size)
        if bounds:
            return Span(*bounds, partial=True)
    return Span(0, found.size, partial=False)


def _part(call: Call, found: Object) -> Span:
    """A part is read by its number; an object put at once is its own first part."""
    sizes = found.traits.parts or (found.size,)
    number = call.arg("partNumber")
    if not (number.isascii() and number.isdigit() and 1 <= int(number) <= len(sizes)):
        raise S3Error("InvalidPartNumber", "The requested partnumber is not satisfiable")
    start = sum(sizes[: int(number) - 1])
    return Span(start, start + sizes[int(number) - 1], partial=found.size > 0)


def _headers(call: Call, found: Object) -> dict[str, str]:
    headers = {
        "ETag": f'"{found.etag}"',
        "Last-Modified": formatdate(found.modified, usegmt=True),
        "Accept-Ranges": "bytes",
        "x-amz-server-side-encryption": "AES256",
    }
    headers |= {
        name: value.encode().decode("latin-1") for name, value in found.traits.headers.items()
    }
    headers |= {f"x-amz-meta-{name}": _ascii(v) for name, v in found.traits.metadata.items()}
    if found.traits.storage_class != "STANDARD":
        headers["x-amz-storage-class"] = found.traits.storage_class
    restore = restore_header(call.site, found)
    if restore:
        headers["x-amz-restore"] = restore
    if found.traits.parts and call.arg("partNumber"):
        headers["x-amz-mp-parts-count"] = str(len(found.traits.parts))
    return headers


def _ascii(value: str) -> str:
    """Metadata that is not ASCII goes out as RFC 2047 words (user guide, "Object metadata")."""
    return value if value.isascii() else Header(value, "utf-8", maxlinelen=2048).encode()


def _overrides(call: Call) -> dict[str, str]:
    chosen = {name: call.arg(key) for key, name in OVERRIDES.items() if call.arg(key)}
    for name, value in chosen.items():
        try:
            value.encode("latin-1")
        except UnicodeEncodeError as error:
            raise S3Error(
                "InvalidArgument",
                "Header value cannot be represented using ISO-8859-1.",
                ArgumentName=f"response-{name.lower()}",
            ) from error
        if "\n" in value or "\r" in value:
            raise S3Error("InvalidArgument", f"response-{name.lower()} must be one line")
    return chosen
