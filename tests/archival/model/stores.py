"""The model's stores as the steps see them: `hot` and `s3` are S3, `vault` is a Glacier vault."""

from collections.abc import Generator
from typing import Any

from tests.archival.model.facts import Call, Item, Loc, NotFound, call
from tests.archival.model.world import World


def start_retrieval(w: World, loc: Loc, tier: str) -> Call:
    """Return the call; a vault's is made by a client that never repeats it."""
    if loc.store == "vault":
        return Call(call(w.v_job, loc.name, tier).do, once=True)
    return call(w.s3_restore, loc.name, tier)


def poll(w: World, it: Item) -> str:
    assert it.copy
    return w.v_poll(it.retrieval) if it.copy.store == "vault" else w.s3_poll(it.copy.name)


def read_bytes(w: World, it: Item) -> str:
    assert it.copy
    return w.v_output(it.retrieval) if it.copy.store == "vault" else w.s3_get(it.copy.name)


def finish(w: World, up: Loc, data: str) -> Generator[Call, Any, Loc]:
    """Complete the upload, or find that it was completed: the locator of what it became."""
    if up.upload == "plain":
        return (yield from _put(w, up, data))
    assert up.upload
    if up.store == "vault":
        return Loc("vault", (yield call(w.v_finish, up.upload, data)))
    try:
        yield call(w.s3_finish, up.upload, data)
    except NotFound:
        if (yield call(w.s3_head, up.name)) != data:
            raise NotFound from None
    return Loc(up.store, up.name)


def _put(w: World, up: Loc, data: str) -> Generator[Call, Any, Loc]:
    """(Guard removed: one put, no recorded upload.)"""
    if up.store == "vault":
        return Loc("vault", (yield call(w.v_archive, up.name, data)))
    yield call(w.s3_put, up.name, up.store, data)
    return Loc(up.store, up.name)


def remove(w: World, loc: Loc) -> Generator[Call, Any, bool]:
    """Final: abort first, then what the upload had become. False: a vault cannot tell what."""
    known = True
    if loc.upload and "abort_first" not in w.off:
        try:
            yield call(w.v_abort if loc.store == "vault" else w.s3_abort, loc.upload)
        except NotFound:
            known = loc.store != "vault"
    if loc.store != "vault":
        yield call(w.s3_delete, loc.name)
    elif not loc.upload:
        yield call(w.v_delete, loc.name)
    return known
