"""Jobs in DynamoDB: the only code that touches the table.

Three kinds of change, all through `_send`: `claim` (somebody is at it), `record` (a step's result,
with its line of the timeline in the same transaction) and `wish` (what a person asks for).
"""

from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any

from botocore.exceptions import ClientError

from annotations import locators, timeline
from annotations.states import Dated, Job, state_of
from annotations.timeline import Event
from gas_project import aws, items

SHARDS = "0123456789abcdef"
DUE = 1250
"""Due jobs of a shard that one sweep looks at, from the oldest on: 20,000 in all."""
LATEST = 250
"""Where more are due, so many of the newest are looked at too."""
_LOCATORS = ("input", "copy", "upload")


class Fenced(Exception):
    """Another write came between: stop, change nothing more, somebody else is at it."""


class NotFound(Exception):
    """There is no such job."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of jobs and the cursor of the next one, None at the end."""

    items: list[Job]
    cursor: str | None


# --- a job as an item ------------------------------------------------------------------------


def _defaults() -> dict[str, Any]:
    return {f.name: f.default for f in fields(Job) if f.default is not MISSING}


DEFAULTS = _defaults()


def _dated(value: Dated) -> dict[str, Any]:
    return {"uri": str(value.locator), "after": value.after}


def _from_dated(value: dict[str, Any]) -> Dated:
    return Dated(locators.parse(value["uri"]), value["after"])


def _attribute(name: str, value: Any) -> Any:
    if name in _LOCATORS:
        return str(value)
    if name == "attempt":
        return _dated(value)
    if name == "garbage":
        return [_dated(entry) for entry in value]
    return list(value) if isinstance(value, tuple) else value


def _values(job: Job) -> dict[str, Any]:
    """Return the attributes of a job; those at their default are absent from the item."""
    named = {f.name: getattr(job, f.name) for f in fields(Job)}
    found = {
        name: _attribute(name, value)
        for name, value in named.items()
        if name not in DEFAULTS or value != DEFAULTS[name]
    }
    found["state"] = job.state
    if job.due_at is not None:
        found["due_shard"] = job.job_id[0]
    return found


def _job(item: dict[str, Any]) -> Job:
    values = {f.name: item[f.name] for f in fields(Job) if f.name in item}
    for name in _LOCATORS:
        if name in values:
            values[name] = locators.parse(values[name])
    if "attempt" in values:
        values["attempt"] = _from_dated(values["attempt"])
    values["garbage"] = tuple(_from_dated(entry) for entry in values.get("garbage", ()))
    values["findings"] = tuple(values.get("findings", ()))
    return Job(**values)


# --- reading ---------------------------------------------------------------------------------


def _key(job_id: str) -> dict[str, Any]:
    return items.to_item({"job_id": job_id})


def get(job_id: str) -> Job | None:
    """Return the job, read consistently, or None."""
    found = aws.dynamodb().get_item(
        TableName=aws.table("jobs"), Key=_key(job_id), ConsistentRead=True
    )
    return _job(items.from_item(found["Item"])) if "Item" in found else None


def _query(
    index: str, name: str, value: str, *, cursor: str | None, limit: int, newest: bool = True
) -> Page:
    of = items.to_item({":v": value})
    asked: dict[str, Any] = {
        "TableName": aws.table("jobs"),
        "IndexName": index,
        "KeyConditionExpression": "#k = :v",
        "ExpressionAttributeNames": {"#k": name},
        "ExpressionAttributeValues": of,
        "ScanIndexForward": not newest,
        "Limit": limit,
    }
    if start := items.from_cursor(cursor):
        if start.get(name) != of[":v"]:
            raise items.BadCursor("this link is of another list; start at the first page")
        asked["ExclusiveStartKey"] = start
    found = aws.dynamodb().query(**asked)
    jobs = [_job(items.from_item(item)) for item in found["Items"]]
    return Page(jobs, items.to_cursor(found.get("LastEvaluatedKey")))


def by_user(*, user_id: str, cursor: str | None = None, limit: int = 100) -> Page:
    """Return a person's jobs, newest first. Raises items.BadCursor."""
    return _query("by_user", "user_id", user_id, cursor=cursor, limit=limit)


def by_state(*, state: str, cursor: str | None = None, limit: int = 100) -> Page:
    """Return all people's jobs in a state, newest first. Raises items.BadCursor."""
    return _query("by_state", "state", state, cursor=cursor, limit=limit)


