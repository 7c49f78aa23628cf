"""The local Glacier's jobs: initiate, describe, list, finish, tell.

Rules and words: Amazon Glacier API reference, "Job Operations".
"""

import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from werkzeug import Request, Response

from deploy.local import ACCOUNT
from deploy.local.glacier_archives import Archive, archive_of, tree_of_range
from deploy.local.glacier_inventory import take
from deploy.local.glacier_store import (
    DAY,
    HOUR,
    Refusal,
    Shelf,
    answer,
    description_of,
    identity,
    missing,
    page,
    required,
    stamp,
    vault_arn,
    wrong,
)
from deploy.local.glacier_vaults import check_policy, created, fields, topic_for

log = logging.getLogger(__name__)

TIERS = {"Expedited": 5 * 60.0, "Standard": 4 * HOUR, "Bulk": 8 * HOUR}
"""Seconds until a job is ready (AWS says 1-5 minutes, 3-5 hours, 5-12 hours)."""

Emit = Callable[[str, str], None]


@dataclass(frozen=True)
class Job:
    """One row of glacier_jobs. `archive` is None for an inventory; `notices` are topics to tell."""

    id: str
    vault: str
    archive: str | None
    description: str
    topic: str | None
    tier: str | None
    first: int
    size: int
    created: float
    ready: float
    status: str
    message: str | None
    notices: str
    inventory: str | None
    body: str | None

    @property
    def done(self) -> bool:
        """Whether it is Succeeded or Failed."""
        return self.status != "InProgress"


def initiate(shelf: Shelf, request: Request, vault: str) -> Response:
    """InitiateJob: no token and no cancel; the same request twice makes two jobs."""
    created(shelf, vault)
    asked = fields(request)
    starts = {"archive-retrieval": _retrieval, "inventory-retrieval": _inventory}
    kind = required("Type", asked.get("Type"))
    if kind not in starts:
        raise wrong(f"Invalid job type: {kind}")
    _check_topic(asked.get("SNSTopic"))
    job = starts[kind](shelf, vault, asked)
    shelf.disk.run(
        f"INSERT INTO glacier_jobs VALUES ({','.join('?' * 15)})",  # noqa: S608
        tuple(vars(job).values()),
    )
    where = f"/{ACCOUNT}/vaults/{vault}/jobs/{job.id}"
    return Response(status=202, headers={"Location": where, "x-amz-job-id": job.id})


def _retrieval(shelf: Shelf, vault: str, asked: dict[str, Any]) -> Job:
    tier = asked.get("Tier") or "Standard"
    if tier not in TIERS:
        raise wrong(f"Invalid Tier: {tier}")
    archive = archive_of(shelf, vault, required("ArchiveId", asked.get("ArchiveId")))
    first, size = _range(asked.get("RetrievalByteRange"), archive.size)
    if tier == "Expedited":
        _check_capacity(shelf)
    if tier == "Standard":
        check_policy(shelf, size)
    return _job(shelf, vault, asked, archive=archive.id, tier=tier, first=first, size=size)


def _inventory(shelf: Shelf, vault: str, asked: dict[str, Any]) -> Job:
    for name in ("ArchiveId", "RetrievalByteRange"):
        if asked.get(name):
            raise wrong(f"{name} is not allowed for an inventory retrieval")
    if asked.get("Format") not in (None, "JSON"):
        raise wrong(f"Invalid Format: {asked['Format']}. The local cloud knows JSON only")
    taken = take(shelf, vault, asked.get("InventoryRetrievalParameters") or {})
    return _job(
        shelf, vault, asked, size=taken.size, inventory=json.dumps(taken.asked), body=taken.body
    )


