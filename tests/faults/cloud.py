"""The local cloud called in-process: no sockets, no threads, no SQLite sync, no real time.

Every AWS call of this process ends in `Wire.send`, which calls the door's WSGI application. A
process that installs this is good for nothing else.
"""

import threading
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType
from moto.sns.models import sns_backends

from deploy.local import ACCOUNT, REGION, engine
from deploy.local import glacier_jobs as vault_jobs
from deploy.local import s3_uploads as uploads
from deploy.local.clock import Clock
from deploy.local.disk import Disk
from deploy.local.door import Door
from deploy.local.dynamodb import Dynamo
from deploy.local.dynamodb_table import as_attributes
from deploy.local.mailbox import Mailbox
from deploy.local.provision import provision
from deploy.local.queues import Queues
from deploy.local.run import LocalCloud
from deploy.local.s3_restore import tick
from gas_project import events, items
from gas_project import queues as verbs
from tests.faults import wire

EPOCH = 20_000 * 86_400
"""The day on which every schedule begins (epoch s)."""
ABORTED_AFTER = 7 * 86_400
"""The stack's lifecycle rule removes multipart uploads of that age (s)."""
URL = "http://127.0.0.1:1"


@dataclass(frozen=True, slots=True)
class Deleted:
    """A message that somebody deleted; `queue` is its queue's kind."""

    queue: str
    id: str
    body: str


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that SES took."""

    to: list[str]
    raw: bytes


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


class Inbox(Queues):
    """Queues in which nobody waits, and which tell what was deleted from them."""

    def __init__(self, *, lock: threading.RLock) -> None:
        super().__init__(lock=lock)
        self.deleted: list[Deleted] = []

    def wait_seconds(self, queue_name: str, request: dict[str, Any]) -> float:
        """Return 0: a long poll that nothing can end would stop everybody."""
        return 0.0

    def delete_message(self, queue_name: str, receipt_handle: str) -> None:
        """Delete a message and note that."""
        held = self._held(queue_name, receipt_handle)
        super().delete_message(queue_name, receipt_handle)
        if held is not None and held.receipt_handle == receipt_handle:
            kind = queue_name.removeprefix("gas-")
            self.deleted.append(Deleted(kind, str(held.id), str(held.body)))


class Outbox(Mailbox):
    """The mails in memory."""

    def __init__(self, *, folder: Path, clock: Clock) -> None:
        super().__init__(folder=folder, clock=clock)
        self.sent: list[Mail] = []

    def _store(self, to: list[str], raw: bytes) -> str:
        self.sent.append(Mail(to, raw))
        return "0000000000000-00000000"


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
        self._queues: Inbox = Inbox(lock=self._lock)
        self._mail: Outbox = Outbox(folder=self.data / "outbox", clock=self.clock)
        self._postman = Carrier(lock=self._lock, queues=self._queues)  # type: ignore[assignment]
        self.door = self._door()
        self._dynamo.install()
        self._queues.install()
        self.url = URL
        wire.install(self)

    @property
    def disk(self) -> Disk:
        """What is stored, for a judge who sees everything."""
        return self._disk

    @property
    def items(self) -> dict[str, Any]:
        """The items of the jobs table by job id, as moto holds them."""
        found: Any = self._dynamo.tables["gas-jobs"].items.values()
        return {item.attrs["job_id"].value: item for item in found}

    def planned(self) -> set[str]:
        """Return the people who have a plan."""
        found: Any = self._dynamo.tables["gas-plans"].items.values()
        return {item.attrs["user_id"].value for item in found}

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

    # --- messages and mails --------------------------------------------------------------------

    def waiting(self) -> list[str]:
        """Return the kinds of the workers' queues that hold a message which could be received."""
        kinds = events.QUEUE_OF_ROLE.values()
        return [kind for kind in kinds if self._of(kind).messages]

    def _of(self, kind: str) -> Any:
        return self._queues.queues[f"gas-{kind}"]

    def stir(self, dice: Random) -> None:
        """Do to a queue what SQS, SNS and strangers may: double, reorder, drop, throw in."""
        kind, x = dice.choice(list(events.QUEUE_OF_ROLE.values())), dice.random()
        held: list[Any] = self._of(kind)._messages
        if held and x < 0.3:
            self._send(kind, dice.choice(held).body)
        elif held and x < 0.4:
            held.pop(0)
        elif x < 0.6:
            self._send(kind, f"no hint of ours {x}")
        else:
            dice.shuffle(held)

    def _send(self, kind: str, body: str) -> None:
        with self._lock:
            self._queues.send_message(f"gas-{kind}", body)

    def parked(self, kind: str) -> set[str]:
        """Return the bodies in a queue's dead-letter queue."""
        return {message.body for message in self._of(verbs.dead(kind))._messages}

    def take_deleted(self) -> list[Deleted]:
        """Return the messages that were deleted since the last time."""
        found, self._queues.deleted = self._queues.deleted, []
        return found

    def take_mails(self) -> list[Mail]:
        """Return the mails that were sent since the last time."""
        found, self._mail.sent = self._mail.sent, []
        return found

    def mails_of(self, about: str, kind: str) -> list[dict[str, Any]]:
        """Return the marks of the mails of a kind about a job, or about `plan#<user id>`."""
        table: Any = self._dynamo.tables["gas-job-events"].items
        lines = [as_attributes(item) for item in table.get(DynamoType({"S": about}), {}).values()]
        found = [items.from_item(line) for line in lines]
        names = (f"mail#{kind}", f"mail#{kind}#")
        return [f for f in found if f["at"] == names[0] or f["at"].startswith(names[1])]


def opened(data: Path) -> Cloud:
    """Return a running cloud over a folder."""
    cloud = Cloud(data=data, scale=1.0)
    cloud.start()
    return cloud
