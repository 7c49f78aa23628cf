"""A bare copy: the same bytes through the same endpoints, with no protocol and no check around it.

Part by part through boto3 alone, of the same part size as GAS uses; nothing is hashed but what
boto3 itself must hash to send a part.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from annotations.locators import Locator, Store
from archival import treehash
from gas_project import aws


def _of(where: Locator) -> dict[str, Any]:
    return {"Bucket": where.bucket, "Key": where.name}


def _object(source: Locator, part: int) -> Iterator[bytes]:
    body = aws.s3().get_object(**_of(source))["Body"]
    while data := body.read(part):
        yield data


def _output(retrieval: str, size: int, part: int) -> Iterator[bytes]:
    for first in range(0, size, part):
        last = min(first + part, size) - 1
        asked = f"bytes={first}-{last}"
        reply = aws.glacier().get_job_output(vaultName=aws.vault(), jobId=retrieval, range=asked)
        yield reply["body"].read()


def _into_vault(parts: Iterator[bytes], size: int, part: int) -> Locator:
    glacier, vault = aws.glacier(), aws.vault()
    upload = glacier.initiate_multipart_upload(vaultName=vault, partSize=str(part))["uploadId"]
    trees, at = [], 0
    for data in parts:
        reply = glacier.upload_multipart_part(
            vaultName=vault,
            uploadId=upload,
            range=f"bytes {at}-{at + len(data) - 1}/*",
            body=data,
        )
        trees.append(reply["checksum"])
        at += len(data)
    made = glacier.complete_multipart_upload(
        vaultName=vault,
        uploadId=upload,
        archiveSize=str(size),
        checksum=treehash.combine(trees),
    )
    return Locator(Store.VAULT, vault, made["archiveId"])


def _into_s3(parts: Iterator[bytes], copy: Locator, **options: Any) -> Locator:
    s3, target = aws.s3(), _of(copy)
    upload = s3.create_multipart_upload(**target, **options)["UploadId"]
    of = target | {"UploadId": upload}
    tags: Any = [
        {"PartNumber": n, "ETag": s3.upload_part(**of, PartNumber=n, Body=data)["ETag"]}
        for n, data in enumerate(parts, 1)
    ]
    # Of a large object on a busy machine it takes minutes, and boto3 then asks again, in vain.
    with suppress(s3.exceptions.NoSuchUpload):
        s3.complete_multipart_upload(**of, MultipartUpload={"Parts": tags})
    assert s3.head_object(**target)["ETag"]
    return copy


def archive(source: Locator, *, size: int, store: str) -> Locator:
    """Copy a hot object into the cold store and return the copy."""
    part = treehash.part_size(size)
    parts = _object(source, part)
    if store == "vault":
        return _into_vault(parts, size, part)
    copy = Locator(Store.S3_GLACIER, aws.bucket("archive"), "bare/copy")
    return _into_s3(parts, copy, StorageClass="GLACIER")


def thaw(source: Locator, *, retrieval: str, size: int) -> Locator:
    """Copy a cold result, which can be read, back into the hot store; return the copy."""
    part = treehash.part_size(size)
    vault = source.store is Store.VAULT
    parts = _output(retrieval, size, part) if vault else _object(source, part)
    return _into_s3(parts, Locator(Store.HOT, aws.bucket("results"), "bare/copy"))
