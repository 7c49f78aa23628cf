"""Workers as tasks of which exactly one runs at a time: each is a thread that is handed a baton.

A task gives the baton back before each AWS call, and once more inside a slow one. The scheduler
decides what becomes of it then: it goes on, meets a fault, sleeps for hours, or crashes.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from random import Random
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from tests.faults.cloud import Cloud
from tests.faults.wire import Wire, body_of, perform, reply

RESULT = b"result\n"
"""How every result's bytes begin; only of those a read may bring some wrong."""
OF_A_RESULT = 65_536
"""What is longer than this is a part of a result: uploads and inventories are small."""
_local = threading.local()


class Crash(BaseException):
    """The process of this worker is gone."""


class Task:
    """One worker at one message, or a person's request."""

    def __init__(
        self, name: str, act: Callable[[], Any], *, skew: int = 0, owner: str = ""
    ) -> None:
        self.name = name
        self.skew = skew
        self.owner = owner
        """The person whose request it is."""
        self.wake = 0
        """The scheduler's tick before which it sleeps."""
        self.over = False
        self.error: BaseException | None = None
        self.call = ""
        self.faulty = ""
        """A fault that lasts for all attempts of the present call."""
        self._act = act
        self._dead = False
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._go.acquire()
        _local.task = self
        try:
            if not self._dead:
                self._act()
        except BaseException as error:
            self.error = error
        self.over = True
        self._back.release()

    def resume(self) -> None:
        """Hand it the baton until its next call, or its end."""
        self._go.release()
        self._back.acquire()
        if self.over:
            self._thread.join()

    def kill(self) -> None:
        """Crash it where it stands."""
        self._dead = True
        while not self.over:
            self.resume()

    def pause(self) -> None:
        """Give the baton back. Raises Crash when the scheduler has killed this task."""
        if not self._dead:
            self._back.release()
            self._go.acquire()
        self.check()

    def check(self) -> None:
        """Raise Crash when this task is dead: its last calls are not made any more."""
        if self._dead:
            raise Crash

    def die(self) -> None:
        """Crash from inside. Raises Crash."""
        self._dead = True
        raise Crash


class Inline:
    """Stands for a pool of threads: what is handed to it is done at once, by who hands it over.

    So the calls of a task's helper are the task's own: it meets faults in them, and gives way.
    """

    def __init__(self, max_workers: int) -> None:
        """Take the pool's argument."""

    def __enter__(self) -> "Inline":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, act: Callable[..., Any], *args: Any) -> "Future[Any]":
        """Return what became of it; a crash is not caught."""
        found: Future[Any] = Future()
        try:
            found.set_result(act(*args))
        except Exception as error:
            found.set_exception(error)
        return found


def current() -> Task | None:
    """Return the task that has the baton, None for the scheduler itself."""
    return getattr(_local, "task", None)


class FaultyWire(Wire):
    """The wire between the tasks and the cloud, with everything that can go wrong on it."""

    def __init__(self, dice: Random, after: Callable[[str, str, str], None]) -> None:
        self._dice = dice
        self._after = after
        self.faults = True

    def before(self, operation: str, attempt: int) -> None:
        """Let others run before a call is signed: a sleeper signs anew."""
        if task := current():
            if attempt == 1:
                task.faulty = ""
            task.call = operation
            task.pause()

    def skew(self) -> int:
        """Return the caller's skew in seconds."""
        task = current()
        return task.skew if task else 0

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Keep what the task is at: its file looks up, in calls of its own, before it is read."""
        task = current()
        kept = (task.call, task.faulty) if task else ("", "")
        yield
        if task:
            task.call, task.faulty = kept

    def send(self, cloud: Cloud, request: AWSPreparedRequest) -> AWSResponse:
        """Perform a request, or let it meet a fault."""
        task = current()
        with self.aside():
            data = body_of(request)
        if task is None:
            answer = perform(cloud, request, data)
            self._after("calm", _called(request), "")
            return answer
        task.check()
        fault = (task.faulty or self._draw(task)) if self.faults else ""
        if fault in ("unsent", "crash before", "throttled"):
            self._after(task.name, task.call, fault)
            return self._refused(task, request, fault)
        if fault == "slow":
            task.pause()  # it is under way, signed, while others run
        if fault == "twice":
            perform(cloud, request, data)
        answer = perform(cloud, request, data)
        self._after(task.name, task.call, f"{fault} {answer.status_code}")
        return self._answered(task, answer, fault)

    def _draw(self, task: Task) -> str:
        x = self._dice.random()
        limits = {
            "unsent": 0.04,
            "lost": 0.09,
            "crash before": 0.105,
            "crash after": 0.13,
            "throttled": 0.14,
            "slow": 0.18,
            "twice": 0.20,
        }
        fault = next((name for name, limit in limits.items() if x < limit), "")
        if fault in ("unsent", "lost", "throttled") and self._dice.random() < 0.6:
            task.faulty = fault  # the SDK's repeats meet it too: the worker sees the error
        return fault

    def _refused(self, task: Task, request: AWSPreparedRequest, fault: str) -> AWSResponse:
        if fault == "unsent":
            raise EndpointConnectionError(endpoint_url=request.url)
        if fault == "throttled":
            return _throttled(request)
        task.die()
        raise AssertionError("unreachable")

    def _answered(self, task: Task, answer: AWSResponse, fault: str) -> AWSResponse:
        if fault == "crash after":
            task.die()
        if fault == "lost":
            task.faulty = task.faulty or "second"
            error = ReadTimeoutError if self._dice.random() < 0.5 else ConnectionClosedError
            raise error(endpoint_url=answer.url)
        reading = task.call in ("GetObject", "GetJobOutput")
        if reading and self.faults and self._dice.random() < 0.25:
            _garble(answer)
        return answer


def _called(request: AWSPreparedRequest) -> str:
    target = request.headers.get("X-Amz-Target", b"")
    named = target.decode() if isinstance(target, bytes) else str(target)
    return named.rpartition(".")[2] or f"{request.method} {request.url[18:70]}"


def _throttled(request: AWSPreparedRequest) -> AWSResponse:
    if "X-Amz-Target" in request.headers:
        return reply(request, 400, b'{"__type": "ThrottlingException", "message": "slow down"}')
    return reply(request, 503, b"<Error><Code>SlowDown</Code><Message>slow down</Message></Error>")


def _garble(answer: AWSResponse) -> None:
    """Flip a byte of a result and drop its checksums: only our own hash can notice."""
    data = answer.raw.read()
    answer.raw.seek(0)
    if data.startswith(RESULT) or len(data) > OF_A_RESULT:
        answer.raw.write(bytes([data[0] ^ 1]))
        answer.raw.seek(0)
        for name in list(answer.headers):
            if "checksum" in name.lower() or "tree-hash" in name.lower():
                del answer.headers[name]
