"""Large results: made block by block, moved by GAS and barely, taken up after a kill."""

import hashlib
import os
import uuid
from collections.abc import Callable

from django.conf import settings

from accounts import plans
from annotations import jobs, storage
from annotations.locators import Locator
from annotations.states import Job
from archival import services, stores, treehash
from gas_project import clock
from tests.benchmarks import bare
from tests.benchmarks.place import MIB, Cloud, Spent, clients, measured
from tests.core import hot, look
from tests.journeys.crash import arm

BLOCK = 16 * MIB
RETRIEVED = 6 * 3600
"""After so many seconds of the cloud's clock every Expedited and Standard retrieval is ready."""

Pair = tuple[Spent, Spent]


def person(tier: str) -> str:
    """Return a new person's id, with a plan."""
    user_id = str(uuid.uuid4())
    plans.create(user_id=user_id, tier=tier)
    return user_id


def large_result(user_id: str, size: int) -> Job:
    """Put a hot result of `size` bytes, block by block, and return its job."""
    job_id, block, whole = str(uuid.uuid4()), os.urandom(BLOCK), hashlib.sha256()
    copy = storage.inside(storage.new_attempt(job_id), storage.RESULT)
    upload, tags = storage.begin(copy), []
    for number, first in enumerate(range(0, size, len(block)), 1):
        data = block[: min(len(block), size - first)]
        whole.update(data)
        tags.append(storage.write(upload=upload, number=number, offset=first, data=data))
    storage.finish(upload=upload, size=size, tags=tags)
    facts = {"copy": copy, "size": size, "sha256": whole.hexdigest()}
    return hot(user_id, b"small", job_id=job_id, **facts)


def restored(cloud: Cloud, job: Job) -> tuple[Locator, str]:
    """Let the owner upgrade and the store bring the bytes; return the cold copy and its handle."""
    assert look(job).state == "COLD", look(job).problem
    services.change_tier(user_id=job.user_id, tier="premium")
    services.spread(job.user_id)
    services.advance(role="restorer", job_id=job.job_id)
    cloud.advance(RETRIEVED)
    found = look(job)
    assert found.copy is not None
    assert found.retrieval is not None
    return found.copy, found.retrieval


# --- beside a bare copy ------------------------------------------------------------------------


def moved(cloud: Cloud, size: int, store: str, *, bare_first: bool) -> tuple[Pair, Pair]:
    """Archive and thaw one result by GAS and barely; return both costs of both ways."""
    settings.GAS_COLD_STORE = store
    job = large_result(person("free"), size)
    source = job.copy
    assert source is not None
    there = _both(
        cloud,
        lambda: bare.archive(source, size=size, store=store),
        lambda: services.advance(role="archiver", job_id=job.job_id),
        bare_first=bare_first,
    )
    cold, retrieval = restored(cloud, job)
    back = _both(
        cloud,
        lambda: bare.thaw(cold, retrieval=retrieval, size=size),
        lambda: services.advance(role="thawer", job_id=job.job_id),
        bare_first=bare_first,
    )
    assert look(job).state == "HOT", look(job).problem
    _remove(source, cold, look(job).copy)
    return there, back


def _both(
    cloud: Cloud,
    barely: Callable[[], Locator],
    by_gas: Callable[[], None],
    *,
    bare_first: bool,
) -> Pair:
    """Measure both, one after the other; the bare copy is removed at once."""
    plain, ours = Spent(), Spent()
    for mine in (False, True) if bare_first else (True, False):
        os.sync()  # what was written before must not slow what is measured
        if mine:
            with measured(cloud) as ours:
                by_gas()
        else:
            with measured(cloud) as plain:
                made = barely()
            _remove(made)
    return plain, ours


def _remove(*copies: Locator | None) -> None:
    for copy in copies:
        if copy:
            stores.of(copy).remove(locator=copy)


# --- after a kill ------------------------------------------------------------------------------


def taken_up(cloud: Cloud, size: int, store: str) -> list[tuple[str, int, int, Spent]]:
    """Kill the archiver, then the thawer, half-way; return what their successors had to do.

    For each way: the worker, the result's parts, those sent before the kill, the successor's cost.
    """
    settings.GAS_COLD_STORE = store
    job = large_result(person("free"), size)
    parts = -(-size // treehash.part_size(size))
    into = "UploadMultipartPart" if store == "vault" else "UploadPart"
    found = []
    for role, operation in (("archiver", into), ("thawer", "UploadPart")):
        if role == "thawer":
            restored(cloud, job)
        _killed(role, job, operation, parts // 2 + 1)
        jobs.touch(job.job_id, due_at=clock.now())  # instead of waiting for the end of its lease
        with measured(cloud) as spent:
            services.advance(role=role, job_id=job.job_id)
        found.append((role, parts, parts // 2, spent))
    assert look(job).state == "HOT", look(job).problem
    return found


def _killed(role: str, job: Job, operation: str, turn: int) -> None:
    """Let a worker in a process of its own be killed right before its `turn`-th call."""
    for client in clients():
        client.close()
    pid = os.fork()
    if pid == 0:
        arm(operation, turn, "before")
        try:
            services.advance(role=role, job_id=job.job_id)
        finally:
            os._exit(1)
    assert os.WIFSIGNALED(os.waitpid(pid, 0)[1]), "the worker was to be killed"
