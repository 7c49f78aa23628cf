"""SQS: moto's queues with receipts that count, and long polls that sleep outside the lock."""

import math
import threading
import time
from collections import defaultdict
from typing import Any

from moto.sqs.exceptions import ReceiptHandleIsInvalid, SQSException
from moto.sqs.models import Message, SQSBackend, sqs_backends

from deploy.local import ACCOUNT, REGION

_RECEIPT_LENGTH = 185
_LONGEST_WAIT = 20.0


class NotInFlight(ReceiptHandleIsInvalid):
    """The receipt is not, or no longer, the one under which a message is being worked on."""

    def __init__(self, receipt_handle: str) -> None:
        SQSException.__init__(
            self,
            "InvalidParameterValue",
            f"Value {receipt_handle} for parameter ReceiptHandle is invalid. Reason: Message does "
            "not exist or is not available for visibility timeout change.",
        )


class Queues(SQSBackend):
    """All queues. Every method runs under the door's one lock, which `await_ripe` lets go.

    Messages live in memory only: they are hints, and GAS sends them again after a restart.
    """

    def __init__(self, *, lock: threading.RLock) -> None:
        super().__init__(REGION, ACCOUNT)
        self._lock = lock
        self._ripe: dict[str, threading.Condition] = defaultdict(lambda: threading.Condition(lock))
        self._generation = 0
        self._closed = False

    @property
    def _url_module(self) -> Any:
        """moto derives a service's URLs from the backend's module, which here is not moto's."""
        return SQSBackend(REGION, ACCOUNT)._url_module

    def install(self) -> None:
        """Become the backend that moto's request handlers use."""
        sqs_backends[ACCOUNT][REGION] = self

    def forget(self) -> None:
        """Empty every queue and send all who wait away; the queues stay."""
        for queue in self.queues.values():
            queue._messages = []
            queue._pending_messages = set()
            queue.deleted_messages = set()
        self._generation += 1
        self._wake_all()

    def close(self) -> None:
        """Send all who wait away, and all who come to wait."""
        self._closed = True
        self._wake_all()

    # --- waiting ------------------------------------------------------------------------------

    def wait_seconds(self, queue_name: str, request: dict[str, Any]) -> float:
        """Return how long a ReceiveMessage may wait: its own wish, else the queue's."""
        queue: Any = self.get_queue(queue_name)
        asked = request.get("WaitTimeSeconds", queue.receive_message_wait_time_seconds)
        return min(float(asked), _LONGEST_WAIT)

    def await_ripe(self, queue_name: str, until: float) -> bool:
        """Sleep, without the lock, until the queue has a visible message.

        `until` is a reading of `time.monotonic`. Returns False when the time is over, or when
        the queues were emptied or closed meanwhile.
        """
        generation = self._generation
        while queue_name in self.queues and generation == self._generation and not self._closed:
            ripe_in = self._ripe_in(queue_name)
            left = until - time.monotonic()
            if ripe_in <= 0:
                return True
            if left <= 0:
                return False
            self._ripe[queue_name].wait(min(left, ripe_in))
        return False

    def _ripe_in(self, queue_name: str) -> float:
        """Return the seconds until a message of the queue becomes visible; 0 if one is."""
        # moto's times are milliseconds, and a message is visible only after its own.
        now, soonest = time.time() * 1000 - 1, math.inf
        for message in self.queues[queue_name]._messages:
            ripe_at = max(message.visible_at, message.delayed_until)
            if ripe_at <= now:
                return 0.0
            soonest = min(soonest, ripe_at)
        return (soonest - now) / 1000

    def wake(self, queue_name: str) -> None:
        """Wake one of those who wait; whoever receives, or cannot, wakes the next."""
        self._ripe[queue_name].notify()

    def _wake_all(self) -> None:
        with self._lock:
            for ripe in self._ripe.values():
                ripe.notify_all()

    # --- calls --------------------------------------------------------------------------------

    def send_message(self, queue_name: str, *args: Any, **kwargs: Any) -> Message:
        """Send a message, also on behalf of SNS, and wake who waits for it."""
        message = super().send_message(queue_name, *args, **kwargs)
        self.wake(queue_name)
        return message

    def receive_message(
        self,
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,
        *args: Any,
        **kwargs: Any,
    ) -> list[Message]:
        """Receive what is visible at once; waiting is the door's business, outside the lock."""
        received = super().receive_message(queue_name, count, 0, *args, **kwargs)
        dead = self.queues[queue_name].dead_letter_queue
        if dead is not None:
            self.wake(dead.name)
        if received and self._ripe_in(queue_name) <= 0:
            self.wake(queue_name)
        return received

    def is_message_valid_based_on_retention_period(self, queue_name: str, message: Message) -> bool:
        """Return whether a message is not too old to be received."""
        queue: Any = self.get_queue(queue_name)
        sent: Any = message.sent_timestamp
        return bool(sent / 1000 + queue.message_retention_period > time.time())

    def delete_message(self, queue_name: str, receipt_handle: str) -> None:
        """Delete the message that was last received under this receipt.

        An older receipt deletes nothing and is no error, as is one of a message that is gone.
        """
        held = self._held(queue_name, receipt_handle)
        if held is not None and held.receipt_handle == receipt_handle:
            super().delete_message(queue_name, receipt_handle)
        elif held is None and not _well_formed(receipt_handle):
            raise ReceiptHandleIsInvalid

    def change_message_visibility(
        self, queue_name: str, receipt_handle: str, visibility_timeout: int
    ) -> None:
        """Change a message's visibility. Raises NotInFlight under a stale receipt."""
        held = self._held(queue_name, receipt_handle)
        if held is None and not _well_formed(receipt_handle):
            raise ReceiptHandleIsInvalid
        if held is None or held.receipt_handle != receipt_handle or held.visible:
            raise NotInFlight(receipt_handle)
        super().change_message_visibility(queue_name, receipt_handle, visibility_timeout)
        self.wake(queue_name)

    def _held(self, queue_name: str, receipt_handle: str) -> Message | None:
        messages = self.get_queue(queue_name)._messages
        return next((m for m in messages if m.had_receipt_handle(receipt_handle)), None)


def _well_formed(receipt_handle: str) -> bool:
    return len(receipt_handle) == _RECEIPT_LENGTH and receipt_handle.isalpha()
