"""Plans in DynamoDB: each person's tier. The one truth about tiers, which every worker reads."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from accounts import tiers
from gas_project import aws, items

PENDING, LEAVING = "yes", "leaving"
"""What a plan waits for: a change to be spread to the jobs, or the person's jobs to be gone."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A person's plan. `rev` names the last change; `grace_until` is in epoch seconds.

    `changed_at` is when it last changed; `pending`: the change was not yet spread to the jobs;
    `leaving`: the person left, and the plan goes when the last of their jobs is gone; `look_at`
    is when that is looked at next.
    """

    user_id: str
    tier: str
    rev: str
    pending: bool = False
    grace_until: int = 0
    changed_at: int = 0
    leaving: bool = False
    look_at: int = 0

    @property
    def rules(self) -> tiers.Tier:
        """The rules of the tier."""
        return tiers.get(self.tier)


def label(plan: Plan | None) -> str:
    """Return a plan's tier in words, for staff."""
    if plan is None:
        return "missing: all is kept hot"
    return plan.rules.label + (" (a change is being spread)" if plan.pending else "")


def _plan(item: dict[str, Any]) -> Plan:
    values = items.from_item(item)
    return Plan(
        user_id=values["user_id"],
        tier=values["tier"],
        rev=values["rev"],
        pending=values.get("pending") == PENDING,
        leaving=values.get("pending") == LEAVING,
        look_at=values.get("look_at", 0),
        grace_until=values.get("grace_until", 0),
        changed_at=values.get("changed_at", 0),
    )


def _key(user_id: str) -> dict[str, Any]:
    return items.to_item({"user_id": user_id})


def create(*, user_id: str, tier: str = tiers.DEFAULT.name) -> bool:
    """Put a new person's plan; False when there is one already, which stays as it is."""
    item = items.to_item({"user_id": user_id, "tier": tiers.get(tier).name, "rev": items.fresh()})
    try:
        aws.dynamodb().put_item(
            TableName=aws.table("plans"),
            Item=item,
            ConditionExpression="attribute_not_exists(user_id)",
        )
    except ClientError as error:
        if items.refused_item(error) is None:
            raise
        return False
    return True


def get(user_id: str) -> Plan | None:
    """Return a plan, read consistently. None means: keep everything hot, and tell staff."""
    found = aws.dynamodb().get_item(
        TableName=aws.table("plans"), Key=_key(user_id), ConsistentRead=True
    )
    return _plan(found["Item"]) if "Item" in found else None


MOST = 100
"""Keys of one BatchGetItem (DynamoDB API reference)."""


def get_many(user_ids: Iterable[str]) -> dict[str, Plan]:
    """Return the plans of several people by id, read consistently; who has none is left out.

    One call a hundred people; what DynamoDB leaves unread of it is read one by one.
    """
    wanted, table = sorted(set(user_ids)), aws.table("plans")
    found: dict[str, Plan] = {}
    for start in range(0, len(wanted), MOST):
        keys = [_key(user_id) for user_id in wanted[start : start + MOST]]
        answer = aws.dynamodb().batch_get_item(
            RequestItems={table: {"Keys": keys, "ConsistentRead": True}}
        )
        left = answer["UnprocessedKeys"].get(table, {"Keys": []})["Keys"]
        single = (get(items.from_item(key)["user_id"]) for key in left)
        read = (_plan(item) for item in answer["Responses"].get(table, []))
        found |= {plan.user_id: plan for plan in (*read, *single) if plan}
    return found


