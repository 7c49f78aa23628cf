"""`/healthz`: is this process up, and do the two stores behind the pages answer?"""

from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from gas_project import aws, logs

log = logs.get(__name__)

FAILURES = (BotoCoreError, ClientError, DatabaseError, RuntimeError)


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_jobs() -> None:
    # One read of an item that is not there: the cheapest call that the web role may make.
    aws.dynamodb().get_item(TableName=aws.table("jobs"), Key={"job_id": {"S": "healthz"}})


PARTS: dict[str, Callable[[], None]] = {"database": _ask_database, "jobs": _ask_jobs}


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when all parts answer, else 503; the body says of each `ok` or `away`."""
    parts = {name: _state(name, ask) for name, ask in PARTS.items()}
    healthy = all(state == "ok" for state in parts.values())
    return JsonResponse(parts, status=200 if healthy else 503)


def _state(name: str, ask: Callable[[], None]) -> str:
    try:
        ask()
    except FAILURES as error:
        log.warning("health.away", part=name, kind=type(error).__name__)
        return "away"
    return "ok"
