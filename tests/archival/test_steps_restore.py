"""Restore and thaw: how a result is asked for, what is refused, late, lost or wrong."""

from typing import Any

import pytest

from annotations import jobs
from annotations.locators import Store
from annotations.safety import TRIES, margins
from annotations.timeline import read
from archival import services
from archival.stores import vault
from deploy.local.run import LocalCloud
from gas_project import aws, clock
from tests.archival.life import advance, archived, restoring, steps_of, thawed, upgrade
from tests.core import (
    RESULT,
    Counted,
    Travel,
    archives,
    hot,
    look,
    objects,
    person,
    served,
    settle,
    strays,
)

pytestmark = pytest.mark.usefixtures("cloud")
by_store = pytest.mark.usefixtures("store")


# --- restore -----------------------------------------------------------------------------------


@by_store
def test_an_upgrade_asks_at_the_fast_speed(travel: Travel) -> None:
    job = restoring()
    assert (job.urgent, job.refused) == (False, 0)
    assert job.ready_at == job.due_at
    assert job.ready_at - clock.now() <= margins().expedited
    assert read(job.job_id)[-1].note == "Expedited"


def test_a_job_that_is_not_urgent_is_asked_for_at_the_usual_speed(store: str) -> None:
    job = archived()
    services.change_tier(user_id=job.user_id, tier="premium")
    services.spread(job.user_id)
    jobs.touch(job.job_id, due_at=clock.now(), urgent=None)
    job = advance("restorer", look(job))
    assert read(job.job_id)[-1].note == "Standard"
    assert 0 < job.ready_at - clock.now() <= margins().standard


def test_a_restore_that_is_not_ready_costs_one_question_and_no_write(store: str) -> None:
    job = upgrade(archived())
    jobs.touch(job.job_id, due_at=clock.now(), urgent=None)
    job = advance("restorer", job)  # at the usual speed: far from ready
    with Counted(aws.glacier(), ()) as glacier, Counted(aws.s3(), ()) as s3:
        for role in ("thawer", "thawer"):
            assert advance(role, job) == job
    asked = glacier.seen if store == "vault" else s3.seen
    assert asked == {"vault": ["DescribeJob"], "s3": ["HeadObject"]}[store] * 2
    assert len(glacier.seen) + len(s3.seen) == len(asked)


def test_a_late_restore_is_asked_about_now_and_then(travel: Travel) -> None:
    job = restoring()
    jobs.record(job, now=clock.now(), step="x", actor="test", due_at=clock.now())
    late = advance("thawer", job)
    assert late.due_at == max(job.ready_at, clock.now() + margins().ready_poll)
    assert late.state == "RESTORING"


@pytest.mark.parametrize("status", ["503", "400"])
def test_without_fast_capacity_it_is_the_usual_speed_at_once(
    cloud: LocalCloud, status: str
) -> None:
    job = upgrade(archived())
    cloud.faults.update({"refuse_expedited": status})
    job = advance("restorer", job)
    assert (job.state, job.refused) == ("RESTORING", 0)
    assert read(job.job_id)[-1].note == "Standard"


def test_a_policy_puts_it_off_and_at_last_asks_in_bulk(cloud: LocalCloud, travel: Travel) -> None:
    job = upgrade(archived())
    cloud.faults.update({"refuse_expedited": "503", "enforce_policy": "400"})
    for refusals in range(1, 4):
        job = advance("restorer", job)
        assert (job.state, job.refused, job.urgent) == ("COLD", refusals, False)
        wait = margins().refused * 2 ** (refusals - 1)
        assert job.due_at is not None
        assert job.due_at <= clock.now() + wait
        travel(wait)
    job = advance("restorer", job)
    assert (job.state, job.refused) == ("RESTORING", 0)
    assert read(job.job_id)[-1].note == "Bulk"


def test_a_retrieval_is_never_repeated_by_the_client(cloud: LocalCloud) -> None:
    job = upgrade(archived())
    cloud.faults.update({"throttle": 1})
    with (
        Counted(aws.glacier_once(), ("InitiateJob",)) as asked,
        pytest.raises(Exception, match="hrottl"),
    ):
        advance("restorer", job)
    assert asked.seen == ["InitiateJob"]
    job = look(job)
    assert (job.state, job.claims, job.worker) == ("COLD", 0, None)
    assert job.due_at is not None
    assert job.due_at >= clock.now() + margins().outage - 1