def _job(
    shelf: Shelf,
    vault: str,
    asked: dict[str, Any],
    *,
    size: int,
    archive: str | None = None,
    tier: str | None = None,
    first: int = 0,
    inventory: str | None = None,
    body: str | None = None,
) -> Job:
    now = shelf.now()
    return Job(
        id=identity(92),
        vault=vault,
        archive=archive,
        description=description_of(asked.get("Description")),
        topic=asked.get("SNSTopic"),
        tier=tier,
        first=first,
        size=size,
        created=now,
        ready=now + shelf.lasting(TIERS[tier or "Standard"]),
        status="InProgress",
        message=None,
        notices="",
        inventory=inventory,
        body=body,
    )


def _check_topic(topic: str | None) -> None:
    if topic and not re.fullmatch(r"arn:aws:sns:[a-z0-9-]+:\d{12}:[\w-]{1,256}", topic):
        raise wrong(f"Invalid SNS topic ARN: {topic}")


def _check_capacity(shelf: Shelf) -> None:
    if shelf.faults.refuse_expedited:
        raise Refusal(
            "InsufficientCapacity",
            "Insufficient capacity available to process this expedited request.",
            int(shelf.faults.refuse_expedited),
        )


def _range(text: str | None, size: int) -> tuple[int, int]:
    """Return first byte and length. Start and end lie on whole MiB, or the end is the last byte."""
    if not text:
        return 0, size
    match = re.fullmatch(r"(\d{1,18})-(\d{1,18})", text)
    if not match:
        raise wrong(f"Invalid RetrievalByteRange: {text}")
    first, last, mib = int(match[1]), int(match[2]), 1024 * 1024
    if first % mib or not first <= last < size or ((last + 1) % mib and last + 1 != size):
        raise wrong(f"Invalid RetrievalByteRange: {text}. It must be megabyte aligned")
    return first, last + 1 - first


def describe(shelf: Shelf, request: Request, vault: str, job: str) -> Response:
    """DescribeJob."""
    return answer(description(shelf, job_of(shelf, vault, job)))


def list_jobs(shelf: Shelf, request: Request, vault: str) -> Response:
    """ListJobs: running and lately finished ones, the oldest first."""
    created(shelf, vault)
    settle(shelf)
    status, done = request.args.get("statuscode"), request.args.get("completed")
    rows = shelf.disk.rows(
        "SELECT * FROM glacier_jobs WHERE vault=? ORDER BY created, rowid", (vault,)
    )
    jobs = [job for job in (Job(*row) for row in rows) if not _expired(shelf, job)]
    shown, marker = page(
        [
            job
            for job in jobs
            if status in (None, job.status) and done in (None, str(job.done).lower())
        ],
        name_of=lambda job: job.id,
        limit=request.args.get("limit"),
        marker=request.args.get("marker"),
    )
    return answer({"JobList": [description(shelf, job) for job in shown], "Marker": marker})


def job_of(shelf: Shelf, vault: str, job: str) -> Job:
    """Return a job as it stands now. Raises Refusal 24 (scaled) hours after it finished."""
    created(shelf, vault)
    settle(shelf)
    rows = shelf.disk.rows("SELECT * FROM glacier_jobs WHERE id=? AND vault=?", (job, vault))
    found = Job(*rows[0]) if rows else None
    if found is None or _expired(shelf, found):
        raise missing(f"The job ID was not found: {job}")
    return found


def _expired(shelf: Shelf, job: Job) -> bool:
    return job.done and shelf.now() - job.ready > shelf.lasting(DAY)


def expire(shelf: Shelf, job: Job) -> None:
    """Let a finished job's 24 hours be over."""
    shelf.disk.run(
        "UPDATE glacier_jobs SET ready=? WHERE id=?", (shelf.now() - shelf.lasting(DAY) - 1, job.id)
    )