def cursor_after(job: Job) -> str | None:
    """Return the cursor of the page of `by_user` that begins behind a job."""
    key = {"user_id": job.user_id, "submitted_at": job.submitted_at, "job_id": job.job_id}
    return items.to_cursor(items.to_item(key))


def all_of(user_id: str) -> Iterator[Job]:
    """Yield every job of a person, newest first, page by page."""
    cursor = None
    while True:
        page = by_user(user_id=user_id, cursor=cursor)
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return


def newest_states(*, user_id: str, limit: int) -> list[str]:
    """Return the states of a person's newest jobs, newest first: `limit` of them, or 1 MB of items.

    One call that brings nothing but the states: to count them costs a tenth of reading the jobs.
    """
    found = aws.dynamodb().query(
        TableName=aws.table("jobs"),
        IndexName="by_user",
        KeyConditionExpression="user_id = :u",
        ExpressionAttributeNames={"#s": "state"},
        ExpressionAttributeValues=items.to_item({":u": user_id}),
        ProjectionExpression="#s",
        ScanIndexForward=False,
        Limit=limit,
    )
    return [item["state"]["S"] for item in found["Items"]]


def count(*, state: str, before: int | None = None, limit: int = 1000) -> int:
    """Return how many jobs are in a state, or of them those submitted before then (epoch s).

    Counting stops at `limit`.
    """
    early = " AND submitted_at < :before" if before is not None else ""
    values = {":s": state} | ({":before": before} if before is not None else {})
    found = aws.dynamodb().query(
        TableName=aws.table("jobs"),
        IndexName="by_state",
        KeyConditionExpression="#s = :s" + early,
        ExpressionAttributeNames={"#s": "state"},
        ExpressionAttributeValues=items.to_item(values),
        Select="COUNT",
        Limit=limit,
    )
    return found["Count"]


def due(*, shard: str, now: int, limit: int = DUE, newest: bool = False) -> list[Job]:
    """Return the jobs of one shard (first hex digit of the id) that are due, oldest first.

    `newest`: begin with what became due last.
    """
    pages = (
        aws.dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=aws.table("jobs"),
            IndexName="by_due",
            KeyConditionExpression="due_shard = :s AND due_at <= :now",
            ExpressionAttributeValues=items.to_item({":s": shard, ":now": now}),
            ScanIndexForward=not newest,
            PaginationConfig={"MaxItems": limit, "PageSize": min(limit, 250)},
        )
    )
    return [_job(items.from_item(item)) for page in pages for item in page["Items"]]


def every() -> Iterator[Job]:
    """Yield every job, read consistently, in no order: it scans, for the daily reconcile alone."""
    pages = aws.dynamodb().get_paginator("scan")
    for page in pages.paginate(TableName=aws.table("jobs"), ConsistentRead=True):
        yield from (_job(items.from_item(item)) for item in page["Items"])


# --- writing ---------------------------------------------------------------------------------


