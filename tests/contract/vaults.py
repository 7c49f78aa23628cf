"""What the contract tests of Glacier share: a client, uploads, jobs."""

import http.client
import io
import json
import random
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.utils import calculate_tree_hash

if TYPE_CHECKING:
    from types_boto3_glacier import GlacierClient

MIB = 1024 * 1024
HOUR = 3600
DAY = 24 * HOUR
VAULT = "gas"
TOPIC = "arn:aws:sns:us-east-1:123456789012:gas-retrieval"


def client_of(cloud: Any, *, attempts: int = 1) -> "GlacierClient":
    """Return a client that shows each answer as it is: it repeats nothing unless told to."""
    made: GlacierClient = boto3.client(
        "glacier",
        endpoint_url=cloud.url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local-secret",
        config=Config(retries={"mode": "standard", "total_max_attempts": attempts}),
    )
    return made


def let_pass(cloud: Any, seconds: float) -> None:
    """Put the cloud's clock forward by seconds of AWS, which its scale makes shorter."""
    cloud.clock.advance(seconds / cloud.scale)


def begin_day(cloud: Any) -> None:
    """Put the clock forward to soon after an inventory was taken; the next is most of a day off."""
    day = DAY / cloud.scale
    cloud.clock.advance(day - cloud.clock.now() % day + day / 100)


def some_bytes(size: int, seed: int = 7) -> bytes:
    return random.Random(seed).randbytes(size)


def tree_hash(data: bytes) -> str:
    return str(calculate_tree_hash(io.BytesIO(data)))  # type: ignore[arg-type]


def begin(glacier: "GlacierClient", *, part: int = MIB, description: str = "gas1 j n") -> str:
    reply = glacier.initiate_multipart_upload(
        vaultName=VAULT, archiveDescription=description, partSize=str(part)
    )
    return reply["uploadId"]


def send(glacier: "GlacierClient", upload: str, start: int, data: bytes) -> str:
    reply = glacier.upload_multipart_part(
        vaultName=VAULT,
        uploadId=upload,
        range=f"bytes {start}-{start + len(data) - 1}/*",
        body=data,
    )
    return reply["checksum"]


def complete(glacier: "GlacierClient", upload: str, data: bytes) -> str:
    reply = glacier.complete_multipart_upload(
        vaultName=VAULT, uploadId=upload, archiveSize=str(len(data)), checksum=tree_hash(data)
    )
    return reply["archiveId"]


def archive(glacier: "GlacierClient", data: bytes, *, description: str = "gas1 j n") -> str:
    upload = begin(glacier, description=description)
    for start in range(0, len(data), MIB):
        send(glacier, upload, start, data[start : start + MIB])
    return complete(glacier, upload, data)


def retrieve(glacier: "GlacierClient", archive_id: str, **more: Any) -> str:
    wish: Any = {"Type": "archive-retrieval", "ArchiveId": archive_id, **more}
    return glacier.initiate_job(vaultName=VAULT, jobParameters=wish)["jobId"]


def take_inventory(glacier: "GlacierClient", **more: Any) -> str:
    wish: Any = {"Type": "inventory-retrieval", **more}
    return glacier.initiate_job(vaultName=VAULT, jobParameters=wish)["jobId"]


def refusal(call: Any, /, **arguments: Any) -> tuple[int, str, str]:
    """Return HTTP status, code and message of a call that must be refused."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    reply = caught.value.response
    status = reply["ResponseMetadata"]["HTTPStatusCode"]
    return status, reply["Error"]["Code"], reply["Error"]["Message"]


def ask(cloud: Any, method: str, path: str, headers: dict[str, str]) -> tuple[int, Any]:
    """Return status and JSON of a request that no client of AWS would send."""
    connection = http.client.HTTPConnection(urlsplit(cloud.url).netloc)
    connection.request(method, path, headers=headers)
    reply = connection.getresponse()
    found = reply.status, json.loads(reply.read())
    connection.close()
    return found