@by_store
def test_a_missing_archive_is_tried_five_times_and_then_a_person_is_asked(
    travel: Travel,
) -> None:
    job = upgrade(archived())
    assert job.copy is not None
    if job.copy.store is Store.VAULT:
        aws.glacier().delete_archive(vaultName=job.copy.bucket, archiveId=job.copy.name)
    else:
        aws.s3().delete_object(Bucket=job.copy.bucket, Key=job.copy.name)
    for _ in range(40):
        job = look(job)
        if job.problem:
            break
        advance("restorer", job)
        advance("thawer", job)
        travel(margins().standard + 1)
    assert job.state == "QUARANTINED"
    assert job.tries == TRIES


# --- thaw --------------------------------------------------------------------------------------


@by_store
def test_a_ready_result_comes_back_whole_under_a_new_name(
    travel: Travel, cloud: LocalCloud
) -> None:
    job = restoring()
    cold = job.copy
    back = thawed(job, travel)
    assert (back.state, back.retrieval, back.ready_at, back.tries) == ("HOT", None, 0, 0)
    assert served(back) == RESULT
    assert back.copy is not None
    assert back.copy.name.startswith(f"t/{job.job_id}/")
    assert cold in [g.locator for g in back.garbage]
    assert strays(cloud, back) == set()


@by_store
def test_the_archive_is_kept_for_its_ninety_days_and_then_goes(
    travel: Travel, cloud: LocalCloud
) -> None:
    job = restoring()
    born, cold = job.copied_at, job.copy
    back = thawed(job, travel)
    spare = next(g for g in back.garbage if g.locator == cold)
    assert spare.after == born + margins().keep
    settle(travel, margins().links_end + 1, margins().keep + 1)
    back = look(back)
    assert back.garbage == ()
    assert served(back) == RESULT
    assert archives(cloud) == set()
    assert not {key for key in objects() if key.startswith("a/")}


def test_a_failed_retrieval_starts_over(travel: Travel, cloud: LocalCloud) -> None:
    job = restoring()
    cloud.faults.update({"fail_next_jobs": 1})
    failed = thawed(job, travel)
    assert (failed.state, failed.retrieval, failed.tries) == ("COLD", None, 1)
    travel(margins().back_off * 2 + 1)
    again = advance("restorer", failed)
    assert again.retrieval not in (None, job.retrieval)
    back = thawed(again, travel)
    assert (back.state, served(back)) == ("HOT", RESULT)


@by_store
def test_a_retrieval_that_nobody_read_in_time_starts_over(travel: Travel) -> None:
    job = restoring()
    travel(margins().bulk + 4 * 24 * 3600 / 100)
    expired = advance("thawer", job)
    assert (expired.state, expired.retrieval, expired.tries) == ("COLD", None, 1)
    travel(margins().back_off * 2 + 1)
    back = thawed(advance("restorer", expired), travel)
    assert (back.state, served(back)) == ("HOT", RESULT)


def test_a_wrong_byte_is_never_served(travel: Travel, cloud: LocalCloud) -> None:
    job = restoring()
    cloud.faults.update({"flip_byte_in_output": True})
    cold = job.copy
    for tries in range(1, TRIES + 1):
        job = thawed(job, travel)
        assert (job.copy, job.tries) == (cold, tries)
        assert not {key for key in objects() if key.startswith("t/")}
        travel(margins().back_off * 2**tries + 1)
        job = advance("restorer", job)
    assert (job.state, job.problem) == ("QUARANTINED", "bytes differ")
    assert cold in [job.copy]
    assert len(archives(cloud)) == 1


def test_a_stream_that_breaks_is_asked_for_again(travel: Travel, cloud: LocalCloud) -> None:
    job = restoring()
    cloud.faults.update({"break_output": 2})
    back = thawed(job, travel)
    assert (back.state, served(back), back.tries) == ("HOT", RESULT, 0)


def test_parts_in_another_order_are_noticed(
    travel: Travel, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = 8 * 1024 * 1024
    job = advance("archiver", hot(person(), b"a" * half + b"b" * half))
    job = advance("restorer", upgrade(job))
    real = vault.read

    def swapped(**asked: Any) -> Any:
        return reversed(list(real(**asked)))

    monkeypatch.setattr(vault, "read", swapped)
    job = thawed(job, travel)
    assert (job.state, job.tries) == ("COLD", 1)


def test_an_early_notice_neither_thaws_nor_is_needed(travel: Travel, cloud: LocalCloud) -> None:
    job = upgrade(archived())
    assert advance("thawer", job) == job  # before the retrieval is recorded
    cloud.faults.update({"drop_notices": True})
    settle(travel, margins().expedited + 1)
    assert look(job).state == "HOT"


def test_a_doubled_notice_thaws_once(travel: Travel, cloud: LocalCloud) -> None:
    cloud.faults.update({"double_notices": True})
    job = restoring()
    settle(travel, margins().expedited + 1)
    assert look(job).state == "HOT"
    assert [step for step, _ in steps_of(job)].count("fill") == 2  # there, and back once
