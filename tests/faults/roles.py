"""What the processes of GAS do: a worker at a job or a message, the sweep, the daily reconcile."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import Random
from typing import Any

from anymail.exceptions import AnymailAPIError
from botocore.exceptions import BotoCoreError, ClientError

from annotations import jobs, run
from annotations.jobs import NotFound
from annotations.management.commands import run_annotator, run_notifier
from annotations.services import Declined
from archival import census, migrate, reconcile, stores
from archival import services as life
from archival.management.commands import run_archiver, run_eraser, run_restorer, run_thawer
from gas_project import events, queues, worker
from gas_project.commands import WorkerCommand
from gas_project.events import Event
from gas_project.worker import Options, Worker
from tests.faults import people
from tests.faults.tasks import Crash

COMMANDS: dict[str, type[WorkerCommand]] = {
    "annotator": run_annotator.Command,
    "notifier": run_notifier.Command,
    "archiver": run_archiver.Command,
    "restorer": run_restorer.Command,
    "thawer": run_thawer.Command,
    "eraser": run_eraser.Command,
}
ROLE_OF_QUEUE = {queue: role for role, queue in events.QUEUE_OF_ROLE.items()}
LOOKING = ("annotator", "archiver", "restorer", "thawer", "eraser")
"""The roles whose step a job can be in."""
EXPECTED = (
    *(BotoCoreError, ClientError, AnymailAPIError, NotFound, Declined, Crash, jobs.Fenced),
    *(queues.NotSent, worker.NotNow, worker.Park, census.TooOld),
    *(stores.NotThere, stores.Changed, stores.Refused),
)
"""What a worker or a page may raise when AWS fails it; anything else is BROKEN."""
ONCE = Options(concurrency=1, once=True, wait=1)


class Broken(BaseException):
    """A handler raised what no code expects; the engine of a worker would only log it."""


def look(role: str, job_id: str) -> None:
    """Let a worker look at a job, as after a hint."""
    if role == "annotator":
        run.advance(job_id, stopping=lambda: False)
    else:
        life.advance(role=role, job_id=job_id)


def handle(role: str, body: str) -> None:
    """Do as a role's command does with one message."""
    for event in events.decode(body):
        _do(role, event)


def _do(role: str, event: Event) -> None:
    if role == "notifier":
        people.borrow()
    COMMANDS[role]().handle_event(event)


def turn(role: str, *, dice: Random, handled: set[str], expected: tuple[Any, ...]) -> None:
    """Do one turn of a worker's engine: receive, handle, and tell SQS what became of it.

    Seats and keeper are the engine's own, in one thread. `handled` takes the ids of the messages
    whose handler came to its end: no other may be deleted. Raises Broken for what a handler may not
    raise.
    """
    done: list[Event] = []
    handler = partial(_guarded, role, done, expected)
    engine = Worker(queue=events.QUEUE_OF_ROLE[role], handler=handler, options=ONCE)
    keeper, found = engine._keeper, engine._poll(dice.choice((1, 1, 3)))
    for message in found:
        done.clear()
        engine._flights.add(message)
        if dice.random() < 0.2:
            keeper._next_beat = 0
            keeper._beat()
        verdict = engine._judge(message)
        if done:
            handled.add(message.id)
        keeper.settle(message, verdict)
        engine._flights.remove(message)
    if found:
        keeper._collect()
    while keeper._owed:
        keeper._tell()


def _guarded(role: str, done: list[Event], expected: tuple[Any, ...], event: Event) -> None:
    try:
        _do(role, event)
    except expected:
        raise
    except Exception as error:
        raise Broken(f"{role}: {error!r}") from error
    done.append(event)


def sweep(job_ids: Callable[[], list[str]]) -> None:
    """Sweep those shards that can hold a job: the others of the sixteen cost time alone."""
    jobs.SHARDS = "".join(sorted({job_id[0] for job_id in job_ids()}))
    life.sweep()


def reconcile_all() -> reconcile.Findings:
    """Do as `manage.py reconcile_archives --apply` does."""
    retrieval = None
    with suppress(stores.NotThere):
        retrieval = reconcile.latest()
        reconcile.ask()
    found = census.take(retrieval)
    reconcile.apply(found, accept=True)
    return found


def move() -> None:
    """Do as `manage.py migrate_archives` does, which refuses to move into the vault."""
    if stores.chosen() is not stores.CHOICES["vault"]:
        found = migrate.census()
        migrate.cost(found.left)
        for _ in migrate.ask(found.left):
            pass
