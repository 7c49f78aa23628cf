"""What the commands make of flags, passes and AWS being away."""

import signal
import socket
import threading
from argparse import ArgumentTypeError
from typing import ClassVar

import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class

from gas_project import commands, events, systemd
from gas_project.commands import PeriodicCommand, WorkerCommand
from gas_project.events import Event
from tests.gas_project.bodies import HINT
from tests.gas_project.conftest import until
from tests.gas_project.fake_sqs import FakeSQS, error


class Worker(WorkerCommand):
    queue: ClassVar[str] = "archive"
    concurrency: ClassVar[int] = 2
    seen: ClassVar[list[Event]] = []

    def handle_event(self, event: Event) -> None:
        self.seen.append(event)


class Sweep(PeriodicCommand):
    """Raises, in turn, what `raises` holds; after that it stops."""

    def __init__(self, *raises: Exception | None) -> None:
        super().__init__()
        self.raises = list(raises)
        self.passes = 0

    def run_pass(self) -> None:
        self.passes += 1
        answer = self.raises.pop(0) if self.raises else None
        if answer is not None:
            raise answer
        self.stop()


AWAY = error("ServiceUnavailable", "Query", 503)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh list of what was seen, and no pause between passes."""
    monkeypatch.setattr(Worker, "seen", [])
    monkeypatch.setattr(PeriodicCommand, "_sleep", lambda *_: None)


def test_a_command_handles_what_one_receive_brings(sqs: FakeSQS) -> None:
    sqs.put("archive", HINT, HINT, HINT)
    call_command(Worker(), "--once")
    assert len(Worker.seen) == 2, "as many as it has seats"


def test_flags_reach_the_worker(sqs: FakeSQS) -> None:
    sqs.put("archive", *[HINT] * 9)
    call_command(Worker(), "--max-messages", "5", "--concurrency", "3", "--wait", "7")
    assert len(Worker.seen) == 5
    calls = sqs.called("receive_message")
    assert {call["WaitTimeSeconds"] for call in calls} == {7}
    assert calls[0]["MaxNumberOfMessages"] == 3


def test_once_without_aws_fails_and_names_the_error(sqs: FakeSQS) -> None:
    def refuse(*_: object) -> None:
        raise AWAY

    sqs.trouble = refuse
    with pytest.raises(CommandError, match="AWS did not answer: ServiceUnavailable"):
        call_command(Worker(), "--once")


def test_a_taken_metrics_port_is_said(sqs: FakeSQS) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with pytest.raises(CommandError, match=f"--metrics-port {port} cannot be used"):
            call_command(Worker(), "--once", "--metrics-port", port)


def test_the_old_signal_handlers_come_back(sqs: FakeSQS) -> None:
    before = signal.getsignal(signal.SIGTERM)
    call_command(Worker(), "--once", "--wait", "1")
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "0", "10", "²", "٣", "1_0", " 3"])
def test_a_number_flag_takes_only_whole_numbers_in_its_range(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="a whole number from 1 to 9"):
        commands.whole(least=1, most=9)(text)


def test_a_number_flag_takes_both_of_its_ends() -> None:
    read = commands.whole(least=1, most=9)
    assert (read("1"), read("9")) == (1, 9)


def test_a_pass_is_done_once_by_default() -> None:
    command = Sweep()
    call_command(command)
    assert command.passes == 1


def test_a_single_pass_fails_when_aws_is_away() -> None:
    with pytest.raises(CommandError, match="AWS did not answer"):
        call_command(Sweep(AWAY))


def test_repeated_passes_outlive_an_outage() -> None:
    command = Sweep(AWAY, AWAY, None)
    call_command(command, "--every", "1")
    assert command.passes == 3


def test_a_bug_in_a_pass_ends_the_command() -> None:
    with pytest.raises(KeyError):
        call_command(Sweep(KeyError("a bug")), "--every", "1")


def test_a_waiting_command_pings_the_watchdog_and_stops_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    told: list[str] = []
    monkeypatch.setattr(systemd, "notify", told.append)
    command = Sweep()
    waiting = threading.Thread(target=command._sleep, args=(60,))
    waiting.start()
    until(lambda: told.count("WATCHDOG=1") >= 3)
    command.stop()
    waiting.join(3)
    assert not waiting.is_alive()


def test_every_role_has_a_worker_that_reads_its_queue() -> None:
    found: dict[str, str] = {}
    for name, app in get_commands().items():
        if name.startswith("run_"):
            command = load_command_class(str(app), name)
            assert isinstance(command, WorkerCommand)
            found[name.removeprefix("run_")] = command.queue
    assert found == events.QUEUE_OF_ROLE
