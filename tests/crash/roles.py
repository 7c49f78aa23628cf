"""The typical job of each worker, and where it should end."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from accounts.models import User
from annotations import jobs, storage
from annotations.genomics.examples import EXAMPLES
from annotations.locators import Locator, Store
from annotations.safety import margins
from annotations.states import Job
from archival import reconcile, services
from archival.stores import vault
from gas_project import aws, clock, events
from tests.archival.life import archived, open_only, restoring, upgrade, wish_deleted
from tests.core import DAY, RESULT, Travel, _visit, hot, look, lose_messages, new_job, person

TWO_PARTS = RESULT * 440
"""Bytes of a result that is archived in two parts of 8 MiB at most."""

ONCE = ("--once", "--wait", "1", "--concurrency", "1")


@dataclass(frozen=True, slots=True)
class Role:
    """A worker's typical job: its command, what it finds, and the state in which all ends."""

    name: str
    command: tuple[str, ...]
    arrange: Callable[[Travel], Job]
    ends: str
    store: str = "vault"
    data: bytes = RESULT

    @property
    def queue(self) -> str | None:
        """The role whose queue the command reads, None for one that reads none."""
        name = self.command[0]
        return name.removeprefix("run_") if name.startswith("run_") else None


def _hint(role: str, job: Job) -> Job:
    lose_messages()
    events.send_hints(queue=events.QUEUE_OF_ROLE[role], job_ids=[job.job_id], user_ids=[])
    return look(job)


def uploaded(travel: Travel) -> Job:
    """A file has arrived and nobody has said so."""
    job = new_job(person("premium"))
    where = storage.new_input(job.job_id)
    storage.put(where, EXAMPLES[0].path.read_bytes())
    made = Job(**{**{n: getattr(job, n) for n in job.__dataclass_fields__}, "input": where})
    jobs.create(made, actor="owner")
    return _hint("annotator", made)


def to_archive(travel: Travel) -> Job:
    """A result of two parts is due to be archived."""
    return _hint("archiver", hot(person(), TWO_PARTS))


def to_spread(travel: Travel) -> Job:
    """The owner of an archived result has just upgraded."""
    job = archived()
    services.change_tier(user_id=job.user_id, tier="premium")
    lose_messages()
    events.send_hints(queue=events.QUEUE_OF_ROLE["restorer"], job_ids=[], user_ids=[job.user_id])
    return look(job)


def to_restore(travel: Travel) -> Job:
    """An archived result is wanted back."""
    return _hint("restorer", upgrade(archived()))


def to_thaw(travel: Travel) -> Job:
    """A retrieval of two parts is ready."""
    job = hot(person(), TWO_PARTS)
    services.advance(role="archiver", job_id=job.job_id)
    job = upgrade(job)
    services.advance(role="restorer", job_id=job.job_id)
    travel(max(0, look(job).ready_at - clock.now()) + 1)
    return _hint("thawer", job)


def to_erase(travel: Travel) -> Job:
    """A job is deleted while its result is on its way to the archive."""
    job = open_only(hot(person()))
    travel(margins().posts_end + 1)
    wish_deleted(job)
    return _hint("eraser", job)


def to_erase_archived(travel: Travel) -> Job:
    """A job is deleted while its archive is asked back."""
    job = restoring()
    travel(margins().posts_end + 1)
    wish_deleted(job)
    return _hint("eraser", job)


def to_sweep(travel: Travel) -> Job:
    """A result is due, its owner's plan changed, and every message was lost."""
    job = archived()
    services.change_tier(user_id=job.user_id, tier="premium")
    jobs.touch(job.job_id, due_at=clock.now())
    lose_messages()
    return look(job)


def to_mail(travel: Travel) -> Job:
    """A result is there and its owner waits for the news."""
    user_id = person("premium")
    User.objects.create_user(f"{user_id}@gas.invalid", id=uuid.UUID(user_id))
    return _hint("notifier", hot(user_id))


def to_reconcile(travel: Travel) -> Job:
    """The vault's inventory lists an archive that its job, at rest, does not name."""
    job = archived()
    travel(margins().links_end + 1)
    _visit(job)
    name = f"a/{job.job_id}/stray"
    upload = aws.glacier().initiate_multipart_upload(
        vaultName=aws.vault(),
        archiveDescription=vault.describe(job_id=job.job_id, name=name),
        partSize=str(1024 * 1024),
    )["uploadId"]
    where = Locator(Store.VAULT, aws.vault(), name, upload)
    tag = vault.write(upload=where, number=1, offset=0, data=RESULT)
    vault.finish(upload=where, size=len(RESULT), tags=[tag])
    travel(DAY)
    reconcile.ask()
    travel(margins().standard + 1)
    return look(job)


def _run(role: str) -> tuple[str, ...]:
    return (f"run_{role}", *ONCE)


ROLES = (
    Role("annotator", _run("annotator"), uploaded, "HOT", data=b""),
    Role("archiver", _run("archiver"), to_archive, "COLD", data=TWO_PARTS),
    Role("archiver, S3 class", _run("archiver"), to_archive, "COLD", "s3", TWO_PARTS),
    Role("restorer, a plan", _run("restorer"), to_spread, "HOT"),
    Role("restorer", _run("restorer"), to_restore, "HOT"),
    Role("restorer, S3 class", _run("restorer"), to_restore, "HOT", "s3"),
    Role("thawer", _run("thawer"), to_thaw, "HOT", data=TWO_PARTS),
    Role("thawer, S3 class", _run("thawer"), to_thaw, "HOT", "s3", TWO_PARTS),
    Role("eraser, an upload", _run("eraser"), to_erase, "DELETED"),
    Role("eraser, an archive", _run("eraser"), to_erase_archived, "DELETED"),
    Role("eraser, S3 class", _run("eraser"), to_erase, "DELETED", "s3"),
    Role("sweep", ("sweep_jobs",), to_sweep, "HOT"),
    Role("notifier", _run("notifier"), to_mail, "HOT"),
    Role("reconcile", ("reconcile_archives", "--apply"), to_reconcile, "COLD"),
)
