"""The worker's one link back to the queue: settle what is done, keep hidden what is in flight.

One thread does both, so that a heartbeat never overtakes a deletion or a back-off.
"""

import queue as handoff
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from gas_project import logs, queues, systemd
from gas_project.queues import Message

log = logs.get(__name__)

TRIES = 5
"""How often one outcome is told to SQS before the message is left to come again."""
TICK = 0.25
"""Seconds between two looks at a flag that a signal handler sets."""


def beat_interval(visibility: int) -> float:
    """Return the seconds between two heartbeats: one may be lost before a message shows up."""
    return visibility / 3


class Flights:
    """The messages in flight: the main thread adds, the seats remove, the keeper extends."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._messages: dict[str, Message] = {}

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, message: Message) -> None:
        """Count a message as in flight."""
        with self._changed:
            self._messages[message.receipt] = message

    def remove(self, message: Message) -> None:
        """Count a message as landed and wake who waits for a seat."""
        with self._changed:
            self._messages.pop(message.receipt, None)
            self._changed.notify_all()

    def all(self) -> list[Message]:
        """Return the messages in flight."""
        with self._changed:
            return list(self._messages.values())

    def wait(self) -> None:
        """Wait until a message lands, but no longer than a tick."""
        with self._changed:
            self._changed.wait(TICK)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to tell SQS: delete the message (`hidden` is None) or hide it for so many seconds."""

    message: Message
    hidden: int | None
    tries: int = 1


class Keeper:
    """Settles outcomes in batches, extends what is in flight, pings systemd's watchdog."""

    def __init__(
        self,
        *,
        queue: str,
        flights: Flights,
        visibility: int,
        time_limit: float,
        may_ping: Callable[[], bool],
    ) -> None:
        self._queue = queue
        self._flights = flights
        self._visibility = visibility
        self._time_limit = time_limit
        self._may_ping = may_ping
        self._handed: handoff.SimpleQueue[Outcome | None] = handoff.SimpleQueue()
        self._owed: list[Outcome] = []
        self._beat_interval = beat_interval(visibility)
        self._next_beat = time.monotonic() + self._beat_interval
        self._next_ping = 0.0

    def settle(self, message: Message, hidden: int | None) -> None:
        """Hand over an outcome: delete (None) or hide for so many seconds (0 = give back)."""
        self._handed.put(Outcome(message, hidden))

    def close(self) -> None:
        """Let `run` end once all that was handed over is told."""
        self._handed.put(None)

    def run(self) -> None:
        """Work until closed: the keeper's thread."""
        closing = False
        while not closing:
            closing = self._collect()
            self._tell()
            self._beat()
            self._ping()
        for outcome in self._owed:
            log.warning("message.unsettled", message=outcome.message.id)

    def _collect(self) -> bool:
        """Take what was handed over meanwhile; while one call is out, the next batch grows."""
        try:
            outcome = self._handed.get(timeout=min(TICK, self._beat_interval / 4))
            while outcome is not None:
                self._owed.append(outcome)
                outcome = self._handed.get_nowait()
        except handoff.Empty:
            return False
        return True

    def _tell(self) -> None:
        done = [owed for owed in self._owed if owed.hidden is None]
        later = [owed for owed in self._owed if owed.hidden is not None]
        self._owed = []
        for batch in (*queues.batches(done), *queues.batches(later)):
            self._tell_batch(batch)

    def _tell_batch(self, batch: Sequence[Outcome]) -> None:
        try:
            refused = self._call(batch)
        except (BotoCoreError, ClientError) as error:
            log.warning("queue.away", queue=self._queue, kind=type(error).__name__)
            refused = [owed.message for owed in batch]
        again = {message.receipt for message in refused}
        for owed in batch:
            if owed.message.receipt in again:
                self._owe(owed)

    def _call(self, batch: Sequence[Outcome]) -> list[Message]:
        if batch[0].hidden is None:
            return queues.delete(self._queue, [owed.message for owed in batch])
        return queues.hide(self._queue, [(owed.message, owed.hidden or 0) for owed in batch])

    def _owe(self, owed: Outcome) -> None:
        if owed.tries < TRIES:
            self._owed.append(Outcome(owed.message, owed.hidden, owed.tries + 1))
        else:
            # Safe: the message comes again, and a second look at a job changes nothing.
            log.warning("message.unsettled", queue=self._queue, message=owed.message.id)

    def _beat(self) -> None:
        """Hide again, for a full visibility, all that is in flight and within the time limit."""
        if time.monotonic() < self._next_beat:
            return
        self._next_beat = time.monotonic() + self._beat_interval
        earliest = time.monotonic() - self._time_limit
        flying = [message for message in self._flights.all() if message.at > earliest]
        try:
            refused = queues.hide(self._queue, [(m, self._visibility) for m in flying])
        except (BotoCoreError, ClientError) as error:
            log.warning("queue.away", queue=self._queue, kind=type(error).__name__)
            return
        for message in refused:
            log.warning("message.not_extended", queue=self._queue, message=message.id)

    def _ping(self) -> None:
        interval = systemd.watchdog_interval()
        if interval is None or time.monotonic() < self._next_ping or not self._may_ping():
            return
        self._next_ping = time.monotonic() + interval
        systemd.notify("WATCHDOG=1")
