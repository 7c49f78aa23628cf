"""The model's world: the table with its lagging index, the plans, S3, the vault, and the judge."""

from collections import defaultdict
from dataclasses import replace
from typing import Any

from tests.archival.model.facts import (
    HOUR,
    MIN,
    Item,
    Loc,
    Plan,
    state_of,
    want_of,
)
from tests.archival.model.ground import S3, UPLOAD_TTL, Vault

COUNTED = ("DELETED", "QUARANTINED", "FAILED", "CANCELLED", "RUNNING")
ENDED = ("FAILED", "CANCELLED")


class Table(S3, Vault):
    """DynamoDB: a consistent read and a conditional write of one item; the index by date lags."""

    def __init__(self, seed: int, off: frozenset[str]) -> None:
        super().__init__(seed, off)
        self.db: dict[str, Item] = {}
        self.history: defaultdict[str, list[tuple[int, int | None]]] = defaultdict(list)
        self.plans = {user: Plan() for user in "uv"}

    def get(self, job: str, skew: int) -> Item:
        return replace(self.db[job], skew=skew)

    def plan(self, user: str) -> Plan:
        return replace(self.plans[user])

    def put(self, job: str, rev: Any, change: dict[str, Any]) -> bool:
        it = self.db[job]
        if it.rev != rev and "rev" not in self.off:
            return bool(it.rev == change["rev"] and "own_success" not in self.off)
        self.store(job, **change)
        return True

    def store(self, job: str, **change: Any) -> None:
        it = self.db[job]
        was = state_of(it)
        it.__dict__.update(change)
        self.history[job].append((self.now, it.due_at))
        now = state_of(it)
        if was != now:
            self._count(it, was, now)

    def _count(self, it: Item, was: str, now: str) -> None:
        if (was, now) == ("ARCHIVING", "COLD"):
            self.stats["archived"] += 1
            self.stats["archived late"] += self.plans[it.user].tier != "free"
        if now == "HOT" and was in ("THAWING", "RUNNING"):
            self.stats["thawed" if was == "THAWING" else "annotated"] += 1
        if now in COUNTED:
            self.stats[now.lower()] += 1

    def due(self, lag: int) -> list[str]:
        """Return what the index showed `lag` seconds ago to be due by now."""
        found = []
        for job, history in self.history.items():
            due = next((d for at, d in reversed(history) if at <= self.now - lag), None)
            if due is not None and due <= self.now:
                found.append(job)
        return found

    def wish(self, job: str, **change: Any) -> None:
        """A person's: a blind update that bumps `rev`, so no running decision outlives it."""
        if "wish_bumps_rev" not in self.off:
            counted = "random_rev" in self.off
            change["rev"] = self.db[job].rev + 1 if counted else self.uid("r")
            change["worker"] = None
        self.store(job, due_at=self.now, **change)

    def spread_to(self, job: str, **mark: Any) -> None:
        """Make a job due because the plan changed; a run, which has no copy yet, is spared."""
        it = self.db[job]
        if not it.copy and "spread_spares_runs" not in self.off:
            return
        killed = state_of(it) == "RUNNING" and (it.due_at or 0) > self.now
        self.stats["runs killed by spread"] += killed
        self.wish(job, **mark)

    def jobs_of(self, user: str) -> list[str]:
        return [job for job, it in self.db.items() if it.user == user]

    def clear_pending(self, user: str, rev: str) -> None:
        if self.plans[user].rev == rev:
            self.plans[user].pending = False


