"""Turns: what one person has thousands of keeps nobody else waiting."""

from collections import Counter
from contextlib import suppress

from annotations import jobs
from annotations.states import Job
from gas_project import clock, events, queues
from gas_project.events import Event, Hint

HINTS = 500
"""Hints a queue gets in one sweep; none while it holds more than that."""


def crowded(role: str) -> bool:
    """Return whether a role's queue holds so much that the sweep adds nothing to it."""
    return queues.depth(events.QUEUE_OF_ROLE[role]) > HINTS


def in_turn(due: list[Job]) -> list[Job]:
    """Return jobs the oldest first, but nobody's second before everybody's first."""
    turns: Counter[str] = Counter()
    ranked: list[tuple[int, Job]] = []
    for job in sorted(due, key=lambda job: job.due_at or 0):
        ranked.append((turns[job.user_id], job))
        turns[job.user_id] += 1
    return [job for _, job in sorted(ranked, key=lambda pair: pair[0])]


def leave_to_sweep(event: Event, role: str) -> bool:
    """Leave a cold store's notice to the sweep in a crowd, and return whether that was done.

    The stores know no people: when no thawer has run for hours, one person's thousands of notices
    wait before everybody else's. In a crowded queue a notice only makes its job due. Raises
    jobs.NotFound for an unknown job.
    """
    if role != "thawer" or isinstance(event, Hint) or not crowded(role):
        return False
    job, now = jobs.get(event.job_id), clock.now()
    if job is None:
        raise jobs.NotFound(event.job_id)
    if job.retrieval and not job.worker and (job.due_at is None or job.due_at > now):
        with suppress(jobs.Fenced):  # another write came between: what it made due stays due
            jobs.rest(job, now=now, due_at=now)
    return True
