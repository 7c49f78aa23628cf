"""What people ask of their jobs. Every function checks the owner; another's job is no job."""

import json
import unicodedata
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from accounts import plans, tiers
from annotations import jobs, library, storage
from annotations.genomics import hints as preflight
from annotations.genomics.examples import EXAMPLES, Example
from annotations.jobs import NotFound, Page
from annotations.safety import margins
from annotations.states import ACTIVE, IN_FLIGHT, Job, state_of
from annotations.timeline import Event
from annotations.timeline import read as read_timeline
from gas_project import clock, events

__all__ = ["EXAMPLES", "NotFound", "Page"]

PAGE = 25
LOOKED_AT = 500
"""A page, or the tabs' counts, look at this many of a person's newest jobs at most."""
NAME_LENGTH = 120

GROUPS: dict[str, frozenset[str] | None] = {
    "all": None,
    "active": ACTIVE,
    "available": frozenset({"HOT", "ARCHIVING"}),
    "archived": frozenset({"COLD", "RESTORING", "THAWING"}),
    "failed": frozenset({"FAILED", "CANCELLED", "QUARANTINED"}),
}
HIDDEN = frozenset({"DELETING", "DELETED"})


class Declined(Exception):
    """What was asked can't be done now; the text says why and what to do, to a person."""


class Archived(Declined):
    """The result is in the cold store; it can't be read before it is restored."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A new job and the form with which a browser sends its file straight to S3."""

    job: Job
    url: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a person's tier allows, and how many of their jobs are in flight."""

    tier: tiers.Tier
    in_flight: int


@dataclass(frozen=True, slots=True)
class ReferenceChoice:
    """A reference as the upload page shows it."""

    id: str
    title: str


def _rules(user_id: str) -> tiers.Tier:
    plan = plans.get(user_id)
    return plan.rules if plan else tiers.DEFAULT


def limits(*, user_id: str) -> Limits:
    """Return the limits that the upload page says before a byte is sent."""
    newest = jobs.by_user(user_id=user_id).items
    return Limits(_rules(user_id), sum(job.state in IN_FLIGHT for job in newest))


def references() -> tuple[ReferenceChoice, ...]:
    """Return the references that a person may choose."""
    return tuple(ReferenceChoice(name, title) for name, title in library.offered().items())


def hints() -> dict[str, Any]:
    """Return what the upload page's script goes by: references and the rules of preflight."""
    return {"references": library.described(), "rules": preflight.rules()}


def tidy(name: str) -> str:
    """Return a name fit to be shown: NFC, no control characters, at most 120 characters."""
    spaced = " ".join(unicodedata.normalize("NFC", name).split())
    text = "".join(c for c in spaced if c.isprintable())
    return text[:NAME_LENGTH].strip() or "Untitled"


# --- submitting ------------------------------------------------------------------------------


def _new(*, user_id: str, name: str, reference: str) -> Job:
    """Create a job that waits for its file. Raises Declined."""
    allowed = limits(user_id=user_id)
    if allowed.in_flight >= allowed.tier.jobs_in_flight:
        raise Declined(
            f"{allowed.in_flight} of your jobs are still under way, and the {allowed.tier.label} "
            f"plan runs {allowed.tier.jobs_in_flight} at once. Wait for one to end, or cancel one."
        )
    if reference not in {choice.id for choice in references()}:
        raise Declined("Choose one of the references that are listed.")
    now, job_id = clock.now(), str(uuid.uuid4())
    job = Job(
        job_id=job_id,
        user_id=user_id,
        name=tidy(name),
        reference=reference,
        submitted_at=now,
        rev=uuid.uuid4().hex,
        input=storage.new_input(job_id),
        due_at=now + margins().confirm_poll,
    )
    jobs.create(job, actor="owner")
    return job


def submit(*, user_id: str, name: str, reference: str, redirect: str = "") -> Submission:
    """Create a job and the presigned form for its file; `{job_id}` in `redirect` is filled in.

    Raises Declined when the tier's jobs in flight are used up.
    """
    job = _new(user_id=user_id, name=name, reference=reference)
    assert job.input is not None
    life = job.submitted_at + margins().policy - clock.now()
    if life <= 0:
        raise _given_up(job, "This took too long. Try again.")
    form = storage.post(
        job.input,
        most=_rules(user_id).max_upload_bytes,
        life=life,
        redirect=redirect.replace("{job_id}", job.job_id) or None,
    )
    return Submission(job, form["url"], form["fields"])


