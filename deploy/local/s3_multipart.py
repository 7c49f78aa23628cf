"""The multipart operations, from CreateMultipartUpload to CompleteMultipartUpload and abort.

Completing concatenates the parts' files without any lock; only then, in one transaction, the
object appears and the upload is gone. Source: Amazon S3 API reference and user guide, "Multipart
upload limits".
"""

import hashlib
import re
import shutil
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element

from werkzeug.wrappers import Response

from deploy.local import s3_objects as objects
from deploy.local import s3_uploads as uploads
from deploy.local.s3_body import PIECE, new_file
from deploy.local.s3_buckets import coder, page_limit
from deploy.local.s3_call import Call, empty_response, receive_file, xml_response
from deploy.local.s3_conditions import check_write
from deploy.local.s3_digests import Checksum, Digests, composite, encoded, known_algorithm
from deploy.local.s3_errors import S3Error, not_implemented
from deploy.local.s3_events import iso, tell
from deploy.local.s3_objects import Object
from deploy.local.s3_uploads import Part, Upload
from deploy.local.s3_writes import check_key, copy_range, open_source, read_traits
from deploy.local.s3_xml import document, integer, malformed, parse, text

MIN_PART = 5 << 20
"""Bytes of every part but the last."""
MAX_PARTS = 10_000


def create_upload(call: Call) -> Response:
    """Answer CreateMultipartUpload."""
    check_key(call.key)
    algorithm = known_algorithm(call.headers.get("x-amz-checksum-algorithm", ""))
    kind = call.headers.get("x-amz-checksum-type", "COMPOSITE")
    if kind not in ("COMPOSITE", "FULL_OBJECT") or (kind == "FULL_OBJECT" and algorithm != "CRC32"):
        raise S3Error(
            "InvalidRequest", f"The {kind} checksum type cannot be used with {algorithm}."
        )
    new = Upload(
        id=uploads.new_id(),
        bucket=call.bucket,
        key=call.key,
        traits=read_traits(call.headers),
        algorithm=algorithm,
        kind=kind,
        created=call.site.clock.now(),
    )
    uploads.begin(call.site.disk, new)
    fields = [("Bucket", call.bucket), ("Key", call.key), ("UploadId", new.id)]
    response = xml_response(document("InitiateMultipartUploadResult", fields))
    if algorithm:
        response.headers["x-amz-checksum-algorithm"] = algorithm
        response.headers["x-amz-checksum-type"] = kind
    return response


def put_part(call: Call) -> Response:
    """Answer UploadPart, or UploadPartCopy if the request names a source."""
    upload, number = _upload(call), _number(call)
    if call.headers.get("x-amz-copy-source"):
        return _copy_part(call, upload, number)
    path = call.site.disk.body()
    digests = receive_file(call, path=path, algorithm=upload.algorithm)
    new = _keep_part(call, upload, number, path, digests)
    headers = {"ETag": f'"{new.etag}"', "x-amz-server-side-encryption": "AES256"}
    if new.checksum:
        headers |= new.checksum.headers()
        del headers["x-amz-checksum-type"]
    return empty_response(headers=headers)


def list_parts(call: Call) -> Response:
    """Answer ListParts."""
    upload, limit = _upload(call), page_limit(call, "max-parts")
    marker = call.arg("part-number-marker", "0")
    if not marker.isdigit():
        raise S3Error("InvalidArgument", "part-number-marker must be a whole number")
    every = uploads.parts(call.site.disk, upload.id)
    after = [part for part in every if part.number > int(marker)]
    shown = after[:limit]
    fields: list[tuple[str, object]] = [
        ("Bucket", call.bucket),
        ("Key", call.key),
        ("UploadId", upload.id),
        ("StorageClass", upload.traits.storage_class),
        ("PartNumberMarker", marker),
        ("NextPartNumberMarker", shown[-1].number if shown else marker),
        ("MaxParts", limit),
        ("IsTruncated", len(after) > len(shown)),
        ("ChecksumAlgorithm", upload.algorithm or None),
        ("ChecksumType", upload.kind if upload.algorithm else None),
    ]
    return xml_response(document("ListPartsResult", fields + [_part_entry(part) for part in shown]))


