"""Turns at the thawer's queue: in a crowd, a store's notice waits for the sweep, which is fair."""

import uuid

import pytest

from annotations import jobs
from annotations.states import Job
from archival import services, turns
from deploy.local.run import LocalCloud
from gas_project import clock, events
from gas_project.events import GlacierNotice, Hint, ObjectEvent
from tests.archival.life import advance, archived, restoring, upgrade
from tests.core import RESULT, Travel, look, lose_messages, person, served, told

pytestmark = pytest.mark.usefixtures("cloud")


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the thawer's queue hold more than a sweep adds to."""
    lose_messages()
    monkeypatch.setattr(turns, "HINTS", 1)
    events.send_hints(queue="thaw", job_ids=[str(uuid.uuid4()) for _ in range(2)])


def _notices(job: Job) -> list[events.Event]:
    assert job.copy
    told_by_vault = GlacierNotice(job.job_id, job.retrieval or "", "Succeeded")
    return [told_by_vault, ObjectEvent("archive", job.copy.name, job.job_id)]


def _early(travel: Travel) -> Job:
    """Return a job whose retrieval is ready before its time, as usual."""
    job = restoring()
    jobs.rest(job, now=clock.now(), due_at=clock.now() + 4 * 3600)
    travel(job.ready_at - clock.now() + 1)
    return look(job)


@pytest.mark.parametrize("number", [0, 1])
def test_in_a_crowded_queue_a_notice_only_makes_its_job_due(
    travel: Travel, crowd: None, number: int
) -> None:
    job = _early(travel)
    services.handle(_notices(job)[number], role="thawer")
    assert (look(job).state, look(job).due_at) == ("RESTORING", clock.now())
    services.handle(Hint(job_id=job.job_id), role="thawer")
    assert served(job.job_id) == RESULT


def test_in_a_crowded_queue_a_job_that_is_due_is_not_written(travel: Travel, crowd: None) -> None:
    job = restoring()
    travel(job.ready_at - clock.now() + 1)
    services.handle(_notices(job)[0], role="thawer")
    assert look(job) == job


def test_a_notice_makes_no_job_due_that_a_worker_has(travel: Travel, crowd: None) -> None:
    job = restoring()
    travel(job.ready_at - clock.now() + 1)
    claimed = jobs.claim(job, worker="thawer-1", until=clock.now() + 100)
    services.handle(_notices(job)[0], role="thawer")
    assert look(job) == claimed


def test_a_notice_that_comes_late_leaves_a_job_at_rest_alone(travel: Travel, crowd: None) -> None:
    job = restoring()
    travel(job.ready_at - clock.now() + 1)
    back = advance("thawer", job)
    assert back.state == "HOT"
    services.handle(_notices(job)[0], role="thawer")
    assert look(back) == back


def test_a_quiet_queue_is_worked_off_at_once(travel: Travel) -> None:
    job = _early(travel)
    services.handle(_notices(job)[0], role="thawer")
    assert served(job.job_id) == RESULT


def test_a_notice_of_an_unknown_job_is_not_taken_for_done(crowd: None) -> None:
    with pytest.raises(jobs.NotFound):
        services.handle(GlacierNotice(str(uuid.uuid4()), "r", "Succeeded"), role="thawer")


def test_after_an_outage_nobody_waits_behind_all_that_one_person_has(
    travel: Travel, cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.faults.update({"drop_notices": True})  # its own come when they like; these are ours
    many = person()
    heavy = [archived(many) for _ in range(4)]
    for job in heavy:
        upgrade(job)
        advance("restorer", look(job))
    other = advance("restorer", upgrade(archived()))
    travel(max(look(job).ready_at for job in [*heavy, other]) - clock.now() + 1)
    lose_messages()
    events.send_hints(queue="thaw", job_ids=[str(uuid.uuid4()) for _ in range(3)])
    monkeypatch.setattr(turns, "HINTS", 2)
    for job in [*heavy, other]:
        services.handle(_notices(look(job))[0], role="thawer")
    assert {look(job).state for job in [*heavy, other]} == {"RESTORING"}
    lose_messages()
    assert services.sweep() == {"thawer": 2}
    assert other.job_id in told("thaw")
