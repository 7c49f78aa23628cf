"""One result's whole life against the running workers, printed as a timeline. Local cloud only."""

import hashlib
import json
import time
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts import plans
from accounts.models import User
from annotations import jobs, services
from annotations.genomics.examples import EXAMPLES
from annotations.locators import Locator, Store
from annotations.states import Job
from archival import services as storage_life
from gas_project import aws

PATIENCE = 90
"""Seconds that one step may take before the demo calls it stuck."""


@dataclass(slots=True)
class Seen:
    """What the demo knows: the person, the job, the bytes of the first download."""

    user_id: str
    email: str
    job_id: str = ""
    first: str = ""


class Command(BaseCommand):
    """Submit, annotate, notify, archive, upgrade, restore, thaw, delete; check after each step."""

    help = (
        "Live one result's whole life against the running workers. Exit 0 only if the thawed "
        "result is byte-identical, every stored byte was always named, and nothing is left."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Live it. Raises CommandError at the first thing that is not as promised."""
        if not settings.GAS_LOCAL:
            raise CommandError("the demo only runs on the local cloud (127.0.0.1)")
        self.began = self.last = time.monotonic()
        user = User.objects.create_user(f"{uuid.uuid4().hex[:8]}@gas.invalid")
        plans.create(user_id=str(user.pk))
        seen = Seen(str(user.pk), user.email)
        steps: list[tuple[str, Callable[[Seen], str]]] = [
            ("submit", self._submit),
            ("annotate", self._annotate),
            ("notify", self._notify),
            ("archive", self._archive),
            ("upgrade", self._upgrade),
            ("restore and thaw", self._thaw),
            ("mail", self._back),
            ("delete", self._delete),
        ]
        for name, step in steps:
            self._tell(name, step(seen))
            self._check_named(seen)
        self.stdout.write(f"{time.monotonic() - self.began:6.1f} s  all of it, as promised")

    def _tell(self, name: str, text: str) -> None:
        now = time.monotonic()
        self.stdout.write(f"{now - self.last:6.1f} s  {name:17} {text}")
        self.last = now

    # --- the steps ---------------------------------------------------------------------------

    def _submit(self, seen: Seen) -> str:
        chosen = EXAMPLES[0]
        made = services.submit(user_id=seen.user_id, name=chosen.title, reference=chosen.reference)
        seen.job_id = made.job.job_id
        data = chosen.path.read_bytes()
        _post_form(made.url, made.fields, data)
        services.confirm(job_id=seen.job_id, user_id=seen.user_id)
        return f"{len(data):,} bytes by presigned POST"

    def _annotate(self, seen: Seen) -> str:
        job = self._wait(seen, lambda job: job.state == "HOT", "the annotation")
        data = self._download(seen)
        seen.first = hashlib.sha256(data).hexdigest()
        if seen.first != job.sha256:
            raise CommandError("the download is not the recorded result")
        return f"{job.variants} variants, {job.size:,} bytes, SHA-256 {job.sha256[:12]}…"

    def _notify(self, seen: Seen) -> str:
        self._wait_mail(seen, "ready")
        return "the mail is in the mailbox"

    def _archive(self, seen: Seen) -> str:
        job = self._wait(
            seen,
            lambda job: job.state == "COLD" and not any(_hot(g) for g in job.garbage),
            "the archive",
        )
        try:
            services.download_url(job_id=seen.job_id, user_id=seen.user_id)
        except services.Archived:
            kept = len(services.preview(job))
            return f"in {job.copy.store if job.copy else ''}; summary and {kept} variants stay"
        raise CommandError("an archived result could still be downloaded")

    def _upgrade(self, seen: Seen) -> str:
        storage_life.change_tier(user_id=seen.user_id, tier="premium")
        return "Free to Premium"

    def _thaw(self, seen: Seen) -> str:
        self._wait(seen, lambda job: job.state == "HOT", "the thaw")
        if hashlib.sha256(self._download(seen)).hexdigest() != seen.first:
            raise CommandError("the thawed result is not the first one")
        return "available again, the same SHA-256"

    def _back(self, seen: Seen) -> str:
        self._wait_mail(seen, "back")
        return "your results are back"

    def _delete(self, seen: Seen) -> str:
        services.delete(job_id=seen.job_id, user_id=seen.user_id)
        self._wait(seen, lambda job: job.state == "DELETED", "the deletion")
        if left := stored(seen.job_id):
            raise CommandError(f"{len(left)} things are left: {left}")
        return "nothing is left in S3, in Glacier or as an open upload"

    # --- looking -----------------------------------------------------------------------------

    def _wait(self, seen: Seen, wanted: Callable[[Job], bool], what: str) -> Job:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            job = jobs.get(seen.job_id)
            if job and wanted(job):
                return job
            if job and (job.state in ("FAILED", "QUARANTINED")):
                raise CommandError(f"{what} failed: {job.failed or job.problem}")
            time.sleep(0.1)
        raise CommandError(f"{what} did not come within {PATIENCE} s")

    def _download(self, seen: Seen) -> bytes:
        url = services.download_url(job_id=seen.job_id, user_id=seen.user_id)
        with urllib.request.urlopen(url, timeout=30) as reply:  # noqa: S310 (our own link)
            return bytes(reply.read())

    def _wait_mail(self, seen: Seen, word: str) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            url = f"{settings.AWS_ENDPOINT_URL}/_gas/mail"
            with urllib.request.urlopen(url, timeout=30) as reply:  # noqa: S310 (loopback)
                mails = json.load(reply)
            if any(seen.email in str(m["to"]) and word in m["subject"] for m in mails):
                return
            time.sleep(0.1)
        raise CommandError(f"no mail that says “{word}” came within {PATIENCE} s")

    def _check_named(self, seen: Seen) -> None:
        """Every byte that is stored for the job is named by its item, at this very moment.

        The store is looked at first, then the item: what a worker makes in between is not judged.
        """
        found = stored(seen.job_id)
        job = jobs.get(seen.job_id)
        if job is None:
            raise CommandError("the item is gone")
        if strays := [one for one in found if not names(job, one)]:
            raise CommandError(f"bytes that no item names: {strays}")


def _hot(dated: Any) -> bool:
    return str(dated.locator).startswith("s3://") and "/t/" in str(dated.locator)


def names(job: Job, stored: tuple[str, ...]) -> bool:
    """Return whether a job names stored bytes by one of their names.

    It may name them by themselves, by a prefix, or as what one of its uploads became.
    """
    dated = (*job.garbage, *((job.attempt,) if job.attempt else ()))
    known = [one for one in (job.input, job.copy, job.upload) if one]
    known += [one.locator for one in dated]
    for one in known:
        plain = str(one.finished())
        if plain in stored or (one.is_prefix and stored[0].startswith(plain)):
            return True
    return False


def stored(job_id: str) -> list[tuple[str, ...]]:
    """Return the names of all that is stored for a job: objects, open uploads, archives.

    An archive has two: its id, and the name that we chose, which its description carries.
    """
    found: list[tuple[str, ...]] = []
    for kind, letters in (("uploads", "u"), ("results", "rt"), ("archive", "a")):
        bucket = aws.bucket(kind)
        for letter in letters:
            prefix = f"{letter}/{job_id}/"
            listed = aws.s3().list_objects_v2(Bucket=bucket, Prefix=prefix)
            found += [_in_s3(kind, bucket, entry) for entry in listed.get("Contents", [])]
            begun = aws.s3().list_multipart_uploads(Bucket=bucket, Prefix=prefix)
            found += [_in_s3(kind, bucket, entry) for entry in begun.get("Uploads", [])]
    return found + _in_vault(job_id)


def _in_s3(kind: str, bucket: str, entry: Any) -> tuple[str, ...]:
    """Return the one name of an object or an upload: in the archive, the scheme is the class."""
    deep = entry.get("StorageClass") == "DEEP_ARCHIVE"
    cold = Store.S3_DEEP if deep else Store.S3_GLACIER
    return (str(Locator(cold if kind == "archive" else Store.HOT, bucket, entry["Key"])),)


def _in_vault(job_id: str) -> list[tuple[str, ...]]:
    """Return the job's archives and open uploads in the vault, as the local cloud knows them."""
    url = f"{settings.AWS_ENDPOINT_URL}/_gas/vault"
    with urllib.request.urlopen(url, timeout=30) as reply:  # noqa: S310 (loopback)
        held = json.load(reply)
    mine = [one for one in held if f" {job_id} " in one["description"]]
    both = [(one["archive_id"], one["description"].split()[-1]) for one in mine]
    vault = f"glacier-vault://{aws.vault()}/"
    return [tuple(vault + name for name in known if name) for known in both]


def _post_form(url: str, fields: dict[str, str], data: bytes) -> None:
    """Send a file as a browser's form does. Raises CommandError when S3 refuses it."""
    edge = uuid.uuid4().hex
    head = "".join(
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += (
        f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="demo.vcf"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = head.encode() + data + f"\r\n--{edge}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={edge}"}
    request = urllib.request.Request(url, body, kind)  # noqa: S310 (our own presigned form)
    with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310
        if reply.status not in (200, 201, 204):
            raise CommandError(f"S3 answered {reply.status} to the upload")
