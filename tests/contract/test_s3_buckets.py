"""S3's buckets: making and removing them, their listings, their configurations."""

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.buckets import client_of, new_bucket, refusal, signed

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


@pytest.fixture
def s3(cloud: Any) -> "S3Client":
    return client_of(cloud)


@pytest.fixture
def bucket(s3: "S3Client") -> str:
    return new_bucket(s3)


def fill(s3: "S3Client", bucket: str, *keys: str) -> None:
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())


def keys_of(page: Any) -> list[str]:
    return [each["Key"] for each in page.get("Contents", ())]


def prefixes_of(page: Any) -> list[str]:
    return [each["Prefix"] for each in page.get("CommonPrefixes", ())]


def test_a_bucket_is_made_once_and_again(s3: "S3Client", bucket: str) -> None:
    fill(s3, bucket, "k")
    s3.create_bucket(Bucket=bucket)
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == ["k"]
    assert bucket in [each["Name"] for each in s3.list_buckets()["Buckets"]]
    assert s3.head_bucket(Bucket=bucket)["BucketRegion"] == "us-east-1"
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None


def test_a_bucket_elsewhere_is_refused(s3: "S3Client") -> None:
    place: Any = {"LocationConstraint": "eu-west-1"}
    refused = refusal(s3.create_bucket, Bucket="else-where", CreateBucketConfiguration=place)
    assert refused == (400, "IllegalLocationConstraintException")


@pytest.mark.parametrize("name", ["ab", "Upper", "under_score", "a..b", "-a-b", "x" * 64])
def test_a_bucket_needs_a_valid_name(s3: "S3Client", name: str) -> None:
    assert refusal(s3.create_bucket, Bucket=name) == (400, "InvalidBucketName")


def test_a_bucket_goes_when_it_is_empty(s3: "S3Client", bucket: str) -> None:
    fill(s3, bucket, "k")
    assert refusal(s3.delete_bucket, Bucket=bucket) == (409, "BucketNotEmpty")
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)
    assert refusal(s3.head_bucket, Bucket=bucket) == (404, "404")
    assert refusal(s3.delete_bucket, Bucket=bucket) == (404, "NoSuchBucket")


def test_a_bucket_that_went_takes_its_uploads_along(s3: "S3Client", bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    refused = refusal(s3.list_parts, Bucket=bucket, Key="k", UploadId=upload)
    assert refused == (404, "NoSuchUpload")


def test_keys_are_listed_in_the_order_of_their_bytes(s3: "S3Client", bucket: str) -> None:
    keys = ["Z", "a", "a/b", "a b", "ab", "é", "日本", "\U0001f9ec"]
    fill(s3, bucket, *keys)
    listed = s3.list_objects_v2(Bucket=bucket)
    assert keys_of(listed) == sorted(keys, key=str.encode)
    assert listed["KeyCount"] == len(keys)
    assert listed["Contents"][0]["ETag"] == s3.head_object(Bucket=bucket, Key="Z")["ETag"]
    assert listed["Contents"][0]["StorageClass"] == "STANDARD"


def test_an_empty_bucket_lists_nothing(s3: "S3Client", bucket: str) -> None:
    listed = s3.list_objects_v2(Bucket=bucket)
    assert (listed["KeyCount"], listed["IsTruncated"]) == (0, False)
    assert "Contents" not in listed


def test_a_prefix_lists_what_begins_with_it(s3: "S3Client", bucket: str) -> None:
    fill(s3, bucket, "a", "u/1", "u/2", "u0", "v/1")
    assert keys_of(s3.list_objects_v2(Bucket=bucket, Prefix="u/")) == ["u/1", "u/2"]
    assert keys_of(s3.list_objects_v2(Bucket=bucket, Prefix="u/", StartAfter="u/1")) == ["u/2"]
    assert keys_of(s3.list_objects_v2(Bucket=bucket, Prefix="none")) == []


def test_a_delimiter_rolls_keys_up(s3: "S3Client", bucket: str) -> None:
    fill(s3, bucket, "a", "r/1/x", "r/1/y", "r/2/x", "r/z", "s")
    top = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert (keys_of(top), prefixes_of(top)) == (["a", "s"], ["r/"])
    below = s3.list_objects_v2(Bucket=bucket, Prefix="r/", Delimiter="/")
    assert (keys_of(below), prefixes_of(below)) == (["r/z"], ["r/1/", "r/2/"])


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize("delimiter", ["", "/"])
def test_pages_hold_everything_once(
    s3: "S3Client", bucket: str, limit: int, delimiter: str
) -> None:
    fill(s3, bucket, "a", "r/1", "r/2", "r/3", "s/1", "t", "ü/1", "z")
    pages = list(
        s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Delimiter=delimiter, PaginationConfig={"PageSize": limit}
        )
    )
    seen = [name for page in pages for name in (*keys_of(page), *prefixes_of(page))]
    rolled = ["a", "r/", "s/", "t", "z", "ü/"]
    every = ["a", "r/1", "r/2", "r/3", "s/1", "t", "z", "ü/1"]
    assert sorted(seen) == (rolled if delimiter else every)
    assert all(page["KeyCount"] <= limit for page in pages)


