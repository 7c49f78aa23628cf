"""The timeline of a job's life, append-only, in DynamoDB; and the marks of mails that were sent."""

from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import ClientError

from gas_project import aws, items

TABLE = "job-events"


@dataclass(frozen=True, slots=True)
class Event:
    """One line: when (epoch s), which step, by whom, what the job became, and a note."""

    at: int
    step: str
    actor: str
    state: str = ""
    note: str = ""


def put(job_id: str, rev: str, event: Event) -> dict[str, Any]:
    """Return the transaction's part that adds a line; `rev` tells two lines of a second apart."""
    values = {name: value for name, value in asdict(event).items() if value}
    values |= {"job_id": job_id, "at": f"{event.at:012d}#{rev}"}
    return {"Put": {"TableName": aws.table(TABLE), "Item": items.to_item(values)}}


def read(job_id: str) -> list[Event]:
    """Return a job's timeline, oldest first."""
    pages = (
        aws.dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=aws.table(TABLE),
            KeyConditionExpression="job_id = :j AND #at < :mail",
            ExpressionAttributeNames={"#at": "at"},
            ExpressionAttributeValues=items.to_item({":j": job_id, ":mail": "mail#"}),
        )
    )
    return [_event(items.from_item(item)) for page in pages for item in page["Items"]]


def _event(values: dict[str, Any]) -> Event:
    return Event(
        at=int(values["at"].partition("#")[0]),
        step=values["step"],
        actor=values["actor"],
        state=values.get("state", ""),
        note=values.get("note", ""),
    )


RESEND_AFTER = 15 * 60
"""Seconds after which a mail whose sender stopped between intent and mark is sent once more."""


def _mail_key(about: str, kind: str) -> dict[str, Any]:
    return items.to_item({"job_id": about, "at": f"mail#{kind}"})


def begin_mail(*, about: str, kind: str, now: int) -> bool:
    """Mark that a mail is about to be sent; False when it was sent, or is being sent.

    `about` is a job id or `plan#<user_id>`; `kind` names the mail and the occasion. An intent
    without a mark, 15 minutes old, is a sender that stopped: the mail goes out once more.
    """
    found = aws.dynamodb().get_item(
        TableName=aws.table(TABLE), Key=_mail_key(about, kind), ConsistentRead=True
    )
    old = items.from_item(found.get("Item", {}))
    if old and ("sent" in old or old["tries"] > 1 or old["intent"] > now - RESEND_AFTER):
        return False
    values = {
        "job_id": about,
        "at": f"mail#{kind}",
        "intent": now,
        "tries": old.get("tries", 0) + 1,
    }
    try:
        aws.dynamodb().put_item(
            TableName=aws.table(TABLE),
            Item=items.to_item(values),
            ConditionExpression="attribute_not_exists(job_id) OR tries < :tries",
            ExpressionAttributeValues=items.to_item({":tries": values["tries"]}),
        )
    except ClientError as error:
        if items.refused_item(error) is None:
            raise
        return False
    return True


def mail_begun(*, about: str, kind: str) -> bool:
    """Return whether that mail was sent, or is being sent."""
    found = aws.dynamodb().get_item(
        TableName=aws.table(TABLE), Key=_mail_key(about, kind), ConsistentRead=True
    )
    return "Item" in found


def end_mail(*, about: str, kind: str, now: int) -> None:
    """Mark that the mail was handed over."""
    aws.dynamodb().update_item(
        TableName=aws.table(TABLE),
        Key=_mail_key(about, kind),
        UpdateExpression="SET sent = :now",
        ExpressionAttributeValues=items.to_item({":now": now}),
    )
