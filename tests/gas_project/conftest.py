"""A fake SQS behind gas_project.aws, and workers that run in a thread beside the test."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gas_project import aws
from gas_project.events import Event
from gas_project.worker import Options, Worker
from tests.gas_project.fake_sqs import FakeSQS


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> FakeSQS:
    fake = FakeSQS()
    monkeypatch.setattr(aws, "sqs", lambda: fake)
    monkeypatch.setattr(aws, "queue_url", lambda kind: f"fake:gas-{kind}")
    return fake


def until(true: Callable[[], object], *, seconds: float = 6) -> None:
    """Wait for something to become true; fail after so many seconds."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise AssertionError("it did not happen in time")
        time.sleep(0.005)


def waiting_at(
    gate: threading.Event, begun: threading.Event | None = None
) -> Callable[[Event], None]:
    """Return a handler that waits until the gate is opened, and says when it has begun."""

    def handle(_: Event) -> None:
        if begun:
            begun.set()
        gate.wait()

    return handle


class Running:
    """A worker in a thread; leaving the `with` stops it, waits, and raises what it raised."""

    def __init__(self, handler: Callable[[Event], None], **options: Any) -> None:
        settings: dict[str, Any] = {"wait": 1, "jitter": 0, "drain": 5} | options
        self.worker = Worker(queue="archive", handler=handler, options=Options(**settings))
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self.worker.run()
        except BaseException as error:
            self.failure = error

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    def join(self, seconds: float = 20) -> None:
        self._thread.join(seconds)
        assert self.ended, "the worker did not end"

    def __enter__(self) -> "Running":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.worker.stop()
        fake: Any = aws.sqs()
        fake.hurried = True
        self.join()
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """A gate that handlers wait at; opened at the end so that no thread stays behind."""
    gate = threading.Event()
    yield gate
    gate.set()
