"""Mails: each piece of news once, with what the person needs."""

from collections.abc import Callable

import pytest
from django.core import mail
from django.core.mail import EmailMessage

from accounts import plans
from accounts.models import User
from annotations import emails, jobs
from annotations.states import Job
from archival import services
from deploy.local.run import LocalCloud
from gas_project import clock
from tests.core import DAY, HOUR, hot, look, new_job, settle, work

pytestmark = pytest.mark.django_db
GRACE = 7 * DAY
Travel = Callable[[float], None]


@pytest.fixture
def owner(cloud: LocalCloud) -> User:
    """A Free person with an address."""
    user = User.objects.create_user("owner@gas.invalid")
    plans.create(user_id=str(user.pk))
    return user


def result(owner: User) -> Job:
    """Return a result of the owner that stays hot for the grace of its tier."""
    return hot(str(owner.pk), variants=89, archive_after=clock.now() + GRACE)


def told(subject: str) -> list[EmailMessage]:
    """Return the mails whose subject has these words."""
    return [one for one in mail.outbox if subject in one.subject]


def test_a_result_is_told_once_with_its_link_and_its_archive_date(owner: User) -> None:
    job = result(owner)
    for _ in range(3):
        emails.about_job(job.job_id)
    (only,) = mail.outbox
    assert only.to == ["owner@gas.invalid"]
    assert f"/jobs/{job.job_id}/" in str(only.body)
    assert "is archived on" in str(only.body)
    assert job.name not in only.subject


def test_a_failure_is_told_with_its_reason_and_a_later_one_is_told_too(owner: User) -> None:
    job = new_job(str(owner.pk), failed="REF differs", completed_at=10, state="FAILED")
    jobs.create(job, actor="test")
    emails.about_job(job.job_id)
    emails.about_job(job.job_id)
    assert "REF differs" in str(told("could not be made")[0].body)
    jobs.record(job, now=20, step="fail", actor="test", completed_at=20)
    emails.about_job(job.job_id)
    assert len(told("could not be made")) == 2


def test_the_archive_is_announced_before_it_comes_once_for_all_results_of_that_day(
    owner: User, travel: Travel
) -> None:
    first, second = result(owner), result(owner)
    emails.about_job(first.job_id)
    assert told("archived soon") == []
    travel(GRACE - DAY)
    emails.about_job(first.job_id)
    emails.about_job(second.job_id)
    assert len(told("archived soon")) == 1


def test_settling_hints_the_notifier_when_the_warning_is_due(owner: User, travel: Travel) -> None:
    job = result(owner)
    settle(travel)
    assert look(job).due_at == job.archive_after - 2 * DAY


def test_an_upgrade_is_told_when_it_begins_and_once_when_all_are_back(
    owner: User, travel: Travel
) -> None:
    user_id = str(owner.pk)
    several = [result(owner), result(owner)]
    travel(GRACE + HOUR)
    settle(travel)
    assert {look(job).state for job in several} == {"COLD"}
    services.change_tier(user_id=user_id, tier="premium")
    emails.about_plan(user_id)
    emails.about_plan(user_id)
    (begun,) = told("being restored")
    assert "2 archived results" in str(begun.body)
    settle(travel, 10, 60)
    assert {look(job).state for job in several} == {"HOT"}
    for job in several:
        emails.about_job(job.job_id)
    assert len(told("are back")) == 1


def test_results_that_are_back_before_the_notifier_looks_are_told_too(
    owner: User, travel: Travel
) -> None:
    user_id = str(owner.pk)
    job = result(owner)
    travel(GRACE + HOUR)
    settle(travel)
    services.change_tier(user_id=user_id, tier="premium")
    settle(travel, 10, 60)
    assert look(job).state == "HOT"
    emails.about_plan(user_id)
    emails.about_plan(user_id)
    assert len(told("are back")) == 1


def test_a_downgrade_says_how_many_results_will_be_archived_and_when(owner: User) -> None:
    user_id = str(owner.pk)
    services.change_tier(user_id=user_id, tier="premium")
    result(owner)
    services.change_tier(user_id=user_id, tier="free")
    work()
    emails.about_plan(user_id)
    (only,) = told("plan has changed")
    assert "1 of your results will be archived from" in str(only.body)


def test_nobody_is_written_to_after_the_job_was_deleted_or_the_person_left(owner: User) -> None:
    gone, kept = result(owner), result(owner)
    jobs.wish(gone.job_id, now=clock.now(), step="delete", actor="owner", deleted=True)
    emails.about_job(gone.job_id)
    owner.delete()
    emails.about_job(kept.job_id)
    assert mail.outbox == []