def test_no_key_is_asked_for_none_comes(s3: "S3Client", bucket: str) -> None:
    fill(s3, bucket, "a")
    listed = s3.list_objects_v2(Bucket=bucket, MaxKeys=0)
    assert (listed["KeyCount"], listed["IsTruncated"]) == (0, False)


def test_a_false_continuation_is_refused(s3: "S3Client", bucket: str) -> None:
    refused = refusal(s3.list_objects_v2, Bucket=bucket, ContinuationToken="é!")
    assert refused == (400, "InvalidArgument")


def test_the_older_listing_pages_too(s3: "S3Client", bucket: str) -> None:
    fill(s3, bucket, "a", "r/1", "r/2", "s")
    first = s3.list_objects(Bucket=bucket, Delimiter="/", MaxKeys=2)
    assert (keys_of(first), prefixes_of(first), first["IsTruncated"]) == (["a"], ["r/"], True)
    rest = s3.list_objects(Bucket=bucket, Delimiter="/", Marker=first["NextMarker"])
    assert (keys_of(rest), prefixes_of(rest)) == (["s"], [])


def test_a_new_bucket_is_closed_and_encrypted(s3: "S3Client", bucket: str) -> None:
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    owner = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]
    assert owner["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    told = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert set(told) == {"ResponseMetadata"}


def test_configurations_come_back_and_go(s3: "S3Client", bucket: str) -> None:
    rule: Any = {
        "ID": "abort",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }
    missing = refusal(s3.get_bucket_lifecycle_configuration, Bucket=bucket)
    assert missing == (404, "NoSuchLifecycleConfiguration")
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == [rule]
    s3.delete_bucket_lifecycle(Bucket=bucket)
    assert refusal(s3.get_bucket_lifecycle_configuration, Bucket=bucket)[0] == 404


def test_tags_and_policies_come_back_and_go(s3: "S3Client", bucket: str) -> None:
    assert refusal(s3.get_bucket_tagging, Bucket=bucket) == (404, "NoSuchTagSet")
    assert refusal(s3.get_bucket_policy, Bucket=bucket) == (404, "NoSuchBucketPolicy")
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3.put_bucket_policy(Bucket=bucket, Policy='{"Version": "2012-10-17", "Statement": []}')
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "a", "Value": "b"}]
    assert "2012-10-17" in s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.delete_bucket_tagging(Bucket=bucket)
    s3.delete_bucket_policy(Bucket=bucket)
    assert refusal(s3.get_bucket_tagging, Bucket=bucket)[0] == 404
    assert refusal(s3.get_bucket_policy, Bucket=bucket)[0] == 404
    assert refusal(s3.put_bucket_policy, Bucket=bucket, Policy="x") == (400, "MalformedPolicy")


def test_access_blocks_and_ownership_can_be_set(s3: "S3Client", bucket: str) -> None:
    block: Any = {"BlockPublicAcls": True, "IgnorePublicAcls": False}
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == block
    s3.delete_public_access_block(Bucket=bucket)
    gone = refusal(s3.get_public_access_block, Bucket=bucket)
    assert gone == (404, "NoSuchPublicAccessBlockConfiguration")
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    gone = refusal(s3.get_bucket_ownership_controls, Bucket=bucket)
    assert gone == (404, "OwnershipControlsNotFoundError")


def test_encryption_stays_aes256(s3: "S3Client", bucket: str) -> None:
    kms: Any = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]}
    refused = refusal(
        s3.put_bucket_encryption, Bucket=bucket, ServerSideEncryptionConfiguration=kms
    )
    assert refused == (501, "NotImplemented")
    s3.delete_bucket_encryption(Bucket=bucket)
    assert s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]


def test_versions_are_refused_rather_than_not_kept(s3: "S3Client", bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Suspended"
    on: Any = {"Status": "Enabled"}
    refused = refusal(s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration=on)
    assert refused == (501, "NotImplemented")
    refused = refusal(s3.get_object, Bucket=bucket, Key="k", VersionId="v")
    assert refused == (501, "NotImplemented")


def test_a_malformed_document_is_refused(cloud: Any, bucket: str) -> None:
    for text in (b"", b"<Tagging>", b"<Other/>"):
        answer = signed(f"{cloud.url}/{bucket}?tagging", method="PUT", body=text)
        assert (answer.status, answer.code) == (400, "MalformedXML"), text


def test_unknown_sub_resources_are_refused(s3: "S3Client", bucket: str) -> None:
    missing = (501, "NotImplemented")
    fill(s3, bucket, "k")
    assert refusal(s3.get_bucket_acl, Bucket=bucket) == missing
    assert refusal(s3.get_bucket_website, Bucket=bucket) == missing
    assert refusal(s3.list_object_versions, Bucket=bucket) == missing
    assert refusal(s3.get_object_tagging, Bucket=bucket, Key="k") == missing
    assert refusal(s3.get_object_acl, Bucket=bucket, Key="k") == missing
    attributes: Any = ["ETag"]
    refused = refusal(s3.get_object_attributes, Bucket=bucket, Key="k", ObjectAttributes=attributes)
    assert refused == missing
