"""Uploads by a browser's form: the fields first, then the file, streamed to disk.

Source: Amazon S3 API reference, "POST Object".
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData
from werkzeug.wrappers import Request, Response

from deploy.local.s3_body import MAX_OBJECT, PIECE, new_file, too_large
from deploy.local.s3_call import Call, Site, empty_response, xml_response
from deploy.local.s3_digests import Digests, declared
from deploy.local.s3_errors import S3Error, not_implemented
from deploy.local.s3_headers import check_headers
from deploy.local.s3_objects import Object, check_bucket
from deploy.local.s3_policy import check_form
from deploy.local.s3_writes import check_key, read_traits, store, written
from deploy.local.s3_xml import document

MAX_FIELDS = 20_000
"""Bytes of all fields before the file (same source, "Form fields")."""


def post_object(site: Site, request: Request, bucket: str) -> Response:
    """Answer a form. Raises S3Error; nothing is kept then."""
    check_bucket(site.disk, bucket)
    events = _events(request)
    fields, file_name = _read_fields(events)
    if "key" not in fields:
        raise S3Error(
            "InvalidArgument",
            "Bucket POST must contain a field named 'key'. If it is specified, please check the "
            "order of the fields.",
            ArgumentName="key",
        )
    base_name = re.split(r"[/\\]", file_name)[-1]
    fields["key"] = fields["key"].replace("${filename}", base_name)
    check_key(fields["key"])
    policy = check_form(fields, bucket=bucket)
    headers = Headers(list(fields.items()))
    _check_supported(headers)
    call = Call(site, request, headers, bucket, fields["key"], "")
    path = site.disk.body()
    digests = _receive(events, call, path, sizes=policy.sizes or (0, MAX_OBJECT))
    new = store(call, path, digests, read_traits(call.headers), event="ObjectCreated:Post")
    return _reply(request, fields, new)


def _events(request: Request) -> Iterator[Event]:
    """Take the form apart as it comes; what is left of it in memory is never more than two pieces.

    Raises S3Error MalformedPOSTRequest or MaxPostPreDataLengthExceeded.
    """
    boundary = parse_options_header(request.headers.get("Content-Type", ""))[1].get("boundary", "")
    decoder = MultipartDecoder(boundary.encode("latin-1"), 2 * PIECE, max_parts=100)
    stream = request.environ["wsgi.input"]
    try:
        while piece := stream.read(PIECE):
            decoder.receive_data(piece)
            while not isinstance(event := decoder.next_event(), NeedData):
                yield event
        decoder.receive_data(None)
        yield decoder.next_event()
    except RequestEntityTooLarge as error:
        raise _too_many_fields() from error
    except ValueError as error:
        raise _malformed() from error


def _malformed() -> S3Error:
    return S3Error(
        "MalformedPOSTRequest",
        "The body of your POST request is not well-formed multipart/form-data.",
    )


def _too_many_fields() -> S3Error:
    return S3Error(
        "MaxPostPreDataLengthExceeded",
        "Your POST request fields preceding the upload file were too large.",
        MaxPostPreDataLengthBytes=MAX_FIELDS,
    )


def _read_fields(events: Iterator[Event]) -> tuple[dict[str, str], str]:
    """Read up to the file: return the fields by lower-case name, and the file's name.

    Fields that follow the file are ignored, as on AWS.
    """
    values: dict[str, bytearray] = {}
    name, size = "", 0
    for event in events:
        if isinstance(event, File | Field):
            name = (event.name or "").lower()
            if name == "file":
                return _decoded(values), event.filename if isinstance(event, File) else ""
            values[name] = bytearray()
        elif isinstance(event, Data):
            size += len(event.data)
            values[name] += event.data
        if size > MAX_FIELDS:
            raise _too_many_fields()
    raise S3Error("InvalidArgument", "POST requires exactly one file upload per request.")


def _decoded(values: Mapping[str, bytearray]) -> dict[str, str]:
    try:
        return {name: value.decode() for name, value in values.items()}
    except UnicodeDecodeError as error:
        raise _malformed() from error


def _check_supported(fields: Headers) -> None:
    check_headers(fields)
    if "tagging" in fields:
        raise not_implemented("tags of objects")
    if fields.get("acl", "private") not in ("private", "bucket-owner-full-control"):
        raise not_implemented("access control lists")


def _receive(events: Iterator[Event], call: Call, path: Path, *, sizes: tuple[int, int]) -> Digests:
    """Write the file's data to `path`. Raises S3Error EntityTooLarge or EntityTooSmall."""
    least, most = sizes
    digests = Digests(declared(call.headers))
    with new_file(path) as file:
        for event in events:
            if isinstance(event, Data):
                digests.update(event.data)
                file.write(event.data)
                if digests.size > most:
                    raise too_large(digests.size, most=most)
                if not event.more_data:
                    break
        for event in events:
            if isinstance(event, Epilogue):
                break
        if digests.size < least:
            raise S3Error(
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                ProposedSize=digests.size,
                MinSizeAllowed=least,
            )
        digests.check({})
    return digests


def _reply(request: Request, fields: Mapping[str, str], new: Object) -> Response:
    """Answer as the form asks: a redirect, 200, 201 with a document, or else 204."""
    location = f"{request.host_url}{new.bucket}/{new.key}"
    target = fields.get("success_action_redirect") or fields.get("redirect", "")
    if urlsplit(target).scheme in ("http", "https"):
        told = urlencode({"bucket": new.bucket, "key": new.key, "etag": f'"{new.etag}"'})
        target += ("&" if urlsplit(target).query else "?") + told
        return empty_response(303, {"Location": target, "ETag": f'"{new.etag}"'})
    status = fields.get("success_action_status", "204")
    fields_of_answer = [
        ("Location", location),
        ("Bucket", new.bucket),
        ("Key", new.key),
        ("ETag", f'"{new.etag}"'),
    ]
    if status == "201":
        response = xml_response(document("PostResponse", fields_of_answer), 201)
    else:
        response = empty_response(200 if status == "200" else 204)
    response.headers.update(written(new))
    response.headers["Location"] = location
    return response