def list_uploads(call: Call) -> Response:
    """Answer ListMultipartUploads."""
    if call.arg("delimiter"):
        raise not_implemented("delimiter in the list of uploads")
    limit, code = page_limit(call, "max-uploads"), coder(call)
    key, id_ = call.arg("key-marker"), call.arg("upload-id-marker")
    found = uploads.page(
        call.site.disk,
        call.bucket,
        prefix=call.arg("prefix"),
        after=(key, id_ or objects.LAST if key else ""),
        limit=limit + 1,
    )
    shown, more = found[:limit], len(found) > limit
    fields: list[tuple[str, object]] = [
        ("Bucket", call.bucket),
        ("KeyMarker", code(key)),
        ("UploadIdMarker", id_),
        ("NextKeyMarker", code(shown[-1].key) if more and shown else None),
        ("NextUploadIdMarker", shown[-1].id if more and shown else None),
        ("Prefix", code(call.arg("prefix"))),
        ("EncodingType", call.arg("encoding-type") or None),
        ("MaxUploads", limit),
        ("IsTruncated", more),
    ]
    entries = [_upload_entry(each, code(each.key)) for each in shown]
    return xml_response(document("ListMultipartUploadsResult", fields + entries))


def abort_upload(call: Call) -> Response:
    """Answer AbortMultipartUpload."""
    uploads.abort(call.site.disk, _upload(call))
    return empty_response(204)


def complete_upload(call: Call) -> Response:
    """Answer CompleteMultipartUpload."""
    _upload(call)
    listed = parse(call.document(), root="CompleteMultipartUpload").findall("Part")
    with call.site.disk.transaction():
        upload = _upload(call)
        there = uploads.parts(call.site.disk, upload.id)
    chosen = _chosen(listed, there)
    _check_size(call, chosen)
    old = objects.find(call.site.disk, call.bucket, call.key)
    check_write(call.headers, etag=old.etag if old else None)
    new = _joined(call, upload, chosen)
    _swap(call, upload, chosen, new)
    tell(call.site, "ObjectCreated:CompleteMultipartUpload", new)
    fields: list[tuple[str, object]] = [
        ("Location", f"{call.request.host_url}{call.bucket}/{call.key}"),
        ("Bucket", call.bucket),
        ("Key", call.key),
        ("ETag", f'"{new.etag}"'),
    ]
    if new.traits.checksum:
        fields += new.traits.checksum.fields()
    response = xml_response(document("CompleteMultipartUploadResult", fields))
    response.headers["x-amz-server-side-encryption"] = "AES256"
    return response


def _upload(call: Call) -> Upload:
    return uploads.get(call.site.disk, call.arg("uploadId"), bucket=call.bucket, key=call.key)


def _number(call: Call) -> int:
    value = call.arg("partNumber")
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= MAX_PARTS):
        raise S3Error(
            "InvalidArgument",
            f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive",
        )
    return int(value)


def _keep_part(call: Call, upload: Upload, number: int, path: Path, digests: Digests) -> Part:
    checksum = digests.checksum()
    new = Part(number, path.name, digests.size, digests.md5, checksum, call.site.clock.now())
    try:
        if upload.algorithm and (checksum is None or checksum.algorithm != upload.algorithm):
            raise S3Error(
                "InvalidRequest",
                f"Checksum Type mismatch occurred, expected checksum Type: {upload.algorithm}",
            )
        uploads.put_part(call.site.disk, upload, new)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return new


def _copy_part(call: Call, upload: Upload, number: int) -> Response:
    found, file = open_source(call)
    with file:
        start, stop = _copy_bounds(call.headers.get("x-amz-copy-source-range", ""), found.size)
        path, digests = copy_range(call, file, start=start, stop=stop, algorithm=upload.algorithm)
    new = _keep_part(call, upload, number, path, digests)
    fields = [("ETag", f'"{new.etag}"'), ("LastModified", iso(new.modified))]
    if new.checksum:
        fields += new.checksum.fields()[:1]
    return xml_response(document("CopyPartResult", fields))


def _copy_bounds(asked: str, size: int) -> tuple[int, int]:
    """A copy's range names both ends, and both must exist."""
    if not asked:
        return 0, size
    found = re.fullmatch(r"bytes=(\d+)-(\d+)", asked)
    if not found or int(found[1]) > int(found[2]):
        raise S3Error(
            "InvalidArgument",
            "The x-amz-copy-source-range value must be of the form bytes=first-last",
        )
    if int(found[2]) >= size:
        # Not InvalidRange, as of a read (seen on S3: github.com/versity/versitygw/issues/610).
        raise S3Error(
            "InvalidArgument", f"Range specified is not valid for source object of size: {size}"
        )
    return int(found[1]), int(found[2]) + 1


def _part_entry(part: Part) -> tuple[str, object]:
    fields = [
        ("PartNumber", part.number),
        ("LastModified", iso(part.modified)),
        ("ETag", f'"{part.etag}"'),
        ("Size", part.size),
    ]
    return "Part", fields + (part.checksum.fields()[:1] if part.checksum else [])


