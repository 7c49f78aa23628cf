"""A claim: somebody is at a job. It beats while work runs, and it can be given back."""

import os
import socket
from typing import Any

from annotations import jobs
from annotations.safety import Safety, margins
from annotations.states import Job
from gas_project import clock


def worker_name(role: str) -> str:
    """Return who this process is: role, host and process id."""
    return f"{role}@{socket.gethostname()}:{os.getpid()}"


class Claim:
    """A claimed job; `job` is its newest version, since each beat writes a new `rev`."""

    def __init__(self, job: Job, *, worker: str, now: int, delays: Safety) -> None:
        self.job = job
        self.worker = worker
        self.began = now
        self._beaten = now
        self._delays = delays

    def beat(self, **changes: Any) -> None:
        """Prolong the lease, at most every `heartbeat` seconds. Raises jobs.Fenced."""
        if clock.now() - self._beaten >= self._delays.heartbeat:
            self.renew(**changes)

    def renew(self, **changes: Any) -> None:
        """Prolong the lease now: it also proves that nobody came between. Raises jobs.Fenced."""
        now = clock.now()
        until = now + self._delays.lease
        self.job = jobs.claim(self.job, worker=self.worker, until=until, **changes)
        self._beaten = now

    def release(self, *, due_in: int = 0) -> None:
        """Give the job back, uncounted: it was no fault of the job. Raises jobs.Fenced."""
        self.job = jobs.give_back(self.job, due_at=clock.now() + due_in)


def take(job: Job, *, role: str, **changes: Any) -> Claim:
    """Claim a job and count it. Raises jobs.Fenced."""
    delays, now = margins(), clock.now()
    worker = worker_name(role)
    claimed = jobs.claim(
        job, worker=worker, until=now + delays.lease, claims=job.claims + 1, **changes
    )
    return Claim(claimed, worker=worker, now=now, delays=delays)
