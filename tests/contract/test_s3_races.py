"""S3 under many writers at once: of conditional writes one wins, and none is lost."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.buckets import client_of, new_bucket

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


@pytest.fixture
def s3(cloud: Any) -> "S3Client":
    return client_of(cloud)


@pytest.fixture
def bucket(s3: "S3Client") -> str:
    return new_bucket(s3)


def read(s3: "S3Client", bucket: str) -> bytes:
    return s3.get_object(Bucket=bucket, Key="k")["Body"].read()


def test_of_many_puts_of_a_new_key_one_wins(s3: "S3Client", bucket: str) -> None:
    at: Any = {"Bucket": bucket, "Key": "k", "IfNoneMatch": "*"}

    def put(writer: int) -> int | None:
        try:
            s3.put_object(**at, Body=str(writer).encode())
        except s3.exceptions.ClientError:
            return None
        return writer

    with ThreadPoolExecutor(8) as pool:
        won = [writer for writer in pool.map(put, range(32)) if writer is not None]
    assert [str(writer).encode() for writer in won] == [read(s3, bucket)]


def test_of_many_swaps_none_is_lost(s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"0")

    def add(times: int) -> None:
        while times:
            now = s3.get_object(Bucket=bucket, Key="k")
            more = str(int(now["Body"].read()) + 1).encode()
            try:
                s3.put_object(Bucket=bucket, Key="k", Body=more, IfMatch=now["ETag"])
            except s3.exceptions.ClientError:
                continue
            times -= 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, [10] * 4))
    assert read(s3, bucket) == b"40"
