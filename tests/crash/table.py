"""Every point of every worker: struck, started again, judged; the table is kept on disk."""

import hashlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from annotations import jobs
from annotations.safety import margins
from annotations.states import Job
from annotations.timeline import RESEND_AFTER
from archival import services
from gas_project import clock, queues
from tests.core import _visit, archives, inventory, look, named, served, strays
from tests.crash import process
from tests.crash.cloud import FarCloud
from tests.crash.process import Point
from tests.crash.roles import Role, _hint
from tests.guards.stage import Stage, judge

MODES = ("alone", "rival", "woken")
"""Killed and started again; killed after a rival took over; waking after a rival took over."""
TURNS = 4
"""How often the worker is started again, a lease apart, before the table says that it is stuck."""
SENDING = ("after PutItem 1", "before SendEmail 1", "after SendEmail 1", "before UpdateItem 1")
"""Between a mail's intent and its mark: only a notifier struck here may make two mails of one."""


class Ground:
    """Where all plays: the cloud, the folder for what is noted, and our clock.

    Within a play our clock moves by `travel` alone, so that a slow machine brings no heartbeat
    that the recording did not see.
    """

    def __init__(self, cloud: FarCloud, folder: Path) -> None:
        self.cloud = cloud
        self.folder = folder
        self._now = 0.0
        clock.now = lambda: int(self._now)
        self.begin()

    def begin(self) -> None:
        """Empty the cloud, whose clock then is the machine's again, and set ours by it."""
        self.cloud.forget()
        self._now = time.time()

    def travel(self, seconds: float) -> None:
        """Put both clocks forward."""
        self.cloud.advance(seconds)
        self._now += seconds

    @property
    def stage(self) -> Stage:
        """The same, as the judge takes it."""
        return Stage(self.cloud, self.travel, pytest.MonkeyPatch())  # type: ignore[arg-type]

    def mails(self) -> int:
        """Return how many mails were sent in this play."""
        return len(list((self.folder / "cloud" / "outbox").rglob("*.eml")))


def arrange(role: Role, ground: Ground) -> Job:
    """Empty the cloud and let the worker's typical job wait for it."""
    ground.begin()
    settings.GAS_COLD_STORE = role.store
    return role.arrange(ground.travel)


def points(role: Role, ground: Ground) -> list[Point]:
    """Return every point of a worker's typical job."""
    arrange(role, ground)
    return process.calls(list(role.command), ground.folder / "calls")


def strike(role: Role, point: Point, mode: str, ground: Ground) -> str:
    """Strike a worker at a point, let it be started again, and return what is wrong, or "ok"."""
    try:
        return " ".join(_play(role, point, mode, ground)) or "ok"
    except Exception as error:  # a play that breaks is a finding, and the table goes on
        return f"{type(error).__name__}: {error}"


def _play(role: Role, point: Point, mode: str, ground: Ground) -> list[str]:
    job = arrange(role, ground)
    if wrong := _blow(role, point, mode, job, ground):
        return [wrong]
    findings = _judge_now(job, ground)
    for _ in range(TURNS):
        if not _again(role, job, ground):
            break
    else:
        findings.append("STUCK")
    findings += _did(role, point, job, ground)
    findings += _settle(job, ground)
    return findings + judge(ground.stage, job, role.ends, role.data or _own(job))


def _blow(role: Role, point: Point, mode: str, job: Job, ground: Ground) -> str:
    """Run the worker up to the point, beside a rival or not; return why that failed, or ""."""
    command = list(role.command)
    if mode == "alone":
        met, wanted = process.killed(command, point), process.DIED
    else:
        (pid, met), wanted = process.stopped(command, point), process.STOPPED
        _again(role, job, ground)
        if met == wanted:
            process.end(pid, signal.SIGKILL if mode == "rival" else signal.SIGCONT)
    return "" if met == wanted else f"never reached: {met}"


