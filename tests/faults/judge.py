"""A judge who sees everything: the disk of the local cloud against the items, after every call."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from accounts import plans
from annotations import jobs, storage
from annotations.locators import Locator, Store
from annotations.states import Job, place, state_of, want_of
from archival import lifecycle
from deploy.local.dynamodb_table import as_attributes
from gas_project import items
from tests.faults.cloud import Cloud

CLASS = "json_extract(traits, '$.storage_class')"
SCHEMES = {"GLACIER": Store.S3_GLACIER, "DEEP_ARCHIVE": Store.S3_DEEP}


@dataclass(frozen=True, slots=True)
class Stored:
    """Something that is stored, by the job whose id its names carry.

    An archive has two names: its id, and the one that we chose. `body` names an object's file.
    """

    job_id: str
    names: tuple[str, ...]
    body: str = ""


class Judge:
    """Looks at the cloud; remembers what cannot have changed."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._jobs: dict[str, Job] = {}
        self._good: set[tuple[Any, ...]] = set()
        """Bytes that were read and right: a body's file never changes once its row exists."""
        self._seen = -1
        self.stats: Counter[str] = Counter()

    # --- at every instant ----------------------------------------------------------------------

    def safe(self) -> str | None:
        """Return what is wrong at this instant, None when all is well."""
        changes = self._cloud.disk._db.total_changes
        if changes == self._seen:
            return None
        self._seen = changes
        known = self.jobs()
        objects, rest = self._objects(), [*self._archives(), *self._filled()]
        for stored in [*objects.values(), *rest]:
            job = known.get(stored.job_id)
            if job is None or not _names(job, stored):
                return f"ORPHAN {stored.job_id} {job and job.state} {stored.names}"
        for job in known.values():
            if wrong := self._wrong(job, objects):
                return f"{wrong} (job {job.job_id}, {state_of(job)})"
        return None

    def jobs(self) -> dict[str, Job]:
        """Return every job as its item is now."""
        for key, item in self._cloud.items.items():
            old = self._jobs.get(key)
            if old is None or old.rev != item.attrs["rev"].value:
                new = jobs._job(items.from_item(as_attributes(item)))
                self._count(old, new)
                self._jobs[key] = new
        return self._jobs

    def _count(self, old: Job | None, new: Job) -> None:
        before, after = old and state_of(old), state_of(new)
        if before == after:
            return
        if after == "HOT" and before in ("RUNNING", "THAWING"):
            self.stats["annotated" if before == "RUNNING" else "thawed"] += 1
        elif before == "ARCHIVING" and after == "COLD" and new.copy:
            self.stats["archived"] += 1
            self.stats[f"of these in {new.copy.store}"] += 1
        elif after in ("DELETED", "QUARANTINED", "FAILED", "CANCELLED"):
            self.stats[after.lower()] += 1

    def _wrong(self, job: Job, objects: dict[str, Stored]) -> str | None:
        keys = [one for one in _locators(job) if "/" in one.name]  # an archive's id says nothing
        if foreign := [one for one in keys if one.name.split("/")[1] != job.job_id]:
            return f"CROSS-USER it names {foreign[0]}"
        if job.deleted:
            return None
        waits = job.etag and not (job.copy or job.failed or job.cancelled or job.problem)
        if waits and str(job.input) not in objects:
            return "LOST its input"
        return self._wrong_copy(job, objects) if job.copy else None

    def _wrong_copy(self, job: Job, objects: dict[str, Stored]) -> str | None:
        assert job.copy is not None
        assert job.attempt is not None
        bodies = self._bodies_at(job.copy, objects)
        if not bodies or not all(self._cloud.disk.find(body).exists() for body in bodies):
            return f"LOST nothing at {job.copy}"
        facts = (bodies, job.sha256, job.size, job.user_id, job.etag)
        if facts not in self._good:
            if wrong := self._wrong_bytes(job, bodies):
                return wrong
            self._good.add(facts)
        log = objects.get(str(storage.inside(job.attempt.locator, storage.LOG)))
        return None if log else "LOST its side files"

    def _wrong_bytes(self, job: Job, bodies: tuple[str, ...]) -> str | None:
        data = b"".join(self._cloud.disk.find(body).read_bytes() for body in bodies)
        if hashlib.sha256(data).hexdigest() != job.sha256 or len(data) != job.size:
            return f"WRONG other bytes at {job.copy}"
        if job.user_id.encode() not in data:
            return f"CROSS-USER another person's bytes at {job.copy}"
        if (job.etag or "-").strip('"').encode() not in data:
            return "WRONG the result of another upload"
        return None

    def look_again(self) -> str | None:
        """Do as `safe` does, but read all bytes again."""
        self._good.clear()
        self._seen = -1
        return self.safe()

    # --- at the end ----------------------------------------------------------------------------

    def final(self, now: int) -> str | None:
        """Return what is not at rest where it is wanted, or is left over; None when all is well."""
        objects = self._objects()
        stored = [*objects.values(), *self._archives(), *self._open()]
        for job in self.jobs().values():
            left = {one.names[0] for one in stored if one.job_id == job.job_id}
            if wrong := _unfinished(job, left, now):
                return f"{wrong} (job {job.job_id}, {state_of(job)})"
        return None

    # --- what is stored ------------------------------------------------------------------------

    def _rows(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        return self._cloud.disk.rows(sql, args)

    def _objects(self) -> dict[str, Stored]:
        rows = self._rows(f"SELECT bucket, key, body, {CLASS} FROM s3_objects")
        found = [
            Stored(key.split("/")[1], (_uri(bucket, key, kind),), body)
            for bucket, key, body, kind in rows
        ]
        return {one.names[0]: one for one in found}

    def _archives(self) -> Iterable[Stored]:
        rows = self._rows("SELECT id, description FROM glacier_archives WHERE deleted IS NULL")
        for archive, description in rows:
            _, job_id, name = description.split(" ")
            yield Stored(job_id, (_in_vault(archive), _in_vault(name)))

    def _filled(self) -> Iterable[Stored]:
        """Open uploads that hold bytes; an empty one costs nothing and is dropped by AWS."""
        join = "FROM s3_uploads JOIN s3_parts ON upload = id"
        for bucket, key, kind in self._rows(f"SELECT DISTINCT bucket, key, {CLASS} {join}"):
            yield Stored(key.split("/")[1], (_uri(bucket, key, kind),))
        idle = self._cloud.clock.now() - 86_400
        vault = (
            "SELECT DISTINCT description FROM glacier_uploads JOIN glacier_parts ON upload = id"
            " WHERE ended IS NULL AND touched > ?"
        )
        for (description,) in self._rows(vault, idle):
            _, job_id, name = description.split(" ")
            yield Stored(job_id, (_in_vault(name),))

    def _open(self) -> Iterable[Stored]:
        """Open uploads, filled or empty."""
        s3 = f"SELECT id, bucket, key, {CLASS} FROM s3_uploads"
        for upload, bucket, key, kind in self._rows(s3):
            yield Stored(key.split("/")[1], (f"{_uri(bucket, key, kind)}?upload={upload}",))
        idle = self._cloud.clock.now() - 86_400
        sql = "SELECT id, description FROM glacier_uploads WHERE ended IS NULL AND touched > ?"
        for upload, description in self._rows(sql, idle):
            yield Stored(description.split(" ")[1], (f"upload {upload}",))

    def _bodies_at(self, copy: Locator, objects: dict[str, Stored]) -> tuple[str, ...]:
        """Return the names of the files that hold a copy's bytes, in their order."""
        if copy.store is not Store.VAULT:
            found = objects.get(str(copy))
            return (found.body,) if found else ()
        parts = self._rows(
            "SELECT p.body FROM glacier_archives a JOIN glacier_parts p ON p.upload = a.upload"
            " WHERE a.id = ? AND a.deleted IS NULL ORDER BY p.start",
            copy.name,
        )
        return tuple(body for (body,) in parts)


def _uri(bucket: str, key: str, kind: str) -> str:
    """Return the locator of an object, or of an upload, of a storage class."""
    return f"{SCHEMES.get(kind, Store.HOT)}://{bucket}/{key}"


def _in_vault(name: str) -> str:
    return f"glacier-vault://gas/{name}"


def _locators(job: Job) -> list[Locator]:
    dated = (*job.garbage, *((job.attempt,) if job.attempt else ()))
    return [one for one in (job.input, job.copy, job.upload, *(d.locator for d in dated)) if one]


def _names(job: Job, stored: Stored) -> bool:
    """Whether a job names a stored thing: by itself, by a prefix, or as what an upload became."""
    for one in _locators(job):
        plain = str(one.finished())
        if plain in stored.names or (one.is_prefix and stored.names[0].startswith(plain)):
            return True
    return False


def _told(job: Job) -> list[str]:
    """Return what the item of a deleted job still says about its owner's file."""
    said: dict[str, object] = {
        "name": job.name.replace("Deleted job", ""),
        "etag": job.etag,
        "hashes": job.sha256 + job.tree_hash,
        "failed": job.failed,
        "size": job.size,
    }
    return [name for name, value in said.items() if value]


def _unfinished(job: Job, left: set[str], now: int) -> str | None:
    plan = plans.get(job.user_id)
    want, state = want_of(job, plan, now), state_of(job)
    if plan is None and not job.deleted:
        return "LOST its owner's plan"
    if plan and plan.leaving:
        return "STUCK its owner left, and the plan is there"
    if job.deleted and (left or _told(job)):
        return f"UNDELETED {sorted(left)} {_told(job)}"
    rest = {"DELETED"} if job.deleted else {want} if job.copy else {"FAILED", "CANCELLED"}
    if state not in rest or job.due_at != lifecycle.next_look(job, plan, now) or job.due_at:
        return f"STUCK wants {want}, due {job.due_at}, problem {job.problem}, now {now}"
    if job.copy and place(job.copy) != want:
        return f"STUCK in {job.copy}, wants {want}"
    expected = {str(job.copy)} if job.copy else set()
    prefix = str(job.attempt.locator) if job.attempt else "nothing"
    stray = {one for one in left - expected if not one.startswith(prefix)} - {str(job.input)}
    if stray or job.garbage or (job.copy and storage.RESULT in "".join(left - expected)):
        return f"ORPHAN {sorted(left - expected)} garbage {len(job.garbage)}"
    return None
