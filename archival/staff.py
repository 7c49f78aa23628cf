"""What staff may do to a job: retry, release, hold; and why a job is where it is.

Each act reads the job first, says why it does not fit, and writes one line of the timeline with
the reason, which the owner can read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from accounts import plans
from accounts.plans import Plan
from annotations import jobs, storage
from annotations.safety import DAY
from annotations.services import Declined
from annotations.states import WORDS, Job
from archival import lifecycle
from gas_project import clock, events

log = structlog.get_logger(__name__)
HOLD_DAYS = 7
STEPS = {
    "confirm": "see whether the upload has come",
    "annotate": "annotate the file",
    "retrieve": "ask the archive for the result",
    "open": "begin the move to the other store",
    "fill": "copy the result into the open upload",
    "turn_back": "call the move off",
    "bury": "mark everything for removal",
    "reap": "remove what is no longer needed",
    "settle": "set the date of the next look",
}
"""What each step is, for staff."""


def moment(seconds: int) -> str:
    """Return a time (epoch s) as staff read it, in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


# --- why a job is where it is ----------------------------------------------------------------


def _busy(job: Job, now: int) -> bool:
    return bool(job.worker) and (job.due_at or 0) > now


def why(job: Job, plan: Plan | None, now: int) -> str:
    """Return why a job is where it is: who is at it, or its next step, whose that is, and when."""
    line = ("The run failed. " if job.failed and not job.deleted else "") + _why(job, plan, now)
    if plan is None and not job.deleted:
        line += ". Its owner's plan is missing, so everything stays hot"
    return f"{line}."


def _why(job: Job, plan: Plan | None, now: int) -> str:
    if _busy(job, now):
        again = f", claim {job.claims} since the last record" if job.claims > 1 else ""
        return f"{job.worker} is at it{again}; its lease ends {moment(job.due_at or 0)}"
    if job.problem and not job.deleted:
        return f"A person must look: {job.problem}. Nothing moves until it is released"
    step = lifecycle.next_step(job, plan, now)
    if step is None:
        return "At rest; " + (
            f"next look {moment(job.due_at)}" if job.due_at else "nothing will ever be due"
        )
    owner = lifecycle.owner(job, step)
    whose = f"by the {owner}" if owner else "by whoever looks, at the latest the sweep"
    return f"Next: {STEPS[step]} ({step}), {whose}, {_when(job, now)}"


def _when(job: Job, now: int) -> str:
    if job.due_at is None:
        return "when it is next told to look"
    return f"not before {moment(job.due_at)}" if job.due_at > now else f"due {moment(job.due_at)}"


# --- what staff may do -----------------------------------------------------------------------


def no_retry(job: Job, now: int) -> str:
    """Return why a run can't be repeated, "" when it can."""
    if job.deleted:
        return "It is being deleted."
    if not job.failed or job.copy:
        return "Its run did not fail."
    if _busy(job, now):
        return f"{job.worker} is at it until {moment(job.due_at or 0)}; try again then."
    if job.input is None or not job.etag or 0 < job.input_until <= now:
        return "Its uploaded file is no longer kept: only its owner can upload it again."
    return ""


def no_release(job: Job, now: int) -> str:
    """Return why there is nothing to release, "" when there is."""
    return "" if job.problem else "It does not need attention."


def no_hold(job: Job, now: int) -> str:
    """Return why a result can't be kept hot, "" when it can."""
    if job.deleted:
        return "It is being deleted."
    if job.copy is None:
        return "It has no result."
    return "It needs attention first: release it." if job.problem else ""


def _seen(job_id: str, why_not: Callable[[Job, int], str]) -> tuple[Job, int]:
    """Return the job as it is now, and now (epoch s). Raises Declined when the act does not fit."""
    job, now = jobs.get(job_id), clock.now()
    if job is None:
        raise Declined("There is no such job any more.")
    if told := why_not(job, now):
        raise Declined(told)
    return job, now


