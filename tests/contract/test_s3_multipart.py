"""S3's multipart uploads: parts, their checks, completion, abort, listings."""

import hashlib
import io
import threading
import zlib
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.buckets import MIB, client_of, new_bucket, refusal, some_bytes

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

GONE = (404, "NoSuchUpload")
FAILED = (412, "PreconditionFailed")
BIG = some_bytes(5 * MIB)
LAST = b"the last part may be small"


@pytest.fixture
def s3(cloud: Any) -> "S3Client":
    return client_of(cloud)


@pytest.fixture
def at(s3: "S3Client") -> dict[str, Any]:
    """Bucket, key and id of an open upload."""
    return open_upload(s3, {"Bucket": new_bucket(s3), "Key": "a/1 é"})


def open_upload(s3: "S3Client", place: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**place, "UploadId": s3.create_multipart_upload(**place, **more)["UploadId"]}


def send(s3: "S3Client", at: dict[str, Any], number: int, data: bytes) -> dict[str, Any]:
    etag = s3.upload_part(**at, PartNumber=number, Body=data)["ETag"]
    return {"PartNumber": number, "ETag": etag}


def complete(s3: "S3Client", at: dict[str, Any], *parts: Any, **more: Any) -> Any:
    return s3.complete_multipart_upload(**at, MultipartUpload={"Parts": list(parts)}, **more)


def refused(s3: "S3Client", at: dict[str, Any], *parts: Any, **more: Any) -> tuple[int, str]:
    return refusal(
        s3.complete_multipart_upload, **at, MultipartUpload={"Parts": list(parts)}, **more
    )


def body(s3: "S3Client", at: dict[str, Any]) -> bytes:
    return s3.get_object(Bucket=at["Bucket"], Key=at["Key"])["Body"].read()


