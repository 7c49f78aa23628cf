"""A killed local cloud loses nothing that it acknowledged, and reads no data but its own."""

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from deploy.local import engine
from deploy.local.disk import Disk, ForeignData
from tests.contract.processes import free_port

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

WRITERS = 8
JOBS, EVENTS = "gas-jobs", "gas-job-events"


@contextmanager
def running(data: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Run the local cloud in a process of its own, ready to answer."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.local.run", "--port", str(port), "--data", str(data)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        assert process.stdout is not None
        assert "ready" in process.stdout.readline()
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


def start_in_vain(data: Path, *, port: int = 0) -> "subprocess.CompletedProcess[str]":
    """Run the local cloud where it must refuse."""
    return subprocess.run(
        [sys.executable, "-m", "deploy.local.run", "--port", str(port), "--data", str(data)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


def client_of(service: str, url: str) -> Any:
    session = boto3.Session("local", "local-secret", region_name="us-east-1")
    config = Config(retries={"total_max_attempts": 1}, max_pool_connections=WRITERS)
    return session.client(service, endpoint_url=url, config=config)  # type: ignore[call-overload]


def write_until_it_dies(dynamodb: "DynamoDBClient", name: str, done: list[str]) -> None:
    """Write jobs, each with its event in one transaction, and note what was acknowledged."""
    for n in range(100_000):
        job_id = f"{name}-{n}"
        key = {"job_id": {"S": job_id}}
        indexed = {"user_id": {"S": name}, "submitted_at": {"N": str(n)}}
        try:
            dynamodb.transact_write_items(
                TransactItems=[
                    {"Put": {"TableName": JOBS, "Item": {**key, **indexed}}},
                    {"Put": {"TableName": EVENTS, "Item": {**key, "at": {"S": "1"}}}},
                ]
            )
        except (BotoCoreError, ClientError):
            return
        done.append(job_id)


def ids(dynamodb: "DynamoDBClient", table: str) -> set[str]:
    pages = dynamodb.get_paginator("scan").paginate(TableName=table)
    return {item["job_id"]["S"] for page in pages for item in page["Items"]}


def test_a_kill_under_eight_writers_loses_and_tears_nothing(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201 -- shown when the test fails
    pause = random.Random(seed)
    done: list[str] = []
    for life in range(3):
        with running(tmp_path) as (process, url):
            dynamodb = client_of("dynamodb", url)
            threads = [
                threading.Thread(target=write_until_it_dies, args=(dynamodb, f"{life}{n}", done))
                for n in range(WRITERS)
            ]
            for thread in threads:
                thread.start()
            time.sleep(pause.uniform(0.3, 1.0))
            process.send_signal(signal.SIGKILL)
            for thread in threads:
                thread.join()
    assert len(done) > WRITERS
    with running(tmp_path) as (_, url):
        dynamodb = client_of("dynamodb", url)
        jobs, events = ids(dynamodb, JOBS), ids(dynamodb, EVENTS)
        assert set(done) - jobs == set()
        assert jobs == events
        found = dynamodb.query(
            TableName=JOBS,
            IndexName="by_user",
            KeyConditionExpression="user_id = :u",
            ExpressionAttributeValues={":u": {"S": "00"}},
        )
    assert found["Count"] == len([job_id for job_id in jobs if job_id.startswith("00-")])


def test_every_kind_of_value_survives_a_restart(tmp_path: Path) -> None:
    item: dict[str, Any] = {
        "job_id": {"S": "ü"},
        "n": {"N": "1.50"},
        "b": {"B": b"\x00\xff"},
        "bs": {"BS": [b"\x01"]},
        "m": {"M": {"l": {"L": [{"B": b"\x02"}, {"NULL": True}]}, "t": {"BOOL": False}}},
        "ss": {"SS": ["a"]},
        "user_id": {"S": "u"},
        "submitted_at": {"N": "7"},
    }
    with running(tmp_path) as (_, url):
        client_of("dynamodb", url).put_item(TableName=JOBS, Item=item)
        before = client_of("dynamodb", url).get_item(TableName=JOBS, Key={"job_id": {"S": "ü"}})
    with running(tmp_path) as (_, url):
        dynamodb = client_of("dynamodb", url)
        assert (
            dynamodb.get_item(TableName=JOBS, Key={"job_id": {"S": "ü"}})["Item"]
            == (before["Item"])
        )
        found = dynamodb.query(
            TableName=JOBS,
            IndexName="by_user",
            KeyConditionExpression="user_id = :u",
            ExpressionAttributeValues={":u": {"S": "u"}},
        )
    assert found["Count"] == 1


def test_a_token_and_the_mail_survive_a_kill(tmp_path: Path) -> None:
    def add(url: str) -> str:
        dynamodb = client_of("dynamodb", url)
        dynamodb.transact_write_items(
            ClientRequestToken="once",
            TransactItems=[
                {
                    "Update": {
                        "TableName": JOBS,
                        "Key": {"job_id": {"S": "j"}},
                        "UpdateExpression": "ADD n :one",
                        "ExpressionAttributeValues": {":one": {"N": "1"}},
                    }
                }
            ],
        )
        found = dynamodb.get_item(TableName=JOBS, Key={"job_id": {"S": "j"}})
        return str(found["Item"]["n"]["N"])

    with running(tmp_path) as (_, url):
        assert add(url) == "1"
        raw = b"To: ada@example.org\r\nSubject: kept\r\n\r\nhello"
        client_of("sesv2", url).send_email(Content={"Raw": {"Data": raw}})
    with running(tmp_path) as (_, url):
        assert add(url) == "1"
        with urllib.request.urlopen(f"{url}/_gas/mail") as answer:
            assert [mail["subject"] for mail in json.loads(answer.read())] == ["kept"]


def test_the_process_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with running(tmp_path) as (process, url):
        queue = client_of("sqs", url)
        address = queue.get_queue_url(QueueName="gas-annotate")["QueueUrl"]
        poll = threading.Thread(
            target=lambda: queue.receive_message(QueueUrl=address, WaitTimeSeconds=20)
        )
        poll.start()
        time.sleep(0.2)
        process.terminate()
        assert process.wait(timeout=20) == 0
        poll.join()


def test_data_of_another_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    Disk(tmp_path).close()
    with sqlite3.connect(tmp_path / "state.db") as db:
        db.execute("CREATE TABLE theirs (x)")
        db.execute("PRAGMA user_version = 999")
    db.close()
    done = start_in_vain(tmp_path)
    assert done.returncode == 2
    assert "format 999" in done.stderr
    assert "make reset" in done.stderr
    with sqlite3.connect(tmp_path / "state.db") as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    db.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_text("not a database, and long enough to be looked at " * 20)
    with pytest.raises(ForeignData, match="not a database"):
        Disk(tmp_path)


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    with pytest.raises(ForeignData, match="in use"):
        Disk(tmp_path)
    disk.close()
    Disk(tmp_path).close()


def test_a_transaction_that_fails_leaves_no_row(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    disk.script("CREATE TABLE t (x)")

    def fail() -> None:
        with disk.transaction():
            disk.run("INSERT INTO t VALUES (1)")
            with disk.transaction():
                disk.run("INSERT INTO t VALUES (2)")
            raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        fail()
    assert disk.rows("SELECT x FROM t") == []
    disk.close()


def test_a_body_that_no_row_names_is_swept(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    named, leftover = disk.body(), disk.body()
    named.write_bytes(b"x")
    leftover.write_bytes(b"y")
    disk.sweep({named.name})
    assert disk.find(named.name).read_bytes() == b"x"
    assert not leftover.exists()
    disk.close()


def test_another_moto_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moto.sqs.models.Queue.messages", None)
    monkeypatch.delattr("moto.sqs.models.Message.had_receipt_handle")
    monkeypatch.setattr("moto.__version__", "9.9")
    with pytest.raises(engine.WrongEngine, match=r"moto 9\.9.*had_receipt_handle"):
        engine.check()


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = start_in_vain(tmp_path, port=taken.getsockname()[1])
    assert done.returncode == 2
    assert "cannot start" in done.stderr
