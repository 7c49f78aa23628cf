"""The timeline of a job's life, append-only, in DynamoDB; and the marks of mails that were sent."""

import time
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
    """Return the transaction's part that adds a line.

    Lines of one second keep the order in which they were written; `rev` makes each key unique.
    """
    values = {name: value for name, value in asdict(event).items() if value}
    values |= {"job_id": job_id, "at": f"{event.at:012d}#{time.time_ns():020d}#{rev}"}
    return {"Put": {"TableName": aws.table(TABLE), "Item": items.to_item(values)}}


def audit(about: str, token: str, event: Event) -> None:
    """Put a line that belongs to no job, such as `account#<user_id>`; the same token is one line.

    Lines are never removed, so they hold ids only.
    """
    values = {name: value for name, value in asdict(event).items() if value}
    item = items.to_item({**values, "job_id": about, "at": f"{event.at:012d}#{token}"})
    aws.dynamodb().put_item(TableName=aws.table(TABLE), Item=item)


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


class UnderWay(Exception):
    """Another sender is at this mail, or stopped at it; look again in `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"the mail is being sent; look again in {seconds} s")
        self.seconds = seconds


def begin_mail(*, about: str, kind: str, now: int) -> bool:
    """Mark that a mail is about to be sent; False when it was sent, or was tried twice.

    `about` is a job id or `plan#<user_id>`; `kind` names the mail and the occasion. An intent
    without a mark, 15 minutes old, is a sender that stopped: the mail goes out once more. Raises
    UnderWay before that.
    """
    found = aws.dynamodb().get_item(
        TableName=aws.table(TABLE), Key=_mail_key(about, kind), ConsistentRead=True
    )
    old = items.from_item(found.get("Item", {}))
    if "sent" in old or old.get("tries", 0) > 1:
        return False
    if old and old["intent"] > now - RESEND_AFTER:
        raise UnderWay(old["intent"] + RESEND_AFTER - now)
    if not _mark(about, kind, {"intent": now, "tries": old.get("tries", 0) + 1}):
        raise UnderWay(RESEND_AFTER)
    return True


def _mark(about: str, kind: str, values: dict[str, int]) -> bool:
    """Put a mark unless another sender came between; a lost reply is known by its token."""
    token = items.fresh()
    try:
        aws.dynamodb().put_item(
            TableName=aws.table(TABLE),
            Item=_mail_key(about, kind) | items.to_item({**values, "token": token}),
            ConditionExpression="attribute_not_exists(job_id) OR tries < :tries",
            ExpressionAttributeValues=items.to_item({":tries": values["tries"]}),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as error:
        found = items.refused_item(error)
        if found is None:
            raise
        return bool(found.get("token") == token)
    return True


def drop_mail(*, about: str, kind: str) -> None:
    """Take the mark back: the mail was not handed over, so the next look sends it."""
    aws.dynamodb().update_item(
        TableName=aws.table(TABLE),
        Key=_mail_key(about, kind),
        UpdateExpression="SET intent = :none, tries = :none",
        ExpressionAttributeValues=items.to_item({":none": 0}),
    )


def mail_begun(*, about: str, kind: str) -> bool:
    """Return whether that mail was sent, or is being sent."""
    found = aws.dynamodb().get_item(
        TableName=aws.table(TABLE), Key=_mail_key(about, kind), ConsistentRead=True
    )
    return bool(items.from_item(found.get("Item", {})).get("tries"))


def end_mail(*, about: str, kind: str, now: int) -> None:
    """Mark that the mail was handed over."""
    aws.dynamodb().update_item(
        TableName=aws.table(TABLE),
        Key=_mail_key(about, kind),
        UpdateExpression="SET sent = :now",
        ExpressionAttributeValues=items.to_item({":now": now}),
    )