def description(shelf: Shelf, job: Job) -> dict[str, Any]:
    """Return what DescribeJob says of a job; it is also the text of its completion notice."""
    archive = archive_of(shelf, job.vault, job.archive, gone=True) if job.archive else None
    succeeded = job.status == "Succeeded"
    return {
        "Action": "ArchiveRetrieval" if archive else "InventoryRetrieval",
        "ArchiveId": job.archive,
        "ArchiveSHA256TreeHash": archive and archive.tree,
        "ArchiveSizeInBytes": archive and archive.size,
        "Completed": job.done,
        "CompletionDate": stamp(job.ready) if job.done else None,
        "CreationDate": stamp(job.created),
        "InventoryRetrievalParameters": json.loads(job.inventory) if job.inventory else None,
        "InventorySizeInBytes": job.size if succeeded and not archive else None,
        "JobDescription": job.description or None,
        "JobId": job.id,
        "JobOutputPath": None,
        "OutputLocation": None,
        "RetrievalByteRange": f"{job.first}-{job.first + job.size - 1}" if archive else None,
        "SelectParameters": None,
        "SHA256TreeHash": _tree(shelf, job, archive) if archive and succeeded else None,
        "SNSTopic": job.topic,
        "StatusCode": job.status,
        "StatusMessage": job.message,
        "Tier": job.tier,
        "VaultARN": vault_arn(job.vault),
    }


def _tree(shelf: Shelf, job: Job, archive: Archive) -> str | None:
    if job.size == archive.size:
        return archive.tree
    return tree_of_range(shelf, archive, job.first, job.size)


def settle(shelf: Shelf) -> None:
    """Finish every job whose time has come."""
    due = "SELECT * FROM glacier_jobs WHERE status='InProgress' AND ready<=?"
    if not shelf.disk.rows(f"{due} LIMIT 1", (shelf.now(),)):
        return
    with shelf.disk.transaction():
        for row in shelf.disk.rows(f"{due} ORDER BY ready", (shelf.now(),)):
            _finish(shelf, Job(*row))


def _finish(shelf: Shelf, job: Job) -> None:
    status, message = _outcome(shelf, job)
    event = "ArchiveRetrievalCompleted" if job.archive else "InventoryRetrievalCompleted"
    # A vault's own notification comes on top of the job's, even to the same topic.
    topics = [topic for topic in (job.topic, topic_for(shelf, job.vault, event)) if topic]
    shelf.disk.run(
        "UPDATE glacier_jobs SET status=?, message=?, notices=? WHERE id=?",
        (status, message, " ".join(topics * shelf.faults.copies()), job.id),
    )


def _outcome(shelf: Shelf, job: Job) -> tuple[str, str]:
    if shelf.faults.take("fail_next_jobs"):
        return "Failed", "The job could not be completed"
    deleted = job.archive and archive_of(shelf, job.vault, job.archive, gone=True).deleted
    if deleted and deleted <= job.ready:
        return "Failed", "The archive was deleted before it was ready for download"
    return "Succeeded", "Succeeded"


def tell(shelf: Shelf, emit: Emit) -> None:
    """Send the notices of finished jobs: once, or again after a crash in between.

    One that its topic does not take is lost, as it is on AWS.
    """
    waiting = "SELECT * FROM glacier_jobs WHERE notices<>'' AND ready<=? ORDER BY ready"
    told = shelf.now() - shelf.lasting(shelf.faults.delay_notices)
    for row in shelf.disk.rows(waiting, (told,)):
        job = Job(*row)
        text = json.dumps(description(shelf, job))
        for topic in job.notices.split():
            try:
                emit(topic, text)
            except Exception:
                log.warning("a completion notice was not taken by %s", topic, exc_info=True)
        shelf.disk.run("UPDATE glacier_jobs SET notices='' WHERE id=?", (job.id,))


def forget_expired(shelf: Shelf) -> None:
    """Remove jobs whose output is no longer kept."""
    rows = shelf.disk.rows(
        "SELECT id, body FROM glacier_jobs WHERE status<>'InProgress' AND ready<?",
        (shelf.now() - shelf.lasting(2 * DAY),),
    )
    for job, body in rows:
        shelf.disk.run("DELETE FROM glacier_jobs WHERE id=?", (job,))
        if body:
            shelf.disk.find(body).unlink(missing_ok=True)
