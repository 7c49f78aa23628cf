"""The steps of a result's life: what each does, and what it records.

A step returns the attributes to record; `archival.services.advance` claims before and writes after.
Archive and thaw are the same two steps, `open` and `fill`, with the ends swapped.
"""

from dataclasses import replace
from typing import Any

from accounts import plans
from annotations import storage
from annotations.claims import Claim
from annotations.locators import GONE, Locator, Store
from annotations.safety import CLAIMS, GARBAGE, REFUSALS, TRIES, margins
from annotations.states import Dated, Job, place, want_of
from archival import lifecycle, stores, transfer
from gas_project import clock

Changes = dict[str, Any]


def _dropped(after: int, *locators: Locator | None) -> tuple[Dated, ...]:
    return tuple(Dated(locator, after) for locator in locators if locator)


# --- one write, nothing else -----------------------------------------------------------------


def bury(job: Job, now: int) -> Changes:
    """All of a deleted job is garbage: at once, except where late puts may still land.

    What the item said about the person's file goes at once: a fingerprint of a genome is one too.
    """
    posts = max(now, job.submitted_at + margins().posts_end)
    old = tuple(g if g.locator.is_prefix else replace(g, after=now) for g in job.garbage)
    attempt = (job.attempt,) if job.attempt else ()
    return {
        "name": "Deleted job",
        "findings": (),
        "failed": None,
        "problem": None,
        "progress": None,
        "etag": None,
        "sha256": "",
        "tree_hash": "",
        "variants": 0,
        "size": 0,
        "input_size": 0,
        "copy": None,
        "upload": None,
        "retrieval": None,
        "input": None,
        "attempt": None,
        "garbage": (
            *(g for g in old if g.locator != job.input),
            *_dropped(now, job.copy, job.upload),
            *_dropped(posts, job.input),
            *attempt,
        ),
    }


def turn_back(job: Job, now: int) -> Changes:
    """The wish changed during a move: what was begun is garbage, the copy stays."""
    return {"upload": None, "retrieval": None, "garbage": job.garbage + _dropped(now, job.upload)}


def failed(job: Job, now: int, why: str) -> Changes:
    """A move failed: begin again, later and later; the fifth time a person must look."""
    tries = job.tries + 1
    again = {"problem": why} if tries >= TRIES else {"due_at": now + margins().back_off * 2**tries}
    return turn_back(job, now) | {"tries": tries} | again


def gave_up(job: Job) -> Changes | None:
    """Return what to record when claim after claim never came to a record."""
    return {"problem": "stopped ten times"} if job.claims >= CLAIMS and not job.deleted else None


# --- before any claim: reading has no side effect --------------------------------------------


def ask_first(job: Job, now: int) -> Changes | None:
    """Ask whether a move may begin. None: yes; {}: not yet, and an early look costs nothing.

    A retrieval that is not ready is normal: one question to the store, no write unless it was due.
    """
    assert job.copy is not None
    if len(job.garbage) >= GARBAGE:
        return {"problem": "too much garbage waits for removal"}
    if place(job.copy) == "HOT":
        return None
    try:
        ready = stores.cold_of(job.copy).ready(copy=job.copy, retrieval=job.retrieval or "")
    except stores.NotThere:
        return failed(job, now, "retrieval failed or expired")
    if ready:
        return None
    if job.due_at is None or job.due_at > now:
        return {}
    return {"due_at": max(job.ready_at, now + margins().ready_poll)}


# --- claim, side effect, record --------------------------------------------------------------


