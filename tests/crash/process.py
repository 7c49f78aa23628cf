"""A worker as a forked process that notes its AWS calls, or is struck at one of them."""

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from botocore.client import BaseClient
from django.core.management import call_command
from django.db import connections

from gas_project import aws
from tests.guards.stage import clients

DIED = "killed"
STOPPED = "stopped"
PAUSE = 0.2
"""Seconds: a blow takes a moment to reach every thread, and none may come further meanwhile."""


@dataclass(frozen=True, slots=True)
class Point:
    """A moment in a worker's life: before or after the `turn`-th call of an operation."""

    operation: str
    turn: int
    moment: str

    def __str__(self) -> str:
        return f"{self.moment} {self.operation} {self.turn}"


def _watch(hear: Callable[[str, int, str], None]) -> None:
    """Call `hear(operation, turn, moment)` around each AWS call of this process."""
    client: Any = BaseClient
    call, turns = client._make_api_call, dict[str, int]()

    def watched(self: BaseClient, name: str, params: dict[str, Any]) -> Any:
        turns[name] = turn = turns.get(name, 0) + 1
        hear(name, turn, "before")
        answer = call(self, name, params)
        hear(name, turn, "after")
        return answer

    client._make_api_call = watched


def _noting(file: Path) -> Callable[[str, int, str], None]:
    def note(name: str, turn: int, moment: str) -> None:
        with file.open("a") as lines:
            lines.write(f"{name} {turn} {moment}\n")

    return note


def _striking(point: Point, blow: signal.Signals) -> Callable[[str, int, str], None]:
    def strike(name: str, turn: int, moment: str) -> None:
        if Point(name, turn, moment) == point:
            os.kill(os.getpid(), blow)
            time.sleep(PAUSE)

    return strike


def _fork(command: list[str], hear: Callable[[str, int, str], None] | None) -> int:
    """Start a management command in a fork of this process, which must have one thread only."""
    for client in [*clients(), aws.sesv2()]:
        client.close()
    connections.close_all()
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        if hear:
            _watch(hear)
        call_command(*command, stdout=StringIO())
        status = 0
    finally:
        os._exit(status)


def _wait(pid: int) -> str:
    _, status = os.waitpid(pid, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        return STOPPED
    if os.WIFSIGNALED(status):
        return DIED
    return f"exit {os.waitstatus_to_exitcode(status)}"


def run(command: list[str]) -> str:
    """Run a worker to its end."""
    return _wait(_fork(command, None))


def calls(command: list[str], file: Path) -> list[Point]:
    """Run a worker and return the moments of all its AWS calls, in their order."""
    file.write_text("")
    assert run_noting(command, file) == "exit 0"
    lines = [line.split() for line in file.read_text().splitlines()]
    return [Point(name, int(turn), moment) for name, turn, moment in lines]


def run_noting(command: list[str], file: Path) -> str:
    """Run a worker that notes its calls in a file."""
    return _wait(_fork(command, _noting(file)))


def killed(command: list[str], point: Point) -> str:
    """Run a worker that is killed at a point."""
    return _wait(_fork(command, _striking(point, signal.SIGKILL)))


def stopped(command: list[str], point: Point) -> tuple[int, str]:
    """Run a worker that falls asleep at a point; return its process id and what became of it."""
    pid = _fork(command, _striking(point, signal.SIGSTOP))
    return pid, _wait(pid)


def end(pid: int, blow: signal.Signals) -> str:
    """Kill a sleeping worker, or wake it and wait for its end."""
    os.kill(pid, blow)
    return _wait(pid)