class World(Table):
    """Two jobs, of one person or of two, each UPLOADING or with its result HOT."""

    def __init__(self, seed: int, off: frozenset[str]) -> None:
        super().__init__(seed, off)
        self.frozen = False
        self.hints: list[tuple[str | None, str]] = []
        self.cold = ("vault", "s3", None)[seed % 3]  # None: the setting changes all the time
        self.restless = (0.1, 0.5, 0.8)[seed // 9 % 3]
        for job in "AB":
            self._begin(job, "u" if job == "A" or seed % 2 else "v")
            self.store(job, due_at=self.now)

    def _begin(self, job: str, user: str) -> None:
        young = self.r.random() < 0.5
        key, prefix = f"in/{job}/file", Loc("hot", f"run/{job}/a/")
        it = self.db[job] = Item(job, user, self.now, input=Loc("hot", key))
        if young:
            return
        for name in (key, prefix.name + "result", prefix.name + "log"):
            self.s3_put(name, "hot", "vcf")
        it.etag = it.content = "vcf"
        it.attempt = ((prefix, self.now),)
        it.copy = Loc("hot", prefix.name + "result")
        it.archive_after = self.now + 5 * MIN

    def cold_store(self) -> str:
        return self.cold or self.r.choice(["vault", "s3"])

    def post(self, job: str) -> None:
        """The browser's: twice, late, with another file."""
        if self.now < self.db[job].submitted_at + HOUR + 5 * MIN:
            self.s3_put(f"in/{job}/file", "hot", self.r.choice(["vcf"] * 8 + ["other", "bad"]))

    # --- the judge, who sees everything ----------------------------------------------------

    def bytes_at(self, loc: Loc) -> str | None:
        if loc.store == "vault":
            return self.vault[loc.name].content if loc.name in self.vault else None
        return self.s3[loc.name].content if loc.name in self.s3 else None

    def strays(self, job: str) -> list[str]:
        """Return the bytes that their item does not name, by themselves or by a prefix."""
        it, mine = self.db[job], f"/{job}/"
        dated = (*it.attempt, *it.garbage)
        locs = [it.copy, it.upload, it.input, *(loc for loc, _ in dated)]
        names = {loc.name for loc in locs if loc}
        prefixes = tuple(name for name in names if name.endswith("/"))
        keys = [k for k in self.s3 if mine in k and k not in names and not k.startswith(prefixes)]
        return keys + [
            archive
            for archive, kept in self.vault.items()
            if mine in kept.name and archive not in names and kept.name not in names
        ]

    def safe(self) -> str | None:
        """Return what is wrong at this instant."""
        for job, it in self.db.items():
            if found := self._unsafe(job, it):
                verdict, what = found
                return f"{verdict} {job} {state_of(it)} {what}"
        return None

    def _unsafe(self, job: str, it: Item) -> tuple[str, object] | None:
        if strays := self.strays(job):
            return "ORPHAN", strays
        if it.deleted:
            return None
        if state_of(it) in ("QUEUED", "RUNNING") and it.input and it.input.name not in self.s3:
            return "LOST", "its input"
        return self._result(it) if it.content else None

    def _result(self, it: Item) -> tuple[str, object] | None:
        log = self.s3.get(it.attempt[0][0].name + "log")
        if not log or log.content != it.content:
            return "LOST", "its side files"
        if not it.content or not it.etag or it.etag not in it.content:
            return "WRONG", "result of another upload"
        found = it.copy and self.bytes_at(it.copy)
        return None if found == it.content else ("WRONG" if found else "LOST", it.copy)

    def final(self) -> str | None:
        """Return what is wrong when all is said and done."""
        found = (self._unfinished(job, it) for job, it in self.db.items())
        return next((one for one in found if one), None)

    def _unfinished(self, job: str, it: Item) -> str | None:
        want = want_of(it, self.plans[it.user], self.now)
        left, uploads = self._left(f"/{job}/"), self._open_uploads(f"/{job}/")
        if it.deleted and (left or uploads):
            return f"UNDELETED {job} {left} {uploads}"
        fit = ("DELETED",) if it.deleted else (want,) if it.copy else ENDED
        if state_of(it) not in fit or it.due_at:
            return f"STUCK {job} {state_of(it)} wants {want}"
        if uploads or it.garbage or (it.copy and left != self._kept(it, it.copy)):
            return f"ORPHAN {job} {left} {uploads} {it.garbage}"
        return None

    def _kept(self, it: Item, copy: Loc) -> set[str]:
        assert it.input
        return {copy.name, it.input.name, it.attempt[0][0].name + "log"}

    def _left(self, mine: str) -> set[str]:
        keys = {key for key in self.s3 if mine in key}
        return keys | {archive for archive, kept in self.vault.items() if mine in kept.name}

    def _open_uploads(self, mine: str) -> list[str]:
        tables = (("s3", self.s3_uploads), ("vault", self.v_uploads))
        return [
            found.name
            for store, table in tables
            for found in table.values()
            if mine in found.name and not found.archive and self.now - found.at < UPLOAD_TTL[store]
        ]
