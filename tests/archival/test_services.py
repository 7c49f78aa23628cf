"""Tiers, the spread of a change, the sweep, and what the pages ask of the storage life."""

import random
from dataclasses import replace
from typing import Any

import pytest

from accounts import plans, tiers
from annotations import jobs
from annotations.locators import Locator, Store
from annotations.safety import margins
from annotations.states import Job
from annotations.timeline import read
from archival import services
from deploy.local.run import LocalCloud
from gas_project import clock, events
from tests.archival.life import advance, archived, wish_deleted
from tests.core import (
    DAY,
    RESULT,
    ROLES,
    Travel,
    archives,
    hot,
    look,
    lose_messages,
    new_job,
    objects,
    person,
    queued,
    served,
    settle,
    strays,
    told,
)

pytestmark = pytest.mark.usefixtures("cloud")
NOBODY = "00000000-0000-4000-8000-000000000009"


def _cold(user: str, count: int, **facts: object) -> list[Job]:
    """Put jobs whose results are in the vault, the newest first; there are no bytes behind them."""
    now = clock.now()
    made = [
        replace(
            new_job(user, submitted_at=now - n, due_at=None, state="COLD"),
            copy=Locator(Store.VAULT, "gas", f"archive-{n}"),
            **facts,  # type: ignore[arg-type]
        )
        for n in range(count)
    ]
    for job in made:
        jobs.create(job, actor="owner")
    return made


# --- tiers -------------------------------------------------------------------------------------


def test_a_downgrade_gives_the_grace_once_more(travel: Travel) -> None:
    job = hot(person("premium"))
    assert services.change_tier(user_id=job.user_id, tier="free")
    grace = tiers.get("free").grace
    assert _plan(job.user_id).grace_until == clock.now() + grace
    settle(travel)
    assert look(job).state == "HOT"
    settle(travel, grace + 1)
    assert look(job).state == "COLD"


def test_the_same_tier_again_tells_nobody() -> None:
    user = person()
    assert not services.change_tier(user_id=user, tier="free")
    assert told("restore") == set()
    assert services.change_tier(user_id=user, tier="premium")
    assert told("restore") == {user}


def test_a_tier_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError):
        services.change_tier(user_id=person(), tier="gold")


def test_a_missing_plan_is_not_made_anew_since_it_would_be_free() -> None:
    assert services.plan(user_id=NOBODY) is None
    assert plans.get(NOBODY) is None


def _plan(user_id: str) -> plans.Plan:
    found = services.plan(user_id=user_id)
    assert found is not None
    return found


# --- spreading a change ------------------------------------------------------------------------


def test_the_hints_of_a_spread_go_out_when_the_change_is_no_longer_pending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = person()
    made = _cold(user, 3)
    services.change_tier(user_id=user, tier="premium")
    seen: list[tuple[str, bool]] = []

    def note(*, topic: str, job_id: str) -> None:
        seen.append((job_id, _plan(user).pending))

    monkeypatch.setattr(events, "publish", note)
    services.spread(user)
    assert sorted(seen) == sorted((job.job_id, False) for job in made)


def test_an_upgrade_makes_every_cold_result_due_and_the_newest_urgent() -> None:
    user, other = person(), person()
    made, theirs = _cold(user, 130), _cold(other, 2)
    services.change_tier(user_id=user, tier="premium")
    services.spread(user)
    now = [look(job) for job in made]
    assert all(job.due_at is not None and job.due_at <= clock.now() for job in now)
    urgent = tiers.get("premium").urgent_restores
    assert [job.urgent for job in now] == [True] * urgent + [False] * (130 - urgent)
    assert not _plan(user).pending
    assert [look(job) for job in theirs] == theirs


def test_a_large_upgrade_comes_due_minute_by_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = replace(margins(), spread=4)
    monkeypatch.setattr(services, "margins", lambda: slow)
    user = person()
    made = _cold(user, 10)
    services.change_tier(user_id=user, tier="premium")
    lose_messages()
    start = clock.now()
    services.spread(user)
    waits = [(look(job).due_at or 0) - start for job in made]
    assert [round(wait / 60) for wait in waits] == [0] * 4 + [1] * 4 + [2] * 2
    assert told("restore") == {job.job_id for job in made[:4]}


def test_a_spread_that_stopped_half_way_is_done_by_the_sweep(
    monkeypatch: pytest.MonkeyPatch, travel: Travel
) -> None:
    user = person()
    made = _cold(user, 3)
    services.change_tier(user_id=user, tier="premium")
    real = jobs.touch

    def stop(job_id: str, **asked: int) -> bool:
        monkeypatch.setattr(jobs, "touch", real)
        raise ConnectionError

    monkeypatch.setattr(jobs, "touch", stop)
    with pytest.raises(ConnectionError):
        services.spread(user)
    assert _plan(user).pending
    lose_messages()
    travel(margins().lease + 1)
    services.sweep()
    for event in [events.Hint(user_id=one) for one in told("restore")]:
        services.handle(event, role="restorer")
    assert all(look(job).due_at is not None for job in made)
    assert not _plan(user).pending


def test_a_change_during_a_spread_stays_pending(monkeypatch: pytest.MonkeyPatch) -> None:
    user = person()
    _cold(user, 1)
    services.change_tier(user_id=user, tier="premium")
    real = jobs.touch

    def meanwhile(job_id: str, **asked: int) -> bool:
        services.change_tier(user_id=user, tier="free")
        return real(job_id, **asked)

    monkeypatch.setattr(jobs, "touch", meanwhile)
    services.spread(user)
    assert _plan(user).pending


