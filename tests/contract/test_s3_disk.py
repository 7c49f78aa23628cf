"""What S3 keeps when its process dies, what it forgets when told to, and how little it holds."""

import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.contract.buckets import (
    MIB,
    Shop,
    client_of,
    fetch,
    new_bucket,
    open_shop,
    refusal,
    some_bytes,
)

BIG = some_bytes(5 * MIB)

SERVE = """
import pathlib, sys, time
from tests.contract.buckets import open_shop
with open_shop(pathlib.Path(sys.argv[1])) as shop:
    print(shop.url, flush=True)
    time.sleep(600)
"""


@contextmanager
def killed_shop(folder: Path) -> Iterator[Any]:
    """Serve a folder in another process, and kill that at the end of the block."""
    command = [sys.executable, "-c", SERVE, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        try:
            yield type("Killed", (), {"url": url})
        finally:
            os.kill(process.pid, signal.SIGKILL)


def bodies(folder: Path) -> set[str]:
    return {path.name for path in (folder / "bodies").iterdir()}


def test_objects_and_parts_outlive_a_kill(tmp_path: Path) -> None:
    with killed_shop(tmp_path) as shop:
        s3 = client_of(shop)
        at: Any = {"Bucket": new_bucket(s3), "Key": "k"}
        s3.put_object(**at, Body=b"hello", Metadata={"m": "1"}, StorageClass="GLACIER_IR")
        upload = s3.create_multipart_upload(Bucket=at["Bucket"], Key="big")["UploadId"]
        there: Any = {"Bucket": at["Bucket"], "Key": "big", "UploadId": upload}
        parts = [
            {"PartNumber": n, "ETag": s3.upload_part(**there, PartNumber=n, Body=data)["ETag"]}
            for n, data in ((1, BIG), (2, b"last"))
        ]
    with open_shop(tmp_path) as shop:
        s3 = client_of(shop)
        got = s3.get_object(**at)
        assert (got["Body"].read(), got["Metadata"]) == (b"hello", {"m": "1"})
        assert got["StorageClass"] == "GLACIER_IR"
        assert [part["PartNumber"] for part in s3.list_parts(**there)["Parts"]] == [1, 2]
        s3.complete_multipart_upload(**there, MultipartUpload={"Parts": parts})  # type: ignore[typeddict-item]
        assert s3.get_object(Bucket=at["Bucket"], Key="big")["Body"].read() == BIG + b"last"
        assert bodies(tmp_path) == shop.service.bodies()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path) as opened:
        yield opened


def test_no_body_is_left_behind(shop: Shop, tmp_path: Path) -> None:
    s3 = client_of(shop)
    bucket = new_bucket(s3)
    at: Any = {"Bucket": bucket, "Key": "k"}
    for data in (b"1", b"2"):
        s3.put_object(**at, Body=data)
    s3.copy_object(Bucket=bucket, Key="c", CopySource=at)
    s3.delete_object(Bucket=bucket, Key="c")
    refusal(s3.put_object, **at, Body=b"3", IfNoneMatch="*")
    refusal(s3.put_object, **at, Body=b"3", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==")
    refusal(s3.copy_object, **at, CopySource=at, MetadataDirective="REPLACE", IfNoneMatch="*")
    there: Any = {**at, "UploadId": s3.create_multipart_upload(**at)["UploadId"]}
    parts = [
        {"PartNumber": 1, "ETag": s3.upload_part(**there, PartNumber=1, Body=data)["ETag"]}
        for data in (b"4", b"5")
    ]
    refusal(
        s3.complete_multipart_upload,
        **there,
        MultipartUpload={"Parts": parts[1:]},
        IfNoneMatch="*",
    )
    s3.abort_multipart_upload(**there)
    assert len(bodies(tmp_path)) == 1
    assert bodies(tmp_path) == shop.service.bodies()


def test_forgetting_keeps_buckets_and_their_configurations(shop: Shop, tmp_path: Path) -> None:
    s3 = client_of(shop)
    bucket = new_bucket(s3)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    there: Any = {"Bucket": bucket, "Key": "u"}
    there["UploadId"] = s3.create_multipart_upload(**there)["UploadId"]
    s3.upload_part(**there, PartNumber=1, Body=b"x")
    shop.service.forget()
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    assert refusal(s3.list_parts, **there) == (404, "NoSuchUpload")
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "a", "Value": "b"}]
    assert bodies(tmp_path) == set()


