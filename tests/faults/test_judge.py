"""The judge of the schedules notices what it is there for: each kind of harm, done on purpose."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from accounts import plans
from annotations import jobs
from annotations.states import Job
from deploy.local.run import LocalCloud
from gas_project import clock
from tests.core import MINUTE, Travel, hot, look, new_job, person
from tests.faults.judge import Judge

Harm = Callable[[Any, Job, Job], object]


def judge_of(cloud: LocalCloud) -> Judge:
    table: Any = cloud._dynamo.tables["gas-jobs"]
    items = {item.attrs["job_id"].value: item for item in table.items.values()}
    view = SimpleNamespace(disk=cloud._disk, clock=cloud.clock, items=items)
    return Judge(cast(Any, view))


def result(user_id: str) -> Job:
    """Return a finished job whose bytes say whose they are and of which upload."""
    return hot(user_id, f"of abc by {user_id}".encode(), etag='"abc"')


def lose(disk: Any, job: Job, other: Job) -> object:
    return disk.run("DELETE FROM s3_objects WHERE key = ?", (job.copy.name,))  # type: ignore[union-attr]


def lose_log(disk: Any, job: Job, other: Job) -> object:
    return disk.run("DELETE FROM s3_objects WHERE key LIKE ?", (f"r/{job.job_id}/%/log.txt",))


def spoil(disk: Any, job: Job, other: Job) -> object:
    ((body,),) = disk.rows("SELECT body FROM s3_objects WHERE key = ?", (job.copy.name,))  # type: ignore[union-attr]
    disk.find(body).write_bytes(b"other bytes")
    return disk.run("UPDATE s3_objects SET size = size")


def mix_up(disk: Any, job: Job, other: Job) -> object:
    new = jobs.get(job.job_id)
    assert new
    return jobs.record(new, now=clock.now(), step="x", actor="x", copy=other.copy)


def stray(disk: Any, job: Job, other: Job) -> object:
    return disk.run(
        "INSERT INTO s3_objects SELECT bucket, 't/' || ? || '/x', body, size, etag, modified,"
        " traits, NULL, NULL, 0 FROM s3_objects LIMIT 1",
        (job.job_id,),
    )


def unlink(disk: Any, job: Job, other: Job) -> object:
    ((body,),) = disk.rows("SELECT body FROM s3_objects WHERE key = ?", (job.copy.name,))  # type: ignore[union-attr]
    disk.find(body).unlink()
    return disk.run("UPDATE s3_objects SET size = size")


@pytest.mark.parametrize(
    ("harm", "verdict"),
    [
        (lose, "LOST nothing"),
        (unlink, "LOST nothing"),
        (lose_log, "LOST its side files"),
        (spoil, "WRONG"),
        (mix_up, "CROSS-USER"),
        (stray, "ORPHAN"),
    ],
)
def test_harm_is_noticed_at_the_next_look(cloud: LocalCloud, harm: Harm, verdict: str) -> None:
    job, other = result(person()), result(person())
    assert judge_of(cloud).safe() is None
    harm(cloud._disk, job, other)
    assert (judge_of(cloud).safe() or "").startswith(verdict)


def test_bytes_that_rot_under_a_judge_who_saw_them_are_noticed_at_the_end(
    cloud: LocalCloud,
) -> None:
    job = result(person())
    judge = judge_of(cloud)
    assert judge.safe() is None
    spoil(cloud._disk, job, job)
    assert (judge.look_again() or "").startswith("WRONG")


def test_a_job_that_is_not_where_it_is_wanted_is_stuck(cloud: LocalCloud, travel: Travel) -> None:
    job = result(person())
    travel(MINUTE)
    assert (judge_of(cloud).final(clock.now()) or "").startswith("STUCK wants COLD")
    assert look(job).state == "HOT"


def test_an_account_that_was_left_and_a_plan_that_is_gone_are_noticed(cloud: LocalCloud) -> None:
    user = person()
    result(user)
    plans.leave(user_id=user, now=clock.now(), look_at=clock.now())
    assert (judge_of(cloud).final(clock.now()) or "").startswith("STUCK its owner left")
    plans.remove(user)
    assert (judge_of(cloud).final(clock.now()) or "").startswith("LOST its owner's plan")


def test_what_is_left_of_a_deleted_job_is_noticed(cloud: LocalCloud, travel: Travel) -> None:
    job = result(person())
    jobs.wish(job.job_id, now=clock.now(), step="delete", actor="owner", deleted=True)
    judge = judge_of(cloud)
    assert judge.safe() is None
    assert (judge.final(clock.now()) or "").startswith("UNDELETED")


def test_a_deleted_job_whose_item_still_speaks_of_the_file_is_noticed(cloud: LocalCloud) -> None:
    job = new_job(person(), deleted=True, state="DELETED", name="of-a-patient.vcf", due_at=None)
    jobs.create(job, actor="owner")
    assert judge_of(cloud).final(clock.now()) == (
        f"UNDELETED [] ['name'] (job {job.job_id}, DELETED)"
    )
