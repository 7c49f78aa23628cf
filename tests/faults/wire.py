"""The wire: every AWS call of this process ends in `Wire.send`, which calls the door in-process."""

import base64
import io
import random
import secrets
import time
import types
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

import botocore.auth
import botocore.endpoint
import moto.sqs.models
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.retries.quota import RetryQuota

from archival import treehash
from deploy.local import queues, s3_auth, s3_multipart
from gas_project import worker

if TYPE_CHECKING:
    from tests.faults.cloud import Cloud

SMALLEST_PART = 1024 * 1024
"""A vault's smallest part (Amazon Glacier Developer Guide, "Uploading Large Archives in Parts").

S3's own limit of 5 MiB is lowered to it here: else a result of several parts took seconds.
"""


class _Body(io.BytesIO):
    """A reply's body as botocore reads it."""

    def stream(self, amount: int = 65536, **_: Any) -> Iterator[bytes]:
        while block := self.read(amount):
            yield block


def body_of(request: AWSPreparedRequest) -> bytes:
    """Return what a request sends; a file is read, which may make calls of its own."""
    body: Any = request.body
    data: Any = body.read() if hasattr(body, "read") else body or b""
    return data.encode() if isinstance(data, str) else bytes(data)


def _environ(request: AWSPreparedRequest, data: bytes) -> dict[str, Any]:
    url = urlsplit(request.url)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(url.path).decode("latin-1"),
        "QUERY_STRING": url.query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(data),
        "wsgi.errors": io.StringIO(),
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "HTTP_HOST": url.netloc,
    }
    headers: dict[str, Any] = dict(request.headers.items())
    for name, value in headers.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = text
    environ["CONTENT_LENGTH"] = str(len(data))
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    return environ


def perform(cloud: "Cloud", request: AWSPreparedRequest, data: bytes) -> AWSResponse:
    """Let the cloud do what a request with this body asks for; return its reply."""
    told: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], _: Any = None) -> Callable[..., object]:
        told[:] = [int(status.split(maxsplit=1)[0]), headers]
        return lambda _: None

    body = _read(cloud.door(_environ(request, data), start))
    return AWSResponse(request.url, told[0], dict(told[1]), _Body(body))  # type: ignore[arg-type]


def _read(blocks: Iterable[bytes]) -> bytes:
    """Return a reply's body as far as it comes; whoever reads it sees that it breaks off."""
    body = b""
    with suppress(ConnectionResetError):
        for block in blocks:
            body += block
    return body


def reply(request: AWSPreparedRequest, status: int, body: bytes) -> AWSResponse:
    """Return a reply that the cloud never gave."""
    headers: Any = {"Content-Length": str(len(body))}
    return AWSResponse(request.url, status, headers, _Body(body))


class Wire:
    """Where every call passes: replaced by the scheduler's when workers run."""

    def before(self, operation: str, attempt: int) -> None:
        """Called before a request is made and signed, again for each repeat of the SDK."""

    def send(self, cloud: "Cloud", request: AWSPreparedRequest) -> AWSResponse:
        """Send a request."""
        return perform(cloud, request, body_of(request))

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Where a call under way may make others: it goes on afterwards as if there were none."""
        yield

    def skew(self) -> int:
        """Return the seconds by which the caller's clock is fast."""
        return 0


class Line:
    """The wire that is in use now."""

    wire: Wire = Wire()


def install(cloud: "Cloud") -> None:
    """Lead every AWS call of this process into a cloud, whose clock is the only one."""
    made = botocore.endpoint.Endpoint.create_request

    def create(self: Any, params: Any, operation_model: Any) -> Any:
        Line.wire.before(operation_model.name, params["context"]["retries"]["attempt"])
        with Line.wire.aside():  # a file is read for its digest
            return made(self, params, operation_model)

    def now(remove_tzinfo: bool = True) -> datetime:
        at = datetime.fromtimestamp(cloud.clock.now() + Line.wire.skew(), UTC)
        return at.replace(tzinfo=None) if remove_tzinfo else at

    endpoint = botocore.endpoint.Endpoint
    _replace(endpoint, "create_request", create)
    _replace(endpoint, "_send", lambda _, request: Line.wire.send(cloud, request))
    _replace(botocore.auth, "get_current_datetime", now)
    # What retries were used up by schedules before must not matter.
    _replace(RetryQuota, "acquire", lambda _, amount: True)
    _replace(time, "sleep", lambda _: None)
    stopped = types.SimpleNamespace(time=cloud.clock.now, strptime=time.strptime)
    _replace(s3_auth, "time", stopped)
    still = types.SimpleNamespace(time=cloud.clock.now, monotonic=time.monotonic)
    _replace(queues, "time", still)
    _replace(moto.sqs.models, "unix_time", lambda _=None: cloud.clock.now())
    _replace(moto.sqs.models, "unix_time_millis", lambda _=None: 1000 * cloud.clock.now())
    _replace(s3_multipart, "MIN_PART", SMALLEST_PART)
    _replace(treehash, "SMALLEST_PART", SMALLEST_PART)


def _replace(owner: Any, name: str, new: Any) -> None:
    setattr(owner, name, new)


def seed_randomness(seed: str) -> None:
    """Make ids, keys, revisions and back-offs of this process follow from a seed."""
    dice = random.Random(seed)

    def urlsafe(length: int | None = None) -> str:
        return base64.urlsafe_b64encode(dice.randbytes(length or 32)).rstrip(b"=").decode()

    _replace(worker, "_dice", dice)
    _replace(uuid, "uuid4", lambda: uuid.UUID(int=dice.getrandbits(128), version=4))
    _replace(secrets, "token_hex", lambda length=None: dice.randbytes(length or 32).hex())
    _replace(secrets, "token_urlsafe", urlsafe)
