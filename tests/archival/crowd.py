"""A crowd of workers over the local cloud, which they call without sockets.

HTTP costs more than half of a call here: a client's connection, a server's thread, and the moment
at which Python lets the other one run. The door is a WSGI application, so threads may call it.
"""

import random
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import botocore.endpoint
import pytest

from archival import services
from deploy.local.run import LocalCloud
from gas_project import events, queues
from tests.faults.wire import body_of, perform

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse

ROLES = ("archiver", "restorer", "thawer", "eraser")
LONG = 3
"""Seconds of an idle worker's poll; the crowd needs as long to go home."""

Facts = dict[str, Any]


def call_directly(cloud: LocalCloud, patch: pytest.MonkeyPatch) -> None:
    """Let every AWS call of this process go to the cloud's door, and not through a socket."""
    door: Any = SimpleNamespace(door=cloud._server.wsgi_app)

    def send(_: Any, request: "AWSPreparedRequest") -> "AWSResponse":
        return perform(door, request, body_of(request))

    patch.setattr(botocore.endpoint.Endpoint, "_send", send)


class Crew:
    """Worker threads of every role; each forgets to delete some of its messages."""

    def __init__(self, *, seed: int, workers: int) -> None:
        self.over = threading.Event()
        self.errors: list[BaseException] = []
        self.handled = 0
        self._threads = [
            threading.Thread(target=self._work, args=(role, f"{seed} {role} {number}"), daemon=True)
            for role in ROLES
            for number in range(workers)
        ]

    def _work(self, role: str, seed: str) -> None:
        dice, queue = random.Random(seed), events.QUEUE_OF_ROLE[role]
        try:
            while not self.over.is_set():
                self._turn(role, queue, dice)
        except BaseException as error:
            self.errors.append(error)

    def _turn(self, role: str, queue: str, dice: random.Random) -> None:
        """Handle what one receive brings; some of it is visible again before it is handled."""
        hidden = dice.choice([1, 30, 60])
        found = queues.receive(queue, limit=dice.randint(1, 8), wait=LONG, visibility=hidden)
        for message in found:
            for event in events.decode(message.body):
                services.handle(event, role=role)
        queues.delete(queue, [message for message in found if dice.random() > 0.2])
        self.handled += len(found)  # near enough: it is told, and nothing depends on it

    @contextmanager
    def at_work(self) -> Iterator["Crew"]:
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self.over.set()
            for thread in self._threads:
                thread.join(timeout=30)


def shower(role: str, job_ids: Iterable[str], *, copies: int, dice: random.Random) -> None:
    """Send so many hints of each job to a role, in any order."""
    ids = [job_id for job_id in job_ids for _ in range(copies)]
    dice.shuffle(ids)
    events.send_hints(queue=events.QUEUE_OF_ROLE[role], job_ids=ids, user_ids=[])


def facts_of(cloud: LocalCloud, job_ids: Iterable[str]) -> dict[str, Facts]:
    """Return jobs' attributes as the table holds them, past the door: a judge costs no call."""
    with cloud._lock:
        items: Any = cloud._dynamo.tables["gas-jobs"].items
        found = {item.attrs["job_id"].value: item.attrs for item in items.values()}
        return {
            job_id: {name: value.value for name, value in found[job_id].items()}
            for job_id in job_ids
        }


def unfit(cloud: LocalCloud, job_ids: Iterable[str], fits: Callable[[Facts], bool]) -> set[str]:
    """Return those of the jobs that are not as wanted yet."""
    return {job_id for job_id, facts in facts_of(cloud, job_ids).items() if not fits(facts)}
