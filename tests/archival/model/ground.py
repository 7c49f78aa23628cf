"""The model's S3 and Glacier vault: what they keep, what they answer, how they fail."""

import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import TypeVar

from tests.archival.model.facts import DAY, ETA, HOUR, SIGNED, NotFound, Refused

UPLOAD_TTL = {"vault": DAY, "s3": 7 * DAY}
"""Vaults drop idle uploads; in S3 a lifecycle rule does."""
IDEMPOTENT = (0, HOUR, 30 * DAY)
"""How long a vault repeats its reply to Complete: AWS says "a short period"; all are tried."""
REFUSED = {"Expedited": 0.3, "Standard": 0.25, "Bulk": 0.05}

T = TypeVar("T")


@dataclass
class S3Object:
    cls: str
    content: str
    ready: int | None = None


@dataclass
class Upload:
    name: str
    cls: str
    at: int
    archive: str | None = None


@dataclass
class Archive:
    name: str
    content: str
    at: int
    gone: int | None = None


@dataclass
class Retrieval:
    ready: int
    fails: bool
    data: str


class Ground:
    """The clock, the dice, and what went by."""

    def __init__(self, seed: int, off: frozenset[str]) -> None:
        self.r = random.Random(seed)
        self.off = off
        self.now = 1000 * DAY
        self.n = 0
        self.faults = True
        self.stats: Counter[str] = Counter()

    def uid(self, prefix: str) -> str:
        self.n += 1
        return f"{prefix}{self.n}"


def there(table: dict[str, T], key: str | None) -> T:
    if key is None or key not in table:
        raise NotFound
    return table[key]


def alive(table: dict[str, Upload], key: str, now: int, store: str) -> Upload:
    """Return an open upload that has not idled too long."""
    if key not in table or now - table[key].at > UPLOAD_TTL[store]:
        table.pop(key, None)
        raise NotFound
    return table[key]


class S3(Ground):
    """S3, its hot and its Glacier class. A key that ends with "/" is a prefix."""

    def __init__(self, seed: int, off: frozenset[str]) -> None:
        super().__init__(seed, off)
        self.s3: dict[str, S3Object] = {}
        self.s3_uploads: dict[str, Upload] = {}

    def s3_put(self, key: str, cls: str, data: str, signed: int | None = None) -> None:
        if signed is not None and abs(self.now - signed) > SIGNED:
            raise Refused
        self.s3[key] = S3Object(cls, data)
        self.stats["archives made"] += cls == "s3"

    def s3_open(self, key: str, cls: str) -> str:
        upload = self.uid("s")
        self.s3_uploads[upload] = Upload(key, cls, self.now)
        return upload

    def s3_finish(self, upload: str, data: str) -> None:
        found = alive(self.s3_uploads, upload, self.now, "s3")
        del self.s3_uploads[upload]
        self.s3_put(found.name, found.cls, data)

    def s3_abort(self, upload: str) -> None:
        alive(self.s3_uploads, upload, self.now, "s3")
        del self.s3_uploads[upload]

    def s3_delete(self, key: str) -> None:
        for one in list(self.s3):
            if one == key or (key.endswith("/") and one.startswith(key)):
                del self.s3[one]

    def s3_head(self, key: str) -> str:
        return there(self.s3, key).content

    def s3_poll(self, key: str) -> str:
        found = self.s3.get(key)
        if found is None or found.ready is None or self.now > found.ready + DAY:
            return "gone"
        return "pending" if self.now < found.ready else "ready"

    def s3_restore(self, key: str, tier: str) -> str:
        found = there(self.s3, key)
        status = self.s3_poll(key)
        if status == "ready":  # 200: its days are prolonged
            found.ready = self.now
        elif status == "gone":  # else 409: under way, as good as done
            if self.faults and tier == "Expedited" and self.r.random() < 0.3:
                raise Refused
            found.ready = self.now + ETA[tier]
            self.stats["retrievals"] += 1
        return key

    def s3_get(self, key: str, etag: str | None = None) -> str:
        found = self.s3.get(key)
        if etag and found and "if_match" not in self.off:
            return there({found.content: etag}, etag)
        if not found or (found.cls == "s3" and self.s3_poll(key) != "ready"):
            raise NotFound
        noisy = self.faults and self.r.random() < (0.08 if found.cls == "s3" else 0.03)
        return "noise" if noisy else found.content


class Vault(Ground):
    """A Glacier vault. Its inventory is one or two days old."""

    def __init__(self, seed: int, off: frozenset[str]) -> None:
        super().__init__(seed, off)
        self.idempotent = IDEMPOTENT[seed // 3 % 3]
        self.vault: dict[str, Archive] = {}
        self.gone: dict[str, Archive] = {}
        self.v_uploads: dict[str, Upload] = {}
        self.v_jobs: dict[str, Retrieval] = {}

    def v_open(self, name: str) -> str:
        upload = self.uid("u")
        self.v_uploads[upload] = Upload(name, "vault", self.now)
        return upload

    def v_abort(self, upload: str) -> None:
        if there(self.v_uploads, upload).archive:
            raise NotFound
        alive(self.v_uploads, upload, self.now, "vault")
        del self.v_uploads[upload]

    def v_finish(self, upload: str, data: str) -> str:
        found = there(self.v_uploads, upload)
        if found.archive:
            if self.now - found.at <= self.idempotent:
                return found.archive
            raise NotFound
        alive(self.v_uploads, upload, self.now, "vault")
        found.at = self.now
        found.archive = self.v_archive(found.name, data)
        return found.archive

    def v_archive(self, name: str, data: str) -> str:
        archive = self.uid("arc")
        self.vault[archive] = Archive(name, data, self.now)
        self.stats["archives made"] += 1
        return archive

    def v_delete(self, archive: str) -> None:
        if archive in self.vault:
            self.gone[archive] = replace(self.vault.pop(archive), gone=self.now)

    def v_job(self, archive: str, tier: str) -> str:
        if self.faults and self.r.random() < REFUSED[tier]:
            raise Refused
        content = there(self.vault, archive).content
        handle = self.uid("job")
        self.stats["retrievals"] += 1
        fails = self.faults and self.r.random() < 0.08
        noisy = self.faults and self.r.random() < 0.08
        data = "noise" if noisy else content
        self.v_jobs[handle] = Retrieval(self.now + ETA[tier], fails, data)
        return handle

    def v_poll(self, handle: str | None) -> str:
        found = self.v_jobs.get(handle or "")
        if not found:
            return "gone"
        if self.now < found.ready:
            return "pending"
        return "gone" if found.fails or self.now > found.ready + DAY else "ready"

    def v_output(self, handle: str | None) -> str:
        if self.v_poll(handle) != "ready":
            raise NotFound
        return there(self.v_jobs, handle).data

    def inventory(self, job: str) -> tuple[int, list[tuple[str, str]]]:
        """Return when it was taken and (archive, name): it lists the deleted, omits the new."""
        taken = self.now - self.r.choice([DAY, 2 * DAY])
        listed = []
        for archive, kept in [*self.vault.items(), *self.gone.items()]:
            if f"/{job}/" not in kept.name or kept.at > taken - self.r.choice([0, 6 * HOUR]):
                continue
            if taken < (kept.gone if kept.gone is not None else self.now + 1):
                listed.append((archive, kept.name))
        return taken, listed
