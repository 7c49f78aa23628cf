"""Eight workers a role at once, every message five times and shuffled, visibility running out.

`make concurrency JOBS=500` is CI's form, `make faults-heavy` has 5,000; the short one is the same
with fewer jobs. The hints of a role come in waves, and people upgrade one after the other: what a
queue of the local cloud costs grows with what is in it.
"""

import os
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from annotations.safety import margins
from annotations.states import Job
from archival import services
from deploy.local.run import LocalCloud
from gas_project import aws
from tests.archival.crowd import Crew, Facts, call_directly, facts_of, shower, unfit
from tests.archival.life import wish_deleted
from tests.core import RESULT, Travel, archives, hot, look, objects, open_uploads, person, served

if TYPE_CHECKING:
    from pytest_django import Settings

JOBS = int(os.environ.get("JOBS", "40"))
SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(10**6))))
WORKERS, COPIES, WAVE = 8, 5, 64
PEOPLE = max(4, JOBS // 100)
"""A spread makes 200 of a person's jobs due a minute, and here no minute passes."""
PATIENCE = 900
"""Real seconds for one wave on a busy machine: a bound against hanging, not a goal."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800 + 4 * JOBS)]


@pytest.fixture
def slow_glacier(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """A vault at AWS's own pace: in a day of four minutes a slow crowd's retrievals expire.

    Our clock stands still here, so what is put off after that would never come up again.
    """
    shelf = cloud._glacier._shelf
    monkeypatch.setattr(cloud._glacier, "_shelf", replace(shelf, scale=1.0))


class Play:
    """The jobs, the crowd at them, and what it is to bring about."""

    def __init__(self, cloud: LocalCloud, crew: Crew, made: list[Job]) -> None:
        self.cloud = cloud
        self.crew = crew
        self.ids = [job.job_id for job in made]
        self.dice = random.Random(SEED)
        self.began = time.monotonic()

    def shower(self, role: str, ids: list[str], fits: Callable[[Facts], bool]) -> None:
        """Hint a role at jobs, wave by wave, until they are as wanted."""
        for first in range(0, len(ids), WAVE):
            wave = ids[first : first + WAVE]
            shower(role, wave, copies=COPIES, dice=self.dice)
            self.wait(wave, fits)

    def wait(self, ids: list[str], fits: Callable[[Facts], bool]) -> None:
        began = swept = time.monotonic()
        left = set(ids)
        while left and time.monotonic() < began + PATIENCE and not self.crew.errors:
            time.sleep(0.2)
            left = unfit(self.cloud, left, fits)
            if time.monotonic() > swept + margins().sweep:
                # As always: hints are not promised, for example after a retrieval that expired.
                services.sweep()
                swept = time.monotonic()
        assert self.crew.errors == []
        told = list(facts_of(self.cloud, sorted(left)[:3]).values())
        assert left == set(), f"{len(left)} jobs are stuck, SEED={SEED}: {told}"

    def tell(self, what: str) -> None:
        passed = time.monotonic() - self.began
        sys.stdout.write(f"{passed:6.0f} s  {what}, {self.crew.handled:,} messages so far\n")


def _is(state: str) -> Callable[[Facts], bool]:
    return lambda facts: bool(facts["state"] == state)


def _asked_back(facts: Facts) -> bool:
    return "retrieval" in facts or facts["state"] == "HOT"


def _rows(cloud: LocalCloud, sql: str) -> int:
    return int(cloud._disk.rows(sql, ())[0][0])


def _archive(play: Play) -> None:
    play.shower("archiver", play.ids, _is("COLD"))
    play.tell("archivers are done")
    made = archives(play.cloud)
    assert _rows(play.cloud, "SELECT COUNT(*) FROM glacier_archives") == len(made) == JOBS
    cold = [look(job_id) for job_id in play.ids]
    assert {job.copy.name for job in cold if job.copy} == made


def _restore(play: Play, users: list[str], travel: Travel) -> None:
    asked: list[int] = []
    # It is counted here, since a store forgets a retrieval after some days.
    aws.glacier_once().meta.events.register(
        "after-call.glacier.InitiateJob",
        lambda *, http_response, **_: asked.append(http_response.status_code),
    )
    for number, user in enumerate(users):
        theirs = play.ids[number :: len(users)]
        services.change_tier(user_id=user, tier="premium")
        play.shower("restorer", theirs, _asked_back)
        travel(margins().standard + 1)
        play.shower("thawer", theirs, _is("HOT"))
        if number % 10 == 9:
            play.tell(f"{number + 1} people have all back")
    play.tell("restorers and thawers are done")
    assert JOBS <= asked.count(202) <= JOBS + JOBS // 1000
    for number, job_id in enumerate(play.ids):
        assert served(job_id) == RESULT + b"%d" % number


def _erase(play: Play, travel: Travel) -> None:
    travel(margins().posts_end + 1)
    for job_id in play.ids:
        wish_deleted(look(job_id))
    play.shower("eraser", play.ids, _is("DELETED"))
    play.tell("erasers are done")


@pytest.mark.usefixtures("slow_glacier")
def test_a_crowd_of_workers_makes_one_archive_a_job_and_one_retrieval_a_restore(
    cloud: LocalCloud, travel: Travel, settings: "Settings", monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.GAS_LOCAL = False  # the real lease: a slow machine is no reason for a takeover
    call_directly(cloud, monkeypatch)
    users = [person() for _ in range(PEOPLE)]
    made = [hot(users[number % PEOPLE], RESULT + b"%d" % number) for number in range(JOBS)]
    sys.stdout.write(f"{JOBS} jobs, {WORKERS} workers a role, SEED={SEED}\n")
    with Crew(seed=SEED, workers=WORKERS).at_work() as crew:
        play = Play(cloud, crew, made)
        _archive(play)
        _restore(play, users, travel)
        _erase(play, travel)
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
