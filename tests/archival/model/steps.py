"""The model's steps: each says what to record. Generators yield every call of AWS."""

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

from tests.archival.model import stores
from tests.archival.model.facts import (
    ABANDONED,
    CLAIMS,
    ETA,
    HOUR,
    KEEP,
    LEASE,
    LINKS,
    MIN,
    POSTS,
    REFUSALS,
    RUN,
    SIGNED,
    SKEW,
    TRIES,
    Call,
    Change,
    Dated,
    Fenced,
    Item,
    Loc,
    NotFound,
    Plan,
    Refused,
    call,
    due_garbage,
    is_due,
    next_look,
    place,
    want_of,
)
from tests.archival.model.world import World

Step = Generator[Call, Any, Change]
MINUTES_15 = 15 * MIN


def drop(garbage: tuple[Dated, ...], after: int, *locs: Loc | None) -> tuple[Dated, ...]:
    return garbage + tuple((loc, after) for loc in locs if loc)


# --- one write, nothing else -------------------------------------------------------------------


def bury(w: World, it: Item, plan: Plan | None, now: int) -> Change:
    old = tuple((loc, after if loc.name.endswith("/") else now) for loc, after in it.garbage)
    posts = now if "posts_end" in w.off else max(now, it.submitted_at + POSTS)
    gone = drop(drop(old, now, it.copy, it.upload), posts, it.input)
    nothing: Change = dict.fromkeys(("copy", "upload", "retrieval", "input"))
    return {**nothing, "attempt": (), "garbage": gone + it.attempt}


def turn_back(w: World, it: Item, plan: Plan | None, now: int) -> Change:
    return {"upload": None, "retrieval": None, "garbage": drop(it.garbage, now, it.upload)}


def settle(w: World, it: Item, plan: Plan | None, now: int) -> Change:
    return {"due_at": next_look(it, plan, now)}


def failed(w: World, it: Item, now: int, why: str) -> Change:
    tries = it.tries + 1
    again: Change = {"problem": why} if tries >= TRIES else {"due_at": now + MIN * 2**tries}
    return {**turn_back(w, it, None, now), "tries": tries, **again}


def gave_up(it: Item, step: str) -> Change | None:
    if it.deleted or it.claims < CLAIMS.get(step, 10):
        return None
    if step == "annotate":
        return {"failed": "the annotator stopped five times"}
    return {"problem": "stopped ten times"}


# --- before any claim --------------------------------------------------------------------------


def ask_first(w: World, it: Item, step: str, now: int) -> Generator[Call, Any, Change | None]:
    """None: go on; {}: no write at all, so that hints that come early cost nothing."""
    if step == "confirm":
        return (yield from _confirm(w, it, now))
    if step == "open" and it.copy and place(it.copy) == "COLD":
        status = yield call(stores.poll, w, it)
        if status == "pending":
            return {"due_at": max(it.ready_at, now + MINUTES_15)} if is_due(it, now) else {}
        if status == "gone":
            again = failed(w, it, now, "retrieval failed")
            return again if "start_over" not in w.off else {"due_at": None}
    return None


def _confirm(w: World, it: Item, now: int) -> Generator[Call, Any, Change]:
    assert it.input
    try:
        return {"etag": (yield call(w.s3_head, it.input.name))}
    except NotFound:
        pass
    if now > it.submitted_at + ABANDONED:
        return {"deleted": True}
    early = now < it.submitted_at + POSTS
    again = now + MINUTES_15 if early else it.submitted_at + ABANDONED + 1
    return {"due_at": again} if is_due(it, now) else {}


# --- claim, side effect, record ----------------------------------------------------------------


def annotate(w: World, it: Item, now: int) -> Step:
    ((prefix, _),) = it.attempt
    assert it.input
    try:
        data = yield call(w.s3_get, it.input.name, it.etag)
    except NotFound:
        return {"failed": "the upload changed"}
    if data == "bad":
        return {"failed": "not a VCF"}
    yield from claim(w, it, now)
    result = f"{w.uid('csq')} of {data}"
    for name in ("result", "log"):
        signed = w.now + it.skew
        if signed > now + RUN and "run_limit" not in w.off:
            raise Fenced
        yield call(w.s3_put, prefix.name + name, "hot", result, signed)
    copy = Loc("hot", prefix.name + "result")
    after = max(it.archive_after, now + 5 * MIN)
    return {"copy": copy, "content": result, "copied_at": now, "archive_after": after}