def test_parts_become_an_object(s3: "S3Client", at: dict[str, Any]) -> None:
    parts = [send(s3, at, 2, LAST), send(s3, at, 1, BIG)]
    made = complete(s3, at, parts[1], parts[0])
    md5s = hashlib.md5(BIG).digest() + hashlib.md5(LAST).digest()
    assert made["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-2"'
    assert body(s3, at) == BIG + LAST
    assert (made["Bucket"], made["Key"]) == (at["Bucket"], at["Key"])


def test_the_upload_says_what_the_object_will_be(s3: "S3Client", at: dict[str, Any]) -> None:
    place = {"Bucket": at["Bucket"], "Key": "k"}
    there = open_upload(
        s3, place, ContentType="text/x", Metadata={"m": "1"}, StorageClass="GLACIER_IR"
    )
    complete(s3, there, send(s3, there, 1, b"x"))
    head = s3.head_object(**place)
    assert (head["ContentType"], head["Metadata"]) == ("text/x", {"m": "1"})
    assert head["StorageClass"] == "GLACIER_IR"


def test_nothing_appears_before_completion(s3: "S3Client", at: dict[str, Any]) -> None:
    send(s3, at, 1, BIG)
    assert refusal(s3.head_object, Bucket=at["Bucket"], Key=at["Key"]) == (404, "404")
    assert "Contents" not in s3.list_objects_v2(Bucket=at["Bucket"])


def test_a_part_sent_again_replaces_itself(s3: "S3Client", at: dict[str, Any]) -> None:
    first, second = send(s3, at, 1, b"first"), send(s3, at, 1, b"second")
    assert refused(s3, at, first) == (400, "InvalidPart")
    complete(s3, at, second)
    assert body(s3, at) == b"second"


def test_parts_not_listed_are_left_out(s3: "S3Client", at: dict[str, Any]) -> None:
    send(s3, at, 1, b"no")
    complete(s3, at, send(s3, at, 7, b"yes"))
    assert body(s3, at) == b"yes"


def test_a_completion_is_checked(s3: "S3Client", at: dict[str, Any]) -> None:
    small, large = send(s3, at, 1, b"small"), send(s3, at, 2, BIG)
    unknown = {"PartNumber": 3, "ETag": small["ETag"]}
    assert refused(s3, at, small, large) == (400, "EntityTooSmall")
    assert refused(s3, at, large, small) == (400, "InvalidPartOrder")
    assert refused(s3, at, large, large) == (400, "InvalidPartOrder")
    assert refused(s3, at, {**large, "ETag": '"0"'}) == (400, "InvalidPart")
    assert refused(s3, at, large, unknown) == (400, "InvalidPart")
    assert refused(s3, at) == (400, "MalformedXML")
    assert refused(s3, at, large, MpuObjectSize=5) == (400, "InvalidRequest")
    complete(s3, at, large, MpuObjectSize=len(BIG))


def test_a_completed_upload_is_gone(s3: "S3Client", at: dict[str, Any]) -> None:
    part = send(s3, at, 1, b"x")
    complete(s3, at, part)
    assert refused(s3, at, part) == GONE
    assert refusal(s3.upload_part, **at, PartNumber=1, Body=b"x") == GONE
    assert refusal(s3.list_parts, **at) == GONE
    assert refusal(s3.abort_multipart_upload, **at) == GONE
    assert body(s3, at) == b"x"


def test_an_aborted_upload_is_gone(s3: "S3Client", at: dict[str, Any]) -> None:
    part = send(s3, at, 1, b"x")
    s3.abort_multipart_upload(**at)
    assert refused(s3, at, part) == GONE
    assert refusal(s3.abort_multipart_upload, **at) == GONE


def test_an_upload_belongs_to_its_key(s3: "S3Client", at: dict[str, Any]) -> None:
    other = {**at, "Key": "other"}
    assert refusal(s3.upload_part, **other, PartNumber=1, Body=b"x") == GONE
    assert refusal(s3.list_parts, **{**at, "UploadId": "never"}) == GONE


@pytest.mark.parametrize("number", [0, 10_001])
def test_parts_are_numbered_to_10000(s3: "S3Client", at: dict[str, Any], number: int) -> None:
    out = refusal(s3.upload_part, **at, PartNumber=number, Body=b"x")
    assert out == (400, "InvalidArgument")


def test_completions_are_conditional(s3: "S3Client", at: dict[str, Any]) -> None:
    part = send(s3, at, 1, b"new")
    assert refused(s3, at, part, IfMatch='"other"') == (404, "NoSuchKey")
    etag = s3.put_object(Bucket=at["Bucket"], Key=at["Key"], Body=b"old")["ETag"]
    assert refused(s3, at, part, IfNoneMatch="*") == FAILED
    assert refused(s3, at, part, IfMatch='"other"') == FAILED
    assert body(s3, at) == b"old"
    complete(s3, at, part, IfMatch=etag)
    assert body(s3, at) == b"new"


def test_of_many_completions_one_wins(s3: "S3Client", at: dict[str, Any]) -> None:
    part, results = send(s3, at, 1, BIG), []

    def try_it() -> None:
        try:
            complete(s3, at, part)
            results.append("done")
        except s3.exceptions.NoSuchUpload:
            results.append("gone")

    threads = [threading.Thread(target=try_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["done"] + ["gone"] * 5
    assert body(s3, at) == BIG


def test_parts_are_listed(s3: "S3Client", at: dict[str, Any]) -> None:
    for number in (3, 1, 2):
        send(s3, at, number, b"x" * number)
    listed = s3.list_parts(**at)
    assert [(p["PartNumber"], p["Size"]) for p in listed["Parts"]] == [(1, 1), (2, 2), (3, 3)]
    assert listed["StorageClass"] == "STANDARD"
    first = s3.list_parts(**at, MaxParts=2)
    assert (first["IsTruncated"], first["NextPartNumberMarker"]) == (True, 2)
    rest = s3.list_parts(**at, PartNumberMarker=2)
    assert [part["PartNumber"] for part in rest["Parts"]] == [3]


def test_uploads_are_listed(s3: "S3Client", at: dict[str, Any]) -> None:
    bucket = at["Bucket"]
    ids = {
        key: s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        for key in ("b/2", "b/1")
    }
    every = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert [each["Key"] for each in every] == ["a/1 é", "b/1", "b/2"]
    assert every[0]["UploadId"] == at["UploadId"]
    under = s3.list_multipart_uploads(Bucket=bucket, Prefix="b/")["Uploads"]
    assert {each["Key"]: each["UploadId"] for each in under} == ids
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 1}
    )
    assert [page["Uploads"][0]["Key"] for page in pages] == ["a/1 é", "b/1", "b/2"]


def test_uploads_of_one_key_are_paged_by_id(s3: "S3Client", at: dict[str, Any]) -> None:
    for _ in range(2):
        s3.create_multipart_upload(Bucket=at["Bucket"], Key=at["Key"])
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=at["Bucket"], PaginationConfig={"PageSize": 1}
    )
    assert len({page["Uploads"][0]["UploadId"] for page in pages}) == 3


