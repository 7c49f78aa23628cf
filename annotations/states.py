"""The facts of a job, the names we give them, and what they say to a person. Pure."""

from dataclasses import dataclass
from typing import Any

from accounts.plans import Plan
from annotations.locators import Locator, Store


@dataclass(frozen=True, slots=True)
class Dated:
    """Bytes with a date: nothing is removed, or put there, before or after `after` (epoch s)."""

    locator: Locator
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job: its item as plain values. Times are epoch seconds. It names every byte it has."""

    job_id: str
    user_id: str
    name: str
    reference: str
    submitted_at: int
    rev: str
    """Random, new with every protocol write: version, fence and write token in one."""
    state: str = "UPLOADING"
    """The stored name of the facts, for indexes and pages. No decision reads it."""

    worker: str | None = None
    """Who is at it; nobody when absent."""
    due_at: int | None = None
    """The next look; while `worker` is set, the end of its lease."""
    claims: int = 0
    """Claims since the last record."""

    input: Locator | None = None
    etag: str | None = None
    """The confirmed input's ETag; the input is read with If-Match."""
    input_size: int = 0
    input_until: int = 0
    """The input is kept until then, for *Run again*."""
    attempt: Dated | None = None
    """The latest annotator's prefix; no put lands there later than its date."""
    started_at: int = 0
    """When the latest run began."""
    progress: dict[str, int] | None = None
    """{"done": bytes, "total": bytes, "records": number} while it runs."""
    failed: str | None = None
    """Why the run failed, for the person."""
    findings: tuple[dict[str, Any], ...] = ()
    """What is wrong with the input: code, severity, line, text, advice."""
    cancelled: bool = False
    completed_at: int = 0

    copy: Locator | None = None
    """The one good copy of the result."""
    copied_at: int = 0
    upload: Locator | None = None
    """The upload that is being filled."""
    retrieval: str | None = None
    """The open retrieval's handle."""
    ready_at: int = 0
    """When the retrieval should be ready."""
    urgent: bool = False
    moving: bool = False
    """The operator's wish: asked back at the cheapest speed, then cold in the chosen store."""
    refused: int = 0
    garbage: tuple[Dated, ...] = ()
    archive_after: int = 0
    deleted: bool = False
    tries: int = 0
    problem: str | None = None

    variants: int = 0
    size: int = 0
    sha256: str = ""
    tree_hash: str = ""


def place(locator: Locator) -> str:
    """Return HOT or COLD: where bytes are."""
    return "HOT" if locator.store is Store.HOT else "COLD"


def archive_date(job: Job, plan: Plan | None) -> int | None:
    """Return when the result may go cold (epoch s), None while its owner's tier keeps it hot.

    A missing plan keeps it hot: losing a plan item must never move anybody's results.
    """
    if plan is None or not plan.rules.archives or job.size < plan.rules.archive_min_bytes:
        return None
    return max(job.archive_after, plan.grace_until)


def want_of(job: Job, plan: Plan | None, now: int) -> str:
    """Return GONE, COLD or HOT: where the bytes should be now."""
    if job.deleted:
        return "GONE"
    date = archive_date(job, plan)
    return "COLD" if date is not None and now >= date else "HOT"


def holds(job: Job) -> bool:
    """Return whether the job still names bytes other than garbage."""
    return any((job.copy, job.upload, job.input, job.attempt))


def state_of(job: Job) -> str:
    """Return the name of the facts; the first that fits."""
    if job.deleted:
        return "DELETING" if job.garbage or holds(job) else "DELETED"
    if job.copy is None:
        return _run_state(job)
    if job.problem:
        return "QUARANTINED"
    if place(job.copy) == "HOT":
        return "ARCHIVING" if job.upload else "HOT"
    if job.upload:
        return "THAWING"
    return "RESTORING" if job.retrieval else "COLD"


def _run_state(job: Job) -> str:
    if job.failed:
        return "FAILED"
    if job.cancelled:
        return "CANCELLED"
    if job.problem:
        return "QUARANTINED"
    if not job.etag:
        return "UPLOADING"
    return "RUNNING" if job.worker else "QUEUED"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a state says to a person: a word, an icon's name, a hue, and a date (epoch s) or 0."""

    word: str
    icon: str
    hue: str
    at: int = 0


WORDS: dict[str, Shown] = {
    "UPLOADING": Shown("Uploading", "upload", "grey"),
    "QUEUED": Shown("Waiting", "clock", "grey"),
    "RUNNING": Shown("Running", "progress", "blue"),
    "HOT": Shown("Available", "check", "green"),
    "ARCHIVING": Shown("Archiving", "hourglass", "amber"),
    "COLD": Shown("Archived", "snowflake", "ice"),
    "RESTORING": Shown("Restoring", "restore", "violet"),
    "THAWING": Shown("Restoring", "restore", "violet"),
    "FAILED": Shown("Failed", "cross", "red"),
    "CANCELLED": Shown("Cancelled", "stop", "grey"),
    "DELETING": Shown("Deleted", "trash", "grey"),
    "DELETED": Shown("Deleted", "trash", "grey"),
    "QUARANTINED": Shown("Needs attention", "warning", "orange"),
}

ACTIVE = frozenset({"UPLOADING", "QUEUED", "RUNNING", "ARCHIVING", "RESTORING", "THAWING"})
IN_FLIGHT = frozenset({"UPLOADING", "QUEUED", "RUNNING"})


def words(job: Job, plan: Plan | None) -> Shown:
    """Return what to show for a job; an available result of an archiving tier says its date."""
    shown = WORDS[job.state]
    date = archive_date(job, plan)
    if job.state == "HOT" and date is not None:
        return Shown("Archives on", "hourglass", "amber", date)
    if job.state in ("RESTORING", "THAWING"):
        return Shown(shown.word, shown.icon, shown.hue, job.ready_at)
    return shown
