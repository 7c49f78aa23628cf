"""Workers as real processes against the local cloud: signals, exit codes, what systemd hears."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.run import LocalCloud
from gas_project import queues
from tests.gas_project.bodies import HINT, JOB
from tests.gas_project.conftest import until


@contextmanager
def process(
    cloud: LocalCloud, mode: str, *flags: str, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """Run the tiny worker; at the end it is gone, whatever happened."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.gas_project.tiny_worker", mode, *flags],
        env=os.environ | {"AWS_ENDPOINT_URL": cloud.url} | environment,
        cwd=Path(__file__).resolve().parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def heard(running: subprocess.Popen[str]) -> str:
    """Return the next word that the worker says."""
    assert running.stdout is not None
    return running.stdout.readline().strip()


def test_sigterm_drains_and_the_message_is_there_for_the_next_worker(cloud: LocalCloud) -> None:
    queues.send("archive", [HINT])
    with process(cloud, "patient", "--wait", "1") as running:
        assert heard(running) == "started"
        running.send_signal(signal.SIGTERM)
        assert heard(running) == "released"
        assert running.wait(10) == 0
    (message,) = queues.receive("archive", limit=10, wait=1, visibility=30)
    assert (message.body, message.received) == (HINT, 2), "only one receive was spent"


def test_an_interrupt_from_the_keyboard_does_the_same(cloud: LocalCloud) -> None:
    with process(cloud, "patient", "--wait", "1") as running:
        assert running.stderr is not None
        assert "worker.started" in running.stderr.readline()
        running.send_signal(signal.SIGINT)
        assert running.wait(10) == 0


def test_a_second_signal_ends_it_at_once(cloud: LocalCloud) -> None:
    queues.send("archive", [HINT])
    with process(cloud, "deaf") as running:
        assert heard(running) == "started"
        running.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert running.poll() is None, "the first is patient"
        running.send_signal(signal.SIGTERM)
        assert running.wait(5) == 128 + signal.SIGTERM


def test_a_dead_helper_thread_ends_it_with_an_error(cloud: LocalCloud) -> None:
    queues.send("archive", [HINT])
    with process(cloud, "dying", "--wait", "1") as running:
        _, told = running.communicate(timeout=20)
    assert running.returncode == 1
    assert "must be started anew" in told
    assert JOB in told, "the log says whose message it was"


def test_once_ends_it_cleanly_when_there_is_nothing(cloud: LocalCloud) -> None:
    with process(cloud, "patient", "--once", "--wait", "1") as running:
        assert running.wait(20) == 0


def test_idle_exit_ends_it_cleanly(cloud: LocalCloud) -> None:
    with process(cloud, "patient", "--idle-exit", "1") as running:
        assert running.wait(20) == 0


def test_without_aws_a_worker_waits_and_still_stops(cloud: LocalCloud) -> None:
    with process(cloud, "patient", AWS_ENDPOINT_URL="http://127.0.0.1:1") as running:
        assert running.stderr is not None
        assert any("aws.away" in running.stderr.readline() for _ in range(3))
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0


def test_systemd_hears_ready_life_and_stopping(cloud: LocalCloud, tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(20)
        environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "600000"}
        with process(cloud, "patient", "--wait", "1", **environment) as running:
            told = {listener.recv(100) for _ in range(4)}
            running.send_signal(signal.SIGTERM)
            assert running.wait(20) == 0
        assert told == {b"READY=1", b"WATCHDOG=1"}
        until(lambda: listener.recv(100) == b"STOPPING=1")


def test_a_periodic_command_repeats_until_it_is_stopped(cloud: LocalCloud) -> None:
    with process(cloud, "ticking", "--every", "1") as running:
        assert [heard(running), heard(running)] == ["started", "started"]
        running.send_signal(signal.SIGTERM)
        assert running.wait(5) == 0


def test_metrics_are_served_on_loopback(cloud: LocalCloud) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with process(cloud, "patient", "--metrics-port", str(port)) as running:
        assert running.stderr is not None
        assert "worker.started" in running.stderr.readline()
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            line.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            told = b"".join(iter(lambda: line.recv(65536), b""))
    assert b"gas_messages_processed" in told


@pytest.mark.parametrize(
    "flags",
    [
        ["--concurrency", "0"],
        ["--concurrency", "65"],
        ["--max-messages", "-1"],
        ["--idle-exit", "soon"],
        ["--wait", "21"],
        ["--metrics-port", "99999"],
    ],
)
def test_a_senseless_flag_is_refused_with_its_limits(flags: list[str], cloud: LocalCloud) -> None:
    with process(cloud, "patient", *flags) as running:
        _, told = running.communicate(timeout=20)
    assert running.returncode == 2
    assert "must be a whole number from" in told
