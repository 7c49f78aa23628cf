"""Uploads by a browser's form: the policy decides, the answer is what the form asked for."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from deploy.local.s3_auth import sign
from tests.contract.buckets import (
    MIB,
    ORIGIN,
    Answer,
    client_of,
    fetch,
    new_bucket,
    post_form,
    refusal,
    some_bytes,
)

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

DENIED = (403, "AccessDenied")


@pytest.fixture
def s3(cloud: Any) -> "S3Client":
    return client_of(cloud)


@pytest.fixture
def bucket(s3: "S3Client") -> str:
    return new_bucket(s3)


def form(s3: "S3Client", bucket: str, key: str = "u/1", **more: Any) -> tuple[str, dict[str, str]]:
    made = s3.generate_presigned_post(bucket, key, **more)
    return made["url"], made["fields"]


def outcome(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.code


def body(s3: "S3Client", bucket: str, key: str = "u/1") -> bytes:
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def test_a_form_uploads(s3: "S3Client", bucket: str) -> None:
    data = some_bytes(3 * MIB + 17)
    answer = post_form(*form(s3, bucket), data)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    assert answer.headers["Location"].endswith(f"/{bucket}/u/1")
    assert body(s3, bucket) == data


@pytest.mark.parametrize(
    "data", [b"", b"\r\n", b"\n\r\n--", b"a\r\n--no\r\n", b"\x00\r" * 9, b"\r\n" * 200_000]
)
def test_a_forms_file_arrives_byte_for_byte(s3: "S3Client", bucket: str, data: bytes) -> None:
    assert post_form(*form(s3, bucket), data).status == 204
    assert body(s3, bucket) == data


def test_a_form_carries_headers_and_metadata(s3: "S3Client", bucket: str) -> None:
    fields = {"Content-Type": "text/x-vcf", "x-amz-meta-job": "j1"}
    url, made = form(s3, bucket, Fields=fields, Conditions=[fields])
    assert post_form(url, made).status == 204
    head = s3.head_object(Bucket=bucket, Key="u/1")
    assert (head["ContentType"], head["Metadata"]) == ("text/x-vcf", {"job": "j1"})


def test_a_file_name_may_be_part_of_the_key(s3: "S3Client", bucket: str) -> None:
    url, fields = form(s3, bucket, "u/${filename}")
    assert post_form(url, fields, b"x", file_name="up/my file é.vcf").status == 204
    assert body(s3, bucket, "u/my file é.vcf") == b"x"


def test_the_size_is_limited_on_both_sides(s3: "S3Client", bucket: str) -> None:
    url, fields = form(s3, bucket, Conditions=[["content-length-range", 2, MIB]])
    assert outcome(post_form(url, fields, b"x" * (MIB + 1))) == (400, "EntityTooLarge")
    assert outcome(post_form(url, fields, b"x")) == (400, "EntityTooSmall")
    assert refusal(s3.head_object, Bucket=bucket, Key="u/1") == (404, "404")
    assert post_form(url, fields, b"xx").status == 204
    assert post_form(url, fields, b"x" * MIB).status == 204


def test_a_refused_large_file_still_gets_its_answer(s3: "S3Client", bucket: str) -> None:
    url, fields = form(s3, bucket, Conditions=[["content-length-range", 1, 10]])
    assert outcome(post_form(url, fields, b"x" * (16 * MIB))) == (400, "EntityTooLarge")


def test_the_key_must_be_that_of_the_policy(s3: "S3Client", bucket: str) -> None:
    url, fields = form(s3, bucket)
    assert outcome(post_form(url, fields | {"key": "u/2"})) == DENIED
    url, fields = form(s3, bucket, "u/${filename}")
    assert outcome(post_form(url, fields | {"key": "v/x"})) == DENIED


def test_a_prefix_may_be_all_that_is_asked(s3: "S3Client", bucket: str) -> None:
    conditions: list[Any] = [["starts-with", "$Content-Type", "text/"]]
    url, fields = form(s3, bucket, Conditions=conditions)
    assert post_form(url, fields | {"Content-Type": "text/plain"}).status == 204
    assert outcome(post_form(url, fields | {"Content-Type": "image/png"})) == DENIED
    assert outcome(post_form(url, fields)) == DENIED


def test_every_field_needs_a_condition(s3: "S3Client", bucket: str) -> None:
    url, fields = form(s3, bucket)
    assert outcome(post_form(url, fields | {"x-amz-meta-more": "1"})) == DENIED
    assert outcome(post_form(url, fields | {"success_action_status": "201"})) == DENIED
    assert post_form(url, fields | {"x-ignore-this": "1"}).status == 204


def test_a_form_without_policy_is_refused(cloud: Any, bucket: str) -> None:
    assert outcome(post_form(f"{cloud.url}/{bucket}", {"key": "u/1"})) == DENIED


def test_a_tampered_form_is_refused(s3: "S3Client", bucket: str) -> None:
    url, fields = form(s3, bucket)
    policy = json.loads(base64.b64decode(fields["policy"]))
    policy["conditions"].append(["starts-with", "$x-amz-meta-more", ""])
    forged = base64.b64encode(json.dumps(policy).encode()).decode()
    wrong = (403, "SignatureDoesNotMatch")
    assert outcome(post_form(url, fields | {"policy": forged})) == wrong
    assert outcome(post_form(url, fields | {"x-amz-signature": "0" * 64})) == wrong
    other = fields["x-amz-credential"].replace("local/", "other/")
    answer = post_form(url, fields | {"x-amz-credential": other})
    assert outcome(answer) == (403, "InvalidAccessKeyId")


def test_a_form_of_another_secret_is_refused(cloud: Any, bucket: str) -> None:
    url, fields = form(client_of(cloud, secret="other"), bucket)
    assert outcome(post_form(url, fields)) == (403, "SignatureDoesNotMatch")


def test_a_form_is_for_its_bucket_only(s3: "S3Client", cloud: Any, bucket: str) -> None:
    _, fields = form(s3, bucket)
    other = new_bucket(s3)
    assert outcome(post_form(f"{cloud.url}/{other}", fields)) == DENIED
    assert outcome(post_form(f"{cloud.url}/none-such", fields)) == (404, "NoSuchBucket")


def signed_fields(bucket: str, policy: dict[str, Any] | str) -> dict[str, str]:
    """Sign a policy of the test's own making."""
    day = datetime.now(UTC).strftime("%Y%m%d")
    text = policy if isinstance(policy, str) else json.dumps(policy)
    encoded = base64.b64encode(text.encode()).decode()
    return {
        "key": "u/1",
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": f"local/{day}/us-east-1/s3/aws4_request",
        "policy": encoded,
        "x-amz-signature": sign(encoded, day=day),
    }


