"""Archiving: what each step does on the local cloud, and what when it fails."""

from typing import Any

import pytest

from annotations import jobs, storage
from annotations.locators import Store
from annotations.safety import GARBAGE, margins
from annotations.states import Dated
from deploy.local.run import LocalCloud
from gas_project import clock
from tests.archival.life import Bug, advance, fails_until_quarantined, steps_of, thawed, upgrade
from tests.core import (
    RESULT,
    Travel,
    archives,
    hot,
    look,
    objects,
    open_uploads,
    person,
    served,
    strays,
    work,
)

pytestmark = pytest.mark.usefixtures("cloud")
by_store = pytest.mark.usefixtures("store")
COLD_STORE = {"vault": Store.VAULT, "s3": Store.S3_GLACIER}


# --- archive -----------------------------------------------------------------------------------


def test_a_result_is_archived_whole(store: str, cloud: LocalCloud) -> None:
    before = hot(person())
    job = advance("archiver", before)
    assert (job.state, job.upload, job.worker) == ("COLD", None, None)
    assert job.copy is not None
    assert job.copy.store is COLD_STORE[store]
    assert (job.size, job.sha256) == (len(RESULT), before.sha256)
    assert len(job.tree_hash) == 64
    assert steps_of(job) == [("open", "ARCHIVING"), ("fill", "COLD")]
    assert [g.locator for g in job.garbage] == [before.copy]
    assert open_uploads() == set()
    assert strays(cloud, job) == set()


@by_store
def test_the_hot_copy_goes_when_its_links_have_ended(cloud: LocalCloud, travel: Travel) -> None:
    before = hot(person())
    assert before.copy is not None
    job = advance("archiver", before)
    assert advance("eraser", job).garbage == job.garbage
    assert before.copy.name in objects()
    travel(margins().links_end + 1)
    job = advance("eraser", job)
    assert job.garbage == ()
    assert before.copy.name not in objects()
    assert before.attempt is not None
    side = {key for key in objects() if key.startswith(before.attempt.locator.name)}
    assert len(side) == 2
    assert job.due_at is None


def test_a_premium_result_stays_and_is_off_the_index() -> None:
    job = advance("archiver", hot(person("premium")))
    assert (job.state, job.due_at) == ("HOT", None)
    assert steps_of(job) == []


def test_a_result_within_its_grace_is_looked_at_again_when_it_must_be(travel: Travel) -> None:
    now = clock.now()
    job = advance("archiver", hot(person(), archive_after=now + 10**6))
    assert (job.state, job.upload) == ("HOT", None)
    assert job.due_at is not None
    assert now < job.due_at < now + 10**6
    travel(10**6)
    assert advance("archiver", job).state == "COLD"


def test_a_missing_plan_keeps_a_result_hot() -> None:
    job = advance("archiver", hot("00000000-0000-4000-8000-000000000009"))
    assert (job.state, job.due_at) == ("HOT", None)


def test_a_worker_does_its_own_steps_only_and_wakes_the_owner_of_the_next() -> None:
    job = hot(person())
    for role in ("eraser", "restorer", "thawer", "sweep"):
        assert advance(role, job) == job
    work()
    assert look(job).state == "COLD"


@by_store
def test_a_result_of_several_parts_arrives_whole(travel: Travel) -> None:
    data = bytes(range(256)) * 4096 * 9
    job = advance("archiver", hot(person(), data))
    assert (job.state, job.size) == ("COLD", len(data))
    job = thawed(advance("restorer", upgrade(job)), travel)
    assert served(job) == data


@by_store
def test_a_missing_result_is_tried_five_times_and_then_a_person_is_asked(
    travel: Travel, cloud: LocalCloud
) -> None:
    job = hot(person())
    assert job.copy is not None
    storage.remove(locator=job.copy)
    fails_until_quarantined(job, "archiver", travel)
    assert archives(cloud) == set()


@by_store
def test_a_result_with_other_bytes_is_neverarchived(travel: Travel, cloud: LocalCloud) -> None:
    job = hot(person())
    assert job.copy is not None
    storage.put(job.copy, b"x" * job.size)
    job = fails_until_quarantined(job, "archiver", travel)
    assert job.problem == "bytes differ"
    assert archives(cloud) == set()
    assert served(job) == b"x" * job.size


def test_a_released_problem_is_tried_once_more(travel: Travel) -> None:
    job = hot(person())
    assert job.copy is not None
    storage.put(job.copy, b"x" * job.size)
    job = fails_until_quarantined(job, "archiver", travel)
    assert job.copy is not None
    storage.put(job.copy, RESULT)
    now = clock.now()
    jobs.wish(job.job_id, now=now, step="release", actor="staff", problem=None, tries=0, claims=0)
    assert advance("archiver", job).state == "COLD"


def test_too_much_garbage_opens_nothing_more() -> None:
    later = clock.now() + 10**7
    where = storage.new_attempt("x")
    garbage = tuple(Dated(storage.inside(where, str(n)), later) for n in range(GARBAGE))
    job = advance("archiver", hot(person(), garbage=garbage))
    assert (job.state, job.upload) == ("QUARANTINED", None)
    assert "garbage" in str(job.problem)


def test_ten_claims_without_a_record_ask_a_person(
    travel: Travel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(**_: Any) -> None:
        raise Bug

    monkeypatch.setattr("archival.stores.vault.finish", crash)
    monkeypatch.setattr("archival.stores.s3.finish", crash)
    job = hot(person())
    for claims in range(1, 11):
        with pytest.raises(Bug):
            advance("archiver", job)
        assert look(job).claims == claims
        travel(margins().lease + 1)
    assert advance("archiver", job).problem == "stopped ten times"


def test_an_upload_that_fails_leaves_the_next_job_alone(
    monkeypatch: pytest.MonkeyPatch, cloud: LocalCloud
) -> None:
    first, second = hot(person(), b"first"), hot(person(), b"second")
    assert advance("archiver", first).state == "COLD"

    def crash(**_: Any) -> None:
        raise Bug

    monkeypatch.setattr("archival.stores.vault.write", crash)
    with pytest.raises(Bug):
        advance("archiver", second)
    assert look(second).copy == second.copy
    assert served(second) == b"second"
    assert len(archives(cloud)) == 1
