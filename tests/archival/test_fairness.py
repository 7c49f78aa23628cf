"""One person's many archives keep nobody else waiting: an upgrade beside an upgrade of hundreds."""

import pytest

from annotations import jobs
from annotations.locators import Locator, Store
from annotations.safety import REAL
from annotations.states import Job
from archival import services
from gas_project import aws, clock, events, queues
from tests.archival.life import archived
from tests.core import look, lose_messages, new_job, person

pytestmark = pytest.mark.usefixtures("cloud")
MANY = 600
COST = 1.0
"""Seconds that one message takes the only restorer: four calls of AWS at 250 ms."""


def _many() -> str:
    """Return a person with hundreds of results in the archive; there are no bytes behind them."""
    user, now = person(), clock.now()
    for number in range(MANY):
        job_id = f"{number:08x}-0000-4000-8000-000000000000"
        facts = {"job_id": job_id, "submitted_at": now - number, "due_at": None, "state": "COLD"}
        copy = Locator(Store.VAULT, aws.vault(), f"archive-{number}")
        jobs.create(new_job(user, **facts, copy=copy), actor="owner")
    return user


def _ahead(job: Job) -> int:
    """Upgrade a job's owner; return how many messages a restorer handles until it is asked for."""
    services.change_tier(user_id=job.user_id, tier="premium")
    for handled in range(2 * MANY):
        if look(job).retrieval:
            return handled
        for message in queues.receive("restore", limit=1, wait=0, visibility=3600):
            for event in events.decode(message.body):
                services.handle(event, role="restorer")
            queues.delete("restore", [message])
    raise AssertionError("it was never asked for")


def _wait(ahead: int) -> float:
    return ahead * COST + REAL.expedited


def test_beside_an_upgrade_of_hundreds_another_waits_at_most_twice_as_long() -> None:
    idle = _ahead(archived())
    heavy, other = _many(), archived()
    lose_messages()
    services.change_tier(user_id=heavy, tier="premium")
    services.handle(events.Hint(user_id=heavy), role="restorer")  # its hints are in the queue first
    busy = _ahead(other)
    assert busy <= REAL.spread + 3 * idle + 3
    assert _wait(busy) <= 2 * _wait(idle)
