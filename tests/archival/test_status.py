"""`manage.py status`: what is due and whose, the queues, and what a person must look at."""

import io
import json
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from accounts import plans
from annotations import jobs
from annotations.states import Job
from deploy.local.run import LocalCloud
from gas_project import aws, clock, queues

USER = uuid4().hex


def make(**facts: Any) -> Job:
    job = Job(
        job_id=uuid4().hex,
        user_id=USER,
        name="a",
        reference="r",
        submitted_at=clock.now(),
        rev=uuid4().hex,
        **facts,
    )
    jobs.create(job, actor="owner")
    return job


def shown() -> dict[str, Any]:
    out = io.StringIO()
    call_command("status", "--json", stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def table() -> str:
    out = io.StringIO()
    call_command("status", stdout=out)
    return out.getvalue()


def test_a_system_at_rest_is_all_zeros(cloud: LocalCloud) -> None:
    found = shown()
    assert set(found["due"].values()) == {0}
    assert (found["oldest"], found["quarantined"], found["pending"]) == (0, 0, 0)
    assert found["queues"]["archive"] == {"messages": 0, "dead": 0}
    assert found["frozen"] is False


def test_due_jobs_are_counted_by_the_owner_of_their_next_step(cloud: LocalCloud) -> None:
    plans.create(user_id=USER)
    now = clock.now()
    make(due_at=now - 50)
    make(due_at=now - 500, etag="e")
    make(due_at=now - 5, failed="bad file")
    make(due_at=now + 500)
    found = shown()
    assert found["due"]["annotator"] == 2
    assert found["due"]["nobody"] == 1
    assert 500 <= found["oldest"] <= 560
    assert found["more"] is False


def test_messages_dead_letters_and_quarantined_jobs_are_counted(cloud: LocalCloud) -> None:
    queues.send("archive", ["a", "b"])
    queues.send("archive-dead", ["c"], reason="x")
    make(state="QUARANTINED")
    found = shown()
    assert found["queues"]["archive"] == {"messages": 2, "dead": 1}
    assert found["quarantined"] == 1


def test_the_table_says_the_same_to_people(cloud: LocalCloud) -> None:
    plans.create(user_id=USER)
    queues.send("archive-dead", ["c"])
    make(due_at=clock.now() - 7)
    plans.freeze(on=True, reason="a test")
    told = table()
    rows = {line.split()[0]: line.split()[1:] for line in told.splitlines() if line}
    assert rows["annotator"] == ["1", "0", "0"]
    assert rows["archiver"] == ["0", "0", "1"]
    assert "FROZEN" in told


def test_when_aws_is_away_it_says_so() -> None:
    aws.forget_clients()
    with pytest.raises(CommandError, match="AWS did not answer"):
        call_command("status")
    aws.forget_clients()
