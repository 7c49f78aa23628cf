"""Where a benchmark runs: the local cloud in a process of its own, and what is read of a machine.

Every figure is printed with the date, the commit and the load, since others may use the machine.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from gas_project import aws
from tests.service import free_pair

ROOT = Path(__file__).resolve().parents[2]
MIB = 1024 * 1024
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Cloud:
    """A running local cloud in another process."""

    url: str
    process_id: int

    def advance(self, seconds: float) -> None:
        """Put its clock forward; ours stays."""
        wish = urllib.request.Request(
            f"{self.url}/_gas/clock",
            data=json.dumps({"advance": seconds}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(wish, timeout=30) as reply:
            assert reply.status == 200

    def cpu(self) -> float:
        """Return the seconds of CPU it has used."""
        spent = Path(f"/proc/{self.process_id}/stat").read_text().rpartition(")")[2].split()
        return (int(spent[11]) + int(spent[12])) / TICKS


@contextmanager
def new_cloud() -> Iterator[Cloud]:
    """Start an empty local cloud in real time, point GAS at it, and stop it at the end."""
    port = free_pair()
    with tempfile.TemporaryDirectory(prefix="gas-bench-") as folder:
        command = ["-m", "deploy.local.run", "--port", str(port), "--data", folder, "--scale", "1"]
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout
        try:
            assert "ready" in process.stdout.readline()
            point_at(f"http://127.0.0.1:{port}")
            yield Cloud(f"http://127.0.0.1:{port}", process.pid)
        finally:
            process.terminate()
            process.wait(30)
            process.stdout.close()


def point_at(url: str) -> None:
    """Let every client that is made from now on speak to this endpoint."""
    os.environ["AWS_ENDPOINT_URL"] = settings.AWS_ENDPOINT_URL = url
    settings.GAS_LOCAL, settings.GAS_TIME_SCALE = True, 1
    aws.forget_clients()


def clients() -> list[Any]:
    """Return every client that GAS uses."""
    once = [aws.s3_once(), aws.glacier_once()]
    return [aws.dynamodb(), aws.s3(), aws.sns(), aws.sqs(), aws.glacier(), *once]


@contextmanager
def latency(seconds: float, more: tuple[Any, ...] = ()) -> Iterator[None]:
    """Delay every AWS call of ours, as a network would; `more` are clients that GAS has not."""

    def wait(**_: Any) -> None:
        time.sleep(seconds)

    every = [*clients(), *more]
    for client in every:
        client.meta.events.register_first("before-send.*", wait)
    try:
        yield
    finally:
        for client in every:
            client.meta.events.unregister("before-send.*", wait)


@dataclass
class Spent:
    """What one stretch of work cost: seconds, our and the cloud's CPU, memory, AWS calls."""

    seconds: float = 0.0
    cpu: float = 0.0
    cloud_cpu: float = 0.0
    peak: int = 0
    calls: Counter[str] = field(default_factory=Counter)


@contextmanager
def measured(cloud: Cloud, more: tuple[Any, ...] = ()) -> Iterator[Spent]:
    """Measure what is done inside; `peak` is in bytes of resident memory."""
    spent, every = Spent(), [*clients(), *more]

    def note(model: Any, **_: Any) -> None:
        spent.calls[model.name] += 1

    for client in every:
        client.meta.events.register_first("before-call.*", note)
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here (Linux, proc(5))
    began, cpu, theirs = time.monotonic(), time.process_time(), cloud.cpu()
    try:
        yield spent
    finally:
        spent.seconds = time.monotonic() - began
        spent.cpu, spent.cloud_cpu = time.process_time() - cpu, cloud.cpu() - theirs
        spent.peak = peak()
        for client in every:
            client.meta.events.unregister("before-call.*", note)


def peak() -> int:
    """Return the most resident memory since the last reset, in bytes."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def heading(what: str) -> None:
    """Print what is measured, when, of which commit, on how busy a machine."""
    asked = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.check_output(asked, cwd=ROOT, text=True).strip()
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    say(f"{what}\n{when}, commit {commit}, {os.cpu_count()} cores, load {load}, loopback only")


def table(head: list[str], rows: list[list[str]]) -> None:
    """Print a table: the first column to the left, figures to the right."""
    every = [head, *rows]
    wide = [max(len(row[n]) for row in every) for n in range(len(head))]
    for row in every:
        cells = [cell.rjust(wide[n]) if n else cell.ljust(wide[n]) for n, cell in enumerate(row)]
        say("  ".join(cells))
    say("")


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began