def example(*, user_id: str, example: str) -> Job:
    """Submit one of the examples that ship with the package. Raises Declined."""
    chosen: Example | None = next((e for e in EXAMPLES if e.id == example), None)
    if chosen is None:
        raise Declined("There is no such example.")
    job = _new(user_id=user_id, name=chosen.title, reference=chosen.reference)
    assert job.input is not None
    with _sent(job) as until:
        storage.put(job.input, chosen.path.read_bytes(), until=until)
    return confirm(job_id=job.job_id, user_id=user_id)


def run_again(*, job_id: str, user_id: str) -> Job:
    """Submit the same file once more as a new job. Raises Declined when the file is gone."""
    old = get(job_id=job_id, user_id=user_id)
    if old.input is None or not old.etag or (old.input_until and old.input_until <= clock.now()):
        raise Declined("The uploaded file is no longer kept. Upload it again to run it again.")
    job = _new(user_id=user_id, name=old.name, reference=old.reference)
    assert job.input is not None
    with _sent(job) as until:
        storage.copy(old.input, job.input, etag=old.etag, until=until)
    return confirm(job_id=job.job_id, user_id=user_id)


@contextmanager
def _sent(job: Job) -> Iterator[int]:
    """Send a new job's file for its owner: yields until when it may be signed. Raises Declined.

    Such a request ends twice `signed` after the job was made: before `posts_end`, by any clock.
    From then on the job may be deleted and forgotten, and nobody would find the file.
    """
    try:
        yield job.submitted_at + margins().signed
    except (storage.NotThere, storage.Changed) as error:
        raise _given_up(job, "The uploaded file is no longer kept. Upload it again.") from error
    except storage.TooLate as error:
        raise _given_up(job, "This took too long. Try again.") from error


def _given_up(job: Job, why: str) -> Declined:
    """Delete a new job whose file can't come, lest it count as in flight, and return the reason."""
    with suppress(NotFound):  # so late that it is deleted already
        delete(job_id=job.job_id, user_id=job.user_id)
    return Declined(why)


def confirm(*, job_id: str, user_id: str) -> Job:
    """Take note that the owner's file has arrived; again, it changes nothing. Raises Declined."""
    try:
        job = confirm_upload(get(job_id=job_id, user_id=user_id))
    except jobs.Fenced:  # an annotator, or a second click, came between and saw the same file
        job = confirm_upload(get(job_id=job_id, user_id=user_id))
    if job.state == "UPLOADING":
        raise Declined("The file has not arrived. Send it again from the upload page.")
    return job


def confirm_upload(job: Job) -> Job:
    """Head the upload and queue the job when it is there; a day without one gives it up.

    Nothing is written when the look was early. Raises jobs.Fenced.
    """
    if state_of(job) != "UPLOADING" or job.input is None:
        return job
    now = clock.now()
    try:
        found = storage.head(job.input)
    except storage.NotThere:
        return _not_there(job, now)
    queued = jobs.record(
        job, now=now, step="confirm", actor="web", etag=found.etag, input_size=found.size
    )
    events.publish(topic="job-submitted", job_id=job.job_id)
    return queued


def _not_there(job: Job, now: int) -> Job:
    delays = margins()
    if now > job.submitted_at + delays.abandoned:
        note = "no file came"
        return jobs.record(job, now=now, step="give up", actor="annotator", note=note, deleted=True)
    if job.due_at is None or job.due_at > now:
        return job
    late = now >= job.submitted_at + delays.posts_end
    again = job.submitted_at + delays.abandoned + 1 if late else now + delays.confirm_poll
    return jobs.rest(job, now=now, due_at=again)


# --- one job ---------------------------------------------------------------------------------


def get(*, job_id: str, user_id: str) -> Job:
    """Return the owner's job. Raises NotFound, also for another's job and a deleted one."""
    job = jobs.get(job_id)
    if job is None or job.user_id != user_id or job.deleted:
        raise NotFound(job_id)
    return job


def rename(*, job_id: str, user_id: str, name: str) -> None:
    """Give the job another name. Raises NotFound."""
    get(job_id=job_id, user_id=user_id)
    jobs.rename(job_id=job_id, name=tidy(name))


