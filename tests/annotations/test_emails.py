"""Which mail is due, that it goes out once, and that none is forgotten."""

from typing import Any

import pytest
from django.core.mail import EmailMessage

from accounts import plans, tiers
from accounts.models import User
from annotations import emails, jobs
from annotations.locators import Locator, Store
from annotations.states import Job
from annotations.timeline import RESEND_AFTER, begin_mail
from gas_project import clock, worker
from tests.core import DAY, Travel, hot, look, new_job

pytestmark = [pytest.mark.usefixtures("cloud"), pytest.mark.django_db]

Mails = list[EmailMessage]


@pytest.fixture
def user() -> str:
    made = User.objects.create_user("reader@example.org")
    plans.create(user_id=str(made.pk))
    return str(made.pk)


def _subjects(mails: Mails) -> list[str]:
    return [str(mail.subject) for mail in mails]


def _failed(user: str) -> Job:
    job = new_job(user, failed="The file is empty.", state="FAILED", completed_at=clock.now())
    jobs.create(job, actor="owner")
    return job


def _cold(user: str) -> Job:
    where = Locator(Store.VAULT, "gas", "archive")
    job = new_job(user, copy=where, state="COLD", completed_at=1, copied_at=1)
    jobs.create(job, actor="owner")
    return job


# --- jobs --------------------------------------------------------------------------------------


def test_a_result_is_told_once_however_often_it_is_hinted(user: str, mailoutbox: Mails) -> None:
    job = hot(user)
    for _ in range(3):
        emails.about_job(job.job_id)
    assert _subjects(mailoutbox) == [emails.SUBJECTS["done"]]
    assert mailoutbox[0].to == ["reader@example.org"]
    assert job.job_id in str(mailoutbox[0].body)


def test_a_failure_is_told_with_its_reason(user: str, mailoutbox: Mails) -> None:
    emails.about_job(_failed(user).job_id)
    assert _subjects(mailoutbox) == [emails.SUBJECTS["failed"]]
    assert "The file is empty." in str(mailoutbox[0].body)


def test_a_run_that_fails_again_is_told_again(user: str, mailoutbox: Mails) -> None:
    job = _failed(user)
    emails.about_job(job.job_id)
    later = job.completed_at + 60
    jobs.record(job, now=later, step="fail", actor="annotator", completed_at=later)
    emails.about_job(job.job_id)
    assert _subjects(mailoutbox) == [emails.SUBJECTS["failed"]] * 2


def test_no_subject_names_a_file(user: str, mailoutbox: Mails) -> None:
    emails.about_job(hot(user, name="patient-smith.vcf").job_id)
    assert "smith" not in mailoutbox[0].subject


def test_there_is_no_news_of_what_runs_was_cancelled_or_is_deleted(
    user: str, mailoutbox: Mails
) -> None:
    waits = new_job(user, etag="e", state="QUEUED")
    ended = new_job(user, cancelled=True, state="CANCELLED")
    for job in (waits, ended):
        jobs.create(job, actor="owner")
        emails.about_job(job.job_id)
    gone = hot(user)
    jobs.wish(gone.job_id, now=clock.now(), step="delete", actor="owner", deleted=True)
    emails.about_job(gone.job_id)
    assert mailoutbox == []


def test_an_unknown_job_is_asked_about_later() -> None:
    with pytest.raises(jobs.NotFound):
        emails.about_job("00000000-0000-4000-8000-000000000009")


def test_nobody_is_told_who_is_not_there(mailoutbox: Mails, user: str) -> None:
    User.objects.filter(pk=user).update(is_active=False)
    emails.about_job(hot(user).job_id)
    assert mailoutbox == []
    User.objects.filter(pk=user).update(is_active=True)
    emails.about_job(hot(user).job_id)
    assert len(mailoutbox) == 1