def policy_of(bucket: str, *, seconds: int = 60, more: Any = ()) -> dict[str, Any]:
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    covered: list[Any] = [["starts-with", f"${n}", ""] for n in ("x-amz-algorithm", "key")]
    covered += [["starts-with", "$x-amz-credential", "local/"], {"bucket": bucket}, *more]
    return {"expiration": until.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "conditions": covered}


def test_a_policy_expires_in_real_time(cloud: Any, bucket: str) -> None:
    url = f"{cloud.url}/{bucket}"
    fresh = signed_fields(bucket, policy_of(bucket))
    cloud.clock.advance(24 * 3600)
    assert post_form(url, fresh).status == 204
    late = post_form(url, signed_fields(bucket, policy_of(bucket, seconds=-1)))
    assert outcome(late) == DENIED
    assert b"Policy expired" in late.body


@pytest.mark.parametrize(
    "policy",
    [
        "nonsense",
        "{}",
        "[]",
        '{"expiration": "tomorrow", "conditions": []}',
        '{"expiration": "2100-01-01T00:00:00Z", "conditions": [["like", "$key", "u"]]}',
        '{"expiration": "2100-01-01T00:00:00Z", "conditions": [["eq", "key", "u"]]}',
        '{"expiration": "2100-01-01T00:00:00Z", "conditions": [["content-length-range", 1]]}',
        '{"expiration": "2100-01-01T00:00:00Z", "conditions": [[]]}',
        '{"expiration": "2100-01-01T00:00:00Z", "conditions": 1}',
    ],
)
def test_a_policy_that_cannot_be_read_is_refused(cloud: Any, bucket: str, policy: str) -> None:
    answer = post_form(f"{cloud.url}/{bucket}", signed_fields(bucket, policy))
    assert outcome(answer) == (400, "InvalidPolicyDocument")


