"""A person leaves: every job goes, what stays says nothing about them, and their plan goes last."""

from typing import Any

import pytest

from accounts import plans
from annotations import jobs
from annotations.safety import margins
from annotations.timeline import read
from archival import services, steps
from deploy.local.run import LocalCloud
from gas_project import clock, events
from tests.archival.life import archived, restoring
from tests.core import (
    RESULT,
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
    work,
)

pytestmark = pytest.mark.usefixtures("cloud")


def _left(travel: Travel) -> None:
    settle(travel, margins().posts_end + 1, margins().posts_end + 1)


def test_a_person_who_leaves_leaves_tombstones_and_a_line(
    travel: Travel, cloud: LocalCloud
) -> None:
    user = person()
    made = [archived(user), restoring(user), hot(user), queued(user)]
    stays = hot(person("premium"))
    assert services.delete_account(user_id=user) == 4
    _left(travel)
    assert {look(job).state for job in made} == {"DELETED"}
    assert plans.get(user) is None
    (line,) = read(f"account#{user}")
    assert (line.step, line.actor) == ("account deleted", "owner")
    assert {name for name in objects() | archives(cloud) if stays.job_id not in name} == set()
    assert served(stays) == RESULT


def test_a_tombstone_says_nothing_about_a_person(travel: Travel) -> None:
    user = person()
    told = "line 7 of patient.vcf"
    job = hot(user, failed=told, findings=({"text": told},), variants=89, tree_hash="ab" * 32)
    failed = jobs.record(look(job), now=clock.now(), step="x", actor="t", problem=told)
    services.delete_account(user_id=user)
    _left(travel)
    gone = look(failed)
    assert told not in repr(gone)
    assert "patient" not in repr(gone)
    assert (gone.sha256, gone.tree_hash, gone.etag, gone.size) == ("", "", None, 0)
    assert (gone.input, gone.copy, gone.attempt, gone.garbage) == (None, None, None, ())


def test_a_job_that_is_created_at_the_same_moment_goes_too(
    travel: Travel, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = person()
    first, late = hot(user), []
    real = jobs.all_of

    def then_one_more(user_id: str) -> Any:
        yield from list(real(user_id))
        late.append(hot(user))
        monkeypatch.setattr(jobs, "all_of", real)

    monkeypatch.setattr(jobs, "all_of", then_one_more)
    assert services.delete_account(user_id=user) == 1
    assert not look(late[0]).deleted
    _left(travel)
    assert [look(job).state for job in (first, *late)] == ["DELETED", "DELETED"]
    assert plans.get(user) is None
    assert objects() == set()


def test_a_deletion_that_stopped_half_way_is_ended_by_the_sweep(
    travel: Travel, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = person()
    made = [hot(user) for _ in range(3)]
    real = jobs.wish

    def stop(*args: Any, **named: Any) -> bool:
        monkeypatch.setattr(jobs, "wish", lambda *_, **__: 1 / 0)
        return real(*args, **named)

    monkeypatch.setattr(jobs, "wish", stop)
    with pytest.raises(ZeroDivisionError):
        services.delete_account(user_id=user)
    monkeypatch.setattr(jobs, "wish", real)
    lose_messages()
    _left(travel)
    assert {look(job).state for job in made} == {"DELETED"}
    assert plans.get(user) is None


def test_the_plan_stays_while_anything_is_left_and_while_requests_may_be_under_way(
    travel: Travel,
) -> None:
    user = person()
    job = hot(user)
    services.delete_account(user_id=user)
    travel(margins().posts_end + 1)
    assert not services.forget(user)  # the job is not gone
    work()
    assert look(job).state == "DELETED"
    assert not services.forget(user)  # and it is not looked at all the time
    travel(margins().posts_end + 1)
    other = person()
    services.delete_account(user_id=other)
    assert not services.forget(other)  # no job, but too soon
    assert services.forget(user)
    assert not services.forget(user)
    assert plans.get(user) is None


def test_a_plan_that_goes_leaves_its_line_once(
    travel: Travel, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = person()
    services.delete_account(user_id=user)
    travel(margins().posts_end + 1)
    with monkeypatch.context() as patch:
        patch.setattr(plans, "remove", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            services.forget(user)
    assert services.forget(user)
    assert len(read(f"account#{user}")) == 1


def test_who_stays_is_not_forgotten() -> None:
    user = person()
    job = hot(user)
    services.handle(events.Hint(user_id=user), role="eraser")
    assert (look(job), plans.get(user) is not None) == (job, True)


def test_who_leaves_changes_no_tier_any_more() -> None:
    user = person()
    services.delete_account(user_id=user)
    assert not services.change_tier(user_id=user, tier="premium")
    assert list(plans.leaving()) == [user]
    assert list(plans.pending()) == []


def test_a_lost_plan_is_no_reason_to_keep_anything(travel: Travel) -> None:
    user = person()
    job = hot(user)
    plans.remove(user)
    services.delete_account(user_id=user)
    _left(travel)
    assert (look(job).state, plans.get(user)) == ("DELETED", None)


def test_an_upload_that_never_came_goes_too(travel: Travel) -> None:
    user = person()
    job = new_job(user)
    jobs.create(job, actor="owner")
    services.delete_account(user_id=user)
    _left(travel)
    assert look(job).state == "DELETED"
    assert steps.bury(look(job), clock.now())["name"] == "Deleted job"
