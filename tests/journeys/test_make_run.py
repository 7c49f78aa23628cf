"""`make run` itself: it starts everything, refuses politely, stops everything, forgets nothing."""

import hashlib
import signal
import socket
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from accounts import plans
from annotations import jobs, services
from annotations.states import Job
from gas_project import aws
from tests.service import Service

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]


@pytest.fixture
def service(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Service]:
    """A service that is not started; the test's own AWS calls go to its local cloud."""
    made = Service(tmp_path / "data", GAS_GRACE="8", GAS_TIME_SCALE="3600")
    url = f"http://127.0.0.1:{made.port + 1}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    settings.AWS_ENDPOINT_URL, settings.GAS_LOCAL, settings.GAS_TIME_SCALE = url, True, 3600
    aws.forget_clients()
    yield made
    made.kill()
    aws.forget_clients()


def wait_for(job_id: str, wanted: Callable[[Job], bool]) -> Job:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        job = jobs.get(job_id)
        if job and wanted(job):
            return job
        time.sleep(0.2)
    raise AssertionError(f"the job is {jobs.get(job_id)}")


def download(job: Job) -> bytes:
    url = services.download_url(job_id=job.job_id, user_id=job.user_id)
    with urllib.request.urlopen(url, timeout=10) as reply:
        return bytes(reply.read())


def test_what_was_there_before_a_kill_of_everything_is_there_after_the_next_start(
    service: Service,
) -> None:
    service.start()
    hot, cold = str(uuid.uuid4()), str(uuid.uuid4())
    plans.create(user_id=hot, tier="premium")
    plans.create(user_id=cold, tier="free")
    kept = services.example(user_id=hot, example="lineages")
    archived = services.example(user_id=cold, example="mitochondrion")
    first = download(wait_for(kept.job_id, lambda job: job.state == "HOT"))
    wait_for(archived.job_id, lambda job: job.state == "COLD")
    service.kill()
    log = service.start()
    assert "up after" in log
    after = wait_for(kept.job_id, lambda job: job.state == "HOT")
    assert hashlib.sha256(download(after)).hexdigest() == hashlib.sha256(first).hexdigest()
    assert wait_for(archived.job_id, lambda job: job.state == "COLD").copy
    with urllib.request.urlopen(f"http://127.0.0.1:{service.port}/", timeout=10) as reply:
        assert reply.status == 200


def test_a_taken_port_is_refused_with_what_to_do(service: Service) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", service.port))
        other.listen()
        process = service.command("run")
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert f"Port {service.port} is taken" in said
    assert "GAS_PORT=" in said


def test_ctrl_c_stops_all_that_was_started_and_reset_forgets_it(service: Service) -> None:
    service.start()
    assert service.process
    assert len(service.children()) > 8
    busy = service.command("reset")
    assert busy.communicate(timeout=30)[0].startswith("GAS is running")
    service.process.send_signal(signal.SIGINT)
    assert service.process.stdout
    assert "stopped" in service.process.stdout.read()
    assert service.process.wait(timeout=60) == 0
    assert service.children() == []
    reset = service.command("reset")
    assert "forgotten" in reset.communicate(timeout=30)[0]
    assert not service.data.exists()
