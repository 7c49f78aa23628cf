"""One annotation: claim, fetch, engine, outputs, record. The annotator's whole work with a job."""

import hashlib
import json
import tempfile
from collections.abc import Callable
from concurrent.futures import CancelledError
from io import FileIO
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from accounts import plans, tiers
from annotations import claims, jobs, library, services, storage
from annotations.genomics import engine
from annotations.genomics.references import Reference
from annotations.locators import Locator
from annotations.safety import RUN_CLAIMS, margins
from annotations.states import Dated, Job, state_of
from gas_project import aws, clock, events

ROLE = "annotator"
KEPT_FINDINGS = 20
"""Findings kept on the item; the log has them all. An item holds 400 KB at most."""
DAY = 24 * 3600

Stopping = Callable[[], bool]


def advance(job_id: str, *, stopping: Stopping) -> None:
    """Do what is the annotator's with a job: confirm its upload, run it, name a cancelled one.

    Raises jobs.NotFound when there is no such job, so that the message comes back later.
    """
    job = jobs.get(job_id)
    if job is None:
        raise jobs.NotFound(job_id)
    try:
        if _free(job) and state_of(job) == "UPLOADING":
            job = services.confirm_upload(job)
        if _free(job) and _waits(job):
            annotate(job, stopping=stopping)
        elif _free(job) and job.state != state_of(job):
            now = clock.now()
            jobs.rest(job, now=now, due_at=now)  # a wish could not know it: the job was cancelled
    except jobs.Fenced:
        return  # another write came between: its author, or the sweep, goes on


def _free(job: Job) -> bool:
    return not job.worker or (job.due_at or 0) <= clock.now()


def _waits(job: Job) -> bool:
    ended = job.deleted or job.copy or job.failed or job.cancelled or job.problem
    return bool(job.etag) and not ended


def annotate(job: Job, *, stopping: Stopping) -> None:
    """Run a queued job, or one whose annotator stopped. Raises jobs.Fenced."""
    if job.claims >= RUN_CLAIMS:
        _fail(job, "The annotator stopped five times on this file. We have been told.")
        return
    delays, now = margins(), clock.now()
    prefix = storage.new_attempt(job.job_id)
    ends = now + delays.run_limit + delays.signed + delays.skew
    claim = claims.take(
        job,
        role=ROLE,
        attempt=Dated(prefix, ends),
        garbage=job.garbage + ((job.attempt,) if job.attempt else ()),
        started_at=now,
        progress={"done": 0, "total": job.input_size, "records": 0},
    )
    try:
        with tempfile.TemporaryDirectory(prefix="gas-run-") as scratch:
            _run(claim, prefix, Path(scratch), stopping)
    except Exception as error:
        # Whatever else it was counts: at the fifth time the file is what stops annotators.
        if aws.away(error):
            claim.release(due_in=delays.outage)
        raise


def _run(claim: claims.Claim, prefix: Locator, scratch: Path, stopping: Stopping) -> None:
    source, out = scratch / "input", scratch / "out"
    out.mkdir()
    assert claim.job.input is not None
    watch = _Watch(claim, stopping)
    try:
        reference = _reference(claim, watch)
        storage.fetch(claim.job.input, source, etag=claim.job.etag, look_up=watch.look_up)
        result = engine.annotate(
            source=source,
            reference=reference,
            out=out,
            progress=watch.progress,
            cancelled=watch.cancelled,
            limits=engine.Limits(seconds=margins().run_limit),
        )
    except (storage.NotThere, storage.Changed):
        _fail(
            claim.job, "The uploaded file changed or went away before it was read. Upload it again."
        )
    except engine.Rejected as rejected:
        _reject(watch, prefix, out, rejected)
    except engine.EngineFailed as failed:
        _fail(claim.job, str(failed))
    except engine.Stopped:
        watch.settle()
    else:
        _keep(watch, prefix, out, result)


def _reference(claim: claims.Claim, watch: "_Watch") -> Reference:
    try:
        return library.find(claim.job.reference, look_up=watch.look_up)
    except storage.NotThere as gone:
        raise engine.EngineFailed(
            "The reference was removed. Submit the file with another one."
        ) from gone


