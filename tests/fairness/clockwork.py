"""Simulated time: every AWS call takes its caller so long, and nothing else takes any.

Actors are threads of which one runs at a time, always the one whose time is the earliest.
"""

import heapq
from collections.abc import Callable
from itertools import count

from tests.faults.cloud import Cloud
from tests.faults.tasks import Task, current
from tests.faults.wire import Wire

LATENCY = {
    "InitiateJob": 0.25,
    "GetJobOutput": 0.2,
    "DescribeJob": 0.1,
    "CreateMultipartUpload": 0.05,
    "UploadPart": 0.1,
    "CompleteMultipartUpload": 0.1,
}
"""Seconds that a call takes: assumed, not measured."""
OTHERWISE = 0.01
"""The same for all of DynamoDB, SQS and SNS."""
AWS_LOOKS = 10
"""Seconds between two looks of AWS at which retrievals are ready."""


class Actor(Task):
    """Somebody at work; `wakes_at` is when it goes on, in seconds of the simulation."""

    wakes_at = 0.0


class Clockwork(Wire):
    """Lets actors run in the order of their times; it is the wire that their calls pass."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._numbers = count()
        self._waiting: list[tuple[float, int, Actor]] = []
        self._looked = 0.0
        self.calls = 0

    def now(self) -> float:
        """Return the time in epoch seconds."""
        return self._cloud.clock.now()

    def add(self, name: str, act: Callable[[], None], *, after: float = 0.0) -> None:
        """Let somebody begin, so many seconds from now."""
        actor = Actor(name, act)
        actor.wakes_at = self.now() + after
        self._push(actor)

    def _push(self, actor: Actor) -> None:
        heapq.heappush(self._waiting, (actor.wakes_at, next(self._numbers), actor))

    def sleep(self, seconds: float) -> None:
        """Let the calling actor do nothing for a while."""
        actor = current()
        assert isinstance(actor, Actor)
        actor.wakes_at = self.now() + seconds
        actor.pause()

    def before(self, operation: str, attempt: int) -> None:
        """Let a call take its time."""
        if current():
            self.calls += 1
            self.sleep(LATENCY.get(operation, OTHERWISE))

    def run(self, over: Callable[[], bool]) -> None:
        """Run until it is over, which is asked once a second."""
        asked = self.now()
        while True:
            if self.now() - asked >= 1:
                asked = self.now()
                if over():
                    return
            self._next()

    def _next(self) -> None:
        at, _, actor = heapq.heappop(self._waiting)
        self._cloud.clock.advance(max(0.0, at - self.now()))
        if self.now() - self._looked >= AWS_LOOKS:
            self._looked = self.now()
            self._cloud.advance(0)
        actor.resume()
        if actor.error:
            raise actor.error
        if not actor.over:
            self._push(actor)

    def end(self) -> None:
        """End all actors where they stand."""
        for _, _, actor in self._waiting:
            actor.kill()