def _upload_entry(each: Upload, key: str) -> tuple[str, object]:
    return "Upload", {
        "UploadId": each.id,
        "Key": key,
        "Initiated": iso(each.created),
        "StorageClass": each.traits.storage_class,
    }


def _chosen(listed: Sequence[Element], there: Sequence[Part]) -> list[Part]:
    """Return the parts that a completion lists, each checked against what lies there.

    Raises S3Error MalformedXML, InvalidPart, InvalidPartOrder, EntityTooSmall.
    """
    if not listed:
        raise malformed("it lists no part")
    numbers = [integer(node, "PartNumber") for node in listed]
    if numbers != sorted(set(numbers)):
        raise S3Error(
            "InvalidPartOrder",
            "The list of parts was not in ascending order. The parts list must be specified in "
            "order by part number.",
        )
    by_number = {part.number: part for part in there}
    for number, node in zip(numbers, listed, strict=True):
        _check_part(by_number.get(number), node)
    chosen = [by_number[number] for number in numbers]
    for part in chosen[:-1]:
        if part.size < MIN_PART:
            raise S3Error(
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                ProposedSize=part.size,
                MinSizeAllowed=MIN_PART,
                PartNumber=part.number,
                ETag=part.etag,
            )
    return chosen


def _check_part(part: Part | None, node: Element) -> None:
    """The ETag must be that of the part, and so must a checksum if one is listed."""
    sums = {each.tag: (each.text or "").strip() for each in node if each.tag.startswith("Checksum")}
    known = dict(part.checksum.fields()[:1]) if part and part.checksum else {}
    if (
        part is None
        or text(node, "ETag").strip('"') != part.etag
        or not sums.items() <= known.items()
    ):
        raise invalid_part()


def invalid_part() -> S3Error:
    """Return the refusal of a part that is not there, or is another one."""
    return S3Error(
        "InvalidPart",
        "One or more of the specified parts could not be found. The part may not have been "
        "uploaded, or the specified entity tag may not match the part's entity tag.",
    )


def _check_size(call: Call, chosen: Sequence[Part]) -> None:
    expected = call.headers.get("x-amz-mp-object-size")
    total = sum(part.size for part in chosen)
    if expected is not None and expected != str(total):
        raise S3Error(
            "InvalidRequest",
            f"The provided 'x-amz-mp-object-size' header value {expected} does not match what was "
            f"computed: {total}",
        )


def _joined(call: Call, upload: Upload, chosen: Sequence[Part]) -> Object:
    """Concatenate the parts into a new body and describe the object that it will be.

    A part that vanishes meanwhile was aborted with its upload (NoSuchUpload) or sent anew.
    """
    path = call.site.disk.body()
    try:
        with new_file(path) as whole:
            for part in chosen:
                with call.site.disk.find(part.body).open("rb") as piece:
                    shutil.copyfileobj(piece, whole, PIECE)
    except FileNotFoundError as error:
        _upload(call)
        raise invalid_part() from error
    md5s = hashlib.md5(usedforsecurity=False)
    for part in chosen:
        md5s.update(bytes.fromhex(part.etag))
    return Object(
        bucket=call.bucket,
        key=call.key,
        body=path.name,
        size=sum(part.size for part in chosen),
        etag=f"{md5s.hexdigest()}-{len(chosen)}",
        modified=call.site.clock.now(),
        traits=replace(
            upload.traits,
            checksum=_whole_checksum(upload, chosen, path),
            parts=tuple(part.size for part in chosen),
        ),
    )


def _whole_checksum(upload: Upload, chosen: Sequence[Part], path: Path) -> Checksum | None:
    sums = [part.checksum for part in chosen if part.checksum]
    if not upload.algorithm or len(sums) < len(chosen):
        return None
    if upload.kind == "COMPOSITE":
        return composite(sums)
    crc = 0
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            crc = zlib.crc32(piece, crc)
    return Checksum("CRC32", encoded(crc.to_bytes(4, "big")))


def _swap(call: Call, upload: Upload, chosen: Sequence[Part], new: Object) -> None:
    """In one transaction the object appears and the upload goes, if nothing changed meanwhile."""
    disk = call.site.disk
    try:
        with disk.transaction():
            now = {part.body for part in uploads.parts(disk, upload.id)}
            left = uploads.close(disk, upload)
            if not {part.body for part in chosen} <= now:
                raise invalid_part()
            old = objects.put_row(
                disk, new, check=lambda etag: check_write(call.headers, etag=etag)
            )
    except BaseException:
        disk.find(new.body).unlink(missing_ok=True)
        raise
    for name in left + ([old.body] if old else []):
        disk.find(name).unlink(missing_ok=True)
