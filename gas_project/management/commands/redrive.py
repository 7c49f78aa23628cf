"""Sends what lies in a dead-letter queue back to its own queue."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gas_project import clock, events, queues
from gas_project.commands import whole
from gas_project.queues import Message

HIDDEN = 300
"""Seconds for which a message that was looked at is hidden, so that no look sees it twice."""


class Command(BaseCommand):
    """Receive, send, delete, in this order: a crash between them doubles a hint and loses none.

    SQS's own StartMessageMoveTask would not do: a message that a worker parked came from no queue.
    """

    help = "Send the messages of a dead-letter queue back to their queue. Repeating is harmless."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the queue, the most to send, and the look without sending."""
        parser.add_argument("queue", choices=sorted(events.QUEUE_OF_ROLE.values()))
        parser.add_argument(
            "--max", type=whole(least=1, most=1_000_000), metavar="N", help="send at most N"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="only count them, by the reason they were parked"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Send, or only count. Raises CommandError when AWS does not take or give a message."""
        queue, most = options["queue"], options["max"]
        try:
            found = _look(queue, most) if options["dry_run"] else _move(queue, most)
        except (BotoCoreError, ClientError, queues.NotSent) as error:
            raise CommandError(
                f"stopped: {error}. What was not sent is still in the dead-letter queue; run again."
            ) from error
        verb = "would be sent" if options["dry_run"] else "sent"
        self.stdout.write(f"{found.total()} {verb} to the {queue} queue")
        for reason, count in found.most_common():
            self.stdout.write(f"{count:>7}  {reason or 'failed five times'}")


def _batches(queue: str, most: int | None) -> Iterator[list[Message]]:
    """Yield what lay in the dead-letter queue when this began, ten at a time, at most `most`.

    Later arrivals are left alone: they may be the very messages that were just sent.
    """
    began, seen = clock.now(), 0
    while most is None or seen < most:
        limit = queues.BATCH if most is None else min(queues.BATCH, most - seen)
        got = queues.receive(queues.dead(queue), limit=limit, wait=1, visibility=HIDDEN)
        if not got:
            return
        batch = [message for message in got if message.sent_at <= began]
        seen += len(batch)
        yield batch


def _move(queue: str, most: int | None) -> Counter[str]:
    moved: Counter[str] = Counter()
    for batch in _batches(queue, most):
        for message in batch:  # one by one: ten bodies together may be more than a call can hold
            queues.send(queue, [message.body])
            queues.delete(queues.dead(queue), [message])
            moved[message.reason] += 1
    return moved


def _look(queue: str, most: int | None) -> Counter[str]:
    seen: list[Message] = []
    try:
        for batch in _batches(queue, most):
            seen += batch
    finally:
        queues.hide(queues.dead(queue), [(message, 0) for message in seen])
    return Counter(message.reason for message in seen)