def test_a_change_is_spread_by_one_at_a_time_and_by_the_next_once_its_lease_lapsed(
    monkeypatch: pytest.MonkeyPatch, travel: Travel
) -> None:
    user, real, touched = person(), jobs.touch, list[str]()
    made = _cold(user, 3)
    services.change_tier(user_id=user, tier="premium")

    def touch(job_id: str, **asked: Any) -> bool:
        touched.append(job_id)
        services.spread(user)  # the sweep asks for it each minute, and other seats are free
        return real(job_id, **asked)

    monkeypatch.setattr(jobs, "touch", touch)
    services.spread(user)
    assert sorted(touched) == sorted(job.job_id for job in made)
    assert not _plan(user).pending


def test_a_long_spread_keeps_its_lease_and_ends_when_the_plan_changed_once_more(
    monkeypatch: pytest.MonkeyPatch, travel: Travel
) -> None:
    user, real, touched = person(), jobs.touch, list[str]()
    _cold(user, 4)
    services.change_tier(user_id=user, tier="premium")

    def touch(job_id: str, **asked: Any) -> bool:
        touched.append(job_id)
        travel(margins().lease - 1)
        if len(touched) == 3:
            services.change_tier(user_id=user, tier="free")
        assert len(touched) == 3 or not _others_may_spread(user)
        return real(job_id, **asked)

    monkeypatch.setattr(jobs, "touch", touch)
    services.spread(user)
    assert len(touched) == 3
    assert _plan(user).pending


def _others_may_spread(user: str) -> bool:
    now, plan = clock.now(), _plan(user)
    return plans.take_spread(user_id=user, rev=plan.rev, spreader="b", now=now, until=now)


def test_a_spread_spares_runs_and_deleted_jobs() -> None:
    user = person()
    running = jobs.claim(queued(user), worker="w", until=clock.now() + 60)
    gone = hot(user)
    wish_deleted(gone)
    gone = look(gone)
    services.change_tier(user_id=user, tier="premium")
    services.spread(user)
    assert (look(running), look(gone)) == (running, gone)


def test_nothing_pending_is_nothing_to_spread() -> None:
    job = hot(person())
    services.spread(job.user_id)
    services.spread(NOBODY)
    assert look(job) == job


# --- hints -------------------------------------------------------------------------------------


def test_only_the_restorer_has_work_with_a_persons_hint() -> None:
    user = person()
    _cold(user, 1)
    services.change_tier(user_id=user, tier="premium")
    for role in ("archiver", "thawer", "eraser"):
        services.handle(events.Hint(user_id=user), role=role)
    assert _plan(user).pending
    services.handle(events.Hint(user_id=user), role="restorer")
    assert not _plan(user).pending


def test_a_hint_for_an_unknown_job_comes_back_later() -> None:
    for role in ROLES.values():
        if role != "annotator":
            with pytest.raises(jobs.NotFound):
                services.handle(events.Hint(job_id=NOBODY), role=role)


def test_doubled_shuffled_and_ancient_hints_do_what_one_does(
    travel: Travel, cloud: LocalCloud
) -> None:
    seed = random.randrange(10**6)
    dice = random.Random(seed)
    job = archived()
    notice = events.GlacierNotice(job.job_id, "some-retrieval", "Succeeded")
    mail: list[tuple[events.Event, str]] = [
        (events.Hint(job_id=job.job_id), "archiver"),
        (events.Hint(job_id=job.job_id), "restorer"),
        (events.Hint(user_id=job.user_id), "restorer"),
        (notice, "thawer"),
        (events.Hint(job_id=job.job_id), "eraser"),
    ] * 5
    services.change_tier(user_id=job.user_id, tier="premium")
    # In the worst order the person's hint comes last, so the retrieval begins with the second
    # round and its output is fetched in the third; the fourth is a month late.
    soon = margins().expedited + 1
    for pause in (0, soon, soon, 30 * DAY):
        travel(pause)
        dice.shuffle(mail)
        for event, role in mail:
            services.handle(event, role=role)
    settle(travel)
    done = [line.step for line in read(job.job_id)]
    assert [done.count(step) for step in ("retrieve", "fill")] == [1, 2], f"seed {seed}"
    assert (look(job).state, served(job)) == ("HOT", RESULT), f"seed {seed}"
    assert strays(cloud, job) == set()


def test_a_draining_worker_leaves_the_rest_to_the_next(travel: Travel) -> None:
    job = hot(person())
    services.advance(role="archiver", job_id=job.job_id, stopping=lambda: True)
    assert look(job) == job
    settle(travel)
    assert look(job).state == "COLD"


# --- the freeze --------------------------------------------------------------------------------


def test_while_frozen_nothing_is_removed_and_the_rest_goes_on(
    travel: Travel, cloud: LocalCloud
) -> None:
    plans.freeze(on=True, reason="a restore of the table")
    job = archived()
    before = objects()
    settle_once = margins().links_end + 1
    travel(settle_once)
    assert advance("eraser", job) == job
    assert objects() == before
    plans.freeze(on=False, reason="done")
    advance("eraser", job)
    assert objects() < before
    assert len(archives(cloud)) == 1