def test_many_results_of_one_date_are_one_warning(
    user: str, mailoutbox: Mails, travel: Travel
) -> None:
    date = (clock.now() // DAY + 9) * DAY + 3600
    made = [hot(user, archive_after=date + n * 60) for n in range(3)]
    for job in made:
        emails.about_job(job.job_id)
    assert set(_subjects(mailoutbox)) == {emails.SUBJECTS["done"]}
    mailoutbox.clear()
    travel(date - tiers.DEFAULT.warning + 300 - clock.now())
    for job in made:
        emails.about_job(job.job_id)
    assert _subjects(mailoutbox) == [emails.SUBJECTS["archive-soon"]]


# --- crashes and outages -----------------------------------------------------------------------


def test_a_mail_that_could_not_be_handed_over_goes_out_at_the_next_try(
    user: str, mailoutbox: Mails, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = hot(user)

    def refuse(*_: Any) -> int:
        raise ConnectionError

    with monkeypatch.context() as away:
        away.setattr(emails, "send_mail", refuse)
        with pytest.raises(ConnectionError):
            emails.about_job(job.job_id)
    emails.about_job(job.job_id)
    assert len(mailoutbox) == 1


def test_a_sender_that_died_is_waited_for_and_then_replaced(
    user: str, mailoutbox: Mails, travel: Travel
) -> None:
    job = hot(user)
    assert begin_mail(about=job.job_id, kind="done", now=clock.now())
    with pytest.raises(worker.NotNow) as told:
        emails.about_job(job.job_id)
    assert RESEND_AFTER - 2 <= told.value.seconds <= RESEND_AFTER
    travel(told.value.seconds)
    emails.about_job(job.job_id)
    assert len(mailoutbox) == 1


# --- plans -------------------------------------------------------------------------------------


def _change(user: str, tier: str) -> None:
    now = clock.now()
    grace = now + tiers.get(tier).grace if tiers.get(tier).archives else 0
    assert plans.change(user_id=user, tier=tier, now=now, grace_until=grace)


def test_a_new_plan_that_was_never_changed_is_no_news(user: str, mailoutbox: Mails) -> None:
    emails.about_plan(user)
    emails.about_plan("00000000-0000-4000-8000-000000000009")
    assert mailoutbox == []


def test_an_upgrade_says_what_is_being_restored_once(user: str, mailoutbox: Mails) -> None:
    _cold(user)
    _change(user, "premium")
    emails.about_plan(user)
    emails.about_plan(user)
    assert _subjects(mailoutbox) == [emails.SUBJECTS["restoring"]]


def test_an_upgrade_without_cold_results_is_no_news(user: str, mailoutbox: Mails) -> None:
    hot(user)
    _change(user, "premium")
    emails.about_plan(user)
    assert mailoutbox == []


def test_a_downgrade_says_what_will_be_archived(user: str, mailoutbox: Mails) -> None:
    _change(user, "premium")
    hot(user)
    _change(user, "free")
    emails.about_plan(user)
    assert _subjects(mailoutbox) == [emails.SUBJECTS["downgraded"]]


def test_the_last_result_that_is_back_says_so_once(user: str, mailoutbox: Mails) -> None:
    first, second = _cold(user), _cold(user)
    _change(user, "premium")
    emails.about_plan(user)
    mailoutbox.clear()
    for job in (first, second):
        _bring_back(job)
        emails.about_job(job.job_id)
    emails.about_job(first.job_id)
    told = [one for one in _subjects(mailoutbox) if one == emails.SUBJECTS["back"]]
    assert told == [emails.SUBJECTS["back"]]


def _bring_back(job: Job) -> None:
    now = clock.now()
    where = Locator(Store.HOT, "gas-results", "t/x")
    jobs.record(look(job), now=now, step="fill", actor="thawer", copy=where, copied_at=now)


def test_results_that_are_back_before_the_notifier_looks_are_told_too(
    user: str, mailoutbox: Mails
) -> None:
    job = _cold(user)
    _change(user, "premium")
    _bring_back(job)
    emails.about_plan(user)
    emails.about_plan(user)
    assert _subjects(mailoutbox) == [emails.SUBJECTS["back"]]
