"""The SQS verbs of the workers, the sweep and the redrive. Every batch's Failed list is read.

Each function takes a queue's kind: `archive`, or `archive-dead` for its dead-letter queue.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from gas_project import aws

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import (
        BatchResultErrorEntryTypeDef,
        MessageTypeDef,
        SendMessageBatchRequestEntryTypeDef,
    )

BATCH = 10
"""Messages in one call (Amazon SQS quotas)."""
LONGEST_POLL = 20
"""Seconds that one receive may wait (Amazon SQS quotas)."""
LONGEST_HIDDEN = 12 * 3600
"""Seconds after its receive in which a message can stay hidden (Amazon SQS quotas)."""

T = TypeVar("T")


class NotSent(Exception):
    """SQS took a batch but refused some of its messages."""


@dataclass(frozen=True, slots=True)
class Message:
    """One received message; `sent_at` in epoch seconds, `at` in monotonic seconds of the receive.

    `received` counts the receives so far over this queue and its dead-letter queue; `reason` says
    why a worker parked it.
    """

    id: str
    receipt: str
    body: str
    received: int
    sent_at: int
    at: float
    reason: str = ""


def dead(kind: str) -> str:
    """Return the kind of a queue's dead-letter queue."""
    return f"{kind}-dead"


def receive(kind: str, *, limit: int, wait: int, visibility: int) -> list[Message]:
    """Return up to `limit` (≤ 10) messages, hidden from others for `visibility` seconds.

    Waits up to `wait` seconds (≤ 20) for the first. Raises botocore's errors.
    """
    answer = aws.sqs().receive_message(
        QueueUrl=aws.queue_url(kind),
        MaxNumberOfMessages=min(limit, BATCH),
        WaitTimeSeconds=wait,
        VisibilityTimeout=visibility,
        MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
        MessageAttributeNames=["reason"],
    )
    at = time.monotonic()
    return [_message(raw, at) for raw in answer.get("Messages", [])]


def _message(raw: "MessageTypeDef", at: float) -> Message:
    told = raw.get("Attributes", {})
    parked = raw.get("MessageAttributes", {}).get("reason")
    return Message(
        id=raw["MessageId"],
        receipt=raw["ReceiptHandle"],
        body=raw["Body"],
        received=int(told.get("ApproximateReceiveCount", 1)),
        sent_at=int(told.get("SentTimestamp", 0)) // 1000,
        at=at,
        reason=parked.get("StringValue", "") if parked else "",
    )


def delete(kind: str, messages: Sequence[Message]) -> list[Message]:
    """Delete messages, ten a call; return those that SQS refused to delete.

    Raises botocore's errors. A stale receipt counts as deleted: SQS says so too.
    """
    refused: list[Message] = []
    for batch in batches(messages):
        answer = aws.sqs().delete_message_batch(
            QueueUrl=aws.queue_url(kind),
            Entries=[{"Id": str(n), "ReceiptHandle": m.receipt} for n, m in enumerate(batch)],
        )
        refused += _refused(batch, answer.get("Failed", []))
    return refused


def hide(kind: str, seconds_of: Sequence[tuple[Message, int]]) -> list[Message]:
    """Hide messages for so many seconds from now (0 = give back); return the refused ones.

    Seconds that would pass SQS's 12 hours since the receive are cut. Raises botocore's errors.
    """
    refused: list[tuple[Message, int]] = []
    for batch in batches(seconds_of):
        answer = aws.sqs().change_message_visibility_batch(
            QueueUrl=aws.queue_url(kind),
            Entries=[
                {
                    "Id": str(n),
                    "ReceiptHandle": message.receipt,
                    "VisibilityTimeout": max(0, min(seconds, hideable(message))),
                }
                for n, (message, seconds) in enumerate(batch)
            ],
        )
        refused += _refused(batch, answer.get("Failed", []))
    return [message for message, _ in refused]


def hideable(message: Message) -> int:
    """Return for how many more seconds SQS lets a message be hidden; can be negative."""
    return int(LONGEST_HIDDEN - 1 - (time.monotonic() - message.at))


def send(kind: str, bodies: Sequence[str], *, reason: str = "") -> None:
    """Send bodies, ten a call, each with the message attribute `reason` if there is one.

    Raises botocore's errors, and NotSent after the last call when SQS refused some.
    """
    refused: list[str] = []
    for batch in batches(bodies):
        entries = [_entry(n, body, reason) for n, body in enumerate(batch)]
        answer = aws.sqs().send_message_batch(QueueUrl=aws.queue_url(kind), Entries=entries)
        refused += [failed["Code"] for failed in answer.get("Failed", [])]
    if refused:
        codes = ", ".join(sorted(set(refused)))
        raise NotSent(f"{len(refused)} of {len(bodies)} messages were refused: {codes}")


def _entry(number: int, body: str, reason: str) -> "SendMessageBatchRequestEntryTypeDef":
    entry: SendMessageBatchRequestEntryTypeDef = {"Id": str(number), "MessageBody": body}
    if reason:
        entry["MessageAttributes"] = {"reason": {"DataType": "String", "StringValue": reason}}
    return entry


def depth(kind: str) -> int:
    """Return about how many messages a queue holds: waiting, delayed and in flight."""
    answer = aws.sqs().get_queue_attributes(
        QueueUrl=aws.queue_url(kind),
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateNumberOfMessagesNotVisible",
        ],
    )
    return sum(int(value) for value in answer.get("Attributes", {}).values())


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut items into lists of at most ten: what one call may hold."""
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def _refused(batch: Sequence[T], failed: Sequence["BatchResultErrorEntryTypeDef"]) -> list[T]:
    return [batch[int(entry["Id"])] for entry in failed]
