"""Reads a sample of the archives back: "stored" is not "restorable".

A retrieval takes hours, so it takes two runs: one asks, a later one reads and hashes what is ready.
What was asked is kept in a small file of this machine. It writes nothing to the jobs; a result that
does not come back as it went is a person's to mend.
"""

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from django.conf import settings

from annotations import jobs, locators
from annotations.states import Job, place
from archival import stores, treehash
from archival.reconcile import Report
from gas_project import clock

MOST = 1000
"""Archives that one sample holds at most: each costs a Bulk retrieval."""
_dice = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Asked:
    """One archive of the sample: its job, its URI, the retrieval's handle, when (epoch s)."""

    job_id: str
    uri: str
    retrieval: str
    at: int


@dataclass(slots=True)
class ReadBack:
    """What a run did: asked for, waits still, read and sound, or passed over, and what is wrong."""

    asked: int = 0
    waiting: int = 0
    good: int = 0
    passed: int = 0
    reports: list[Report] = field(default_factory=list)


def run(share: float) -> ReadBack:
    """Read what an earlier run asked for; when nothing waits any more, ask for a new sample.

    `share` of all archives, from 0 to 1, at least one. Run it daily: the output of a retrieval from
    a vault is kept for a day only (Amazon Glacier Developer Guide, "Downloading an Archive").
    """
    done, before = ReadBack(), _load()
    waits = [one for one in before if not _read(one, done)]
    done.waiting = len(waits)
    if not before:
        waits = list(_ask(share))
        done.asked = len(waits)
    _keep(waits)
    return done


# --- the file ----------------------------------------------------------------------------------


def _file() -> Path:
    return Path(settings.GAS_DATA) / "read-back.json"


def _load() -> list[Asked]:
    try:
        return [Asked(**one) for one in json.loads(_file().read_text())]
    except FileNotFoundError:
        return []


def _keep(waits: list[Asked]) -> None:
    fresh = _file().with_suffix(".new")
    fresh.write_text(json.dumps([asdict(one) for one in waits]))
    fresh.replace(_file())


# --- the first run -----------------------------------------------------------------------------


def _ask(share: float) -> Iterator[Asked]:
    for job in _sample(share):
        assert job.copy is not None
        store = stores.cold_of(job.copy)
        try:
            handle = store.retrieve(copy=job.copy, job_id=job.job_id, tier="Bulk")
        except (stores.Refused, stores.NotThere):
            continue  # a missing archive is told by the comparison
        yield Asked(job.job_id, str(job.copy), handle, clock.now())


def _sample(share: float) -> list[Job]:
    """Return a share of the results at rest in the archive: each is as likely as any other."""
    chosen: list[Job] = []
    spare: Job | None = None
    for number, job in enumerate(_cold(), 1):
        if _dice.random() < 1 / number:
            spare = job
        if _dice.random() < share and len(chosen) < MOST:
            chosen.append(job)
    return chosen or ([spare] if spare else [])


def _cold() -> Iterator[Job]:
    cursor = None
    while True:
        page = jobs.by_state(state="COLD", cursor=cursor)
        yield from (job for job in page.items if job.copy and place(job.copy) == "COLD")
        cursor = page.cursor
        if cursor is None:
            return


# --- a later run -------------------------------------------------------------------------------


def _read(one: Asked, done: ReadBack) -> bool:
    """Hash one archive, if it can be read by now; False while it waits.

    What is no longer its job's copy, or whose output has expired, is passed over.
    """
    job, copy = jobs.get(one.job_id), locators.parse(one.uri)
    if job is None or job.copy != copy or job.deleted or job.problem:
        done.passed += 1
        return True
    try:
        if not stores.cold_of(copy).ready(copy=copy, retrieval=one.retrieval):
            return False
        # A wrong answer is asked for once more before anybody is called.
        sound = _sound(job, one) or _sound(job, one)
    except stores.NotThere:
        done.passed += 1
        return True
    done.good += sound
    if not sound:
        note = "read back twice, and its size or SHA-256 differs"
        done.reports.append(Report("unreadable", job.job_id, one.uri, note=note, page=True))
    return True


def _sound(job: Job, one: Asked) -> bool:
    """Whether the archive's bytes are the result's. Raises stores.NotThere."""
    copy, whole, size = locators.parse(one.uri), hashlib.sha256(), 0
    part = treehash.part_size(job.size)
    store = stores.of(copy)
    try:
        for data in store.read(copy=copy, retrieval=one.retrieval, size=job.size, part=part):
            whole.update(data)
            size += len(data)
    except stores.Changed:
        return False
    return (size, whole.hexdigest()) == (job.size, job.sha256)
