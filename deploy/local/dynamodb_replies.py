"""Writes DynamoDB's replies of items straight to JSON.

moto's general serializer walks every attribute by its shape and tries several spellings of each
name: four fifths of the time of a page of a query. Items are already in their final form.
"""

import base64
import json
from typing import Any

from moto.core.responses import ActionContext, ActionResult
from moto.dynamodb.responses import DynamoResult

_OPERATIONS = frozenset(
    {"BatchGetItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem"}
)


def install() -> None:
    """Let moto's request handlers write items the short way."""
    DynamoResult.execute_result = _write  # type: ignore[assignment, method-assign]


def _write(result: ActionResult, context: ActionContext) -> tuple[int, dict[str, Any], str]:
    model = context.operation_model
    if model.name not in _OPERATIONS:
        return ActionResult.execute_result(result, context)  # type: ignore[return-value]
    known: Any = model.output_shape
    content: Any = result.result
    body = {k: v for k, v in content.items() if k in known.members and v is not None}
    return 200, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(body, default=_bytes)


def _bytes(value: Any) -> str:
    return base64.b64encode(value).decode()
