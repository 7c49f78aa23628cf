"""What the tests of the storage life do again and again: archive, upgrade, restore, thaw, erase."""

from annotations import jobs
from annotations.safety import TRIES, margins
from annotations.states import Job
from annotations.timeline import read
from archival import services
from gas_project import clock
from tests.core import Travel, hot, look, person


class Bug(Exception):
    """What no code expects."""


def advance(role: str, job: Job) -> Job:
    services.advance(role=role, job_id=job.job_id)
    return look(job)


def archived(user: str | None = None) -> Job:
    job = advance("archiver", hot(user or person()))
    assert job.state == "COLD"
    return job


def upgrade(job: Job) -> Job:
    """Upgrade the owner; the job is then due, and urgent."""
    services.change_tier(user_id=job.user_id, tier="premium")
    services.spread(job.user_id)
    return look(job)


def restoring(user: str | None = None) -> Job:
    job = advance("restorer", upgrade(archived(user)))
    assert job.state == "RESTORING"
    return job


def thawed(job: Job, travel: Travel) -> Job:
    travel(max(0, job.ready_at - clock.now()) + 1)
    return advance("thawer", job)


def open_only(job: Job) -> Job:
    """Open the upload and stop there."""
    stops = iter([False, True])
    services.advance(role="archiver", job_id=job.job_id, stopping=lambda: next(stops))
    opened = look(job)
    assert opened.state == "ARCHIVING"
    return opened


def wish_deleted(job: Job) -> None:
    jobs.wish(job.job_id, now=clock.now(), step="delete", actor="owner", deleted=True)


def steps_of(job: Job) -> list[tuple[str, str]]:
    return [(line.step, line.state) for line in read(job.job_id)][1:]


def fails_until_quarantined(job: Job, role: str, travel: Travel) -> Job:
    for tries in range(1, TRIES + 1):
        job = advance(role, job)
        assert (job.tries, job.upload) == (tries, None)
        if tries < TRIES:
            wait = margins().back_off * 2**tries
            assert job.due_at is not None
            assert clock.now() < job.due_at <= clock.now() + wait
            travel(wait + 1)
    assert (job.state, job.due_at) == ("QUARANTINED", None)
    return job
