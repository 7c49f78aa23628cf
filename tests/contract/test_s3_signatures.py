"""S3's signatures: in headers, in presigned URLs, and what nobody signed."""

import zlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.contract.buckets import Answer, client_of, fetch, new_bucket, refusal, sign_at, signed

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

STREAMING = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


@pytest.fixture
def s3(cloud: Any) -> "S3Client":
    return client_of(cloud)


@pytest.fixture
def hello(s3: "S3Client") -> str:
    """A bucket that holds `hello` under the key k."""
    bucket = new_bucket(s3)
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ContentType="text/plain")
    return bucket


def presigned(s3: "S3Client", bucket: str, *, expires: int = 60, **more: Any) -> str:
    return s3.generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": "k", **more}, ExpiresIn=expires
    )


def outcome(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.code


def test_nobody_may_do_anything_anonymously(cloud: Any, hello: str) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE", "POST"):
        for path in ("", f"/{hello}", f"/{hello}/k", f"/{hello}?list-type=2"):
            assert fetch(f"{cloud.url}{path}", method=method).status == 403, (method, path)
    assert outcome(fetch(f"{cloud.url}/{hello}/k")) == (403, "AccessDenied")


def test_a_wrong_secret_is_refused(cloud: Any, hello: str) -> None:
    s3 = client_of(cloud, secret="other")
    refused = refusal(s3.get_object, Bucket=hello, Key="k")
    assert refused == (403, "SignatureDoesNotMatch")


def test_a_wrong_key_id_is_refused(cloud: Any, hello: str) -> None:
    s3 = client_of(cloud, key_id="other")
    assert refusal(s3.get_object, Bucket=hello, Key="k") == (403, "InvalidAccessKeyId")


def test_a_request_signed_by_hand_is_accepted(cloud: Any, hello: str) -> None:
    assert signed(f"{cloud.url}/{hello}/k").body == b"hello"


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_request_signed_at_another_time_is_refused(cloud: Any, hello: str, minutes: int) -> None:
    answer = signed(f"{cloud.url}/{hello}/k", away=timedelta(minutes=minutes))
    assert outcome(answer) == (403, "RequestTimeTooSkewed")


def test_a_request_signed_minutes_ago_is_accepted(cloud: Any, hello: str) -> None:
    assert signed(f"{cloud.url}/{hello}/k", away=timedelta(minutes=-14)).status == 200


def test_the_clouds_own_clock_does_not_age_signatures(
    s3: "S3Client", cloud: Any, hello: str
) -> None:
    url = presigned(s3, hello)
    cloud.clock.advance(30 * 24 * 3600)
    assert fetch(url).status == 200
    assert s3.head_object(Bucket=hello, Key="k")["ContentLength"] == 5


def test_another_regions_signature_is_refused(cloud: Any, hello: str) -> None:
    answer = signed(f"{cloud.url}/{hello}/k", region="eu-west-1")
    assert outcome(answer) == (400, "AuthorizationHeaderMalformed")


def test_a_header_added_on_the_way_is_refused(s3: "S3Client", hello: str) -> None:
    answer = fetch(presigned(s3, hello), headers={"x-amz-storage-class": "GLACIER"})
    assert outcome(answer) == (403, "AccessDenied")


@pytest.mark.parametrize("header", ["AWS local:abc", "Bearer x", "AWS4-HMAC-SHA256 nonsense"])
def test_other_ways_to_sign_are_refused(cloud: Any, hello: str, header: str) -> None:
    answer = fetch(f"{cloud.url}/{hello}/k", headers={"Authorization": header})
    assert answer.status == 400
    assert answer.code in ("InvalidRequest", "AuthorizationHeaderMalformed")


def test_an_old_style_presigned_url_is_refused(cloud: Any, hello: str) -> None:
    query = urlencode({"AWSAccessKeyId": "local", "Signature": "x", "Expires": "9999999999"})
    assert outcome(fetch(f"{cloud.url}/{hello}/k?{query}")) == (400, "InvalidRequest")


def test_a_presigned_url_reads(s3: "S3Client", hello: str) -> None:
    url = presigned(s3, hello)
    assert fetch(url).body == b"hello"
    assert fetch(url, headers={"Range": "bytes=1-2"}).body == b"el"
    assert fetch(url, headers={"If-None-Match": "*"}).status == 304


def test_a_presigned_url_is_for_its_method_and_key_only(s3: "S3Client", hello: str) -> None:
    url = presigned(s3, hello)
    s3.put_object(Bucket=hello, Key="k2", Body=b"other")
    assert outcome(fetch(url, method="DELETE")) == (403, "SignatureDoesNotMatch")
    assert outcome(fetch(url.replace("/k?", "/k2?"))) == (403, "SignatureDoesNotMatch")
    assert outcome(fetch(url + "&response-content-type=x%2Fy")) == (403, "SignatureDoesNotMatch")
    longer = url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000")
    assert outcome(fetch(longer)) == (403, "SignatureDoesNotMatch")


def presigned_at(cloud: Any, bucket: str, *, at: datetime, expires: int) -> str:
    request = AWSRequest(method="GET", url=f"{cloud.url}/{bucket}/k")
    signer: Any = S3SigV4QueryAuth(Credentials("local", "local-secret"), "s3", "us-east-1", expires)
    sign_at(signer, request, at)
    return str(request.url)


def test_a_presigned_url_expires(cloud: Any, hello: str) -> None:
    now = datetime.now(UTC)
    url = presigned_at(cloud, hello, at=now - timedelta(seconds=50), expires=60)
    assert fetch(url).status == 200
    late = fetch(presigned_at(cloud, hello, at=now - timedelta(seconds=61), expires=60))
    assert outcome(late) == (403, "AccessDenied")
    assert b"Request has expired" in late.body


def test_a_presigned_url_is_not_valid_before_its_time(cloud: Any, hello: str) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    early = fetch(presigned_at(cloud, hello, at=tomorrow, expires=60))
    assert outcome(early) == (403, "AccessDenied")


@pytest.mark.parametrize("expires", [0, 7 * 24 * 3600 + 1])
def test_a_presigned_url_lives_a_week_at_most(cloud: Any, hello: str, expires: int) -> None:
    url = presigned_at(cloud, hello, at=datetime.now(UTC), expires=expires)
    assert outcome(fetch(url)) == (400, "AuthorizationQueryParametersError")


def test_a_presigned_url_without_its_signature_is_refused(s3: "S3Client", hello: str) -> None:
    url, _, query = presigned(s3, hello).partition("?")
    kept = [(name, value) for name, value in parse_qsl(query) if name != "X-Amz-Signature"]
    answer = fetch(f"{url}?{urlencode(kept)}")
    assert outcome(answer) == (400, "AuthorizationQueryParametersError")


def test_a_presigned_url_names_what_it_downloads(s3: "S3Client", hello: str) -> None:
    url = presigned(
        s3,
        hello,
        ResponseContentDisposition="attachment; filename=\"a b.vcf\"; filename*=UTF-8''%C3%A9.vcf",
        ResponseContentType="application/gzip",
        ResponseCacheControl="no-store",
    )
    answer = fetch(url)
    assert answer.headers["Content-Disposition"] == (
        "attachment; filename=\"a b.vcf\"; filename*=UTF-8''%C3%A9.vcf"
    )
    assert answer.headers["Content-Type"] == "application/gzip"
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_disposition_beyond_latin_1_is_refused(s3: "S3Client", hello: str) -> None:
    url = presigned(s3, hello, ResponseContentDisposition='attachment; filename="日本.vcf"')
    assert outcome(fetch(url)) == (400, "InvalidArgument")


def test_a_presigned_url_writes(s3: "S3Client", hello: str) -> None:
    url = s3.generate_presigned_url("put_object", Params={"Bucket": hello, "Key": "new"})
    assert fetch(url, method="PUT", body=b"data").status == 200
    assert s3.get_object(Bucket=hello, Key="new")["Body"].read() == b"data"


def chunked(data: bytes, trailer: str) -> bytes:
    return b"%x\r\n%s\r\n0\r\n%s\r\n\r\n" % (len(data), data, trailer.encode())


def stream_up(url: str, data: bytes, trailer: str, *, length: int | None = None) -> Answer:
    return signed(
        url,
        method="PUT",
        body=chunked(data, trailer),
        headers={
            "Content-Encoding": "aws-chunked",
            "X-Amz-Content-SHA256": STREAMING,
            "X-Amz-Decoded-Content-Length": str(len(data) if length is None else length),
            "X-Amz-Trailer": "x-amz-checksum-crc32",
        },
    )


def crc32(data: bytes) -> str:
    return b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def test_a_body_in_chunks_with_its_checksum_behind_is_accepted(
    s3: "S3Client", cloud: Any, hello: str
) -> None:
    data = b"chunks" * 100_000
    answer = stream_up(f"{cloud.url}/{hello}/c", data, f"x-amz-checksum-crc32:{crc32(data)}")
    assert answer.status == 200
    got = s3.get_object(Bucket=hello, Key="c", ChecksumMode="ENABLED")
    assert (got["Body"].read(), got["ChecksumCRC32"]) == (data, crc32(data))
    assert "ContentEncoding" not in got


@pytest.mark.parametrize(
    ("trailer", "length", "code"),
    [
        ("x-amz-checksum-crc32:AAAAAA==", 4, "BadDigest"),
        ("x-amz-checksum-crc32:" + crc32(b"data"), 5, "IncompleteBody"),
        ("x-amz-other:1", 4, "MalformedTrailerError"),
    ],
)
def test_a_body_in_chunks_is_checked(
    cloud: Any, hello: str, trailer: str, length: int, code: str
) -> None:
    answer = stream_up(f"{cloud.url}/{hello}/c", b"data", trailer, length=length)
    assert outcome(answer) == (400, code)
    assert signed(f"{cloud.url}/{hello}/c").status == 404


def test_a_body_needs_a_length(cloud: Any, hello: str) -> None:
    url = f"{cloud.url}/{hello}/c"
    request = AWSRequest(
        method="PUT", url=url, headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
    )
    S3SigV4Auth(Credentials("local", "local-secret"), "s3", "us-east-1").add_auth(request)
    headers = dict(request.headers.items()) | {"Transfer-Encoding": "chunked"}
    answer = fetch(url, method="PUT", body=b"0\r\n\r\n", headers=headers)
    assert outcome(answer) == (411, "MissingContentLength")
