"""Mails about jobs and plans: which one is due, and that it goes out once.

A mail's mark is written before and after it is sent, so a doubled hint sends nothing twice.
"""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import send_mail
from django.template.loader import render_to_string

from accounts import plans
from accounts.plans import Plan
from annotations import jobs, timeline
from annotations.locators import Store
from annotations.safety import DAY, margins
from annotations.states import Job, archive_date
from gas_project import clock, worker

COLD = frozenset({"COLD", "RESTORING", "THAWING"})
SUBJECTS = {
    "done": "Your annotation is ready",
    "failed": "Your annotation could not be made",
    "archive-soon": "Some of your results will be archived soon",
    "downgraded": "Your plan has changed: what will be archived, and when",
    "restoring": "Your results are being restored",
    "back": "Your results are back",
}
"""No subject names a file: subjects travel and are logged by others."""


def about_job(job_id: str) -> None:
    """Send what a job's news asks for. Raises jobs.NotFound for an unknown job."""
    job = jobs.get(job_id)
    if job is None:
        raise jobs.NotFound(job_id)
    if job.deleted:
        return
    plan = plans.get(job.user_id)
    if job.state == "FAILED":
        _send(f"failed#{job.completed_at}", job.user_id, about=job_id, job=job)
    elif job.copy:
        date = archive_date(job, plan)
        _send("done", job.user_id, about=job_id, job=job, archives_at=_date(date))
        _warn(job, plan, date)
        _welcome_back(job, plan)


def _warn(job: Job, plan: Plan | None, date: int | None) -> None:
    """One mail a day of archive dates, however many results it is about."""
    if plan is None or date is None or job.state != "HOT":
        return
    if not date - plan.rules.warning <= clock.now() < date:
        return
    kind = f"archive-soon#{date // min(DAY, 2 * plan.rules.grace)}"
    _send(kind, job.user_id, about=f"plan#{job.user_id}", archives_at=_date(date), job=job)


def _welcome_back(job: Job, plan: Plan | None) -> None:
    """One mail per upgrade, when the last result of it is back."""
    if plan is None or plan.rules.archives or job.state not in ("HOT", "ARCHIVING"):
        return
    about = f"plan#{job.user_id}"
    if not timeline.mail_begun(about=about, kind=f"restoring#{plan.rev}"):
        return
    if not any(one.state in COLD for one in jobs.all_of(job.user_id)):
        _send(f"back#{plan.rev}", job.user_id, about=about)


def about_plan(user_id: str) -> None:
    """Send what a change of plan asks for: what is being restored, or what will be archived."""
    plan = plans.get(user_id)
    if plan is None or not plan.changed_at:
        return
    mine = list(jobs.all_of(user_id))
    about = f"plan#{user_id}"
    cold = [job for job in mine if job.state in COLD]
    hot = [job for job in mine if job.state in ("HOT", "ARCHIVING")]
    if plan.rules.archives and hot:
        at = _date(plan.grace_until)
        _send(f"downgraded#{plan.rev}", user_id, about=about, count=len(hot), archives_at=at)
    if not plan.rules.archives and cold:
        fast = len(cold) <= plan.rules.urgent_restores
        deep = any(job.copy and job.copy.store is Store.S3_DEEP for job in cold)
        ready = plan.changed_at + margins().eta("Expedited" if fast else "Standard", deep=deep)
        _send(f"restoring#{plan.rev}", user_id, about=about, count=len(cold), ready_at=_date(ready))
    elif not plan.rules.archives and any(_came_back(job, plan) for job in mine):
        _send(f"back#{plan.rev}", user_id, about=about)  # all were faster than this hint


def _came_back(job: Job, plan: Plan) -> bool:
    return job.state == "HOT" and job.copied_at >= plan.changed_at > job.completed_at


def _date(at: int | None) -> str:
    """Return a date as mails show it, in UTC, since we know nobody's time zone."""
    return f"{datetime.fromtimestamp(at, UTC):%d %B %Y, %H:%M} UTC" if at else ""


def _send(kind: str, user_id: str, *, about: str, **context: Any) -> None:
    """Render and send one mail, once. Without an address there is nobody to tell.

    Raises worker.NotNow while another sender is at it, and what the sending raises: then the mark
    is taken back, so that the message's next try sends the mail.
    """
    name = kind.partition("#")[0]
    user = get_user_model().objects.filter(pk=user_id, is_active=True).first()
    if user is None or not _begin(about, kind):
        return
    try:
        text = render_to_string(f"mail/{name}.txt", {**context, "site": settings.GAS_URL})
        send_mail(SUBJECTS[name], text, settings.DEFAULT_FROM_EMAIL, [user.email])
    except Exception:
        timeline.drop_mail(about=about, kind=kind)
        raise
    timeline.end_mail(about=about, kind=kind, now=clock.now())


def _begin(about: str, kind: str) -> bool:
    try:
        return timeline.begin_mail(about=about, kind=kind, now=clock.now())
    except timeline.UnderWay as other:
        raise worker.NotNow(other.seconds) from other
