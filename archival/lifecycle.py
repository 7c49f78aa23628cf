"""The pure decisions: what happens next to a job, whose work that is, when to look again.

A look reads the item, then the plan, in this order, and asks `next_step`. Each step ends in one
conditional write, so a decision dies with any write that came between.
"""

from accounts.plans import Plan
from annotations.locators import GONE
from annotations.states import Dated, Job, archive_date, holds, place, want_of

OWNERS = {
    "confirm": "annotator",
    "annotate": "annotator",
    "retrieve": "restorer",
    "bury": "eraser",
    "reap": "eraser",
}
MOVES = frozenset({"open", "fill", "turn_back"})


def next_step(job: Job, plan: Plan | None, now: int) -> str | None:
    """Return the one step that the facts ask for, None when there is nothing to do."""
    if job.worker and (job.due_at or 0) > now:
        return None
    want = want_of(job, plan, now)
    if want == "GONE" and holds(job):
        return "bury"
    if want != "GONE":
        if job.problem:
            return _rest(job, plan, now)
        if not job.copy and not job.failed and not job.cancelled:
            return "annotate" if job.etag else "confirm"
    if job.copy is None or place(job.copy) == want:
        if job.upload or job.retrieval:
            return "turn_back"
        return "reap" if due_garbage(job, now) else _rest(job, plan, now)
    if place(job.copy) == "COLD" and not job.retrieval:
        return "retrieve"
    return "fill" if job.upload else "open"


def _rest(job: Job, plan: Plan | None, now: int) -> str | None:
    return None if job.due_at == next_look(job, plan, now) else "settle"


def owner(job: Job, step: str) -> str | None:
    """Return the role whose step it is; None: whoever looks."""
    if step in MOVES:
        return "thawer" if job.copy and place(job.copy) == "COLD" else "archiver"
    return OWNERS.get(step)


def due_garbage(job: Job, now: int) -> list[Dated]:
    """Return the garbage that may be removed now; what waits for an inventory's proof may not."""
    return [g for g in job.garbage if g.after <= now and g.locator.upload != GONE]


def warn_at(job: Job, plan: Plan | None) -> int | None:
    """Return when to tell the owner that the result will be archived (epoch s), or None."""
    date = archive_date(job, plan)
    if date is None or plan is None or not job.copy or place(job.copy) == "COLD":
        return None
    return date - plan.rules.warning


def next_look(job: Job, plan: Plan | None, now: int) -> int | None:
    """Return the next date on item or plan (epoch s), None when nothing will ever be due."""
    if job.problem and not job.deleted:
        return None
    dates = [g.after for g in job.garbage]
    if job.copy and not job.deleted:
        dates += [d for d in (warn_at(job, plan), archive_date(job, plan)) if d is not None]
    return min((date for date in dates if date > now), default=None)
