"""The consumer engine: poll, run, extend, retry, park, drain.

The main thread polls while seats are free. Each seat, a thread, handles one message at a time. The
keeper, one more thread, tells SQS what became of the messages and keeps those in flight hidden.
A signal only sets a field: every wait looks at it four times a second, but for the long poll,
which is left to end because closing it can lose the message it was about to bring.
"""

import queue as handoff
import random
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from math import ceil

import structlog
from botocore.exceptions import BotoCoreError, ClientError
from django.db import close_old_connections

from gas_project import clock, events, logs, metrics, queues, systemd
from gas_project.events import Event, Hint, Unreadable
from gas_project.keeper import TICK, Flights, Keeper
from gas_project.queues import Message

log = logs.get(__name__)

AWAY = (BotoCoreError, ClientError)
"""AWS did not answer, or refused: nothing here can mend that but time or an operator."""
BACKOFF = 10
"""Seconds before the second try of a message; doubled for each further one."""
LONGEST_BACKOFF = 900
LONGEST_PAUSE = 60
"""Seconds between two polls while AWS is away."""
LATELY = 150
"""Seconds in which a healthy main loop moves: one long poll with all of the SDK's retries."""
STUCK = 300
"""Seconds that a handler may run over its time limit before the process ends."""

_dice = random.SystemRandom()
_asked: ContextVar[Callable[[], bool] | None] = ContextVar("asked", default=None)

Handler = Callable[[Event], None]


class NotNow(Exception):
    """Raised by a handler: nothing is broken, show me this message again in `seconds`.

    Each time costs one of the queue's five receives, so never wait like this for a slow thing:
    record when the job is due, and return.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__(f"not now, in {seconds} s")
        self.seconds = seconds


class Park(Exception):
    """Raised by a handler: this message can never be handled. `reason` holds nothing private."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Broken(Exception):
    """A helper thread died or a handler is stuck: only a new process mends that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a worker works; all times in seconds.

    `once` is one receive and its messages; `max_messages` and `idle_exit` end the worker after so
    many messages or so long without one. `wait` is the long poll, `visibility` how long a message
    stays hidden between heartbeats, `drain` what handlers get after SIGTERM, `time_limit` what one
    message may take before it is no longer kept from other workers, `jitter` the longest delay at
    the start, so that a fleet does not poll in step.
    """

    concurrency: int = 4
    once: bool = False
    max_messages: int | None = None
    idle_exit: float | None = None
    wait: int = queues.LONGEST_POLL
    visibility: int = 120
    drain: float = 30
    time_limit: float = 11 * 3600
    jitter: float = 2


def stopping() -> bool:
    """Return whether the calling handler must come to an end and release what it claimed.

    True while the worker drains and once the message's time limit is over; False outside of a
    worker. Ask from the thread that the handler was called in. A handler that stops early raises
    NotNow(0).
    """
    asked = _asked.get()
    return asked is not None and asked()


def backoff(received: int) -> int:
    """Return the seconds until a failed message's next try: exponential, jittered, capped."""
    full = min(LONGEST_BACKOFF, BACKOFF * 2 ** min(received - 1, 16))
    return ceil(_dice.uniform(full / 2, full))


