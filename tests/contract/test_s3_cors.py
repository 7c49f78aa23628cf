"""What pages of other origins may do: what the bucket's own rules say, and nothing else."""

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.buckets import ORIGIN, client_of, fetch, new_bucket, post_form, refusal

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

RULE: dict[str, Any] = {
    "AllowedOrigins": [ORIGIN],
    "AllowedMethods": ["POST", "GET"],
    "AllowedHeaders": ["content-*"],
    "ExposeHeaders": ["ETag"],
    "MaxAgeSeconds": 600,
}


@pytest.fixture
def s3(cloud: Any) -> "S3Client":
    return client_of(cloud)


@pytest.fixture
def bucket(s3: "S3Client") -> str:
    return new_bucket(s3)


def set_rules(s3: "S3Client", bucket: str, *rules: Any) -> None:
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": list(rules)})


def ask(url: str, *, origin: str = ORIGIN, method: str = "POST", headers: str = "") -> Any:
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers:
        asked["Access-Control-Request-Headers"] = headers
    return fetch(url, method="OPTIONS", headers=asked)


def test_without_rules_nothing_is_allowed(s3: "S3Client", cloud: Any, bucket: str) -> None:
    answer = ask(f"{cloud.url}/{bucket}")
    assert (answer.status, answer.code) == (403, "AccessForbidden")
    made = s3.generate_presigned_post(bucket, "k")
    posted = post_form(made["url"], made["fields"], headers={"Origin": ORIGIN})
    assert posted.status == 204
    assert "Access-Control-Allow-Origin" not in posted.headers
    assert refusal(s3.get_bucket_cors, Bucket=bucket) == (404, "NoSuchCORSConfiguration")


def test_a_preflight_follows_the_rules(s3: "S3Client", cloud: Any, bucket: str) -> None:
    set_rules(s3, bucket, RULE)
    url = f"{cloud.url}/{bucket}"
    answer = ask(url, headers="Content-Type, content-md5")
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["Access-Control-Allow-Methods"] == "POST, GET"
    assert answer.headers["Access-Control-Allow-Headers"] == "content-type, content-md5"
    assert answer.headers["Access-Control-Max-Age"] == "600"
    assert "Origin" in answer.headers["Vary"]
    assert ask(url, origin="http://evil.example").status == 403
    assert ask(url, origin=ORIGIN + "0").status == 403
    assert ask(url, method="DELETE").status == 403
    assert ask(url, headers="x-amz-acl").status == 403


def test_a_preflight_must_say_what_it_asks(s3: "S3Client", cloud: Any, bucket: str) -> None:
    set_rules(s3, bucket, RULE)
    answer = fetch(f"{cloud.url}/{bucket}", method="OPTIONS", headers={"Origin": ORIGIN})
    assert (answer.status, answer.code) == (400, "BadRequest")


def test_a_form_tells_its_page_the_etag(s3: "S3Client", bucket: str) -> None:
    set_rules(s3, bucket, RULE)
    made = s3.generate_presigned_post(bucket, "k")
    answer = post_form(made["url"], made["fields"], headers={"Origin": ORIGIN})
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["Access-Control-Expose-Headers"] == "ETag"
    other = post_form(made["url"], made["fields"], headers={"Origin": "http://evil.example"})
    assert "Access-Control-Allow-Origin" not in other.headers


def test_a_page_may_read_a_refusal_too(s3: "S3Client", cloud: Any, bucket: str) -> None:
    set_rules(s3, bucket, RULE)
    answer = post_form(f"{cloud.url}/{bucket}", {"key": "k"}, headers={"Origin": ORIGIN})
    assert answer.status == 403
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


def test_a_download_is_readable_where_get_is_allowed(s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    set_rules(s3, bucket, RULE)
    asked = {"Origin": ORIGIN}
    assert fetch(url, headers=asked).headers["Access-Control-Allow-Origin"] == ORIGIN
    set_rules(s3, bucket, RULE | {"AllowedMethods": ["POST"]})
    assert "Access-Control-Allow-Origin" not in fetch(url, headers=asked).headers
    assert "Access-Control-Allow-Origin" not in fetch(url).headers


def test_wildcards_fit_once(s3: "S3Client", cloud: Any, bucket: str) -> None:
    url = f"{cloud.url}/{bucket}"
    set_rules(s3, bucket, RULE | {"AllowedOrigins": ["http://*.example"]})
    assert ask(url, origin="http://a.example").status == 200
    assert ask(url, origin="http://example").status == 403
    set_rules(s3, bucket, RULE | {"AllowedOrigins": ["*"]})
    answer = ask(url, origin="http://anyone")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"AllowedMethods": ["PATCH"]}, "InvalidRequest"),
        ({"AllowedOrigins": ["http://*.*"]}, "InvalidRequest"),
        ({"AllowedMethods": []}, "MalformedXML"),
    ],
)
def test_wrong_rules_are_refused(
    s3: "S3Client", bucket: str, change: dict[str, Any], code: str
) -> None:
    wrong: Any = {"CORSRules": [RULE | change]}
    refused = refusal(s3.put_bucket_cors, Bucket=bucket, CORSConfiguration=wrong)
    assert refused == (400, code)


def test_rules_come_back_and_go(s3: "S3Client", cloud: Any, bucket: str) -> None:
    set_rules(s3, bucket, RULE)
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == [RULE]
    s3.delete_bucket_cors(Bucket=bucket)
    assert ask(f"{cloud.url}/{bucket}").status == 403
