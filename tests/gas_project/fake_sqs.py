"""SQS in memory, for the worker's tests. test_fake_sqs.py holds it to what the real thing does."""

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

Entry = dict[str, Any]


@dataclass
class Stored:
    """One message in a queue; visible from `visible_at` on (monotonic seconds)."""

    id: str
    body: str
    attributes: dict[str, Any]
    sent: int
    visible_at: float = 0.0
    receipts: list[str] = field(default_factory=list)


class FakeSQS:
    """The calls that `gas_project.queues` makes; each is kept in `calls`.

    `trouble` sees each call before it is done and may raise; `refuses` says which entries of a
    batch come back in its Failed list; `hurried` lets long polls end at once.
    """

    def __init__(self, *, max_receives: int = 5) -> None:
        self.queues: dict[str, list[Stored]] = {}
        self.calls: deque[tuple[str, dict[str, Any]]] = deque(maxlen=10_000)
        self.trouble: Callable[[str, dict[str, Any]], None] = lambda name, request: None
        self.refuses: Callable[[str, Entry], bool] = lambda name, entry: False
        self.hurried = False
        self._max_receives = max_receives
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()

    def called(self, name: str) -> list[dict[str, Any]]:
        return [request for called, request in list(self.calls) if called == name]

    def bodies(self, queue: str) -> list[str]:
        with self._changed:
            return [stored.body for stored in self._queue(f"fake:gas-{queue}")]

    def put(self, queue: str, *bodies: str) -> None:
        """Send bodies, as a test does."""
        for body in bodies:
            entry = {"Id": "0", "MessageBody": body}
            self._send(f"fake:gas-{queue}", entry)

    def _begin(self, name: str, request: dict[str, Any]) -> None:
        self.calls.append((name, request))
        self.trouble(name, request)

    def _queue(self, url: str) -> list[Stored]:
        return self.queues.setdefault(url, [])

    def get_queue_url(self, **request: Any) -> dict[str, Any]:
        self._begin("get_queue_url", request)
        return {"QueueUrl": f"fake:{request['QueueName']}"}

    def get_queue_attributes(self, **request: Any) -> dict[str, Any]:
        self._begin("get_queue_attributes", request)
        with self._changed:
            stored, now = self._queue(request["QueueUrl"]), time.monotonic()
            hidden = sum(message.visible_at > now for message in stored)
            counts = {
                "ApproximateNumberOfMessages": str(len(stored) - hidden),
                "ApproximateNumberOfMessagesDelayed": "0",
                "ApproximateNumberOfMessagesNotVisible": str(hidden),
            }
        return {"Attributes": {name: counts[name] for name in request["AttributeNames"]}}

    def receive_message(self, **request: Any) -> dict[str, Any]:
        self._begin("receive_message", request)
        limit, wait = request["MaxNumberOfMessages"], request["WaitTimeSeconds"]
        if not 1 <= limit <= 10 or not 0 <= wait <= 20:
            raise error("InvalidParameterValue", "ReceiveMessage")
        until = time.monotonic() + wait
        with self._changed:
            while not (found := self._take(request)) and time.monotonic() < until:
                if self.hurried:
                    break
                self._changed.wait(0.02)
        return {"Messages": found} if found else {}

    def _take(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        url, now = request["QueueUrl"], time.monotonic()
        found: list[dict[str, Any]] = []
        for stored in [m for m in self._queue(url) if m.visible_at <= now]:
            if len(found) == request["MaxNumberOfMessages"]:
                break
            if len(stored.receipts) >= self._max_receives and not url.endswith("-dead"):
                self._queue(url).remove(stored)
                self._queue(f"{url}-dead").append(stored)
                continue
            stored.visible_at = now + request["VisibilityTimeout"]
            stored.receipts.append(f"receipt-{next(self._numbers)}")
            found.append(self._shown(stored, request))
        return found

    def _shown(self, stored: Stored, request: dict[str, Any]) -> dict[str, Any]:
        told = {
            "ApproximateReceiveCount": str(len(stored.receipts)),
            "SentTimestamp": str(stored.sent),
        }
        wanted = request.get("MessageSystemAttributeNames", [])
        shown = {
            "MessageId": stored.id,
            "ReceiptHandle": stored.receipts[-1],
            "Body": stored.body,
            "Attributes": {name: told[name] for name in wanted if name in told},
        }
        if stored.attributes and request.get("MessageAttributeNames"):
            shown["MessageAttributes"] = stored.attributes
        return shown

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        return self._batch("send_message_batch", request, self._send)

    def delete_message_batch(self, **request: Any) -> dict[str, Any]:
        return self._batch("delete_message_batch", request, self._delete)

    def change_message_visibility_batch(self, **request: Any) -> dict[str, Any]:
        return self._batch("change_message_visibility_batch", request, self._change)

    def _batch(
        self, name: str, request: dict[str, Any], act: Callable[[str, Entry], str]
    ) -> dict[str, Any]:
        self._begin(name, request)
        if not 1 <= len(request["Entries"]) <= 10:
            raise error("TooManyEntriesInBatchRequest", name)
        answer: dict[str, Any] = {"Successful": [], "Failed": []}
        for entry in request["Entries"]:
            refused = self.refuses(name, entry)
            code = "InternalError" if refused else act(request["QueueUrl"], entry)
            result = {"Id": entry["Id"]}
            if code:
                result |= {"Code": code, "SenderFault": not refused}
            answer["Failed" if code else "Successful"].append(result)
        return answer

    def _send(self, url: str, entry: Entry) -> str:
        if not entry["MessageBody"]:
            return "InvalidParameterValue"
        with self._changed:
            self._queue(url).append(
                Stored(
                    id=f"message-{next(self._numbers)}",
                    body=entry["MessageBody"],
                    attributes=entry.get("MessageAttributes", {}),
                    sent=int(time.time() * 1000),
                )
            )
            self._changed.notify_all()
        return ""

    def _delete(self, url: str, entry: Entry) -> str:
        with self._changed:
            found = self._find(url, entry)
            if found and found.receipts[-1] == entry["ReceiptHandle"]:
                self._queue(url).remove(found)
        return ""  # a stale receipt "succeeds" and deletes nothing

    def _change(self, url: str, entry: Entry) -> str:
        with self._changed:
            found = self._find(url, entry)
            if found is None:
                return "ReceiptHandleIsInvalid"
            if found.visible_at <= time.monotonic():
                return "MessageNotInflight"
            found.visible_at = time.monotonic() + entry["VisibilityTimeout"]
            self._changed.notify_all()
        return ""

    def _find(self, url: str, entry: Entry) -> Stored | None:
        for stored in self._queue(url):
            if entry["ReceiptHandle"] in stored.receipts:
                return stored
        return None


def error(code: str, operation: str, status: int = 400) -> ClientError:
    """Return an error as botocore raises it."""
    return ClientError(
        {
            "Error": {"Code": code, "Message": "as told by the test"},
            "ResponseMetadata": {"HTTPStatusCode": status},  # type: ignore[typeddict-item]
        },
        operation,
    )
