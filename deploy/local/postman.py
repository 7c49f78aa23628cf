"""Carries the events of S3 and Glacier to SNS topics and SQS queues, in order, on its own thread.

A service emits while it holds the disk; publishing needs the door's lock, whose holder may wait for
the disk. On a thread of its own the postman waits for the lock with empty hands.
"""

import logging
import queue
import threading

from moto.sns.models import sns_backends

from deploy.local import ACCOUNT, REGION
from deploy.local.queues import Queues

log = logging.getLogger(__name__)


class Postman:
    """A queue of (target ARN, body) and the thread that empties it."""

    def __init__(self, *, lock: threading.RLock, queues: Queues) -> None:
        self._lock = lock
        self._queues = queues
        self._bag: queue.SimpleQueue[tuple[int, str, str] | None] = queue.SimpleQueue()
        self._generation = 0
        self._thread = threading.Thread(target=self._run, name="postman", daemon=True)
        self._thread.start()

    def emit(self, target_arn: str, body: str) -> None:
        """Publish a body to an SNS topic or send it to an SQS queue, soon."""
        self._bag.put((self._generation, target_arn, body))

    def forget(self) -> None:
        """Drop what was not carried yet. Hold the lock."""
        self._generation += 1

    def stop(self) -> None:
        """Carry what there is, and end."""
        self._bag.put(None)
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while (letter := self._bag.get()) is not None:
            try:
                self._carry(*letter)
            except Exception as error:
                # AWS too keeps silent about an event that could not be delivered.
                log.warning("an event for %s was not delivered: %s", letter[1], error)

    def _carry(self, generation: int, target_arn: str, body: str) -> None:
        service, name = target_arn.split(":")[2], target_arn.split(":")[5]
        with self._lock:
            if generation != self._generation:
                return
            if service == "sns":
                sns_backends[ACCOUNT][REGION].publish(body, arn=target_arn)
            else:
                self._queues.send_message(name, body)
