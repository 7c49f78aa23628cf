"""A job as a page shows it, and how often a page that watches jobs looks again."""

from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32

from django.http import QueryDict

from accounts.plans import Plan
from annotations import services, states
from annotations.states import Job, Shown
from annotations.timeline import Event

SOON = 15 * 60
"""A result that is archived within so many seconds is watched like an active one."""
PACE_AFTER = 3
"""Seconds after which a run's pace says something about its end."""
LONGEST = 30
"""Seconds between two looks, at most."""


@dataclass(frozen=True, slots=True)
class Row:
    """A job, what to show of its state, its reference's title.

    `moving` says that the state may change by itself soon.
    """

    job: Job
    shown: Shown
    title: str
    moving: bool

    @property
    def genome(self) -> str:
        """The reference's title without what stands in brackets."""
        return self.title.partition(" (")[0]


@dataclass(frozen=True, slots=True)
class Watch:
    """When a page looks again (s from now), and the query that it then asks with."""

    delay: int
    query: str


def row(job: Job, plan: Plan | None, *, now: int) -> Row:
    """Return a job as a page shows it."""
    shown = states.words(job, plan)
    leaving = job.state == "HOT" and 0 < shown.at < now + SOON
    returning = job.state == "COLD" and plan is not None and not plan.rules.archives
    moving = job.state in states.ACTIVE or leaving or returning
    return Row(job, shown, title_of(job.reference), moving)


def seconds_left(job: Job, *, now: int) -> int | None:
    """Return about how long a run still takes, by its own pace; None before there is one."""
    told, spent = job.progress or {}, now - job.started_at
    if job.state != "RUNNING" or not told.get("done") or spent < PACE_AFTER:
        return None
    return max(1, round(spent * (told["total"] - told["done"]) / told["done"]))


def title_of(reference: str) -> str:
    """Return a reference's title, or its id when it is no longer offered."""
    titles = {choice.id: choice.title for choice in services.references()}
    return titles.get(reference, reference)


def in_words(term: str) -> str:
    """Return a Sequence Ontology term, or several, as people read it."""
    return term.replace("_", " ").replace("&", ", ")


LINES = {
    "fail": "Failed",
    "annotate": "Annotated, available",
    "submit": "Submitted",
    "confirm": "File received, waiting for an annotator",
    "give up": "Given up: no file came",
    "cancel": "Cancelling asked",
    "delete": "Deletion asked",
    "open": "Moving begun",
    "bury": "Marked for removal",
    "reap": "Copy that is no longer needed removed",
    "retrieve": "Restore asked of the archive",
    "turn_back": "Move called off",
    "retry": "Queued once more by staff",
    "release": "Released by staff",
    "hold": "Kept available by staff",
    "reconcile": "Compared with the archive's inventory",
}
"""What a step of the timeline is called for people, where its state does not say it better."""
STATES = {
    ("open", "ARCHIVING"): "Archiving begun",
    ("open", "THAWING"): "Ready in the archive, being copied back",
    ("fill", "COLD"): "Archived",
    ("fill", "HOT"): "Restored, available",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the timeline in words, and when (epoch s)."""

    at: int
    text: str


def lines(events: Iterable[Event]) -> list[Line]:
    """Return a timeline in words, newest first."""
    return [_line(event) for event in reversed(list(events))]


def _line(event: Event) -> Line:
    words = STATES.get((event.step, event.state)) or LINES.get(event.step) or event.step
    text = f"{words[0].upper()}{words[1:]}"
    return Line(event.at, f"{text}: {event.note}" if event.note else text)


def _print(rows: Iterable[Row]) -> str:
    seen = [(row.job.job_id, row.job.state, row.job.progress) for row in rows]
    return f"{crc32(repr(seen).encode()):08x}"


def watch(rows: list[Row], query: QueryDict) -> Watch | None:
    """Return when to look again, None when nothing moves.

    The first look comes after 2 s; each look that finds nothing new waits half as long again.
    """
    if not any(row.moving for row in rows):
        return None
    asked = query.copy()
    seen = _print(rows)
    text = asked.get("look", "")
    looks = int(text) if text.isdecimal() and len(text) < 3 and asked.get("seen") == seen else 0
    asked["seen"], asked["look"] = seen, str(min(looks + 1, 20))
    return Watch(min(LONGEST, round(2 * 1.5**looks)), asked.urlencode())