def cancel(*, job_id: str, user_id: str) -> None:
    """Stop a job that has no result yet. Raises NotFound, or Declined when it has ended."""
    if get(job_id=job_id, user_id=user_id).state not in IN_FLIGHT:
        raise Declined("This job has already ended; there is nothing to cancel.")
    jobs.wish(job_id, now=clock.now(), step="cancel", actor="owner", cancelled=True)
    events.publish(topic="job-submitted", job_id=job_id)


def delete(*, job_id: str, user_id: str) -> None:
    """Delete the job with all of its files and archives; it can't be undone. Raises NotFound."""
    get(job_id=job_id, user_id=user_id)
    jobs.wish(job_id, now=clock.now(), step="delete", actor="owner", deleted=True)
    events.publish(topic="job-deleted", job_id=job_id)


def check_readable(job: Job) -> None:
    """Do nothing when the result can be read now. Raises Declined or Archived."""
    if job.copy is None:
        raise Declined("This job has no result to download.")
    if job.problem:
        raise Declined("Something is wrong with this result. We have been told, and look at it.")
    if job.state not in ("HOT", "ARCHIVING"):
        raise Archived("This result is archived. Restore it first: an upgrade brings all back.")


def stem(job: Job) -> str:
    """Return what the files of a result are called, without their ending."""
    return job.name.removesuffix(".gz").removesuffix(".vcf")


def download_url(*, job_id: str, user_id: str) -> str:
    """Return a link to the annotated VCF that lives some minutes. Raises NotFound or Archived."""
    job = get(job_id=job_id, user_id=user_id)
    check_readable(job)
    assert job.copy is not None
    name = f"{stem(job)}.annotated.vcf.gz"
    return storage.link(job.copy, filename=name, life=margins().link)


def ahead(job: Job) -> int:
    """Return how many jobs wait before this one; 1,000 stands for that many or more."""
    return jobs.count(state="QUEUED", before=job.submitted_at)


def timeline(job: Job) -> list[Event]:
    """Return the job's timeline, oldest first."""
    return read_timeline(job.job_id)


def summary(job: Job) -> dict[str, Any] | None:
    """Return the counts of the result, None before there is one. They stay when it is archived."""
    return json.loads(_side(job, storage.SUMMARY) or b"null") if job.copy else None


def preview(job: Job) -> list[dict[str, Any]]:
    """Return the first 100 annotated variants as rows. They stay when the result is archived."""
    return list(json.loads(_side(job, storage.PREVIEW) or b"[]")) if job.copy else []


def manifest(job: Job) -> dict[str, Any] | None:
    """Return how the result was made, None before there is one."""
    return json.loads(_side(job, storage.MANIFEST) or b"null") if job.copy else None


def log(job: Job) -> str:
    """Return the run's log for people, empty before a run ended."""
    return _side(job, storage.LOG).decode() if job.completed_at else ""


def _side(job: Job, name: str) -> bytes:
    try:
        return storage.side_file(job.attempt.locator, name) if job.attempt else b""
    except storage.NotThere:
        return b""


# --- lists -----------------------------------------------------------------------------------


def _fits(job: Job, group: str, search: str) -> bool:
    states = GROUPS.get(group)
    named = search.casefold() in job.name.casefold()
    return job.state not in HIDDEN and (states is None or job.state in states) and named


def page(*, user_id: str, group: str = "all", search: str = "", cursor: str | None = None) -> Page:
    """Return a page of a person's jobs, newest first. Raises items.BadCursor.

    A rare group or a long search may give a short page with a cursor: the look is bounded.
    """
    found: list[Job] = []
    at_once = 100 if search or GROUPS.get(group) else 2 * PAGE
    for _ in range(LOOKED_AT // at_once):
        got = jobs.by_user(user_id=user_id, cursor=cursor, limit=at_once)
        found += [job for job in got.items if _fits(job, group, search)]
        cursor = got.cursor
        if len(found) > PAGE:
            return Page(found[:PAGE], jobs.cursor_after(found[PAGE - 1]))
        if cursor is None:
            break
    return Page(found, cursor)


def counts(*, user_id: str) -> dict[str, int]:
    """Return how many of a person's newest jobs are in each group."""
    seen = [s for s in jobs.newest_states(user_id=user_id, limit=LOOKED_AT) if s not in HIDDEN]
    return {
        group: sum(states is None or state in states for state in seen)
        for group, states in GROUPS.items()
    }