def retrieve(w: World, it: Item, now: int) -> Step:
    assert it.copy
    last = "Bulk" if it.refused >= REFUSALS else "Standard"
    for tier in ["Expedited"] * it.urgent + [last]:
        try:
            handle = yield stores.start_retrieval(w, it.copy, tier)
        except Refused:
            continue
        ready = now + ETA[tier]
        found = {"retrieval": handle, "ready_at": ready, "due_at": ready}
        return {**found, "urgent": False, "refused": 0}
    wait = HOUR * 2**it.refused
    return {"refused": it.refused + 1, "urgent": False, "due_at": now + wait}


def open_upload(w: World, it: Item, now: int) -> Step:
    assert it.copy
    to = w.cold_store() if place(it.copy) == "HOT" else "hot"
    name = f"{to}/{it.job}/" + (w.uid("n") if "fresh_names" not in w.off else "result")
    if "record_upload" in w.off:
        upload = yield call(lambda: "plain")
    elif to == "vault":
        upload = yield call(w.v_open, name)
    else:
        upload = yield call(w.s3_open, name, to)
    return {"upload": Loc(to, name, upload)}


def fill(w: World, it: Item, now: int) -> Step:
    old = it.copy
    assert old
    try:
        data = yield call(stores.read_bytes, w, it)
    except NotFound:
        return failed(w, it, now, "source missing")
    if data != it.content and "verify" not in w.off:
        return failed(w, it, now, "bytes differ")
    yield from claim(w, it, now)
    plan = yield call(w.plan, it.user)
    if want_of(it, plan, now) == place(old) and "ask_again" not in w.off:
        return turn_back(w, it, None, now)
    assert it.upload
    try:
        new = yield from stores.finish(w, it.upload, data)
    except NotFound:
        return failed(w, it, now, "upload gone")
    if "record_first" in w.off:
        yield from stores.remove(w, old)
    after = now + LINKS if place(old) == "HOT" else it.copied_at + KEEP
    done: Change = {"copy": new, "upload": None, "retrieval": None, "tries": 0, "copied_at": now}
    return {**done, "garbage": drop(it.garbage, after, old)}


def reap(w: World, it: Item, now: int) -> Step:
    copy, (loc, after) = it.copy, due_garbage(it, now)[0]
    if copy and copy.store != "vault" and "see_copy" not in w.off:
        try:
            seen = yield call(w.s3_head, copy.name)
        except NotFound:
            seen = None
        if seen != it.content:
            return {"problem": "copy missing or changed"}
    known = yield from stores.remove(w, loc)
    rest = tuple(g for g in it.garbage if g != (loc, after))
    if not known and "prove_gone" not in w.off:
        rest += ((loc._replace(upload="gone"), w.now - SKEW),)
    return {"garbage": rest}


PLAIN: dict[str, Callable[[World, Item, Plan | None, int], Change]] = {
    "bury": bury,
    "turn_back": turn_back,
    "settle": settle,
}
EFFECT: dict[str, Callable[[World, Item, int], Step]] = {
    "annotate": annotate,
    "retrieve": retrieve,
    "open": open_upload,
    "fill": fill,
    "reap": reap,
}


# --- the one write, and the claim --------------------------------------------------------------


def write(w: World, it: Item, **change: Any) -> Generator[Call, Any, Item | None]:
    """One conditional write; a lost reply is no riddle, since the item's `rev` is then mine."""
    change["rev"] = w.uid("r") if "random_rev" not in w.off else it.rev + 1
    ok = yield call(w.put, it.job, it.rev, change)
    return replace(it, **change) if ok else None


def claim(w: World, it: Item, now: int, **first: Any) -> Generator[Call, Any, None]:
    """Claim, or (without `first`) beat; the item in the worker's hands becomes the new version."""
    if "claim" in w.off and not first.get("attempt"):
        return
    new = yield from write(w, it, worker="me", due_at=now + LEASE, **first)
    if not new:
        raise Fenced
    it.__dict__.update(new.__dict__)


def attempt(w: World, it: Item, now: int) -> Change:
    """With an annotator's first claim: a fresh prefix; the one before it is garbage."""
    fresh = w.uid("a") if "fresh_attempt" not in w.off else "a"
    late = RUN + SIGNED + SKEW if "late_puts" not in w.off else 0
    prefix = Loc("hot", f"run/{it.job}/{fresh}/")
    return {"attempt": ((prefix, now + late),), "garbage": it.garbage + it.attempt}
