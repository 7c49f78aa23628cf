"""Events of S3 and Glacier: carried in order, dropped when all is forgotten."""

import logging
import threading
import time

import pytest

from deploy.local.postman import Postman
from deploy.local.queues import Queues

ARN = "arn:aws:sqs:us-east-1:123456789012:q"


@pytest.fixture
def lock() -> threading.RLock:
    return threading.RLock()


@pytest.fixture
def queues(lock: threading.RLock) -> Queues:
    made = Queues(lock=lock)
    made.create_queue("q")
    return made


def bodies(queues: Queues) -> list[str]:
    return [message.body for message in queues.get_queue("q")._messages]


def test_events_arrive_in_the_order_in_which_they_were_emitted(
    lock: threading.RLock, queues: Queues
) -> None:
    postman = Postman(lock=lock, queues=queues)
    for n in range(50):
        postman.emit(ARN, str(n))
    postman.stop()
    assert bodies(queues) == [str(n) for n in range(50)]


def test_an_event_on_its_way_is_dropped_when_all_is_forgotten(
    lock: threading.RLock, queues: Queues
) -> None:
    postman = Postman(lock=lock, queues=queues)
    with lock:
        postman.emit(ARN, "of before")
        time.sleep(0.05)
        postman.forget()
    postman.emit(ARN, "of after")
    postman.stop()
    assert bodies(queues) == ["of after"]


def test_an_event_for_a_queue_that_is_not_there_stops_nothing(
    lock: threading.RLock, queues: Queues, caplog: pytest.LogCaptureFixture
) -> None:
    postman = Postman(lock=lock, queues=queues)
    with caplog.at_level(logging.WARNING):
        postman.emit(ARN.replace(":q", ":missing"), "x")
        postman.emit(ARN, "y")
        postman.stop()
    assert bodies(queues) == ["y"]
    assert "missing" in caplog.text