class _Watch:
    """What is asked while files come and the engine runs: a chance to beat, and to stop."""

    def __init__(self, claim: claims.Claim, stopping: Stopping) -> None:
        self.claim = claim
        self.stopping = stopping
        self.fenced = False
        self.looked = claim.began
        self.seen: dict[str, int] = {}

    def progress(self, progress: engine.Progress) -> None:
        self.seen = {
            "done": progress.bytes_done,
            "total": progress.bytes_total,
            "records": progress.records,
        }

    def cancelled(self) -> bool:
        """Whether to stop: a shutdown, or a write that came between, such as a cancel."""
        try:
            self.claim.beat(**({"progress": self.seen} if self.seen else {}))
            self._look()
        except jobs.Fenced:
            self.fenced = True
        return self.fenced or self.stopping()

    def look_up(self) -> None:
        """Beat, and end what is being done when it is to stop. Raises engine.Stopped."""
        if self.cancelled():
            raise engine.Stopped

    def hold(self) -> None:
        """Beat while outputs are put, also in a shutdown: they are what the run was for.

        Raises CancelledError when another write came between, which the SDK passes on at once; any
        other error it would take for the network's, and send again.
        """
        try:
            self.claim.beat()
            self._look()
        except jobs.Fenced as fenced:
            raise CancelledError from fenced

    def _look(self) -> None:
        """See each second whether somebody wrote: a cancel does not wait for the next beat."""
        now = clock.now()
        if now <= self.looked:
            return
        self.looked = now
        try:
            job = jobs.get(self.claim.job.job_id)
        except (BotoCoreError, ClientError) as error:
            if not aws.away(error):
                raise
            return  # the next beat decides
        if job is None or job.rev != self.claim.job.rev:
            raise jobs.Fenced

    def settle(self) -> None:
        """After a stop: give the job back, unless somebody else has it already."""
        if not self.fenced:
            self.claim.release()


# --- how it ends -----------------------------------------------------------------------------


class _Attended(FileIO):
    """A file that says so before each of its reads, so that a long put is no blind one."""

    def __init__(self, path: Path, look_up: Callable[[], None]) -> None:
        super().__init__(path)
        self._look_up = look_up

    def read(self, size: int | None = -1, /) -> bytes:
        self._look_up()
        return super().read(-1 if size is None else size) or b""


def _put(watch: _Watch, prefix: Locator, out: Path) -> None:
    """Put the outputs below the prefix, signing none after the run limit. Raises jobs.Fenced."""
    until = watch.claim.began + margins().run_limit
    for path in sorted(out.iterdir()):
        with _Attended(path, watch.hold) as file:
            try:
                storage.put(storage.inside(prefix, path.name), file, until=until)
            except (storage.TooLate, CancelledError) as error:
                raise jobs.Fenced from error


def _kept_until(job: Job) -> tuple[int, tuple[Dated, ...]]:
    """Return until when the input is kept, and the garbage with it: it goes when that is due."""
    plan = plans.get(job.user_id)
    until = clock.now() + (plan.rules if plan else tiers.DEFAULT).input_days * DAY
    return until, (*job.garbage, *((Dated(job.input, until),) if job.input else ()))


def _keep(watch: _Watch, prefix: Locator, out: Path, result: engine.Result) -> None:
    """Put the outputs and record the result: the job has its first copy."""
    _put(watch, prefix, out)
    claim = watch.claim
    plan, now = plans.get(claim.job.user_id), clock.now()
    annotated = out / storage.RESULT
    until, garbage = _kept_until(claim.job)
    jobs.record(
        claim.job,
        now=now,
        step="annotate",
        actor=claim.worker,
        note=f"{result.records} records",
        copy=storage.inside(prefix, storage.RESULT),
        copied_at=now,
        completed_at=now,
        archive_after=max(
            claim.job.archive_after, now + (plan.rules if plan else tiers.DEFAULT).grace
        ),
        size=annotated.stat().st_size,
        sha256=_sha256(annotated),
        variants=result.records,
        input_until=until,
        garbage=garbage,
        progress=None,
    )
    events.publish(topic="job-completed", job_id=claim.job.job_id)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _reject(watch: _Watch, prefix: Locator, out: Path, rejected: engine.Rejected) -> None:
    """Record that the input is at fault, with what is wrong and where."""
    findings: list[dict[str, Any]] = [finding.as_dict() for finding in rejected.findings]
    (out / storage.LOG).write_text(rejected.log)
    for path in out.iterdir():
        if path.name != storage.LOG:
            path.unlink()
    _put(watch, prefix, out)
    errors = [finding for finding in findings if finding["severity"] == "error"]
    first = errors[0]["message"] if errors else "The file can't be annotated."
    _fail(watch.claim.job, first, findings=tuple(findings[:KEPT_FINDINGS]))


def _fail(job: Job, reason: str, **changes: Any) -> None:
    until, garbage = _kept_until(job)
    now = clock.now()
    jobs.record(
        job,
        now=now,
        step="fail",
        actor=claims.worker_name(ROLE),
        note=json.dumps(reason)[1:-1] if not changes else "the file was refused",
        failed=reason,
        completed_at=now,
        input_until=until,
        garbage=garbage,
        progress=None,
        **changes,
    )
    events.publish(topic="job-completed", job_id=job.job_id)