def create(job: Job, *, actor: str) -> None:
    """Put a new job. Raises Fenced when the id exists."""
    put = {
        "TableName": aws.table("jobs"),
        "Item": items.to_item(_values(job)),
        "ConditionExpression": "attribute_not_exists(job_id)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    event = Event(at=job.submitted_at, step="submit", actor=actor, state=job.state)
    writes = [{"Put": put}, timeline.put(job.job_id, job.rev, event)]
    _send(lambda: aws.dynamodb().transact_write_items(TransactItems=writes), rev=job.rev)  # type: ignore[arg-type]


def _update(
    job_id: str, old: dict[str, Any], new: dict[str, Any], condition: str, **values: Any
) -> dict[str, Any]:
    """Return the UpdateItem that turns `old` into `new`: sets what changed, removes what went."""
    changed = [name for name in new if new[name] != old.get(name)]
    dropped = [name for name in old if name not in new]
    names = {f"#{name}": name for name in [*changed, *dropped]}
    sets = ", ".join(f"#{name} = :{name}" for name in changed)
    removes = ", ".join(f"#{name}" for name in dropped)
    return {
        "TableName": aws.table("jobs"),
        "Key": _key(job_id),
        "UpdateExpression": f"SET {sets}" + (f" REMOVE {removes}" if removes else ""),
        "ConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": items.to_item({f":{n}": new[n] for n in changed} | values),
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def _send(write: Callable[[], Any], *, rev: str) -> None:
    """Do one conditional write. A lost reply is no riddle: the item comes back with my `rev`.

    Raises Fenced when the condition failed for any other reason.
    """
    try:
        items.insist(write)
    except ClientError as error:
        found = items.refused_item(error)
        if found is None:
            raise
        if found.get("rev") != rev:
            raise Fenced from error


def _write(job: Job, changes: dict[str, Any], event: Event | None) -> Job:
    """Turn `job` into its next version, if it is still the version that was seen. Raises Fenced."""
    new = replace(job, **changes, rev=items.fresh())
    new = replace(new, state=state_of(new))
    update = _update(job.job_id, _values(job), _values(new), "rev = :seen", **{":seen": job.rev})
    if event is None:
        _send(lambda: aws.dynamodb().update_item(**update), rev=new.rev)
        return new
    line = replace(event, state=new.state)
    writes = [{"Update": update}, timeline.put(job.job_id, new.rev, line)]
    _send(lambda: aws.dynamodb().transact_write_items(TransactItems=writes), rev=new.rev)  # type: ignore[arg-type]
    return new


def claim(job: Job, *, worker: str, until: int, **changes: Any) -> Job:
    """Say who is at the job and until when (epoch s); again, it is the heartbeat. Raises Fenced."""
    return _write(job, {"worker": worker, "due_at": until, **changes}, None)


def record(job: Job, *, now: int, step: str, actor: str, note: str = "", **changes: Any) -> Job:
    """Write what a step came to, with its line of the timeline. Raises Fenced.

    The item stays due now unless `due_at` says otherwise: a look decides, not the step's author.
    """
    changes = {"worker": None, "claims": 0, "due_at": now, **changes}
    return _write(job, changes, Event(at=now, step=step, actor=actor, note=note))


def rest(job: Job, *, now: int, due_at: int | None) -> Job:
    """Set or clear the next look and nobody's line: a job at rest is no news. Raises Fenced."""
    return _write(job, {"worker": None, "claims": 0, "due_at": due_at}, None)


def give_back(job: Job, *, due_at: int) -> Job:
    """Undo a claim without counting it, for a shutdown or an outage. Raises Fenced."""
    changes = {"worker": None, "due_at": due_at, "claims": max(0, job.claims - 1)}
    return _write(job, changes, None)


def wish(job_id: str, *, now: int, step: str, actor: str, note: str = "", **changes: Any) -> bool:
    """Write a person's wish blindly, with its line of the timeline; False without such a job.

    It bumps `rev`, so no running decision outlives it, and makes the job due, now unless `due_at`
    says otherwise. A wish cannot know
    the facts, so `state` is left to the next record, but for a deletion.
    """
    rev = items.fresh()
    if changes.get("deleted"):
        changes["state"] = "DELETING"
    changes = {"due_at": now, **changes}
    update = _blind(job_id, "attribute_exists(job_id)", rev=rev, **changes)
    line = timeline.put(job_id, rev, Event(at=now, step=step, actor=actor, note=note))
    writes = [{"Update": update}, line]
    return _sent(lambda: aws.dynamodb().transact_write_items(TransactItems=writes), rev)  # type: ignore[arg-type]


def touch(job_id: str, *, due_at: int, **changes: Any) -> bool:
    """Make a job that has a copy due (epoch s), blindly, because its owner's plan changed.

    A run is spared: it has no copy yet, and its record looks at the plan anyway.
    """
    rev = items.fresh()
    update = _blind(job_id, "attribute_exists(#copy)", rev=rev, due_at=due_at, **changes)
    update["ExpressionAttributeNames"]["#copy"] = "copy"
    return _sent(lambda: aws.dynamodb().update_item(**update), rev)


def _blind(job_id: str, condition: str, **changes: Any) -> dict[str, Any]:
    changes = {**changes, "due_shard": job_id[0], "worker": None}
    old = {name: None for name, value in changes.items() if value is None}
    new = {name: value for name, value in changes.items() if value is not None}
    return _update(job_id, old, new, condition)


def _sent(write: Callable[[], Any], rev: str) -> bool:
    try:
        _send(write, rev=rev)
    except Fenced:
        return False
    return True


def rename(*, job_id: str, name: str) -> None:
    """Change the name that people see. It is no protocol write: no decision reads a name."""
    aws.dynamodb().update_item(
        TableName=aws.table("jobs"),
        Key=_key(job_id),
        UpdateExpression="SET #n = :n",
        ConditionExpression="attribute_exists(job_id)",
        ExpressionAttributeNames={"#n": "name"},
        ExpressionAttributeValues=items.to_item({":n": name}),
    )