def change(*, user_id: str, tier: str, now: int, grace_until: int) -> bool:
    """Set the tier and `pending` in one write; False when it is that tier already.

    So it is for a person who is leaving. `grace_until` (epoch seconds) keeps all hot until then.
    Raises KeyError for an unknown tier.
    """
    values = {
        ":tier": tiers.get(tier).name,
        ":rev": items.fresh(),
        ":pending": PENDING,
        ":grace": grace_until,
        ":now": now,
        ":leaving": LEAVING,
    }
    try:
        items.insist(
            lambda: aws.dynamodb().update_item(
                TableName=aws.table("plans"),
                Key=_key(user_id),
                UpdateExpression="SET tier = :tier, rev = :rev, pending = :pending, "
                "grace_until = :grace, changed_at = :now REMOVE spreader, spread_until",
                ConditionExpression="(attribute_not_exists(tier) OR tier <> :tier) "
                "AND (attribute_not_exists(pending) OR pending <> :leaving)",
                ExpressionAttributeValues=items.to_item(values),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        )
    except ClientError as error:
        old = items.refused_item(error)
        if old is None:
            raise
        return bool(old.get("rev") == values[":rev"])  # our own write, whose reply was lost
    return True


def take_spread(*, user_id: str, rev: str, spreader: str, now: int, until: int) -> bool:
    """Take on the spread of the change named by `rev`, or go on with it, until then (epoch s).

    False when another spreader is at it, or the change is no longer the last one. It is a lease to
    save work: two spreads of one change are harmless. `spreader` is any name used once.
    """
    values = {":rev": rev, ":me": spreader, ":until": until, ":now": now, ":pending": PENDING}
    try:
        items.insist(
            lambda: aws.dynamodb().update_item(
                TableName=aws.table("plans"),
                Key=_key(user_id),
                UpdateExpression="SET spreader = :me, spread_until = :until",
                ConditionExpression="rev = :rev AND pending = :pending AND "
                "(attribute_not_exists(spreader) OR spreader = :me OR spread_until < :now)",
                ExpressionAttributeValues=items.to_item(values),
            )
        )
    except ClientError as error:
        if items.refused_item(error) is None:
            raise
        return False
    return True


def clear_pending(*, user_id: str, rev: str) -> None:
    """Say that the change named by `rev` was spread; a newer change stays pending."""
    try:
        aws.dynamodb().update_item(
            TableName=aws.table("plans"),
            Key=_key(user_id),
            UpdateExpression="REMOVE pending, spreader, spread_until",
            ConditionExpression="rev = :rev",
            ExpressionAttributeValues=items.to_item({":rev": rev}),
        )
    except ClientError as error:
        if items.refused_item(error) is None:
            raise


def pending() -> Iterator[str]:
    """Yield the ids of all people whose change was not yet spread, from the sparse index."""
    return _waiting(PENDING)


def leaving() -> Iterator[str]:
    """Yield the ids of all people who left and whose jobs are not all gone yet."""
    return _waiting(LEAVING)


def leave(*, user_id: str, now: int, look_at: int) -> None:
    """Say that a person left, or is leaving still (epoch s). A lost plan is made for it."""
    values = {":t": tiers.DEFAULT.name, ":r": items.fresh(), ":leaving": LEAVING, ":now": now}
    values[":look"] = look_at
    aws.dynamodb().update_item(
        TableName=aws.table("plans"),
        Key=_key(user_id),
        UpdateExpression="SET pending = :leaving, rev = :r, changed_at = :now, look_at = :look, "
        "tier = if_not_exists(tier, :t)",
        ExpressionAttributeValues=items.to_item(values),
    )


def _waiting(what: str) -> Iterator[str]:
    pages = (
        aws.dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=aws.table("plans"),
            IndexName="by_pending",
            KeyConditionExpression="pending = :what",
            ExpressionAttributeValues=items.to_item({":what": what}),
        )
    )
    for page in pages:
        yield from (items.from_item(item)["user_id"] for item in page["Items"])


def remove(user_id: str) -> None:
    """Delete the plan of a person who left, after all of their jobs are gone."""
    aws.dynamodb().delete_item(TableName=aws.table("plans"), Key=_key(user_id))


# --- the freeze switch -----------------------------------------------------------------------

FREEZE = "#freeze"
"""An item of its own: no person has this id. While it is there, nothing is removed."""


def frozen() -> bool:
    """Return whether removal is frozen, as before the jobs table is restored to a point in time."""
    found = aws.dynamodb().get_item(
        TableName=aws.table("plans"), Key=_key(FREEZE), ConsistentRead=True
    )
    return "Item" in found


def freeze(*, on: bool, reason: str) -> None:
    """Set or lift the freeze, with the reason."""
    if on:
        item = items.to_item({"user_id": FREEZE, "reason": reason})
        aws.dynamodb().put_item(TableName=aws.table("plans"), Item=item)
    else:
        aws.dynamodb().delete_item(TableName=aws.table("plans"), Key=_key(FREEZE))
