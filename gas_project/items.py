"""DynamoDB's items as plain Python: attribute maps, write conflicts, cursors."""

import random
import time
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError
from django.core import signing

Item = dict[str, Any]
Result = TypeVar("Result")
_to, _from = TypeSerializer(), TypeDeserializer()
CONFLICT_TRIES = 5


class BadCursor(ValueError):
    """A page's cursor that we did not write."""


def fresh() -> str:
    """Return a new random revision: never used twice, so it is version, fence and token in one."""
    return uuid.uuid4().hex


def to_item(values: Mapping[str, Any]) -> Item:
    """Return values as a DynamoDB attribute map."""
    return {name: _to.serialize(value) for name, value in values.items()}


def from_item(item: Mapping[str, Any]) -> Item:
    """Return an attribute map as plain values; every number becomes an int."""
    return {name: _plain(_from.deserialize(value)) for name, value in item.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return value


def code_of(error: ClientError) -> str:
    """Return the AWS error code."""
    return str(error.response.get("Error", {}).get("Code", ""))


def refused_item(error: ClientError) -> Item | None:
    """Return the item that failed its condition, {} when there is none; None for other errors.

    It reads a single write's error and a transaction's, whose reasons stand in the items' order.
    """
    if code_of(error) == "ConditionalCheckFailedException":
        return from_item(error.response.get("Item", {}))  # type: ignore[arg-type]
    reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
    failed = [reason for reason in reasons if reason.get("Code") == "ConditionalCheckFailed"]
    return from_item(failed[0].get("Item", {})) if failed else None


def _conflict(error: ClientError) -> bool:
    if code_of(error) in ("TransactionConflictException", "TransactionInProgressException"):
        return True
    reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
    return any(reason.get("Code") == "TransactionConflict" for reason in reasons)


def insist(write: Callable[[], Result]) -> Result:
    """Do one write; while another transaction is at the item, do the same again, at most 5 times.

    The SDK does not repeat these conflicts (DynamoDB guide, "Transaction conflict handling").
    Raises ClientError.
    """
    for attempt in range(1, CONFLICT_TRIES + 1):
        try:
            return write()
        except ClientError as error:
            if attempt == CONFLICT_TRIES or not _conflict(error) or refused_item(error) is not None:
                raise
            time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 (jitter is no secret)
    raise AssertionError("unreachable")


def to_cursor(key: Mapping[str, Any] | None) -> str | None:
    """Return a query's LastEvaluatedKey as an opaque, signed cursor; None at the end."""
    return signing.dumps(from_item(key), salt="cursor") if key else None


def from_cursor(cursor: str | None) -> Item | None:
    """Return the ExclusiveStartKey that a cursor stands for. Raises BadCursor."""
    if not cursor:
        return None
    try:
        return to_item(signing.loads(cursor, salt="cursor"))
    except signing.BadSignature as error:
        raise BadCursor(
            "this page's link is damaged or too old; start at the first page"
        ) from error
