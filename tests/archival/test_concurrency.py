"""Eight workers a role at once, every message five times and shuffled, visibility running out.

JOBS=5000 is the heavy form (`make faults-heavy`); the short one is the same with fewer jobs.
"""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from annotations.safety import margins
from annotations.states import Job
from archival import services
from deploy.local.run import LocalCloud
from gas_project import aws, events, queues
from tests.archival.life import wish_deleted
from tests.core import RESULT, Travel, archives, hot, look, objects, open_uploads, person, served

if TYPE_CHECKING:
    from pytest_django import Settings

JOBS = int(os.environ.get("JOBS", "16"))
SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(10**6))))
WORKERS, COPIES = 8, 5
PEOPLE = max(4, JOBS // 100)
"""A spread makes 200 of a person's jobs due a minute, and here no minute passes."""
PATIENCE = 120 + 2 * JOBS
"""Real seconds for one phase on a busy machine: a bound against hanging, not a goal."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(6 * PATIENCE)]


class Crew:
    """Worker threads of every role; each forgets to delete some of its messages."""

    def __init__(self, seed: int) -> None:
        self.over = threading.Event()
        self.errors: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._work, args=(role, seed + number), daemon=True)
            for role in ("archiver", "restorer", "thawer", "eraser")
            for number in range(WORKERS)
        ]

    def _work(self, role: str, seed: int) -> None:
        dice, queue = random.Random(seed), events.QUEUE_OF_ROLE[role]
        try:
            while not self.over.is_set():
                self._turn(role, queue, dice)
        except BaseException as error:
            self.errors.append(error)

    def _turn(self, role: str, queue: str, dice: random.Random) -> None:
        found = queues.receive(queue, limit=4, wait=1, visibility=dice.choice([1, 2, 60]))
        for message in found:
            for event in events.decode(message.body):
                services.handle(event, role=role)
        queues.delete(queue, [message for message in found if dice.random() > 0.2])

    @contextmanager
    def at_work(self) -> Iterator["Crew"]:
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self.over.set()
            for thread in self._threads:
                thread.join(timeout=30)


def _shower(role: str, made: list[Job], dice: random.Random) -> None:
    """Send five hints of each job to a role, in any order."""
    ids = [job.job_id for job in made] * COPIES
    dice.shuffle(ids)
    events.send_hints(queue=events.QUEUE_OF_ROLE[role], job_ids=ids, user_ids=[])


def _until(crew: Crew, made: list[Job], fits: Callable[[Job], bool]) -> list[Job]:
    """Wait until every job is as wanted."""
    left, until = {job.job_id for job in made}, time.monotonic() + PATIENCE
    while left and time.monotonic() < until and not crew.errors:
        left = {job_id for job_id in left if not fits(look(job_id))}
        time.sleep(0.2)
    assert crew.errors == []
    assert left == set(), f"{len(left)} jobs are stuck, SEED={SEED}"
    return [look(job) for job in made]


def _rows(cloud: LocalCloud, sql: str) -> int:
    return int(cloud._disk.rows(sql, ())[0][0])


def test_a_crowd_of_workers_makes_one_archive_a_job_and_one_retrieval_a_restore(
    cloud: LocalCloud, travel: Travel, settings: "Settings"
) -> None:
    settings.GAS_LOCAL = False  # the real lease: a slow machine is no reason for a takeover
    dice, users = random.Random(SEED), [person() for _ in range(PEOPLE)]
    made = [hot(users[number % PEOPLE], RESULT + b"%d" % number) for number in range(JOBS)]
    with Crew(SEED).at_work() as crew:
        _shower("archiver", made, dice)
        cold = _until(crew, made, lambda job: job.state == "COLD")
        assert _rows(cloud, "SELECT COUNT(*) FROM glacier_archives") == JOBS
        assert {job.copy.name for job in cold if job.copy} == archives(cloud)

        for user in users:
            services.change_tier(user_id=user, tier="premium")
        _until(crew, made, lambda job: job.retrieval is not None or job.state == "HOT")
        _shower("restorer", made, dice)
        travel(60)
        _shower("thawer", made, dice)
        _until(crew, made, lambda job: job.state == "HOT")
        asked = _rows(cloud, "SELECT COUNT(*) FROM glacier_jobs WHERE archive IS NOT NULL")
        assert JOBS <= asked <= JOBS + JOBS // 1000
        assert [served(job) for job in made] == [RESULT + b"%d" % n for n in range(JOBS)]

        travel(margins().posts_end + 1)
        for job in made:
            wish_deleted(job)
        _shower("eraser", made, dice)
        _until(crew, made, lambda job: job.state == "DELETED")
    assert objects() | archives(cloud) | open_uploads() == set()


def test_claims_of_one_moment_have_one_winner(cloud: LocalCloud, travel: Travel) -> None:
    job, gate = hot(person()), threading.Barrier(WORKERS)
    made: list[str] = []

    def note(model: Any, **_: Any) -> None:
        if model.name == "InitiateMultipartUpload":
            made.append(model.name)

    def rush() -> None:
        gate.wait()
        services.advance(role="archiver", job_id=job.job_id)

    client = aws.glacier()
    client.meta.events.register_first("before-call.glacier.*", note)
    try:
        crowd = [threading.Thread(target=rush) for _ in range(WORKERS)]
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join()
    finally:
        client.meta.events.unregister("before-call.glacier.*", note)
    assert len(made) == 1
    assert look(job).state == "COLD"
