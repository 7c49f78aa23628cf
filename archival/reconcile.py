"""What the daily reconcile found, and how it is written; `census` finds it.

An inventory is a day old: it lists what was deleted since and lacks what is new. So this only
writes `garbage`; removing is the eraser's. Nothing is written while the freeze is on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from accounts import plans
from annotations import jobs
from annotations.locators import GONE, Locator
from annotations.safety import margins
from annotations.states import Dated, Job
from archival.stores import vault
from gas_project import clock

MOST = 100
"""Refuse to write when more jobs than this would change, unless the operator accepts it."""
SHARE = 0.01
"""Refuse to write when more than this share of the listed archives is stray."""


@dataclass(frozen=True, slots=True)
class Report:
    """What only a person can mend: its kind, job (or ""), bytes (or ""), and a hint.

    `page`: a person must look today.
    """

    kind: str
    job_id: str
    uri: str
    note: str = ""
    page: bool = False


@dataclass(slots=True)
class Findings:
    """What was found: bytes by job that no item names, proofs, copies that differ, reports.

    `items` are the jobs that were looked at, `listed` and `foreign` archives of the inventory.
    """

    taken: int
    listed: int = 0
    foreign: int = 0
    stray: dict[str, list[Locator]] = field(default_factory=dict)
    proved: dict[str, tuple[Dated, ...]] = field(default_factory=dict)
    differs: dict[str, str] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)
    items: int = 0

    @property
    def jobs(self) -> set[str]:
        """The jobs that would change."""
        return {*self.stray, *self.proved, *self.differs}


class TooMany(Exception):
    """More would change than a sane day explains; a person must look first."""


def ask() -> str:
    """Ask AWS for an inventory; return the retrieval. Raises stores.NotThere before the first."""
    return vault.start_inventory()


def latest() -> str | None:
    """Return the newest inventory that is ready to be read, None when there is none."""
    done = [job for job in vault.inventories() if job.status == "Succeeded"]
    return done[-1].retrieval if done else None


def unproved(job: Job, taken: int) -> tuple[Dated, ...]:
    """Return the garbage that an inventory taken then proves to be gone for good."""
    proof = margins().proof
    return tuple(g for g in job.garbage if g.locator.upload == GONE and g.after + proof <= taken)


def apply(findings: Findings, *, accept: bool = False) -> int:
    """Write what was found: strays become garbage, proved entries go. Returns the jobs changed.

    Raises TooMany unless `accept`.
    """
    changing = len({*findings.stray, *findings.differs})
    looked_at = max(findings.listed, findings.items)
    too_many = len(findings.jobs) > MOST or changing > max(1, SHARE * looked_at)
    if too_many and not accept:
        raise TooMany(f"{len(findings.jobs)} jobs would change")
    if plans.frozen():
        return 0
    return sum(_apply(job_id, findings) for job_id in sorted(findings.jobs))


def _apply(job_id: str, findings: Findings) -> bool:
    job = jobs.get(job_id)
    if job is None:
        return False
    now = clock.now()
    kept = [g for g in job.garbage if g not in findings.proved.get(job_id, ())]
    named = {job.copy, *(g.locator for g in job.garbage)}
    found = [Dated(one, now) for one in findings.stray.get(job_id, []) if one not in named]
    wrong = None if job.deleted or job.problem else findings.differs.get(job_id)
    if not found and len(kept) == len(job.garbage) and not wrong:
        return False  # somebody else saw to it meanwhile
    try:
        jobs.record(
            job,
            now=now,
            step="reconcile",
            actor="reconciler",
            note=f"{len(found)} stray, {len(job.garbage) - len(kept)} proved gone",
            garbage=(*kept, *found),
            **({"problem": wrong} if wrong else {}),
        )
    except jobs.Fenced:
        return False  # tomorrow's inventory finds it again
    return True


def strays(findings: Findings) -> Iterator[tuple[str, str]]:
    """Yield (job id, locator) of each stray archive."""
    for job_id, found in sorted(findings.stray.items()):
        yield from ((job_id, str(locator)) for locator in found)
