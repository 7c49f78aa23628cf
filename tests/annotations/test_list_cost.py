"""What a list of jobs costs: few calls, and no more of the jobs than is shown."""

import json
from typing import Any

import pytest

from annotations import jobs, services
from gas_project import aws, clock
from tests.core import Counted, new_job, person

pytestmark = pytest.mark.usefixtures("cloud")


@pytest.fixture
def user() -> str:
    """A person of 60 jobs: 30 hot, 20 cold, 10 deleted, the newest first in this order."""
    user_id, now = person(), clock.now()
    for number, state in enumerate(["HOT"] * 30 + ["COLD"] * 20 + ["DELETED"] * 10):
        jobs.create(new_job(user_id, state=state, submitted_at=now - number), actor="owner")
    return user_id


def test_the_tabs_are_counted_in_one_call(user: str) -> None:
    with Counted(aws.dynamodb(), ("Query",)) as queries:
        counts = services.counts(user_id=user)
    assert counts == {"all": 50, "active": 0, "available": 30, "archived": 20, "failed": 0}
    assert len(queries.seen) == 1


def test_counting_reads_states_and_nothing_else(user: str) -> None:
    replies: list[Any] = []
    client = aws.dynamodb()

    def note(parsed: Any, **_: Any) -> None:
        replies.append(parsed)

    client.meta.events.register_first("after-call.dynamodb.Query", note)
    try:
        services.counts(user_id=user)
    finally:
        client.meta.events.unregister("after-call.dynamodb.Query", note)
    assert {json.dumps(sorted(item)) for item in replies[0]["Items"]} == {'["state"]'}


def test_only_the_newest_are_counted(user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "LOOKED_AT", 40)
    assert services.counts(user_id=user)["archived"] == 10


def test_the_first_page_is_one_call_for_two_pages_of_jobs(user: str) -> None:
    with Counted(aws.dynamodb(), ("Query",)) as queries:
        page = services.page(user_id=user)
    assert (len(page.items), len(queries.seen)) == (services.PAGE, 1)
    rest = services.page(user_id=user, cursor=page.cursor)
    assert (len(rest.items), rest.cursor) == (25, None)
