"""What the local Glacier acknowledged outlives its process, in scaled time too."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from cheroot import wsgi

from deploy.local.clock import Clock
from deploy.local.disk import Disk
from deploy.local.faults import Faults
from deploy.local.glacier import Glacier
from tests.contract.vaults import (
    DAY,
    HOUR,
    TOPIC,
    VAULT,
    archive,
    ask,
    begin,
    client_of,
    complete,
    retrieve,
    send,
)


class Alone:
    """Glacier on a port of its own; `told` is what it would have published."""

    def __init__(self, root: Path, *, scale: float, offset: float = 0) -> None:
        self.clock, self.faults = Clock(), Faults()
        self.clock.advance(offset)
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.disk = Disk(root)
        self.glacier = Glacier(
            disk=self.disk, clock=self.clock, scale=scale, emit=self._tell, faults=self.faults
        )
        self._server = wsgi.Server(("127.0.0.1", 0), self.glacier, numthreads=4)
        self._server.prepare()
        self.url = f"http://127.0.0.1:{self._server.bind_addr[1]}"
        self._thread = threading.Thread(target=self._server.serve)
        self._thread.start()

    def _tell(self, topic: str, text: str) -> None:
        self.told.append((topic, json.loads(text)))

    def await_told(self, count: int) -> list[str]:
        """Return the status of each notice once there are `count`."""
        until = time.monotonic() + 10
        while len(self.told) < count and time.monotonic() < until:
            time.sleep(0.02)
        return [notice["StatusCode"] for _, notice in self.told]

    def end(self) -> None:
        self.glacier.stop()
        self._server.stop()
        self._thread.join()
        self.disk.close()


Make = Callable[..., Alone]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Return a function that starts Glacier on one folder, ending the one before."""
    running: list[Alone] = []

    def start(**more: Any) -> Alone:
        while running:
            running.pop().end()
        running.append(Alone(tmp_path, **{"scale": 1.0, **more}))
        return running[0]

    yield start
    while running:
        running.pop().end()


def test_archives_uploads_and_jobs_outlive_the_process(make: Make) -> None:
    glacier = client_of(make())
    glacier.create_vault(vaultName=VAULT)
    job = retrieve(glacier, archive(glacier, b"data"))
    upload = begin(glacier)
    send(glacier, upload, 0, b"half done")
    again = make(offset=4 * HOUR)
    glacier = client_of(again)
    assert glacier.get_job_output(vaultName=VAULT, jobId=job)["body"].read() == b"data"
    assert len(complete(glacier, upload, b"half done")) == 138


def test_a_notice_that_was_due_while_it_was_off_is_sent_at_the_next_start(make: Make) -> None:
    glacier = client_of(make())
    glacier.create_vault(vaultName=VAULT)
    retrieve(glacier, archive(glacier, b"data"), SNSTopic=TOPIC)
    again = make(offset=5 * HOUR)
    assert again.told == []
    again.glacier.start()
    assert again.await_told(1) == ["Succeeded"]


def test_hours_are_divided_by_the_scale(make: Make) -> None:
    cloud = make(scale=3600.0)
    glacier = client_of(cloud)
    glacier.create_vault(vaultName=VAULT)
    job = retrieve(glacier, archive(glacier, b"data"))
    cloud.clock.advance(4)
    assert glacier.describe_job(vaultName=VAULT, jobId=job)["Completed"]
    cloud.clock.advance(30)
    assert glacier.list_jobs(vaultName=VAULT)["JobList"] == []


def test_bodies_are_named_as_long_as_they_are_needed_and_removed_after(make: Make) -> None:
    cloud = make()
    glacier = client_of(cloud)
    glacier.create_vault(vaultName=VAULT)
    made = archive(glacier, b"data")
    retrieve(glacier, made)
    send(glacier, begin(glacier), 0, b"idle")
    assert len(cloud.glacier.bodies()) == 2
    cloud.clock.advance(4 * HOUR)
    assert glacier.list_jobs(vaultName=VAULT)["JobList"][0]["StatusCode"] == "Succeeded"
    glacier.delete_archive(vaultName=VAULT, archiveId=made)
    cloud.glacier.clean()
    assert len(cloud.glacier.bodies()) == 2
    cloud.clock.advance(4 * DAY)
    cloud.glacier.clean()
    assert cloud.glacier.bodies() == set()
    assert [path for path in (cloud.disk.root / "bodies").iterdir() if path.is_file()] == []


def test_forgetting_empties_the_vaults_and_keeps_them(make: Make) -> None:
    cloud = make()
    glacier = client_of(cloud)
    glacier.create_vault(vaultName=VAULT)
    retrieve(glacier, archive(glacier, b"data"), SNSTopic=TOPIC)
    cloud.glacier.forget()
    cloud.clock.advance(4 * HOUR)
    cloud.glacier.start()
    assert glacier.list_jobs(vaultName=VAULT)["JobList"] == []
    assert glacier.list_multipart_uploads(vaultName=VAULT)["UploadsList"] == []
    assert glacier.describe_vault(vaultName=VAULT)["VaultName"] == VAULT
    assert cloud.glacier.bodies() == set()
    assert cloud.told == []


def test_a_topic_that_takes_nothing_holds_up_nobody(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = make()
    glacier = client_of(cloud)
    glacier.create_vault(vaultName=VAULT)
    made = archive(glacier, b"data")
    retrieve(glacier, made, SNSTopic=f"{TOPIC}-broken")
    retrieve(glacier, made, SNSTopic=TOPIC)
    tell = cloud._tell

    def refuse(topic: str, text: str) -> None:
        if topic != TOPIC:
            raise RuntimeError("no such topic")
        tell(topic, text)

    monkeypatch.setattr(cloud.glacier, "_emit", refuse)
    cloud.clock.advance(4 * HOUR)
    cloud.glacier.start()
    assert cloud.await_told(1) == ["Succeeded"]


def test_an_unsigned_request_is_refused(make: Make) -> None:
    headers = {"x-amz-glacier-version": "2012-06-01"}
    status, body = ask(make(), "GET", "/-/vaults/gas", headers)
    assert (status, body["code"]) == (403, "MissingAuthenticationTokenException")


@contextmanager
def process(root: Path) -> Iterator[Any]:
    """The whole cloud in a process of its own, an hour of AWS a second; killed at the end."""
    command = [sys.executable, "-m", "deploy.local.run", "--port", "0", "--scale", "3600"]
    with subprocess.Popen(
        [*command, "--data", str(root)], stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout
        try:
            yield SimpleNamespace(url=running.stdout.readline().split()[-1])
        finally:
            running.kill()


def test_a_killed_cloud_keeps_archives_and_tells_what_fell_due_meanwhile(tmp_path: Path) -> None:
    with process(tmp_path) as cloud:
        glacier = client_of(cloud)
        job = retrieve(glacier, archive(glacier, b"data"), SNSTopic=TOPIC)
    time.sleep(4)
    with process(tmp_path) as cloud:
        glacier = client_of(cloud)
        assert glacier.get_job_output(vaultName=VAULT, jobId=job)["body"].read() == b"data"
        sqs = boto3.client("sqs", endpoint_url=cloud.url)
        url = sqs.get_queue_url(QueueName="gas-thaw")["QueueUrl"]
        [message] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    assert json.loads(message["Body"])["JobId"] == job
