"""What happens at *each* call of a worker: a crash, a lost reply, a twin, an upgrade, a deletion.

Archiving and thawing are begun, and right before their n-th call of AWS something happens, for
every n. Afterwards all runs its course, with every message lost. At no instant may a byte be
without a name, and at the end the result is whole where it should be, or nothing is left.
"""

from collections.abc import Callable
from contextlib import suppress

import pytest

from annotations import jobs, storage
from annotations.states import Job, place
from archival import services
from deploy.local.run import LocalCloud
from gas_project import aws, clock
from tests.archival.life import archived, restoring, upgrade, wish_deleted
from tests.core import (
    DAY,
    RESULT,
    Away,
    Meddler,
    Travel,
    archives,
    converge,
    filled_uploads,
    hot,
    look,
    objects,
    person,
    replies_lost,
    served,
    strays,
)

pytestmark = pytest.mark.usefixtures("cloud")
by_store = pytest.mark.usefixtures("store")
MOST = 40


class Crash(Exception):
    """The worker is gone."""


def _upgrade(job: Job) -> None:
    services.change_tier(user_id=job.user_id, tier="premium")


def _crash(job: Job) -> None:
    raise Crash


def _twin(job: Job) -> None:
    for role in ("archiver", "thawer"):
        services.advance(role=role, job_id=job.job_id)


ACTS: dict[str, Callable[[Job], None]] = {
    "crash": _crash,
    "deletion": wish_deleted,
    "twin": _twin,
}


def _to_archive(travel: Travel) -> tuple[Job, str]:
    return hot(person()), "archiver"


def _to_thaw(travel: Travel) -> tuple[Job, str]:
    job = restoring()
    travel(max(0, job.ready_at - clock.now()) + 1)
    return look(job), "thawer"


PATHS = {"archive": _to_archive, "thaw": _to_thaw}


READS = frozenset({"GetItem", "Query", "HeadObject", "GetObject", "DescribeJob", "GetJobOutput"})


@by_store
@pytest.mark.parametrize("path", PATHS)
def test_a_worker_may_die_at_any_call(path: str, cloud: LocalCloud, travel: Travel) -> None:
    _everywhere(path, "crash", cloud, travel)


@by_store
@pytest.mark.parametrize("path", PATHS)
def test_t8_a_job_may_be_deleted_at_any_call(path: str, cloud: LocalCloud, travel: Travel) -> None:
    _everywhere(path, "deletion", cloud, travel)


@pytest.mark.parametrize("path", PATHS)
def test_a_twin_may_come_at_any_call(path: str, cloud: LocalCloud, travel: Travel) -> None:
    _everywhere(path, "twin", cloud, travel)


def _everywhere(path: str, act: str, cloud: LocalCloud, travel: Travel) -> None:
    every = _calls(path, travel)
    assert len(every) > 5
    for number, name in enumerate(every):
        if act == "crash" and number and every[number - 1] in READS:
            continue  # to die after a question is to die before it
        cloud.forget()
        job, role = PATHS[path](travel)
        meddler = Meddler(number, lambda job=job: ACTS[act](job))  # type: ignore[misc]
        _run(role, job, meddler)
        assert meddler.seen == every[: number + 1]
        _judge_now(cloud, job)
        converge(cloud, travel, job)
        _judge_end(cloud, job, f"{act} at call {number} of {path}: {name}")


def _calls(path: str, travel: Travel) -> list[str]:
    """Return the calls of a run that nothing disturbs."""
    job, role = PATHS[path](travel)
    meddler = Meddler(MOST, lambda: None)
    _run(role, job, meddler)
    assert not meddler.happened, "a path longer than that is a surprise"
    return meddler.seen


def _run(role: str, job: Job, meddler: Meddler) -> None:
    with meddler, suppress(Crash):
        services.advance(role=role, job_id=job.job_id)


def _judge_now(cloud: LocalCloud, job: Job) -> None:
    """No byte without a name. An archive whose birth was not recorded goes by its upload's."""
    now = look(job)
    unnamed = strays(cloud, now) - archives(cloud)
    assert unnamed == set()
    if now.copy is not None and place(now.copy) == "HOT":
        assert served(now) == RESULT


