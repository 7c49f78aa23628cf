"""Moves archives into the chosen cold store, by the steps that every result takes anyway.

An operator's wish keeps a result hot for a day: it is asked back at the cheapest speed and thawed,
verified; that record ends the wish, and the archiver archives it anew, into GAS_COLD_STORE.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from annotations import jobs
from annotations.locators import Store
from annotations.safety import margins
from annotations.states import Job, place
from archival import stores, treehash
from gas_project import clock

STATES = ("COLD", "RESTORING", "THAWING")
ACTOR = "operator"
GB = 10**9

RETRIEVAL = {Store.VAULT: (0.025e-3, 0.0025), Store.S3_GLACIER: (0.0, 0.0)}
"""US$ per Bulk retrieval and per GB (AWS list prices, us-east-1, 2026; Flexible's Bulk is free)."""
COLD_PUT = {Store.S3_GLACIER: 0.03e-3, Store.S3_DEEP: 0.05e-3}
"""US$ per request that writes into a class (AWS list prices, us-east-1, 2026)."""
HOT_PUT = 0.005e-3
"""US$ per request that writes into S3 Standard (AWS list prices, us-east-1, 2026)."""


@dataclass(slots=True)
class Census:
    """How far the move is: results already there, on their way, and those that wait for it."""

    there: int = 0
    under_way: int = 0
    left: list[Job] = field(default_factory=list)

    @property
    def total(self) -> int:
        """All archived results."""
        return self.there + self.under_way + len(self.left)

    @property
    def size(self) -> int:
        """Bytes of those that wait."""
        return sum(job.size for job in self.left)


def census() -> Census:
    """Look at every archived result. Holds only those that wait in memory, about 2 KB each."""
    found, target, now = Census(), stores.chosen(), clock.now()
    for job in _archived():
        if job.copy is None or place(job.copy) == "HOT" or job.deleted:
            continue
        if job.copy.store is target:
            found.there += 1
        elif job.state != "COLD" or (job.moving and job.archive_after > now):
            found.under_way += 1
        else:
            found.left.append(job)
    return found


def _archived() -> Iterator[Job]:
    for state in STATES:
        cursor = None
        while True:
            page = jobs.by_state(state=state, cursor=cursor)
            yield from page.items
            cursor = page.cursor
            if cursor is None:
                break


def cost(waiting: list[Job]) -> float:
    """Return about what moving these costs in US$: retrievals and requests, without storage."""
    return sum(_cost(job, stores.chosen()) for job in waiting)


def _cost(job: Job, target: Store) -> float:
    assert job.copy is not None
    each, per_gb = RETRIEVAL.get(job.copy.store, (0.0, 0.0))
    requests = 2 + -(-job.size // treehash.part_size(job.size))
    return each + per_gb * job.size / GB + requests * (HOT_PUT + COLD_PUT.get(target, 0.0))


def ask(waiting: list[Job]) -> Iterator[Job]:
    """Wish each of these moved, and yield it; a minute gets no more than a plan change would.

    Again is harmless. One whose day is over before its retrieval came stays where it is, whole,
    and is asked for by the next run.
    """
    delays, now = margins(), clock.now()
    for number, job in enumerate(waiting):
        due_at = now + 60 * (number // delays.spread)
        jobs.wish(
            job.job_id,
            now=now,
            step="move",
            actor=ACTOR,
            note=str(stores.chosen()),
            due_at=due_at,
            moving=True,
            archive_after=due_at + 2 * delays.eta("Bulk"),
        )
        yield job
