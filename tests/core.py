"""What the tests of jobs and their storage share: people, results, time, workers, a judge."""

import hashlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from accounts import plans
from annotations import jobs, run, storage
from annotations.safety import margins
from annotations.states import Dated, Job
from annotations.storage import NotThere
from archival import census, lifecycle, reconcile, services
from deploy.local.run import LocalCloud
from gas_project import aws, clock, events, queues

MINUTE, HOUR, DAY = 60, 3600, 24 * 3600
RESULT = b"##fileformat=VCFv4.3\n" * 1000
ROLES = {
    "annotate": "annotator",
    "archive": "archiver",
    "restore": "restorer",
    "thaw": "thawer",
    "erase": "eraser",
}

Travel = Callable[[float], None]


# --- people and their results ------------------------------------------------------------------


def person(tier: str = "free") -> str:
    """Return a new person's id, with a plan."""
    user_id = str(uuid.uuid4())
    plans.create(user_id=user_id, tier=tier)
    return user_id


def new_job(user_id: str, **facts: Any) -> Job:
    """Return a job of these facts that is not in the table yet."""
    job_id = facts.pop("job_id", None) or str(uuid.uuid4())
    now = clock.now()
    base: dict[str, Any] = {
        "job_id": job_id,
        "user_id": user_id,
        "name": "patient.vcf",
        "reference": "sars-cov-2",
        "submitted_at": now,
        "rev": uuid.uuid4().hex,
        "due_at": now,
    }
    return Job(**{**base, **facts})


def queued(user_id: str, data: bytes = RESULT) -> Job:
    """Return a job whose upload is there and confirmed: the annotator's next."""
    job = new_job(user_id)
    where = storage.new_input(job.job_id)
    storage.put(where, data)
    head = storage.head(where)
    return _created(job, input=where, etag=head.etag, input_size=head.size, state="QUEUED")


def hot(user_id: str, data: bytes = RESULT, **facts: Any) -> Job:
    """Return a job with a hot result, its side files and its input, as an annotator leaves it."""
    job = new_job(user_id)
    prefix, where = storage.new_attempt(job.job_id), storage.new_input(job.job_id)
    storage.put(where, data)
    for name in (storage.RESULT, storage.SUMMARY, storage.LOG):
        storage.put(storage.inside(prefix, name), data)
    made: dict[str, Any] = {
        "input": where,
        "etag": storage.head(where).etag,
        "attempt": Dated(prefix, job.submitted_at),
        "copy": storage.inside(prefix, storage.RESULT),
        "copied_at": job.submitted_at,
        "completed_at": job.submitted_at,
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "state": "HOT",
    }
    return _created(job, **{**made, **facts})


def _created(job: Job, **facts: Any) -> Job:
    names = job.__dataclass_fields__
    made = Job(**{**{name: getattr(job, name) for name in names}, **facts})
    jobs.create(made, actor="owner")
    return made


def look(job: Job | str) -> Job:
    """Return the job as it is now."""
    found = jobs.get(job if isinstance(job, str) else job.job_id)
    assert found is not None
    return found


def served(job: Job | str) -> bytes:
    """Return the bytes of a job's hot copy."""
    copy = look(job).copy
    assert copy is not None
    return b"".join(storage.stream(copy))


# --- workers -----------------------------------------------------------------------------------


def work() -> int:
    """Let every worker empty its queue, until all are empty; return the messages handled."""
    handled = 0
    while took := sum(_drain(queue, role) for queue, role in ROLES.items()):
        handled += took
    return handled


def _drain(queue: str, role: str) -> int:
    found = queues.receive(queue, limit=10, wait=0, visibility=30)
    for message in found:
        for event in events.decode(message.body):
            if role == "annotator":
                run.advance(event.job_id or "", stopping=lambda: False)
            else:
                services.handle(event, role=role)
    queues.delete(queue, found)
    return len(found)


def told(queue: str) -> set[str]:
    """Empty a queue; return whom its hints were about: ids of jobs and of people."""
    seen = set()
    while found := queues.receive(queue, limit=10, wait=0, visibility=60):
        seen |= {
            e.job_id or getattr(e, "user_id", "") for m in found for e in events.decode(m.body)
        }
        queues.delete(queue, found)
    return seen


def lose_messages() -> None:
    """Throw away what is in every queue."""
    for queue in events.QUEUE_OF_ROLE.values():
        while found := queues.receive(queue, limit=10, wait=0, visibility=30):
            queues.delete(queue, found)


def settle(travel: Travel, *pauses: float) -> None:
    """Sweep and work until all is quiet, then again after each pause (s)."""
    for pause in (0.0, *pauses):
        travel(pause)
        work()
        for _ in range(ROUNDS):
            if not services.sweep() or not work():
                break


ROUNDS = 8
"""Sweeps after which all that can be done now is done; some hints are for a later look."""


def converge(cloud: LocalCloud, travel: Travel, job: Job) -> None:
    """Let everything happen to the only job that is still to come, messages lost, inventories too.

    It does what the sweep does, for one job and without the queues: only what is due is visited.
    """
    delays = margins()
    for pause in (0, delays.lease + 1, delays.bulk + 1, delays.keep + 1):
        travel(pause)
        _visit(job)
    for _ in range(3):
        found = look(job)
        if archives(cloud) - named(found) or any(g.locator.upload for g in found.garbage):
            inventory(travel)
            travel(delays.keep + 1)
            _visit(job)


