"""S3's objects: put, get, head, delete, copy; their headers, digests and conditions."""

import base64
import hashlib
import logging
import socket
import struct
import time
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.contract.buckets import MIB, client_of, fetch, new_bucket, refusal, some_bytes

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

HELLO_ETAG = '"5d41402abc4b2a76b9719d911017c592"'
FAILED = (412, "PreconditionFailed")


@pytest.fixture
def s3(cloud: Any) -> "S3Client":
    return client_of(cloud)


@pytest.fixture
def bucket(s3: "S3Client") -> str:
    return new_bucket(s3)


@pytest.fixture
def hello(s3: "S3Client", bucket: str) -> str:
    """A bucket that holds `hello` under the key k."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    return bucket


def body(s3: "S3Client", bucket: str, key: str = "k", **more: Any) -> bytes:
    return s3.get_object(Bucket=bucket, Key=key, **more)["Body"].read()


def test_what_was_put_is_got(s3: "S3Client", bucket: str) -> None:
    data = some_bytes(3 * MIB + 1)
    put = s3.put_object(Bucket=bucket, Key="k", Body=data)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == data
    assert put["ETag"] == got["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    assert got["ContentLength"] == len(data)
    assert got["ContentType"] == "binary/octet-stream"
    assert got["AcceptRanges"] == "bytes"


def test_a_client_that_goes_in_the_middle_of_a_put_leaves_nothing(
    s3: "S3Client", bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    url = urlsplit(s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"}))
    gone = socket.create_connection((url.hostname or "", url.port or 80))
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 9\r\n\r\n"
    gone.sendall(head.encode() + b"half")
    time.sleep(0.3)
    gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    gone.close()  # with a reset, as a killed process does that has something unread
    time.sleep(0.3)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert [line for line in caplog.records if line.levelno >= logging.WARNING] == []


def test_an_object_may_be_empty(s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert body(s3, bucket) == b""
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == 0


@pytest.mark.parametrize(
    "key", ["u/é ü.vcf", "a+b c%20d", "x//y", "q?&=#[]'()*!~", "../up", "日本"]
)
def test_keys_keep_every_character(s3: "S3Client", bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=b"data")
    assert body(s3, bucket, key) == b"data"
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]


def test_a_key_of_more_than_1024_bytes_is_refused(s3: "S3Client", bucket: str) -> None:
    assert refusal(s3.put_object, Bucket=bucket, Key="k" * 1025) == (400, "KeyTooLongError")


def test_headers_and_metadata_come_back(s3: "S3Client", bucket: str) -> None:
    s3.put_object(
        Bucket=bucket,
        Key="k",
        Body=b"x",
        Metadata={"job": "j1", "Note": "two words"},
        ContentType="text/plain",
        ContentDisposition='attachment; filename="a.txt"',
        ContentEncoding="gzip",
        CacheControl="no-store",
    )
    got = s3.head_object(Bucket=bucket, Key="k")
    assert got["Metadata"] == {"job": "j1", "note": "two words"}
    assert got["ContentType"] == "text/plain"
    assert got["ContentDisposition"] == 'attachment; filename="a.txt"'
    assert got["ContentEncoding"] == "gzip"
    assert got["CacheControl"] == "no-store"
    assert got["ServerSideEncryption"] == "AES256"


def test_metadata_of_more_than_2_kib_is_refused(s3: "S3Client", bucket: str) -> None:
    large = {"m": "x" * 2048}
    assert refusal(s3.put_object, Bucket=bucket, Key="k", Metadata=large) == (
        400,
        "MetadataTooLarge",
    )


def test_missing_things_are_not_found(s3: "S3Client", bucket: str) -> None:
    assert refusal(s3.get_object, Bucket=bucket, Key="none") == (404, "NoSuchKey")
    assert refusal(s3.get_object, Bucket="none-such", Key="k") == (404, "NoSuchBucket")
    assert refusal(s3.put_object, Bucket="none-such", Key="k") == (404, "NoSuchBucket")
    assert refusal(s3.head_object, Bucket=bucket, Key="none") == (404, "404")


def test_a_refused_head_has_no_body(s3: "S3Client", bucket: str) -> None:
    url = s3.generate_presigned_url("head_object", Params={"Bucket": bucket, "Key": "none"})
    answer = fetch(url, method="HEAD")
    assert (answer.status, answer.body) == (404, b"")


def test_an_overwritten_object_is_the_new_one(s3: "S3Client", hello: str) -> None:
    s3.put_object(Bucket=hello, Key="k", Body=b"again")
    assert body(s3, hello) == b"again"


def test_a_reader_keeps_what_it_opened(s3: "S3Client", bucket: str) -> None:
    data = some_bytes(8 * MIB)
    s3.put_object(Bucket=bucket, Key="k", Body=data)
    stream = s3.get_object(Bucket=bucket, Key="k")["Body"]
    first = stream.read(1)
    s3.put_object(Bucket=bucket, Key="k", Body=b"other")
    s3.delete_object(Bucket=bucket, Key="k")
    assert first + stream.read() == data


@pytest.mark.parametrize(
    ("asked", "got", "where"),
    [
        ("bytes=0-0", b"h", "bytes 0-0/5"),
        ("bytes=1-3", b"ell", "bytes 1-3/5"),
        ("bytes=2-", b"llo", "bytes 2-4/5"),
        ("bytes=-2", b"lo", "bytes 3-4/5"),
        ("bytes=-9", b"hello", "bytes 0-4/5"),
        ("bytes=3-99", b"lo", "bytes 3-4/5"),
    ],
)
def test_ranges_are_read(s3: "S3Client", hello: str, asked: str, got: bytes, where: str) -> None:
    reply = s3.get_object(Bucket=hello, Key="k", Range=asked)
    assert reply["Body"].read() == got
    assert reply["ContentRange"] == where
    assert reply["ResponseMetadata"]["HTTPStatusCode"] == 206


@pytest.mark.parametrize("asked", ["bytes=0-1,3-4", "lines=1-2", "bytes=3-1", "bytes=-"])
def test_a_range_not_understood_is_the_whole(s3: "S3Client", hello: str, asked: str) -> None:
    reply = s3.get_object(Bucket=hello, Key="k", Range=asked)
    assert reply["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert reply["Body"].read() == b"hello"


@pytest.mark.parametrize("asked", ["bytes=5-", "bytes=99-100", "bytes=-0"])
def test_a_range_beyond_the_end_is_refused(s3: "S3Client", hello: str, asked: str) -> None:
    url = s3.generate_presigned_url("get_object", Params={"Bucket": hello, "Key": "k"})
    answer = fetch(url, headers={"Range": asked})
    assert (answer.status, answer.code) == (416, "InvalidRange")
    assert answer.headers["Content-Range"] == "bytes */5"


@pytest.mark.parametrize(("tag", "status"), [(HELLO_ETAG, 206), ('"other"', 200)])
def test_if_range_reads_a_part_of_the_same_object_only(
    s3: "S3Client", hello: str, tag: str, status: int
) -> None:
    url = s3.generate_presigned_url("get_object", Params={"Bucket": hello, "Key": "k"})
    assert fetch(url, headers={"Range": "bytes=0-0", "If-Range": tag}).status == status


def test_reads_are_conditional(s3: "S3Client", hello: str) -> None:
    past, future = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    at: Any = {"Bucket": hello, "Key": "k"}
    reads: list[tuple[Any, tuple[int, str]]]
    reads = [(s3.get_object, FAILED), (s3.head_object, (412, "412"))]
    for read, failed in reads:
        unchanged = (304, "304")
        assert read(**at, IfMatch=HELLO_ETAG)["ETag"] == HELLO_ETAG
        assert refusal(read, **at, IfMatch='"other"') == failed
        assert read(**at, IfNoneMatch='"other"')["ETag"] == HELLO_ETAG
        assert refusal(read, **at, IfNoneMatch=HELLO_ETAG) == unchanged
        assert refusal(read, **at, IfModifiedSince=future) == unchanged
        assert refusal(read, **at, IfUnmodifiedSince=past) == failed
        assert read(**at, IfMatch=HELLO_ETAG, IfUnmodifiedSince=past)["ETag"] == HELLO_ETAG
        assert read(**at, IfNoneMatch='"other"', IfModifiedSince=future)["ETag"] == HELLO_ETAG


def test_puts_are_conditional(s3: "S3Client", hello: str) -> None:
    assert refusal(s3.put_object, Bucket=hello, Key="k", IfNoneMatch="*") == FAILED
    assert refusal(s3.put_object, Bucket=hello, Key="k", IfMatch='"other"') == FAILED
    assert refusal(s3.put_object, Bucket=hello, Key="n", IfMatch=HELLO_ETAG) == (404, "NoSuchKey")
    assert refusal(s3.put_object, Bucket=hello, Key="k", IfNoneMatch='"a"')[1] == "NotImplemented"
    assert body(s3, hello) == b"hello"
    s3.put_object(Bucket=hello, Key="new", Body=b"1", IfNoneMatch="*")
    s3.put_object(Bucket=hello, Key="k", Body=b"2", IfMatch=HELLO_ETAG)
    assert (body(s3, hello, "new"), body(s3, hello)) == (b"1", b"2")


def test_deletions_are_quiet_and_conditional(s3: "S3Client", hello: str) -> None:
    assert refusal(s3.delete_object, Bucket=hello, Key="k", IfMatch='"other"') == FAILED
    reply = s3.delete_object(Bucket=hello, Key="k", IfMatch=HELLO_ETAG)
    assert reply["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refusal(s3.head_object, Bucket=hello, Key="k") == (404, "404")
    s3.delete_object(Bucket=hello, Key="k")
    gone = refusal(s3.delete_object, Bucket=hello, Key="k", IfMatch=HELLO_ETAG)
    assert gone == (404, "NoSuchKey")


def test_many_are_deleted_at_once(s3: "S3Client", hello: str) -> None:
    s3.put_object(Bucket=hello, Key="k2", Body=b"x")
    s3.put_object(Bucket=hello, Key="é&<", Body=b"x")
    wanted: Any = [{"Key": "k", "ETag": '"other"'}, {"Key": "k2"}, {"Key": "é&<"}, {"Key": "none"}]
    reply = s3.delete_objects(Bucket=hello, Delete={"Objects": wanted})
    assert [each["Key"] for each in reply["Deleted"]] == ["k2", "é&<", "none"]
    assert [(e["Key"], e["Code"]) for e in reply["Errors"]] == [("k", "PreconditionFailed")]
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=hello)["Contents"]] == ["k"]
    quiet = s3.delete_objects(Bucket=hello, Delete={"Objects": [{"Key": "k"}], "Quiet": True})
    assert "Deleted" not in quiet


def test_no_more_than_1000_are_deleted_at_once(s3: "S3Client", bucket: str) -> None:
    many: Any = [{"Key": str(number)} for number in range(1001)]
    refused = refusal(s3.delete_objects, Bucket=bucket, Delete={"Objects": many})
    assert refused == (400, "MalformedXML")


def test_a_copy_keeps_what_the_source_says(s3: "S3Client", bucket: str) -> None:
    s3.put_object(
        Bucket=bucket, Key="é a", Body=b"hello", Metadata={"m": "1"}, ContentType="text/x"
    )
    made = s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "é a"})
    assert made["CopyObjectResult"]["ETag"] == HELLO_ETAG
    got = s3.get_object(Bucket=bucket, Key="b")
    assert (got["Body"].read(), got["Metadata"], got["ContentType"]) == (
        b"hello",
        {"m": "1"},
        "text/x",
    )


def test_a_copy_may_replace_what_the_source_says(s3: "S3Client", hello: str) -> None:
    s3.copy_object(
        Bucket=hello,
        Key="k",
        CopySource=f"{hello}/k",
        MetadataDirective="REPLACE",
        Metadata={"new": "1"},
    )
    assert s3.head_object(Bucket=hello, Key="k")["Metadata"] == {"new": "1"}
    assert body(s3, hello) == b"hello"


def test_a_copy_onto_itself_must_change_something(s3: "S3Client", hello: str) -> None:
    refused = refusal(s3.copy_object, Bucket=hello, Key="k", CopySource=f"{hello}/k")
    assert refused == (400, "InvalidRequest")


def test_copies_are_conditional_on_both_ends(s3: "S3Client", hello: str) -> None:
    at: Any = {"Bucket": hello, "Key": "b", "CopySource": f"{hello}/k"}
    assert refusal(s3.copy_object, **at, CopySourceIfMatch='"other"') == FAILED
    assert refusal(s3.copy_object, **at, CopySourceIfNoneMatch=HELLO_ETAG) == FAILED
    s3.copy_object(**at, CopySourceIfMatch=HELLO_ETAG, IfNoneMatch="*")
    assert refusal(s3.copy_object, **at, IfNoneMatch="*") == FAILED
    assert refusal(s3.copy_object, **at, IfMatch='"other"') == FAILED
    s3.copy_object(**at, IfMatch=HELLO_ETAG)


def test_a_copy_needs_its_source(s3: "S3Client", bucket: str) -> None:
    at: Any = {"Bucket": bucket, "Key": "b"}
    assert refusal(s3.copy_object, **at, CopySource=f"{bucket}/none") == (404, "NoSuchKey")
    assert refusal(s3.copy_object, **at, CopySource="none-such/k") == (404, "NoSuchBucket")
    assert refusal(s3.copy_object, **at, CopySource="nothing") == (400, "InvalidArgument")


def test_content_md5_is_checked(s3: "S3Client", bucket: str) -> None:
    right = base64.b64encode(hashlib.md5(b"x").digest()).decode()
    other = base64.b64encode(hashlib.md5(b"y").digest()).decode()
    at: Any = {"Bucket": bucket, "Key": "k", "Body": b"x"}
    assert refusal(s3.put_object, **at, ContentMD5=other) == (400, "BadDigest")
    assert refusal(s3.put_object, **at, ContentMD5="short") == (400, "InvalidDigest")
    assert refusal(s3.get_object, Bucket=bucket, Key="k") == (404, "NoSuchKey")
    assert s3.put_object(**at, ContentMD5=right)["ETag"]


def digest_of(algorithm: str, data: bytes) -> str:
    if algorithm == "CRC32":
        return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
    return base64.b64encode(hashlib.new(algorithm.lower(), data).digest()).decode()


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums_are_checked_and_returned(s3: "S3Client", bucket: str, algorithm: str) -> None:
    at: Any = {"Bucket": bucket, "Key": "k", "Body": b"x"}
    name = f"Checksum{algorithm}"
    assert refusal(s3.put_object, **at, **{name: digest_of(algorithm, b"y")})[1] == "BadDigest"
    assert refusal(s3.put_object, **at, **{name: "short"})[1] == "InvalidRequest"
    right: Any = {name: digest_of(algorithm, b"x")}
    put: Any = s3.put_object(**at, **right)
    head: Any = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    for reply in (put, head):
        assert reply[name] == right[name]
        assert reply["ChecksumType"] == "FULL_OBJECT"
    assert name not in s3.head_object(Bucket=bucket, Key="k")


def test_a_range_has_no_checksum(s3: "S3Client", hello: str) -> None:
    reply: Any = s3.get_object(Bucket=hello, Key="k", Range="bytes=0-1", ChecksumMode="ENABLED")
    assert "ChecksumCRC32" not in reply
    assert reply["Body"].read() == b"he"


def test_a_copy_has_a_checksum_of_its_own_if_asked(s3: "S3Client", hello: str) -> None:
    made = s3.copy_object(
        Bucket=hello, Key="b", CopySource=f"{hello}/k", ChecksumAlgorithm="SHA256"
    )
    assert made["CopyObjectResult"]["ChecksumSHA256"] == digest_of("SHA256", b"hello")


def test_a_body_of_another_hash_than_signed_is_refused(s3: "S3Client", bucket: str) -> None:
    def swap(request: Any, **_: Any) -> None:
        request.body = b"other"

    s3.meta.events.register("before-send.s3.PutObject", swap)
    refused = refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"hello")
    assert refused == (400, "XAmzContentSHA256Mismatch")


@pytest.mark.parametrize("algorithm", ["CRC32C", "CRC64NVME"])
def test_a_checksum_that_nobody_checks_is_refused(
    s3: "S3Client", bucket: str, algorithm: str
) -> None:
    checksum: Any = {f"Checksum{algorithm}": "AAAAAA=="}
    refused = refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"x", **checksum)
    assert refused == (501, "NotImplemented")


@pytest.mark.parametrize(
    "more",
    [
        {"Tagging": "a=b"},
        {"ACL": "public-read"},
        {"ServerSideEncryption": "aws:kms"},
        {"ObjectLockMode": "GOVERNANCE"},
        {"WebsiteRedirectLocation": "/x"},
    ],
)
def test_what_is_not_there_is_not_passed_over(
    s3: "S3Client", bucket: str, more: dict[str, Any]
) -> None:
    refused = refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"x", **more)
    assert refused == (501, "NotImplemented")


def test_what_is_so_anyway_may_be_asked_for(s3: "S3Client", bucket: str) -> None:
    more: Any = {"ACL": "private", "ServerSideEncryption": "AES256", "StorageClass": "STANDARD"}
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **more)
    assert "StorageClass" not in s3.head_object(Bucket=bucket, Key="k")


def test_an_unknown_storage_class_is_refused(s3: "S3Client", bucket: str) -> None:
    wrong: Any = {"StorageClass": "LUKEWARM"}
    refused = refusal(s3.put_object, Bucket=bucket, Key="k", **wrong)
    assert refused == (400, "InvalidStorageClass")


def test_another_accounts_bucket_is_refused(s3: "S3Client", hello: str) -> None:
    at: Any = {"Bucket": hello, "Key": "k"}
    assert refusal(s3.get_object, **at, ExpectedBucketOwner="111111111111")[0] == 403
    assert refusal(s3.put_object, **at, ExpectedBucketOwner="111111111111")[0] == 403
    assert s3.head_object(**at, ExpectedBucketOwner="123456789012")["ContentLength"] == 5
    refused = refusal(
        s3.copy_object,
        Bucket=hello,
        Key="b",
        CopySource=f"{hello}/k",
        ExpectedSourceBucketOwner="111111111111",
    )
    assert refused == (403, "AccessDenied")