def _check_input(job: Job) -> None:
    """Raise Declined when the confirmed upload is not there any more."""
    assert job.input is not None
    try:
        same = storage.head(job.input).etag == job.etag
    except storage.NotThere:
        same = False
    if not same:
        raise Declined("Its uploaded file is gone: only its owner can upload it again.")


def retry(*, job_id: str, actor: str, reason: str) -> None:
    """Queue a failed run once more with the same file. Raises Declined.

    The file loses its date of removal until this run ends. While a worker is at the job that is
    refused, for it may be removing the file.
    """
    job, now = _seen(job_id, no_retry)
    _check_input(job)
    garbage = tuple(entry for entry in job.garbage if entry.locator != job.input)
    run = {"failed": None, "findings": (), "completed_at": 0, "input_until": 0}
    cleared = {**run, "garbage": garbage, "problem": None, "tries": 0}
    _record(job, now=now, step="retry", actor=actor, note=reason, **cleared)


def release(*, job_id: str, actor: str, reason: str) -> None:
    """Let a job that needed attention go on; its tries begin anew. Raises Declined."""
    job, now = _seen(job_id, no_release)
    _record(job, now=now, step="release", actor=actor, note=reason, problem=None, tries=0)


def _record(job: Job, **changes: object) -> None:
    try:
        jobs.record(job, **changes)  # type: ignore[arg-type]
    except jobs.Fenced as error:
        raise Declined("Somebody else changed it at the same moment: look at it again.") from error
    _hint(job.job_id)


def hold(*, job_id: str, actor: str, reason: str) -> None:
    """Keep a result hot for a week from now, or bring it back for a week. Raises Declined.

    It is a wish, as an owner's are: no running move outlives it.
    """
    job, now = _seen(job_id, no_hold)
    until = max(job.archive_after, now + HOLD_DAYS * DAY)
    if not jobs.wish(job_id, now=now, step="hold", actor=actor, note=reason, archive_after=until):
        raise Declined("There is no such job any more.")
    _hint(job_id)


def _hint(job_id: str) -> None:
    """Tell the owner of the next step; a lost hint only waits for the sweep."""
    try:
        job = jobs.get(job_id)
        step = lifecycle.next_step(job, plans.get(job.user_id), clock.now()) if job else None
        role = lifecycle.owner(job, step) if job and step else None
        if role:
            events.publish(topic=events.TOPIC_OF_ROLE[role], job_id=job_id)
    except (BotoCoreError, ClientError) as error:
        log.warning("staff.hint_lost", job_id=job_id, kind=type(error).__name__)


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that staff may do: its label, what it does, why it may not fit, and doing it."""

    label: str
    means: str
    why_not: Callable[[Job, int], str]
    do: Callable[..., None]


ACTS = {
    "retry": Act(
        "Run once more",
        "The failed run is queued again with the same file. A file that was refused fails again, "
        "unless the annotator has changed since.",
        no_retry,
        retry,
    ),
    "release": Act(
        "Release",
        "The job goes on from where it stopped, and its tries begin anew. While the cause is "
        "there, it will need attention again.",
        no_release,
        release,
    ),
    "hold": Act(
        f"Keep hot for {HOLD_DAYS} days",
        f"The result stays hot for {HOLD_DAYS} days from now. One that is archived is brought "
        "back, and AWS bills that retrieval.",
        no_hold,
        hold,
    ),
}


def refusal(name: str, job: Job) -> str:
    """Return why an act would be declined now, "" when it fits; a retry's file is looked for."""
    try:
        if told := ACTS[name].why_not(job, clock.now()):
            return told
        if name == "retry":
            _check_input(job)
    except Declined as declined:
        return str(declined)
    return ""


def label(state: str) -> str:
    """Return a state's word, and its stored name where that says more."""
    word = WORDS[state].word
    return word if word.upper() == state else f"{word} ({state.lower()})"