def _visit(job: Job) -> None:
    for user_id in plans.pending():
        services.spread(user_id)
    for _ in range(20):
        now, found = clock.now(), look(job)
        if found.due_at is None or found.due_at > now:
            return
        step = lifecycle.next_step(found, plans.get(job.user_id), now)
        role = lifecycle.owner(found, step) if step else None
        services.advance(role=role or "sweep", job_id=job.job_id)
    raise AssertionError("a job that is never at rest")


def inventory(travel: Travel) -> int:
    """Reconcile with the vault's inventory, if there is one; return the jobs that changed."""
    travel(DAY)
    handle = None
    with suppress(NotThere):
        handle = reconcile.ask()
    travel(margins().standard + 1)
    return reconcile.apply(census.take(handle), accept=True)


# --- the judge ---------------------------------------------------------------------------------


def objects() -> set[str]:
    """Return every key in the three buckets."""
    found = set()
    for kind in ("uploads", "results", "archive"):
        listed = aws.s3().list_objects_v2(Bucket=aws.bucket(kind))
        found |= {entry["Key"] for entry in listed.get("Contents", [])}
    return found


def open_uploads() -> set[str]:
    """Return every open multipart upload, in the buckets and in the vault."""
    return {upload for upload, _ in _uploads()}


def filled_uploads() -> set[str]:
    """Return the open uploads that hold parts; an empty one costs nothing and is dropped."""
    return {upload for upload, parts in _uploads() if parts}


def _uploads() -> Iterator[tuple[str, int]]:
    s3, glacier = aws.s3(), aws.glacier()
    for kind in ("uploads", "results", "archive"):
        where = aws.bucket(kind)
        for entry in s3.list_multipart_uploads(Bucket=where).get("Uploads", []):
            key, upload = entry["Key"], entry["UploadId"]
            parts = s3.list_parts(Bucket=where, Key=key, UploadId=upload).get("Parts", [])
            yield upload, len(parts)
    vault = aws.vault()
    for found in glacier.list_multipart_uploads(vaultName=vault)["UploadsList"]:
        upload = found["MultipartUploadId"]
        yield upload, len(glacier.list_parts(vaultName=vault, uploadId=upload)["Parts"])


def archives(cloud: LocalCloud) -> set[str]:
    """Return the archives in the vault, which only its own disk tells at once."""
    rows = cloud._disk.rows("SELECT id FROM glacier_archives WHERE deleted IS NULL", ())
    return {str(row[0]) for row in rows}


def named(job: Job) -> set[str]:
    """Return the names of all bytes that a job names."""
    dated = [g.locator for g in (*job.garbage, *([job.attempt] if job.attempt else []))]
    return {one.name for one in (job.copy, job.upload, job.input, *dated) if one}


def strays(cloud: LocalCloud, job: Job | str) -> set[str]:
    """Return the bytes of the only job there is that its item does not name."""
    names = named(look(job))
    prefixes = tuple(name for name in names if name.endswith("/")) or ("nothing",)
    return {
        name
        for name in objects() | archives(cloud)
        if name not in names and not name.startswith(prefixes)
    }


class Counted:
    """Counts calls by operation while it is entered."""

    def __init__(self, client: Any, operations: tuple[str, ...]) -> None:
        self.client = client
        self.operations = operations
        self.seen: list[str] = []

    def _note(self, model: Any, **_: Any) -> None:
        if not self.operations or model.name in self.operations:
            self.seen.append(model.name)

    def __enter__(self) -> "Counted":
        self.client.meta.events.register_first("before-call.*", self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.meta.events.unregister("before-call.*", self._note)


class Away(Exception):
    """A call's reply that got lost."""


@contextmanager
def replies_lost(client: Any, operation: str, times: int = 1) -> Iterator[None]:
    """Let the next calls of an operation be performed, but their replies get lost."""
    left = [times]

    def lose(**_: Any) -> None:
        if left[0]:
            left[0] -= 1
            raise Away(operation)

    name = f"after-call.*.{operation}"
    client.meta.events.register_first(name, lose)
    try:
        yield
    finally:
        client.meta.events.unregister(name, lose)


class Meddler:
    """Lets something happen right before the n-th call (from 0) that we make of AWS."""

    def __init__(self, number: int, act: Callable[[], None]) -> None:
        self.number = number
        self.act = act
        self.seen: list[str] = []
        self._clients = [aws.dynamodb(), aws.s3(), aws.sns(), aws.glacier(), aws.glacier_once()]
        self._clients.append(aws.s3_once())

    @property
    def happened(self) -> bool:
        return len(self.seen) > self.number

    def _note(self, model: Any, **_: Any) -> None:
        self.seen.append(model.name)
        if len(self.seen) == self.number + 1:
            self._leave()
            self.act()

    def _leave(self) -> None:
        for client in self._clients:
            client.meta.events.unregister("before-call.*", self._note)

    def __enter__(self) -> "Meddler":
        for client in self._clients:
            client.meta.events.register_first("before-call.*", self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()
