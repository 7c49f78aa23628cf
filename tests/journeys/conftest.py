"""Real worker processes against the local cloud: start, kill, start again, wait for a state."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from accounts import plans
from annotations import jobs, safety, storage
from annotations.states import Dated, Job
from archival import services
from deploy.local.run import LocalCloud
from gas_project import clock

ROOT = Path(__file__).resolve().parents[2]
MIB = 1024 * 1024
START_SECONDS = 15
"""What a Python process with Django may need to start on a busy machine of two cores."""


class Workers:
    """The worker processes of one test."""

    def __init__(self, cloud: LocalCloud, data: Path) -> None:
        self._running: list[subprocess.Popen[bytes]] = []
        self._environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": cloud.url,
            "GAS_TIME_SCALE": str(cloud.scale),
            "GAS_DATA": str(data),
            "GAS_LOG_LEVEL": "WARNING",
        }

    def start(self, role: str) -> subprocess.Popen[bytes]:
        """Start a worker."""
        return self._popen("manage.py", f"run_{role}", "--wait", "1")

    def start_to_die(self, role: str, operation: str, turn: int, moment: str) -> None:
        """Start a worker that is killed at its `turn`-th call of an operation; wait for its end."""
        crash = ("-m", "tests.journeys.crash", operation, str(turn), moment)
        process = self._popen(*crash, f"run_{role}", "--wait", "1")
        until = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < until:
            services.sweep()
            time.sleep(0.5)
        assert process.poll() == -signal.SIGKILL, f"the {role} never came to {operation}"

    def _popen(self, *command: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
        )
        self._running.append(process)
        return process

    def stop(self) -> None:
        """Kill what still runs."""
        for process in self._running:
            process.kill()
            process.wait()


@pytest.fixture
def workers(cloud: LocalCloud, tmp_path: Path) -> Iterator[Workers]:
    """Worker processes, killed after the test."""
    made = Workers(cloud, tmp_path)
    yield made
    made.stop()


def within_two_leases(job_id: str, wanted: Callable[[Job], bool]) -> Job:
    """Sweep until a job is as wanted; fail after two leases and the start of a process."""
    until = time.monotonic() + 2 * safety.margins().lease + START_SECONDS
    while time.monotonic() < until:
        services.sweep()
        job = jobs.get(job_id)
        if job and wanted(job):
            return job
        time.sleep(0.3)
    found = jobs.get(job_id)
    raise AssertionError(f"after two leases the job is {found.state if found else 'gone'}: {found}")


def kept_result(size: int, *, tier: str, seed: int = 1) -> tuple[Job, bytes]:
    """Create a job with a hot result of random bytes, due to be archived now for a Free owner."""
    body = random.Random(seed).randbytes(size)
    user_id, job_id = str(uuid.uuid4()), str(uuid.uuid4())
    plans.create(user_id=user_id, tier=tier)
    prefix = storage.new_attempt(job_id)
    copy = storage.inside(prefix, storage.RESULT)
    storage.put(copy, body)
    now = clock.now()
    job = Job(
        job_id=job_id,
        user_id=user_id,
        name="a result",
        reference="sars-cov-2",
        submitted_at=now,
        rev=uuid.uuid4().hex,
        etag="e",
        input=storage.new_input(job_id),
        attempt=Dated(prefix, now),
        copy=copy,
        copied_at=now,
        completed_at=now,
        size=size,
        sha256=hashlib.sha256(body).hexdigest(),
        due_at=now,
    )
    job = replace(job, state="HOT")
    jobs.create(job, actor="test")
    return job, body