def _again(role: Role, job: Job, ground: Ground) -> bool:
    """Let the lease lapse and start the worker again, if the sweep finds work for it."""
    if role.queue == "notifier":
        ground.travel(RESEND_AFTER + 1)
        _hint(role.queue, job)  # SQS delivers what was not deleted once more
    else:
        ground.travel(margins().lease + 1)
        if role.queue and role.queue not in _sweep(job):
            return False
    answer = process.run(list(role.command))
    if answer != "exit 0":
        raise RuntimeError(f"the worker that was started again ended with {answer}")
    return role.queue not in (None, "notifier")


def _sweep(job: Job) -> dict[str, int]:
    """Sweep the one shard in which there is a job: sixteen questions would tell no more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "SHARDS", job.job_id[0])
        return services.sweep()


def _did(role: Role, point: Point, job: Job, ground: Ground) -> list[str]:
    """See what the worker alone must have done by now, before others get at the job."""
    if role.name == "notifier":
        mails, most = ground.mails(), 2 if str(point) in SENDING else 1
        return [] if 1 <= mails <= most else [f"{mails} MAILS"]
    if role.name == "reconcile":
        return ["UNRECONCILED"] if archives(ground.cloud) - named(look(job)) else []  # type: ignore[arg-type]
    if role.name == "sweep":
        return [] if queues.depth("restore") else ["NO HINT"]
    return []


def _settle(job: Job, ground: Ground) -> list[str]:
    """Let all that is still to come happen, with an inventory only where one is needed."""
    delays, cloud = margins(), ground.cloud
    try:
        for pause in (0, delays.lease + 1, delays.bulk + 1, delays.keep + 1):
            ground.travel(pause)
            _visit(job)
        for _ in range(4):
            waits = any(entry.locator.upload for entry in look(job).garbage)
            if not waits and not strays(cloud, job):  # type: ignore[arg-type]
                return []
            inventory(ground.travel)
            ground.travel(delays.keep + 1)
            _visit(job)
    except AssertionError:
        return ["BUSY"]
    return []


def _judge_now(job: Job, ground: Ground) -> list[str]:
    """No object without a name at any instant; an archive may wait for the inventory."""
    unnamed = strays(ground.cloud, job) - archives(ground.cloud)  # type: ignore[arg-type]
    return ["UNNAMED"] if unnamed else []


def _own(job: Job) -> bytes:
    """Return the bytes that the job's own hash is of."""
    now = look(job)
    data = served(now) if now.copy else b""
    return data if hashlib.sha256(data).hexdigest() == now.sha256 else b""


# --- what is kept ----------------------------------------------------------------------------


class Kept:
    """The verdicts so far, of this commit: a run that was stopped goes on where it was."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.commit = _commit()
        old: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        same = old.get("commit") == self.commit or "KEEP" in os.environ
        self.verdicts: dict[str, str] = old.get("verdicts", {}) if same else {}

    def put(self, key: str, verdict: str) -> None:
        self.verdicts[key] = verdict
        kept = {"commit": self.commit, "verdicts": self.verdicts}
        self._file.parent.mkdir(exist_ok=True)
        self._file.write_text(json.dumps(kept, indent=1))


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def play(
    roles: list[Role], modes: list[str], ground: Ground, kept: Kept, *, only: str = ""
) -> Iterator[tuple[Role, list[Point], dict[str, list[str]]]]:
    """Play every point of some workers; yield each with its points and what was wrong, by mode.

    `only`: a pattern of the points that are played.
    """
    for role in roles:
        found = [point for point in points(role, ground) if re.search(only, str(point))]
        wrong: dict[str, list[str]] = {mode: [] for mode in modes}
        for mode in modes:
            for point in found:
                key = f"{role.name} | {mode} | {point}"
                if key not in kept.verdicts:
                    kept.put(key, strike(role, point, mode, ground))
                if kept.verdicts[key] != "ok":
                    wrong[mode].append(f"{point}: {kept.verdicts[key]}")
        yield role, found, wrong


def seconds_since(began: float) -> str:
    """Return how long ago that was (time.monotonic), as m:ss."""
    took = round(time.monotonic() - began)
    return f"{took // 60}:{took % 60:02}"