class Pattern:
    """A file of so many bytes that takes no room: the same piece over and over."""

    def __init__(self, size: int, *, before: bytes = b"", after: bytes = b"") -> None:
        self.left = size
        self.ends = [before, after]

    def read(self, _: int = -1) -> bytes:
        if self.ends[0]:
            first, self.ends[0] = self.ends[0], b""
            return first
        if self.left:
            piece = PIECE[: min(len(PIECE), self.left)]
            self.left -= len(piece)
            return piece
        last, self.ends[1] = self.ends[1], b""
        return last


PIECE = some_bytes(1 << 16)
LARGE = 64 * MIB
FLAT = 8 * MIB
"""Client and server together stay below this, an eighth of what passes through them."""


@contextmanager
def flat_memory() -> Iterator[None]:
    """Fail if the block needs more memory than FLAT at any time."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < FLAT


def send_large(url: str, body: Pattern, size: int, *, method: str = "PUT", kind: str = "") -> int:
    headers = {"Content-Length": str(size)} | ({"Content-Type": kind} if kind else {})
    return fetch(url, method=method, body=body, headers=headers).status


def test_memory_stays_flat_for_large_objects(shop: Shop) -> None:
    s3 = client_of(shop)
    at: Any = {"Bucket": new_bucket(s3), "Key": "k"}
    put = s3.generate_presigned_url("put_object", Params=at)
    with flat_memory():
        assert send_large(put, Pattern(LARGE), LARGE) == 200
        size = sum(len(piece) for piece in s3.get_object(**at)["Body"].iter_chunks(1 << 16))
        middle = s3.get_object(**at, Range=f"bytes={LARGE // 2}-{LARGE // 2 + 9}")["Body"].read()
        s3.copy_object(Bucket=at["Bucket"], Key="c", CopySource=at)
    assert (size, middle) == (LARGE, PIECE[:10])


def test_memory_stays_flat_for_forms(shop: Shop) -> None:
    s3 = client_of(shop)
    made = s3.generate_presigned_post(new_bucket(s3), "k")
    head = "".join(
        f'--m\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in made["fields"].items()
    )
    head += '--m\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    body = Pattern(LARGE, before=head.encode(), after=b"\r\n--m--\r\n")
    with flat_memory():
        status = send_large(
            made["url"],
            body,
            len(head) + LARGE + len(b"\r\n--m--\r\n"),
            method="POST",
            kind="multipart/form-data; boundary=m",
        )
    assert status == 204


def test_memory_stays_flat_for_parts(shop: Shop) -> None:
    s3 = client_of(shop)
    at: Any = {"Bucket": new_bucket(s3), "Key": "k"}
    at["UploadId"] = s3.create_multipart_upload(**at)["UploadId"]
    with flat_memory():
        for number in (1, 2):
            url = s3.generate_presigned_url("upload_part", Params={**at, "PartNumber": number})
            assert send_large(url, Pattern(LARGE // 2), LARGE // 2) == 200
        parts: Any = [
            {"PartNumber": part["PartNumber"], "ETag": part["ETag"]}
            for part in s3.list_parts(**at)["Parts"]
        ]
        s3.complete_multipart_upload(**at, MultipartUpload={"Parts": parts})
    assert s3.head_object(Bucket=at["Bucket"], Key="k")["ContentLength"] == LARGE