def test_a_part_may_be_copied(s3: "S3Client", at: dict[str, Any]) -> None:
    source = {"Bucket": at["Bucket"], "Key": "source"}
    etag = s3.put_object(**source, Body=BIG + LAST)["ETag"]
    copy: Any = {**at, "CopySource": source}
    first = s3.upload_part_copy(
        **copy, PartNumber=1, CopySourceRange=f"bytes=0-{5 * MIB - 1}", CopySourceIfMatch=etag
    )
    second = s3.upload_part_copy(
        **copy, PartNumber=2, CopySourceRange=f"bytes={5 * MIB}-{5 * MIB + len(LAST) - 1}"
    )
    parts = [
        {"PartNumber": n, "ETag": reply["CopyPartResult"]["ETag"]}
        for n, reply in ((1, first), (2, second))
    ]
    complete(s3, at, *parts)
    assert body(s3, at) == BIG + LAST


def test_a_copied_part_is_checked(s3: "S3Client", at: dict[str, Any]) -> None:
    source = {"Bucket": at["Bucket"], "Key": "source"}
    s3.put_object(**source, Body=b"hello")
    copy: Any = {**at, "CopySource": source, "PartNumber": 1}
    assert refusal(s3.upload_part_copy, **copy, CopySourceIfMatch='"other"') == FAILED
    beyond = refusal(s3.upload_part_copy, **copy, CopySourceRange="bytes=0-5")
    assert beyond == (400, "InvalidArgument")
    odd = refusal(s3.upload_part_copy, **copy, CopySourceRange="bytes=2-")
    assert odd == (400, "InvalidArgument")


def test_a_parts_digests_are_checked(s3: "S3Client", at: dict[str, Any]) -> None:
    wrong = b64encode(hashlib.md5(b"y").digest()).decode()
    out = refusal(s3.upload_part, **at, PartNumber=1, Body=b"x", ContentMD5=wrong)
    assert out == (400, "BadDigest")
    out = refusal(s3.upload_part, **at, PartNumber=1, Body=b"x", ChecksumCRC32="AAAAAA==")
    assert out == (400, "BadDigest")
    assert "Parts" not in s3.list_parts(**at)


def crc32(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "big")