def retrieve(claim: Claim, now: int) -> Changes:
    """Start a retrieval: Expedited if urgent, else or when refused Standard, at last Bulk.

    Of a result that only moves to another store nobody waits: Bulk at once.
    """
    job, delays = claim.job, margins()
    assert job.copy is not None
    deep = job.copy.store is Store.S3_DEEP
    last = "Bulk" if job.moving or job.refused >= REFUSALS else "Standard"
    for tier in [*(["Expedited"] if job.urgent else []), last]:
        try:
            handle = stores.cold_of(job.copy).retrieve(copy=job.copy, job_id=job.job_id, tier=tier)
        except stores.Refused:
            continue
        except stores.NotThere:
            return failed(job, now, "archive missing")
        ready_at = now + delays.eta(tier, deep=deep)
        return {
            "retrieval": handle,
            "ready_at": ready_at,
            "due_at": ready_at,
            "urgent": False,
            "refused": 0,
            "note": tier,
        }
    wait = delays.refused * 2 ** min(job.refused, 4)
    return {
        "refused": job.refused + 1,
        "urgent": False,
        "due_at": now + wait,
        "ready_at": now + wait + delays.eta("Standard", deep=deep),
        "note": "refused",
    }


def open_upload(claim: Claim, now: int) -> Changes:
    """Begin an upload at a fresh name where the result should go."""
    job = claim.job
    assert job.copy is not None
    target = stores.cold() if place(job.copy) == "HOT" else stores.hot()
    return {"upload": target.open(job_id=job.job_id, size=job.size)}


def fill(claim: Claim, now: int) -> Changes:
    """Stream the result into the open upload, verify it, ask the plan again, complete."""
    job = claim.job
    assert job.copy is not None
    assert job.upload is not None
    try:
        tags, tree = transfer.pour(claim, job.copy, job.upload)
    except stores.NotThere as error:
        return failed(claim.job, now, str(error) or "source or upload gone")
    except stores.Changed:
        return failed(claim.job, now, "bytes differ")
    claim.renew()
    plan = plans.get(job.user_id)
    if want_of(claim.job, plan, now) == place(job.copy):
        return turn_back(claim.job, now)
    try:
        new = stores.of(job.upload).finish(upload=job.upload, size=job.size, tags=tags)
    except (stores.NotThere, stores.Changed):
        return failed(claim.job, now, "upload gone or refused")
    return _switched(claim.job, new, tree)


def _switched(job: Job, new: Locator, tree: str) -> Changes:
    """The one write that switches copies: the new one is good, the old one is dated garbage."""
    assert job.copy is not None
    now, delays = clock.now(), margins()
    after = now + delays.links_end
    if place(job.copy) == "COLD":
        deep = job.copy.store is Store.S3_DEEP
        after = job.copied_at + (delays.keep_deep if deep else delays.keep)
    return {
        "copy": new,
        "copied_at": now,
        "upload": None,
        "retrieval": None,
        "ready_at": 0,
        "tries": 0,
        "tree_hash": tree,
        "garbage": (*job.garbage, Dated(job.copy, max(now, after))),
        **({"moving": False, "archive_after": now} if job.moving else {}),
    }


def reap(claim: Claim, now: int) -> Changes:
    """Remove one due piece of garbage, after seeing that the good copy is there.

    Another upload of the copy's own key is only struck off, since to remove an upload is to remove
    what may have become of it; the bucket's lifecycle rule ends it.
    """
    job = claim.job
    due = lifecycle.due_garbage(job, now)[0]
    if job.copy and job.copy.store is not Store.VAULT and not _seen(job.copy, job.size):
        return {"problem": "copy missing or changed"}
    rest = tuple(g for g in job.garbage if g != due)
    if due.locator.finished() == job.copy:
        return {"garbage": rest, "note": "another upload of the copy's key"}
    known = stores.of(due.locator).remove(locator=due.locator)
    if not known:
        gone = replace(due.locator, upload=GONE)
        # The clock is read after the abort: from here on nothing can come of that upload.
        rest = (*rest, Dated(gone, clock.now() - margins().skew))
    return {"garbage": rest, "note": str(due.locator)}


def _seen(copy: Locator, size: int) -> bool:
    try:
        return storage.head(copy).size == size
    except storage.NotThere:
        return False


PLAIN = {"bury": bury, "turn_back": turn_back}
EFFECT = {"retrieve": retrieve, "open": open_upload, "fill": fill, "reap": reap}
