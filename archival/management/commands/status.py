"""How the system is: what is due and whose it is, the queues, and what a person must look at."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import plans
from accounts.plans import Plan
from annotations import jobs
from annotations.states import Job
from archival import lifecycle
from gas_project import clock, events, queues

MOST = 1000
"""Jobs that are counted in one shard of the due index: enough to see that work piles up."""


@dataclass(frozen=True, slots=True)
class Queue:
    """About how many messages a queue and its dead-letter queue hold."""

    messages: int
    dead: int


@dataclass(frozen=True, slots=True)
class Status:
    """`due` counts due jobs by the role that owns the next step (`nobody`: whoever looks).

    `oldest` is for how many seconds the oldest of them has been due; `more` says that only the
    first thousand of a shard were counted; `pending` counts plan changes not yet spread.
    """

    due: dict[str, int]
    more: bool
    oldest: int
    pending: int
    quarantined: int
    frozen: bool
    queues: dict[str, Queue]


class Command(BaseCommand):
    """Show the status as a table, or as JSON for a program."""

    help = "Show due jobs by owner, queue depths, and how many jobs a person must look at."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the choice of form."""
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the status. Raises CommandError when AWS does not answer."""
        try:
            status = look()
        except (BotoCoreError, ClientError) as error:
            raise CommandError(f"AWS did not answer: {error}") from error
        self.stdout.write(json.dumps(asdict(status)) if options["json"] else _table(status))


def look() -> Status:
    """Return the status. Raises botocore's errors."""
    now = clock.now()
    shards = [jobs.due(shard=shard, now=now, limit=MOST) for shard in jobs.SHARDS]
    due = [job for shard in shards for job in shard]
    return Status(
        due=_by_owner(due, now),
        more=any(len(shard) >= MOST for shard in shards),
        oldest=max((now - (job.due_at or now) for job in due), default=0),
        pending=sum(1 for _ in plans.pending()),
        quarantined=jobs.count(state="QUARANTINED"),
        frozen=plans.frozen(),
        queues={kind: _queue(kind) for kind in events.QUEUE_OF_ROLE.values()},
    )


def _queue(kind: str) -> Queue:
    return Queue(messages=queues.depth(kind), dead=queues.depth(queues.dead(kind)))


def _by_owner(due: list[Job], now: int) -> dict[str, int]:
    known: dict[str, Plan | None] = {}
    counts = dict.fromkeys([*events.QUEUE_OF_ROLE, "nobody"], 0)
    for job in due:
        if job.user_id not in known:
            known[job.user_id] = plans.get(job.user_id)
        step = lifecycle.next_step(job, known[job.user_id], now)
        counts[(lifecycle.owner(job, step) if step else None) or "nobody"] += 1
    return counts


def _table(status: Status) -> str:
    lines = [f"{'worker':<12}{'due jobs':>10}{'messages':>10}{'dead':>8}"]
    for role, kind in events.QUEUE_OF_ROLE.items():
        queue = status.queues[kind]
        lines.append(f"{role:<12}{status.due[role]:>10}{queue.messages:>10}{queue.dead:>8}")
    lines += [
        f"{'nobody':<12}{status.due['nobody']:>10}",
        "",
        f"oldest due job: {status.oldest} s" + (" (more are due than counted)" * status.more),
        f"plan changes to spread: {status.pending}",
        f"jobs that a person must look at: {status.quarantined}",
    ]
    if status.frozen:
        lines.append("FROZEN: nothing is removed (manage.py freeze off)")
    return "\n".join(lines)
