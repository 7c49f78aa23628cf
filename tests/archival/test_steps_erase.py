"""Erasing, and wishes that change on the way."""

from typing import Any

import pytest

from annotations import jobs, storage
from annotations.locators import GONE, Store
from annotations.safety import margins
from annotations.states import Dated
from archival import services
from archival.stores import vault
from deploy.local.run import LocalCloud
from gas_project import clock
from tests.archival.life import (
    Bug,
    advance,
    archived,
    open_only,
    restoring,
    steps_of,
    thawed,
    upgrade,
    wish_deleted,
)
from tests.core import (
    RESULT,
    Travel,
    archives,
    hot,
    inventory,
    look,
    objects,
    open_uploads,
    person,
    served,
    settle,
)

pytestmark = pytest.mark.usefixtures("cloud")
by_store = pytest.mark.usefixtures("store")


# --- erase -------------------------------------------------------------------------------------


@by_store
def test_a_deleted_job_leaves_nothing(travel: Travel, cloud: LocalCloud) -> None:
    job = archived()
    wish_deleted(job)
    gone = advance("eraser", job)
    assert (gone.state, gone.name, gone.copy, gone.input) == ("DELETING", "Deleted job", None, None)
    assert archives(cloud) == set()
    settle(travel, margins().posts_end + 1)
    assert (look(job).state, look(job).due_at) == ("DELETED", None)
    assert objects() == set()


def test_what_a_late_post_leaves_of_a_deleted_job_goes_too(travel: Travel) -> None:
    job = hot(person())
    wish_deleted(job)
    advance("eraser", job)
    assert job.input is not None
    storage.put(job.input, b"late")
    settle(travel, margins().posts_end + 1)
    assert look(job).state == "DELETED"
    assert objects() == set()


def test_what_a_late_annotator_puts_goes_too(travel: Travel) -> None:
    job = hot(person())
    assert job.attempt is not None
    prefix, now = job.attempt.locator, clock.now()
    late = Dated(prefix, now + 50)
    job = jobs.record(job, now=now, step="x", actor="t", attempt=late)
    wish_deleted(job)
    advance("eraser", job)
    storage.put(storage.inside(prefix, "late"), b"late")
    settle(travel, margins().posts_end + 1)
    assert look(job).state == "DELETED"
    assert objects() == set()


@by_store
def test_nothing_is_removed_before_the_good_copy_was_seen(travel: Travel) -> None:
    job = thawed(restoring(), travel)
    cold = [g for g in job.garbage if g.locator.store is not Store.HOT]
    assert cold
    assert job.copy is not None
    storage.remove(locator=job.copy)
    travel(margins().keep + 1)
    job = advance("eraser", job)
    assert (job.state, job.problem) == ("QUARANTINED", "copy missing or changed")
    assert cold[0] in job.garbage


def test_a_copy_of_another_size_is_not_the_good_one(travel: Travel) -> None:
    job = thawed(restoring(), travel)
    assert job.copy is not None
    storage.put(job.copy, b"short")
    travel(margins().keep + 1)
    assert advance("eraser", job).problem == "copy missing or changed"


def test_an_archive_whose_birth_nobody_recorded_goes_by_the_inventory(
    travel: Travel, cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = vault.finish

    def finish(**asked: Any) -> None:
        real(**asked)
        raise Bug  # the reply is lost, and with it the archive's id

    job = hot(person())
    monkeypatch.setattr(vault, "finish", finish)
    with pytest.raises(Bug):
        advance("archiver", job)
    wish_deleted(job)
    job = advance("eraser", job)
    assert [g.locator.upload for g in job.garbage if g.locator.store is Store.VAULT] == [GONE]
    settle(travel, margins().posts_end + 1)
    assert look(job).state == "DELETING"
    assert len(archives(cloud)) == 1
    for _ in range(3):
        inventory(travel)
        settle(travel)
    assert look(job).state == "DELETED"
    assert archives(cloud) == set()


# --- the wish changes on the way ---------------------------------------------------------------


@by_store
def test_an_upgrade_during_an_archiving_turns_it_back(cloud: LocalCloud, travel: Travel) -> None:
    job = upgrade(open_only(hot(person())))
    job = advance("archiver", job)
    assert (job.state, job.upload) == ("HOT", None)
    assert [step for step, _ in steps_of(job)] == ["open", "turn_back"]
    settle(travel)
    assert open_uploads() == set()
    assert served(job) == RESULT


@by_store
def test_a_downgrade_during_a_restore_turns_it_back(travel: Travel) -> None:
    job = restoring()
    services.change_tier(user_id=job.user_id, tier="free")
    travel(10 * 24 * 3600)
    services.spread(job.user_id)
    job = advance("thawer", job)
    assert (job.state, job.retrieval) == ("COLD", None)
    settle(travel)
    assert (look(job).state, look(job).due_at, look(job).garbage) == ("COLD", None, ())


@by_store
def test_a_plan_that_changes_while_bytes_flow_is_asked_before_the_end(
    monkeypatch: pytest.MonkeyPatch, cloud: LocalCloud
) -> None:
    job = open_only(hot(person()))
    real = storage.stream

    def stream(*args: Any, **named: Any) -> Any:
        services.change_tier(user_id=job.user_id, tier="premium")
        return real(*args, **named)

    monkeypatch.setattr(storage, "stream", stream)
    job = advance("archiver", job)
    assert (job.state, job.copy) == ("HOT", job.copy)
    assert [step for step, _ in steps_of(job)] == ["open", "fill"]
    assert archives(cloud) == set()


def test_a_held_job_is_left_alone(travel: Travel) -> None:
    job = jobs.claim(hot(person()), worker="other", until=clock.now() + margins().lease)
    assert advance("archiver", job) == job
    travel(margins().lease + 1)
    assert advance("archiver", job).state == "COLD"