def test_a_form_redirects(s3: "S3Client", bucket: str) -> None:
    target = f"{ORIGIN}/jobs/1/uploaded?x=1"
    url, fields = form(
        s3,
        bucket,
        Fields={"success_action_redirect": target},
        Conditions=[{"success_action_redirect": target}],
    )
    answer = post_form(url, fields, b"hello")
    assert answer.status == 303
    where = urlsplit(answer.headers["Location"])
    assert answer.headers["Location"].startswith(target)
    assert parse_qs(where.query) == {
        "x": ["1"],
        "bucket": [bucket],
        "key": ["u/1"],
        "etag": ['"5d41402abc4b2a76b9719d911017c592"'],
    }


@pytest.mark.parametrize(("asked", "status"), [("200", 200), ("201", 201), ("404", 204)])
def test_a_form_chooses_its_status(s3: "S3Client", bucket: str, asked: str, status: int) -> None:
    fields = {"success_action_status": asked}
    url, made = form(s3, bucket, Fields=fields, Conditions=[fields])
    answer = post_form(url, made, b"hello")
    assert answer.status == status
    named = f"<Bucket>{bucket}</Bucket><Key>u/1</Key>".encode()
    assert (named in answer.body) is (status == 201)


def test_a_form_needs_a_key_and_a_file(s3: "S3Client", bucket: str) -> None:
    url, fields = form(s3, bucket)
    without = {name: value for name, value in fields.items() if name != "key"}
    assert outcome(post_form(url, without)) == (400, "InvalidArgument")
    text = b'--m\r\nContent-Disposition: form-data; name="key"\r\n\r\nu/1\r\n--m--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=m"}
    answer = fetch(url, method="POST", body=text, headers=kind)
    assert outcome(answer) == (400, "InvalidArgument")


def test_a_broken_form_is_refused(s3: "S3Client", bucket: str) -> None:
    url, _ = form(s3, bucket)
    kind = {"Content-Type": "multipart/form-data; boundary=m"}
    for text in (b"", b"nothing", b"--m\r\nno header\r\n\r\nx\r\n--m--", b"--m\r\n"):
        answer = fetch(url, method="POST", body=text, headers=kind)
        assert outcome(answer) == (400, "MalformedPOSTRequest"), text


def test_a_form_cut_short_leaves_nothing(s3: "S3Client", bucket: str) -> None:
    url, fields = form(s3, bucket)
    parts = [
        f'--m\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    head = '--m\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    answer = fetch(
        url,
        method="POST",
        body="".join([*parts, head]).encode() + b"data without an end",
        headers={"Content-Type": "multipart/form-data; boundary=m"},
    )
    assert outcome(answer) == (400, "MalformedPOSTRequest")
    assert refusal(s3.head_object, Bucket=bucket, Key="u/1") == (404, "404")


def test_fields_are_limited(s3: "S3Client", bucket: str) -> None:
    url, fields = form(s3, bucket)
    answer = post_form(url, fields | {"x-ignore-this": "x" * 21_000})
    assert outcome(answer) == (400, "MaxPostPreDataLengthExceeded")


def test_what_a_form_cannot_have_is_not_passed_over(s3: "S3Client", bucket: str) -> None:
    for fields in ({"tagging": "<x/>"}, {"acl": "public-read"}, {"x-amz-tagging": "a=b"}):
        url, made = form(s3, bucket, Fields=fields, Conditions=[fields])
        assert outcome(post_form(url, made)) == (501, "NotImplemented")
