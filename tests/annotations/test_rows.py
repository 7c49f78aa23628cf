"""What a page says of a job that waits or runs."""

import uuid
from dataclasses import replace

import pytest

from accounts import plans
from annotations import jobs, rows, services
from annotations.locators import Locator, Store
from annotations.states import Job
from deploy.local.run import LocalCloud

INPUT = Locator(Store.HOT, "uploads", "u/x/1")


def waiting(submitted_at: int) -> Job:
    return Job(
        job_id=str(uuid.uuid4()),
        user_id=str(uuid.uuid4()),
        name="a job",
        reference="sars-cov-2",
        submitted_at=submitted_at,
        rev=uuid.uuid4().hex,
        state="QUEUED",
        input=INPUT,
        etag="e",
    )


@pytest.mark.parametrize(
    ("done", "spent", "left"), [(0, 60, None), (25, 2, None), (25, 10, 30), (100, 10, 1)]
)
def test_the_time_left_follows_the_pace_of_the_run(done: int, spent: int, left: int | None) -> None:
    progress = {"done": done, "total": 100, "records": 7}
    job = replace(waiting(1000), state="RUNNING", worker="w", started_at=1000, progress=progress)
    assert rows.seconds_left(job, now=1000 + spent) == left


def test_a_waiting_job_knows_how_many_are_before_it(cloud: LocalCloud) -> None:
    first, second, third = (waiting(at) for at in (1000, 1001, 1002))
    for job in (first, second, third):
        jobs.create(job, actor="test")
    assert [services.ahead(job) for job in (first, second, third)] == [0, 1, 2]


def test_the_plan_of_a_waiting_job_says_nothing_about_an_archive(cloud: LocalCloud) -> None:
    job = waiting(1000)
    plans.create(user_id=job.user_id)
    shown = rows.row(job, plans.get(job.user_id), now=2000).shown
    assert (shown.word, shown.at) == ("Waiting", 0)