class Worker:
    """Reads one queue and calls `handler(event)` for every event in its messages.

    The handler returns when the message is done, or raises NotNow, Park or anything else, which
    means: try again later. Messages come twice and out of order, so it must not mind.
    """

    def __init__(self, *, queue: str, handler: Handler, options: Options) -> None:
        self._queue = queue
        self._handler = handler
        self._options = options
        self._flights = Flights()
        self._keeper = Keeper(
            queue=queue,
            flights=self._flights,
            visibility=options.visibility,
            time_limit=options.time_limit,
            may_ping=self._moved_lately,
        )
        self._inbox: handoff.SimpleQueue[Message | None] = handoff.SimpleQueue()
        self._returned: list[Message] = []
        self._deadline: float | None = None
        self._fault: BaseException | None = None
        self._moved = self._busy = time.monotonic()
        self._polls = self._taken = self._pauses = 0

    def stop(self) -> None:
        """Take no more messages and end within `drain` seconds. Safe in a signal handler."""
        if self._deadline is None:
            self._deadline = time.monotonic() + self._options.drain

    def run(self) -> None:
        """Work until stopped or until the options say so, then drain.

        Raises Broken when a helper thread died or a handler is stuck, and with `once` botocore's
        errors.
        """
        keeper = self._begin()
        try:
            while self._wants_more():
                self._turn()
            while self._flights and not self._is_late():
                self._move()
                self._flights.wait()
        except BaseException:
            self.stop()
            raise
        finally:
            self._end(keeper)

    def _begin(self) -> threading.Thread:
        for number in range(self._options.concurrency):
            self._start(self._sit, f"seat-{number}")
        keeper = self._start(self._keeper.run, "keeper")
        systemd.notify("READY=1")
        log.info("worker.started", queue=self._queue, concurrency=self._options.concurrency)
        if not self._options.once:
            self._sleep(_dice.uniform(0, self._options.jitter))
        self._busy = time.monotonic()
        return keeper

    def _start(self, work: Callable[[], None], name: str) -> threading.Thread:
        # Daemons, because a handler that ignores the deadline must not keep the process alive.
        thread = threading.Thread(target=self._guard, args=(work,), name=name, daemon=True)
        thread.start()
        return thread

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            log.critical("worker.thread_died", queue=self._queue, exc_info=True)
            self._fault = error

    def _end(self, keeper: threading.Thread) -> None:
        systemd.notify("STOPPING=1")
        while self._flights and not self._is_late():
            self._flights.wait()
        for message in self._returned:
            self._keeper.settle(message, 0)
        for message in self._flights.all():
            log.warning("message.released", queue=self._queue, message=message.id)
            self._keeper.settle(message, 0)
        for _ in range(self._options.concurrency):
            self._inbox.put(None)
        self._keeper.close()
        keeper.join(timeout=queues.LONGEST_POLL)
        log.info("worker.stopped", queue=self._queue, messages=self._taken)

    # --- the main thread ---------------------------------------------------------------------

    def _wants_more(self) -> bool:
        if self._deadline is not None or self._left() == 0:
            return False
        if self._options.once:
            return self._polls == 0
        return self._idle_left() > 0

    def _left(self) -> int:
        most = self._options.max_messages
        return queues.BATCH if most is None else max(0, most - self._taken)

    def _idle_left(self) -> float:
        """Return how long the worker may still find nothing, never less than 0."""
        if self._options.idle_exit is None:
            return float(self._options.wait)
        if self._flights:
            self._busy = time.monotonic()
        return max(0.0, self._busy + self._options.idle_exit - time.monotonic())

    def _is_late(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _turn(self) -> None:
        """Take one step: wait for a seat, or poll and seat what came."""
        self._move()
        seats = self._options.concurrency - len(self._flights)
        if seats == 0:
            self._flights.wait()
            return
        for message in self._poll(min(queues.BATCH, seats, self._left())):
            self._seat(message)

    def _move(self) -> None:
        """Prove life, and see that the helpers are alive too."""
        self._moved = time.monotonic()
        if self._fault is not None:
            raise Broken(f"a thread died of {type(self._fault).__name__}") from self._fault
        oldest = self._moved - self._options.time_limit - STUCK
        if any(message.at < oldest for message in self._flights.all()):
            raise Broken("a handler is stuck")

    def _moved_lately(self) -> bool:
        return time.monotonic() - self._moved < LATELY

    def _poll(self, limit: int) -> list[Message]:
        wait = max(1, min(self._options.wait, ceil(self._idle_left())))
        self._polls += 1
        try:
            found = queues.receive(
                self._queue, limit=limit, wait=wait, visibility=self._options.visibility
            )
        except AWAY as error:
            self._pause(error)
            return []
        self._pauses = 0
        if found:
            self._busy = time.monotonic()
        return found

    def _pause(self, error: Exception) -> None:
        if self._options.once:
            raise error
        seconds = _dice.uniform(0.5, 1) * min(LONGEST_PAUSE, 2**self._pauses)
        self._pauses = min(self._pauses + 1, 10)
        log.warning("aws.away", queue=self._queue, kind=kind_of(error), pause=round(seconds, 1))
        self._sleep(seconds)

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self._deadline is None and (left := until - time.monotonic()) > 0:
            self._move()
            time.sleep(min(left, TICK))

    def _seat(self, message: Message) -> None:
        self._taken += 1
        if self._deadline is None and self._fault is None:
            self._flights.add(message)
            self._inbox.put(message)
        else:
            self._keeper.settle(message, 0)

    # --- the seats ---------------------------------------------------------------------------

    def _sit(self) -> None:
        while (message := self._inbox.get()) is not None:
            verdict: int | None = backoff(message.received)  # should the handler kill this thread
            try:
                verdict = self._judge(message)
            finally:
                self._settle(message, verdict)
                self._flights.remove(message)

    def _settle(self, message: Message, verdict: int | None) -> None:
        if verdict == 0 and self._deadline is not None:
            # Given back at once, it would come straight to our own last poll: one receive of five
            # for nothing. The last heartbeat hides it for longer than that poll lasts.
            self._returned.append(message)
        else:
            self._keeper.settle(message, verdict)

    def _judge(self, message: Message) -> int | None:
        """Handle a message and return what becomes of it, as Keeper.settle takes it."""
        if self._deadline is not None:
            return 0
        _bind(self._queue, message)
        _asked.set(partial(self._must_end, message))
        metrics.DWELL.labels(self._queue).observe(max(0, clock.now() - message.sent_at))
        with (
            metrics.IN_PROGRESS.labels(self._queue).track_inprogress(),
            metrics.DURATION.labels(self._queue).time(),
        ):
            return self._try(message)

    def _try(self, message: Message) -> int | None:
        try:
            self._handle(message)
        except NotNow as answer:
            return self._retry(answer.seconds, "message.not_now")
        except (Park, Unreadable) as answer:
            return self._park(message, answer.reason)
        except Exception as error:
            metrics.ERRORS.labels(self._queue).inc()
            log.error("message.failed", kind=kind_of(error), exc_info=not isinstance(error, AWAY))
            return self._retry(backoff(message.received), "message.retried")
        metrics.PROCESSED.labels(self._queue).inc()
        log.info("message.done")
        return None

    def _handle(self, message: Message) -> None:
        close_old_connections()
        try:
            for event in events.decode(message.body):
                _bind_event(event)
                self._handler(event)
        finally:
            close_old_connections()

    def _retry(self, seconds: int, action: str) -> int:
        metrics.RETRIES.labels(self._queue).inc()
        log.info(action, seconds=seconds)
        return seconds

    def _park(self, message: Message, reason: str) -> int | None:
        """Copy the body to the dead-letter queue; only then may the original go."""
        try:
            queues.send(queues.dead(self._queue), [message.body], reason=reason)
        except (*AWAY, queues.NotSent) as error:
            log.error("message.not_parked", reason=reason, kind=kind_of(error))
            return self._retry(backoff(message.received), "message.retried")
        metrics.PARKED.labels(self._queue).inc()
        log.error("message.parked", reason=reason)
        return None

    def _must_end(self, message: Message) -> bool:
        over = time.monotonic() - message.at >= self._options.time_limit
        return over or self._deadline is not None


def kind_of(error: Exception) -> str:
    """Return AWS's code of an error, else its class's name: what may stand in a log."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "ClientError"))
    return type(error).__name__


def _bind(queue: str, message: Message) -> None:
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(
        queue=queue, message=message.id, received=message.received
    )


def _bind_event(event: Event) -> None:
    if event.job_id is not None:
        structlog.contextvars.bind_contextvars(job_id=event.job_id)
    elif isinstance(event, Hint):
        structlog.contextvars.bind_contextvars(user_id=event.user_id)