def _judge_end(cloud: LocalCloud, job: Job, case: str) -> None:
    end = look(job)
    assert filled_uploads() == set(), case
    assert (end.garbage, end.due_at, end.problem) == ((), None, None), case
    if end.deleted:
        assert end.state == "DELETED", case
        assert objects() | archives(cloud) == set(), case
        return
    premium = (plan := services.plan(user_id=job.user_id)) is not None and plan.tier == "premium"
    assert end.state == ("HOT" if premium else "COLD"), case
    assert objects() | archives(cloud) == _kept(end), case
    if premium:
        assert served(end) == RESULT, case


def _kept(job: Job) -> set[str]:
    """Return all that should be there of a job at rest: its copy, its input, its side files."""
    assert job.copy is not None
    assert job.input is not None
    assert job.attempt is not None
    side = {job.attempt.locator.name + name for name in (storage.SUMMARY, storage.LOG)}
    return {job.copy.name, job.input.name, *side}


def test_t7_an_upgrade_at_any_call_of_the_archiver_ends_hot(
    cloud: LocalCloud, travel: Travel
) -> None:
    for number in range(MOST):
        cloud.forget()
        job = hot(person())
        meddler = Meddler(number, lambda job=job: _upgrade(job))  # type: ignore[misc]
        _run("archiver", job, meddler)
        if not meddler.happened:
            break
        hot_copy = job.copy
        assert hot_copy is not None
        assert hot_copy.name in objects(), "the hot copy stays for as long as its links live"
        if look(job).state == "COLD":  # only after the question may it still slip into the cold
            assert "CompleteMultipartUpload" in meddler.seen
        converge(cloud, travel, job)
        _judge_end(cloud, job, f"upgrade at call {number}: {meddler.seen[number]}")
    assert number > 5


@by_store
def test_a_worker_that_wakes_hours_later_changes_nothing(cloud: LocalCloud, travel: Travel) -> None:
    """It sleeps at a call while others archive, restore and thaw the same result."""
    for number in range(2, MOST):
        cloud.forget()
        job = hot(person())

        def others(job: Job = job) -> None:
            travel(7 * 3600)
            converge(cloud, travel, job)
            services.change_tier(user_id=job.user_id, tier="premium")
            converge(cloud, travel, job)
            assert look(job).state == "HOT"

        meddler = Meddler(number, others)
        _run("archiver", job, meddler)
        if not meddler.happened:
            break
        assert look(job).state == "HOT", number
        assert served(job) == RESULT, number
        converge(cloud, travel, job)
        _judge_end(cloud, job, f"a sleeper at call {number}: {meddler.seen[number]}")
    assert number > 5


@by_store
def test_a_retrieval_that_was_asked_for_and_not_recorded_is_asked_for_again(
    cloud: LocalCloud, travel: Travel
) -> None:
    job = upgrade(archived())
    with (
        replies_lost(aws.glacier_once(), "InitiateJob"),
        replies_lost(aws.s3_once(), "RestoreObject"),
        pytest.raises(Away),
    ):
        services.advance(role="restorer", job_id=job.job_id)
    assert look(job).state == "COLD"
    converge(cloud, travel, job)
    _judge_end(cloud, job, "a lost reply of a retrieval")
    assert (look(job).state, served(job)) == ("HOT", RESULT)


PAUSES = {"at once": 0, "after two hours": 2 * 3600, "after three days": 3 * DAY}


@by_store
@pytest.mark.parametrize("pause", PAUSES)
@pytest.mark.parametrize("path", PATHS)
def test_an_upload_whose_completion_was_never_heard_of_is_found_or_made_again(
    path: str, pause: str, cloud: LocalCloud, travel: Travel
) -> None:
    job, role = PATHS[path](travel)
    lost = "CompleteMultipartUpload"
    with replies_lost(aws.glacier(), lost), replies_lost(aws.s3(), lost), pytest.raises(Away):
        services.advance(role=role, job_id=job.job_id)
    jobs.touch(job.job_id, due_at=clock.now())
    travel(PAUSES[pause])
    services.advance(role=role, job_id=job.job_id)
    if pause == "at once":
        assert look(job).state == ("COLD" if path == "archive" else "HOT")
        assert len(archives(cloud)) <= 1
    converge(cloud, travel, job)
    _judge_end(cloud, job, f"Complete unheard of, again {pause}")
