"""moto as an engine: the three services that the local cloud takes from it, and a start-up check.

moto's own server is not used. With threads it loses updates and tears transactions, an index query
or a transaction takes time in proportion to the table, and nothing outlives the process. The
subclasses in `dynamodb` and `queues` replace what matters; everything here runs under the door's
one lock.
"""

import importlib
import inspect
import io
import time
from functools import cache, reduce
from typing import TYPE_CHECKING, Any

import moto
import moto.core.responses
import moto.sqs.models
from moto.moto_server import werkzeug_app
from moto.sns.models import SNSBackend, sns_backends

from deploy.local import ACCOUNT, REGION
from deploy.local.reply import Reply

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

VERSION = "5.2.5"
_NAMES = {
    "moto.dynamodb.models": (
        "DynamoDBBackend.create_table(name)",
        "DynamoDBBackend.delete_table(name)",
        "DynamoDBBackend.update_table(name, global_index)",
        "DynamoDBBackend.put_item(table_name, item_attrs)",
        "DynamoDBBackend.update_item(table_name, key)",
        "DynamoDBBackend.delete_item(table_name, key)",
        "DynamoDBBackend.transact_write_items(transact_items)",
        "DynamoDBBackend.query(table_name, hash_key_dict, index_name, hash_key_conditions)",
        "DynamoDBBackend.get_table(table_name)",
        "dynamodb_backends",
    ),
    "moto.dynamodb.models.table": (
        "Table.all_items()",
        "Table.all_indexes()",
        "SecondaryIndex",
    ),
    "moto.dynamodb.models.dynamo_type": ("Item(hash_key, range_key, attrs)", "DynamoType"),
    "moto.dynamodb.exceptions": ("MockValidationException(message)",),
    "moto.dynamodb.responses": ("DynamoResult.execute_result(context)",),
    "moto.sqs.models": (
        "SQSBackend.send_message(queue_name)",
        "SQSBackend.receive_message(queue_name, count, wait_seconds_timeout)",
        "SQSBackend.delete_message(queue_name, receipt_handle)",
        "SQSBackend.change_message_visibility(queue_name, receipt_handle, visibility_timeout)",
        "SQSBackend.get_queue(queue_name)",
        "Queue.messages",
        "Queue.pending_messages",
        "SQSBackend.is_message_valid_based_on_retention_period(queue_name, message)",
        "Message.had_receipt_handle(receipt_handle)",
        "camelcase_to_underscores(argument)",
        "unix_time_millis(dt)",
        "sqs_backends",
    ),
    "moto.sqs.exceptions": ("SQSException",),
    "moto.core.responses": (
        "ActionResult.execute_result(context)",
        "ActionContext",
        "camelcase_to_underscores(argument)",
        "method_names_from_class(clazz)",
    ),
    "moto.sns.models": ("SNSBackend.publish(message, arn)", "sns_backends"),
    "moto.moto_server.werkzeug_app": ("create_backend_app(service)", "DISABLE_GLOBAL_CORS"),
    "moto.core.common_models": ("BaseModel", "CloudFormationModel.instances_tracked"),
}
"""The names of moto that the local cloud builds upon, with the parameters that it relies on."""


class WrongEngine(Exception):
    """The installed moto is not the one that the local cloud was written for."""


def check() -> None:
    """Raise WrongEngine, naming the difference, unless moto is the release relied upon."""
    missing = [
        f"{module}.{name}"
        for module, names in _NAMES.items()
        for name in names
        if not _exists(module, name)
    ]
    if moto.__version__ != VERSION or missing:
        raise WrongEngine(
            f"the local cloud needs moto {VERSION}, but moto {moto.__version__} is installed"
            + (f" and lacks {', '.join(missing)}" if missing else "")
            + ": install requirements/dev.txt"
        )


def _exists(module: str, name: str) -> bool:
    path, _, parameters = name.rstrip(")").partition("(")
    try:
        found: Any = reduce(getattr, path.split("."), importlib.import_module(module))
    except (ImportError, AttributeError):
        return False
    if not parameters:
        return True
    return set(parameters.split(", ")) <= set(inspect.signature(found).parameters)


class _Untracked(list[Any]):
    """Stands where moto collects every object it ever made, for a dashboard; keeps none."""

    def append(self, _: Any) -> None:
        """Keep nothing."""


def _make_app(service: Any) -> Any:
    app = werkzeug_app.create_backend_app(service)
    app.debug = False
    return app


class Engine:
    """moto's request parsing and replies for DynamoDB, SQS and SNS."""

    def __init__(self) -> None:
        # A page in any browser could otherwise read the tables: moto lets every origin in.
        werkzeug_app.DISABLE_GLOBAL_CORS = True  # type: ignore[attr-defined]
        _quicken()
        self._apps = {service: _make_app(service) for service in ("dynamodb", "sqs", "sns")}
        for kind in _tracked():
            kind.instances_tracked = _Untracked()
        sns_backends[ACCOUNT][REGION] = SNSBackend(REGION, ACCOUNT)

    def answer(self, service: str, environ: "WSGIEnvironment", body: bytes) -> Reply:
        """Let moto answer one request, whose body was read already. Hold the door's lock."""
        caught: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
            caught.append((status, headers))

        call = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        content = b"".join(self._apps[service](call, start))
        status, headers = caught[0]
        return Reply(int(status.split()[0]), content, headers)


@cache
def _quicken() -> None:
    """Let moto find out once what it finds out at each call, or for each message at each call."""
    responses: Any = moto.core.responses
    queues: Any = moto.sqs.models
    for module in (responses, queues):
        module.camelcase_to_underscores = cache(module.camelcase_to_underscores)
    responses.method_names_from_class = cache(responses.method_names_from_class)
    queues.unix_time_millis = lambda dt=None: time.time() * 1000


def _tracked() -> list[Any]:
    from moto.core.common_models import BaseModel  # noqa: PLC0415 -- only to walk its subclasses

    found, waiting = [], [BaseModel]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting.extend(kind.__subclasses__())
    return found[1:]
