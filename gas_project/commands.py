"""What every long-running command shares: flags, signals, exit codes.

A `run_*` command is a queue and a handler; `sweep_jobs` is a pass and how often to repeat it.
Exit codes: 0 for a clean end, 1 when only a new process helps, 128 + signal for the second signal.
"""

import os
import signal
import time
from abc import ABC, abstractmethod
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gas_project import logs, metrics, queues, systemd
from gas_project.events import Event
from gas_project.worker import AWAY, Broken, Options, Worker, kind_of

log = logs.get(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGINT)
TICK = 0.25


def whole(*, least: int, most: int) -> Callable[[str], int]:
    """Return a flag's reader for whole numbers between `least` and `most`."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or not least <= int(text) <= most:
            raise ArgumentTypeError(f"must be a whole number from {least} to {most}")
        return int(text)

    return read


@contextmanager
def stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at the first SIGTERM or SIGINT; a second one ends the process at once."""
    seen: list[int] = []

    def hear(number: int, _: FrameType | None) -> None:
        if seen:
            os._exit(128 + number)
        seen.append(number)
        stop()

    before = {number: signal.signal(number, hear) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _add_metrics_port(parser: CommandParser) -> None:
    parser.add_argument(
        "--metrics-port",
        type=whole(least=1, most=65535),
        metavar="PORT",
        help="serve Prometheus metrics on 127.0.0.1:PORT",
    )


def _serve_metrics(port: int | None) -> None:
    if port is None:
        return
    try:
        metrics.serve(port)
    except OSError as error:
        raise CommandError(f"--metrics-port {port} cannot be used: {error.strerror}") from error


class WorkerCommand(BaseCommand, ABC):
    """A worker of one queue: a subclass names the queue and handles one event."""

    queue: ClassVar[str]
    """The queue's kind: `archive`, …"""
    concurrency: ClassVar[int] = 4
    time_limit: ClassVar[float] = 11 * 3600
    """Seconds that one message may take; below SQS's 12 hours."""

    @abstractmethod
    def handle_event(self, event: Event) -> None:
        """Do what an event asks for; worker.Worker says what may be raised."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the flags of every worker."""
        add, many = parser.add_argument, 1_000_000
        add(
            "--concurrency",
            type=whole(least=1, most=64),
            default=self.concurrency,
            metavar="N",
            help=f"messages handled at a time, 1 to 64; default {self.concurrency}",
        )
        add("--once", action="store_true", help="receive once, handle what came, exit")
        add(
            "--max-messages",
            type=whole(least=1, most=many),
            metavar="N",
            help="exit after N messages",
        )
        add(
            "--idle-exit",
            type=whole(least=1, most=many),
            metavar="SECONDS",
            help="exit after so long without a message",
        )
        add(
            "--wait",
            type=whole(least=1, most=queues.LONGEST_POLL),
            default=queues.LONGEST_POLL,
            metavar="SECONDS",
            help="the long poll, 1 to 20 seconds; a SIGTERM waits for its end",
        )
        _add_metrics_port(parser)

    def handle(self, *args: Any, **flags: Any) -> None:
        """Run the worker until its end. Raises CommandError when only a new process helps."""
        worker = Worker(queue=self.queue, handler=self.handle_event, options=self._options(flags))
        _serve_metrics(flags["metrics_port"])
        try:
            with stopped_by_signals(worker.stop):
                worker.run()
        except Broken as error:
            raise CommandError(f"the {self.queue} worker must be started anew: {error}") from error
        except AWAY as error:
            raise CommandError(f"AWS did not answer: {kind_of(error)}") from error

    def _options(self, flags: dict[str, Any]) -> Options:
        return Options(
            concurrency=flags["concurrency"],
            once=flags["once"],
            max_messages=flags["max_messages"],
            idle_exit=flags["idle_exit"],
            wait=flags["wait"],
            time_limit=self.time_limit,
        )


class PeriodicCommand(BaseCommand, ABC):
    """A pass that is done once, or again and again with `--every SECONDS`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stopped = False

    @abstractmethod
    def run_pass(self) -> None:
        """Do one pass. It must be safe to repeat."""

    def stop(self) -> None:
        """End after the present pass. Safe in a signal handler."""
        self._stopped = True

    def stopping(self) -> bool:
        """Return whether a long pass should come to an end."""
        return self._stopped

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the flags of every periodic command."""
        parser.add_argument(
            "--every",
            type=whole(least=1, most=86_400),
            metavar="SECONDS",
            help="repeat after so many seconds until SIGTERM; default: one pass",
        )
        _add_metrics_port(parser)

    def handle(self, *args: Any, **flags: Any) -> None:
        """Do one pass, or one every so many seconds. While AWS is away a repeated pass waits."""
        _serve_metrics(flags["metrics_port"])
        with stopped_by_signals(self.stop):
            if flags["every"] is None:
                self._pass_once()
            else:
                self._repeat(flags["every"])

    def _pass_once(self) -> None:
        try:
            self.run_pass()
        except AWAY as error:
            raise CommandError(f"AWS did not answer: {kind_of(error)}") from error

    def _repeat(self, every: int) -> None:
        systemd.notify("READY=1")
        while not self._stopped:
            try:
                self.run_pass()
            except AWAY as error:
                log.warning("aws.away", kind=kind_of(error), pause=every)
            self._sleep(every)
        systemd.notify("STOPPING=1")

    def _sleep(self, seconds: float) -> None:
        """Wait, pinging systemd's watchdog: a pass that hangs stops the pings."""
        until = time.monotonic() + seconds
        next_ping = time.monotonic()
        while not self._stopped and (left := until - time.monotonic()) > 0:
            if time.monotonic() >= next_ping:
                systemd.notify("WATCHDOG=1")
                next_ping = time.monotonic() + (systemd.watchdog_interval() or seconds)
            time.sleep(min(left, TICK))
