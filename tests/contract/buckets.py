"""What the contract tests of S3 share: a client, raw requests, browser forms, refusals."""

import hashlib
import http.client
import json
import random
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from cheroot import wsgi
from werkzeug.datastructures import Headers

from deploy.local.clock import Clock
from deploy.local.disk import Disk
from deploy.local.faults import Faults
from deploy.local.s3 import S3

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

MIB = 1 << 20
HOUR, DAY = 3600, 24 * 3600
ORIGIN = "http://127.0.0.1:8000"


def client_of(cloud: Any, *, secret: str = "local-secret", key_id: str = "local") -> "S3Client":
    """Return a client that shows each answer as it is: it repeats nothing."""
    made: S3Client = boto3.client(
        "s3",
        endpoint_url=cloud.url,
        region_name="us-east-1",
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(signature_version="s3v4", retries={"total_max_attempts": 1}),
    )
    return made


def new_bucket(s3: "S3Client") -> str:
    """Make a bucket of a name never used before: buckets outlive what a test forgets."""
    name = f"contract-{secrets.token_hex(6)}"
    s3.create_bucket(Bucket=name)
    return name


def some_bytes(size: int, seed: int = 7) -> bytes:
    return random.Random(seed).randbytes(size)


def refusal(call: Any, /, **arguments: Any) -> tuple[int, str]:
    """Return HTTP status and code of a call that must be refused."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    reply = caught.value.response
    return reply["ResponseMetadata"]["HTTPStatusCode"], reply["Error"]["Code"]


@dataclass(frozen=True)
class Answer:
    """A raw answer."""

    status: int
    headers: Headers
    body: bytes

    @property
    def code(self) -> str:
        """The error code in the body, or nothing."""
        return self.body.decode().partition("<Code>")[2].partition("</Code>")[0]


def fetch(
    url: str, *, method: str = "GET", body: Any = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Send a request as it is, and follow nothing."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body=body, headers=dict(headers or {}))
        reply = connection.getresponse()
        return Answer(reply.status, Headers(reply.getheaders()), reply.read())
    finally:
        connection.close()


def sign_at(signer: Any, request: AWSRequest, at: datetime) -> None:
    """Sign as botocore does, but as if it were another time."""
    request.context["timestamp"] = at.strftime("%Y%m%dT%H%M%SZ")
    signer._modify_request_before_signing(request)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(text, request))


def signed(
    url: str,
    *,
    method: str = "GET",
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    away: timedelta = timedelta(0),
    region: str = "us-east-1",
) -> Answer:
    """Sign a request by hand and send it."""
    given = {"X-Amz-Content-SHA256": hashlib.sha256(body).hexdigest(), **(headers or {})}
    request = AWSRequest(method=method, url=url, data=body, headers=given)
    signer: Any = S3SigV4Auth(Credentials("local", "local-secret"), "s3", region)
    payload = given["X-Amz-Content-SHA256"]
    signer.payload = lambda _: payload
    sign_at(signer, request, datetime.now(UTC) + away)
    return fetch(url, method=method, body=body, headers=dict(request.headers.items()))


def post_form(
    url: str,
    fields: Mapping[str, str],
    data: bytes = b"data",
    *,
    file_name: str = "my.vcf",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send a form as browsers do: UTF-8 as it is, the file last."""
    mark = secrets.token_hex(8)
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    parts.append(
        f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{file_name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = "".join(parts).encode() + data + f"\r\n--{mark}--\r\n".encode()
    kind = f"multipart/form-data; boundary={mark}"
    return fetch(url, method="POST", body=body, headers={"Content-Type": kind, **(headers or {})})


@dataclass(frozen=True)
class Shop:
    """An S3 that stands alone; what it emits is listed."""

    url: str
    clock: Clock
    service: S3
    faults: Faults
    emitted: list[tuple[str, dict[str, Any]]]


@contextmanager
def open_shop(folder: Path, *, scale: float = 1.0) -> Iterator[Shop]:
    """Serve an S3 of its own from a folder, until the block ends."""
    emitted: list[tuple[str, dict[str, Any]]] = []
    disk, clock, faults = Disk(folder), Clock(), Faults()
    service = S3(
        disk=disk,
        clock=clock,
        scale=scale,
        emit=lambda arn, body: emitted.append((arn, json.loads(body))),
        faults=faults,
    )
    server = wsgi.Server(("127.0.0.1", 0), service, numthreads=4)
    server.prepare()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield Shop(f"http://127.0.0.1:{server.bind_addr[1]}", clock, service, faults, emitted)
    finally:
        server.stop()
        thread.join()
        disk.close()
