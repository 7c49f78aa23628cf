"""The model's own facts and decisions. It imports nothing of the product: it is its second opinion.

An item names exactly one good copy; all else ever made for the job is its input, its attempt (an
annotator's prefix), its open upload, or on its garbage. `next_step` names one step from the item,
the owner's plan and the clock.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

MIN = 60
HOUR = 3600
DAY = 24 * HOUR
LEASE = 2 * MIN
"""Prolonged by every heartbeat; for cost, not for safety."""
POSTS = 75 * MIN
"""After create, the policy that lets a browser post is surely over."""
ABANDONED = DAY
RUN = HOUR
"""An annotator signs no put later than this after its claim."""
SIGNED = 15 * MIN
"""S3 refuses an older signature."""
LINKS = 15 * MIN
KEEP = 90 * DAY
TRIES = 5
CLAIMS = {"annotate": 5}
"""Claims without a record before a run has failed; ten before a person looks at another step."""
URGENT = 1
REFUSALS = 3
SKEW = 10 * MIN
PROOF = DAY
ETA = {"Expedited": 5 * MIN, "Standard": 5 * HOUR, "Bulk": 12 * HOUR}
FULL: frozenset[str] = frozenset()
"""No guard removed."""


class AwsError(Exception):
    """What a call may answer."""


class NotFound(AwsError):
    """404, or "not in that state", of any store."""


class Refused(AwsError):
    """A retrieval refused, or a signature too old."""


class Fenced(Exception):
    """Another write came between: stop."""


class Loc(NamedTuple):
    """A URI. `store` is hot, s3 or vault; `upload` its id while open."""

    store: str
    name: str
    upload: str | None = None


Dated = tuple[Loc, int]
Change = dict[str, Any]


@dataclass
class Item:
    """One job's item. `skew` is the clock error of the worker that holds it in its hands."""

    job: str
    user: str = "u"
    submitted_at: int = 0
    input: Loc | None = None
    etag: str | None = None
    attempt: tuple[Dated, ...] = ()
    failed: str | None = None
    cancelled: bool = False
    content: str | None = None
    copy: Loc | None = None
    copied_at: int = 0
    archive_after: int = 0
    upload: Loc | None = None
    retrieval: str | None = None
    ready_at: int = 0
    urgent: bool = False
    refused: int = 0
    garbage: tuple[Dated, ...] = ()
    deleted: bool = False
    problem: str | None = None
    tries: int = 0
    claims: int = 0
    rev: Any = 0
    worker: str | None = None
    due_at: int | None = None
    skew: int = 0


@dataclass
class Plan:
    """One person's plan."""

    tier: str = "free"
    rev: str = "p0"
    pending: bool = False
    grace_until: int = 0


@dataclass(frozen=True)
class Call:
    """One call of AWS, which the scheduler performs; one that is `once` is never repeated."""

    do: Callable[[], Any]
    once: bool = False


def call(do: Callable[..., Any], *args: Any, **named: Any) -> Call:
    return Call(partial(do, *args, **named))


# --- decisions, pure ---------------------------------------------------------------------------


def archive_date(it: Item, plan: Plan | None) -> int | None:
    if plan is None or plan.tier != "free":
        return None
    return max(it.archive_after, plan.grace_until)


def want_of(it: Item, plan: Plan | None, now: int) -> str:
    if it.deleted:
        return "GONE"
    date = archive_date(it, plan)
    return "COLD" if date is not None and now >= date else "HOT"


def place(loc: Loc) -> str:
    return "HOT" if loc.store == "hot" else "COLD"


def anything(it: Item) -> bool:
    return bool(it.copy or it.upload or it.input or it.attempt)


def state_of(it: Item) -> str:
    if it.deleted:
        return "DELETING" if it.garbage or anything(it) else "DELETED"
    if not it.copy:
        return _run_state(it)
    if it.problem:
        return "QUARANTINED"
    if place(it.copy) == "HOT":
        return "ARCHIVING" if it.upload else "HOT"
    return "THAWING" if it.upload else "RESTORING" if it.retrieval else "COLD"


def _run_state(it: Item) -> str:
    if it.failed:
        return "FAILED"
    if it.cancelled:
        return "CANCELLED"
    if not it.etag:
        return "UPLOADING"
    return "RUNNING" if it.worker else "QUEUED"


def is_due(it: Item, now: int) -> bool:
    return it.due_at is not None and it.due_at <= now


def due_garbage(it: Item, now: int) -> list[Dated]:
    return [(loc, after) for loc, after in it.garbage if after <= now and loc.upload != "gone"]


def next_look(it: Item, plan: Plan | None, now: int) -> int | None:
    if it.problem and not it.deleted:
        return None
    dates = [after for _, after in it.garbage]
    date = archive_date(it, plan)
    if it.copy and date is not None:
        dates.append(date)
    return min((one for one in dates if one > now), default=None)


def next_step(it: Item, plan: Plan | None, now: int, off: frozenset[str] = FULL) -> str | None:
    if it.worker and (it.due_at or 0) > now:
        return None
    want = want_of(it, plan, now)
    rest = "settle" if it.due_at != next_look(it, plan, now) else None
    if want == "GONE" and anything(it):
        return "bury"
    if want != "GONE":
        if it.problem:
            return rest if "problem_rests" not in off else None
        if not it.copy and not it.failed and not it.cancelled:
            return "annotate" if it.etag else "confirm"
    return _move(it, want, now, rest)


def _move(it: Item, want: str, now: int, rest: str | None) -> str | None:
    if not it.copy or place(it.copy) == want:
        if it.upload or it.retrieval:
            return "turn_back"
        return "reap" if due_garbage(it, now) else rest
    if place(it.copy) == "COLD" and not it.retrieval:
        return "retrieve"
    return "fill" if it.upload else "open"


OWNERS = {
    "confirm": "annotator",
    "annotate": "annotator",
    "retrieve": "restorer",
    "bury": "eraser",
    "reap": "eraser",
}


def owner(it: Item, step: str) -> str | None:
    if step in ("open", "fill", "turn_back"):
        return "thawer" if it.copy and place(it.copy) == "COLD" else "archiver"
    return OWNERS.get(step)