def test_the_whole_has_the_checksum_of_its_parts(s3: "S3Client", at: dict[str, Any]) -> None:
    place = {"Bucket": at["Bucket"], "Key": at["Key"]}
    at = {**at, **open_upload(s3, place, ChecksumAlgorithm="CRC32")}
    parts = [send(s3, at, 1, BIG), send(s3, at, 2, LAST)]
    value = b64encode(crc32(crc32(BIG) + crc32(LAST))).decode() + "-2"
    made = complete(s3, at, *parts)
    head = s3.head_object(Bucket=at["Bucket"], Key=at["Key"], ChecksumMode="ENABLED")
    for reply in (made, head):
        assert (reply["ChecksumCRC32"], reply["ChecksumType"]) == (value, "COMPOSITE")


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256"])
def test_parts_may_be_listed_with_their_checksums(
    s3: "S3Client", at: dict[str, Any], algorithm: Any
) -> None:
    name, place = f"Checksum{algorithm}", {"Bucket": at["Bucket"], "Key": "k"}
    there = open_upload(s3, place, ChecksumAlgorithm=algorithm)
    sent: Any = s3.upload_part(**there, PartNumber=1, Body=b"x", ChecksumAlgorithm=algorithm)
    part = {"PartNumber": 1, "ETag": sent["ETag"]}
    assert refused(s3, there, {**part, name: "AAAAAA=="}) == (400, "InvalidPart")
    made = complete(s3, there, {**part, name: sent[name]})
    assert made[name].endswith("-1")


def test_a_part_of_another_checksum_is_refused(s3: "S3Client", at: dict[str, Any]) -> None:
    place = {"Bucket": at["Bucket"], "Key": "k"}
    there: Any = open_upload(s3, place, ChecksumAlgorithm="SHA256")
    out = refusal(s3.upload_part, **there, PartNumber=1, Body=b"x", ChecksumAlgorithm="CRC32")
    assert out == (400, "InvalidRequest")


def test_the_whole_may_have_a_checksum_of_its_own(s3: "S3Client", at: dict[str, Any]) -> None:
    place = {"Bucket": at["Bucket"], "Key": "k"}
    there = open_upload(s3, place, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    made = complete(s3, there, send(s3, there, 1, BIG), send(s3, there, 2, LAST))
    assert made["ChecksumCRC32"] == b64encode(crc32(BIG + LAST)).decode()
    assert made["ChecksumType"] == "FULL_OBJECT"


def test_a_part_is_read_by_its_number(s3: "S3Client", at: dict[str, Any]) -> None:
    complete(s3, at, send(s3, at, 1, BIG), send(s3, at, 5, LAST))
    place: Any = {"Bucket": at["Bucket"], "Key": at["Key"]}
    second = s3.get_object(**place, PartNumber=2)
    assert second["Body"].read() == LAST
    assert second["PartsCount"] == 2
    assert second["ContentRange"] == f"bytes {len(BIG)}-{len(BIG + LAST) - 1}/{len(BIG + LAST)}"
    assert s3.head_object(**place, PartNumber=1)["ContentLength"] == len(BIG)
    assert refusal(s3.get_object, **place, PartNumber=3) == (416, "InvalidPartNumber")


def test_a_range_may_cross_parts(s3: "S3Client", at: dict[str, Any]) -> None:
    complete(s3, at, send(s3, at, 1, BIG), send(s3, at, 2, LAST))
    asked = f"bytes={len(BIG) - 3}-{len(BIG) + 2}"
    reply = s3.get_object(Bucket=at["Bucket"], Key=at["Key"], Range=asked)
    assert reply["Body"].read() == BIG[-3:] + LAST[:3]


def test_a_copy_of_parts_is_one_piece(s3: "S3Client", at: dict[str, Any]) -> None:
    complete(s3, at, send(s3, at, 1, BIG), send(s3, at, 2, LAST))
    source: Any = {"Bucket": at["Bucket"], "Key": at["Key"]}
    made = s3.copy_object(Bucket=at["Bucket"], Key="copy", CopySource=source)
    assert made["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(BIG + LAST).hexdigest()}"'


def test_boto3s_own_transfers_work(s3: "S3Client", at: dict[str, Any]) -> None:
    data = some_bytes(20 * MIB + 3)
    s3.upload_fileobj(io.BytesIO(data), at["Bucket"], "big")
    back = io.BytesIO()
    s3.download_fileobj(at["Bucket"], "big", back)
    assert back.getvalue() == data
    assert s3.head_object(Bucket=at["Bucket"], Key="big")["ETag"].endswith('-3"')
