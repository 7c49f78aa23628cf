"""The local cloud called in-process: no sockets, no threads, no SQLite sync, no real time.

Every AWS call of this process ends in `Wire.send`, which calls the door's WSGI application. A
process that installs this is good for nothing else.
"""

import base64
import io
import random
import secrets
import threading
import time
import types
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import botocore.auth
import botocore.endpoint
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.retries.quota import RetryQuota
from moto.sns.models import sns_backends

from deploy.local import ACCOUNT, REGION, engine, s3_auth
from deploy.local import glacier_jobs as vault_jobs
from deploy.local import s3_uploads as uploads
from deploy.local.clock import Clock
from deploy.local.disk import Disk
from deploy.local.door import Door
from deploy.local.dynamodb import Dynamo
from deploy.local.mailbox import Mailbox
from deploy.local.provision import provision
from deploy.local.queues import Queues
from deploy.local.run import LocalCloud
from deploy.local.s3_restore import tick
from gas_project import events

EPOCH = 20_000 * 86_400
"""The day on which every schedule begins (epoch s)."""
ABORTED_AFTER = 7 * 86_400
"""The stack's lifecycle rule removes multipart uploads of that age (s)."""
URL = "http://127.0.0.1:1"


class StillClock(Clock):
    """A clock that moves only when it is put forward."""

    def now(self) -> float:
        """Return the time in epoch seconds (UTC)."""
        return EPOCH + self._offset


class Carrier:
    """Delivers the events of S3 and Glacier at once: one thread runs at a time anyway."""

    def __init__(self, *, lock: threading.RLock, queues: Queues) -> None:
        self._lock = lock
        self._queues = queues

    def emit(self, target_arn: str, body: str) -> None:
        """Publish a body to a topic, or send it to a queue."""
        service, name = target_arn.split(":")[2], target_arn.split(":")[5]
        with self._lock:
            if service == "sns":
                sns_backends[ACCOUNT][REGION].publish(body, arn=target_arn)
            else:
                self._queues.send_message(name, body)

    def forget(self) -> None:
        """Nothing is ever on its way."""


class Cloud(LocalCloud):
    """All services at one door that is called and not connected to."""

    door: Door

    def start(self) -> None:
        """Open the data and make what the stack describes."""
        self.clock = StillClock()
        engine.check()
        self._open()
        provision(url=self.url, stack="gas", origin="")

    def _open(self) -> None:
        self._disk = Disk(self.data)
        self._disk._db.execute("PRAGMA synchronous=OFF")
        self._disk._db.execute("PRAGMA journal_mode=MEMORY")
        self._dynamo = Dynamo(disk=self._disk, clock=self.clock)
        self._queues = Queues(lock=self._lock)
        self._mail = Mailbox(folder=self.data / "outbox", clock=self.clock)
        self._postman = Carrier(lock=self._lock, queues=self._queues)  # type: ignore[assignment]
        self.door = self._door()
        self._dynamo.install()
        self._queues.install()
        self.url = URL
        install(self)

    @property
    def disk(self) -> Disk:
        """What is stored, for a judge who sees everything."""
        return self._disk

    @property
    def items(self) -> dict[str, Any]:
        """The items of the jobs table by job id, as moto holds them."""
        found: Any = self._dynamo.tables["gas-jobs"].items.values()
        return {item.attrs["job_id"].value: item for item in found}

    def advance(self, seconds: float) -> None:
        """Let time pass, and everything that AWS does by itself meanwhile."""
        self.clock.advance(seconds)
        vault_jobs.settle(self._glacier._shelf)
        vault_jobs.tell(self._glacier._shelf, self._postman.emit)
        self._glacier.clean()
        tick(self._s3._site)
        self._drop_old_uploads()

    def _drop_old_uploads(self) -> None:
        old = "SELECT id, bucket, key FROM s3_uploads WHERE created<=?"
        for upload, bucket, key in self._disk.rows(old, (self.clock.now() - ABORTED_AFTER,)):
            uploads.abort(self._disk, uploads.get(self._disk, upload, bucket=bucket, key=key))

    def take_messages(self) -> list[tuple[str, str]]:
        """Empty all queues; return (queue's kind, body) of each message."""
        found = []
        for kind in events.QUEUE_OF_ROLE.values():
            queue: Any = self._queues.queues[f"gas-{kind}"]
            found += [(kind, message.body) for message in queue._messages]
            queue._messages = []
            queue._pending_messages = set()
        return found


# --- the wire ----------------------------------------------------------------------------------


class _Body(io.BytesIO):
    """A reply's body as botocore reads it."""

    def stream(self, amount: int = 65536, **_: Any) -> Iterator[bytes]:
        while block := self.read(amount):
            yield block


def _environ(request: AWSPreparedRequest) -> dict[str, Any]:
    url, body = urlsplit(request.url), request.body
    data: Any = body.read() if hasattr(body, "read") else body or b""  # type: ignore[union-attr]
    data = data.encode() if isinstance(data, str) else bytes(data)
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


def perform(cloud: Cloud, request: AWSPreparedRequest) -> AWSResponse:
    """Let the cloud do what a request asks for; return its reply."""
    told: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], _: Any = None) -> Callable[..., object]:
        told[:] = [int(status.split(maxsplit=1)[0]), headers]
        return lambda _: None

    body = _read(cloud.door(_environ(request), start))
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

    def send(self, cloud: Cloud, request: AWSPreparedRequest) -> AWSResponse:
        """Send a request."""
        return perform(cloud, request)

    def skew(self) -> int:
        """Return the seconds by which the caller's clock is fast."""
        return 0


class Line:
    """The wire that is in use now."""

    wire: Wire = Wire()


def install(cloud: Cloud) -> None:
    """Lead every AWS call of this process into a cloud, whose clock is the only one."""
    made = botocore.endpoint.Endpoint.create_request

    def create(self: Any, params: Any, operation_model: Any) -> Any:
        Line.wire.before(operation_model.name, params["context"]["retries"]["attempt"])
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


def _replace(owner: Any, name: str, new: Any) -> None:
    setattr(owner, name, new)


def seed_randomness(seed: str) -> None:
    """Make ids, keys and revisions of this process follow from a seed."""
    dice = random.Random(seed)

    def urlsafe(length: int | None = None) -> str:
        return base64.urlsafe_b64encode(dice.randbytes(length or 32)).rstrip(b"=").decode()

    _replace(uuid, "uuid4", lambda: uuid.UUID(int=dice.getrandbits(128), version=4))
    _replace(secrets, "token_hex", lambda length=None: dice.randbytes(length or 32).hex())
    _replace(secrets, "token_urlsafe", urlsafe)


def opened(data: Path) -> Cloud:
    """Return a running cloud over a folder."""
    cloud = Cloud(data=data, scale=1.0)
    cloud.start()
    return cloud
