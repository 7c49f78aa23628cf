"""The contract of the queue verbs, kept by these tests' fake and by the local cloud alike."""

import time
from collections.abc import Callable

import pytest

from gas_project import queues
from tests.gas_project.bodies import HINT
from tests.gas_project.conftest import until


@pytest.fixture(params=["sqs", "cloud"], autouse=True)
def served_by(request: pytest.FixtureRequest) -> object:
    """Serve SQS by the fake, then by the local cloud."""
    served: object = request.getfixturevalue(request.param)
    return served


def receive(
    *, limit: int = 10, visibility: int = 30, kind: str = "archive"
) -> list[queues.Message]:
    return queues.receive(kind, limit=limit, wait=0, visibility=visibility)


def soon(true: Callable[[], object]) -> None:
    until(true, seconds=8)


def test_an_empty_queue_gives_nothing() -> None:
    assert receive() == []


def test_a_message_arrives_as_it_was_sent() -> None:
    before = int(time.time())
    queues.send("archive", [HINT])
    (message,) = receive()
    assert message.body == HINT
    assert message.received == 1
    assert before - 1 <= message.sent_at <= before + 5
    assert message.reason == ""


def test_a_reason_travels_beside_the_body() -> None:
    queues.send("archive-dead", ["{broken"], reason="not JSON, or nested too deeply")
    (message,) = receive(kind="archive-dead")
    assert (message.body, message.reason) == ("{broken", "not JSON, or nested too deeply")


def test_twenty_five_messages_go_in_three_calls_and_come_in_tens() -> None:
    queues.send("archive", [f"{HINT}{' ' * number}" for number in range(25)])
    sizes = [len(receive()) for _ in range(4)]
    assert sizes == [10, 10, 5, 0]


def test_a_received_message_is_hidden_until_its_visibility_ends() -> None:
    queues.send("archive", [HINT])
    (first,) = receive(visibility=1)
    assert receive() == []
    again: list[queues.Message] = []

    def comes_back() -> bool:
        again.extend(receive())
        return bool(again)

    soon(comes_back)
    assert again[0].id == first.id
    assert again[0].receipt != first.receipt
    assert again[0].received == 2


def test_a_hidden_message_can_be_hidden_for_longer() -> None:
    queues.send("archive", [HINT])
    (message,) = receive(visibility=1)
    assert queues.hide("archive", [(message, 30)]) == []
    time.sleep(1.2)
    assert receive() == []


def test_a_message_hidden_for_no_time_is_back_at_once() -> None:
    queues.send("archive", [HINT])
    (message,) = receive()
    queues.hide("archive", [(message, 0)])
    assert len(receive()) == 1


def test_a_deleted_message_is_gone() -> None:
    queues.send("archive", [HINT])
    (message,) = receive(visibility=0)
    assert queues.delete("archive", [message]) == []
    assert receive() == []


def test_deleting_twice_is_no_error() -> None:
    queues.send("archive", [HINT])
    (message,) = receive()
    queues.delete("archive", [message])
    queues.delete("archive", [message])
    assert queues.depth("archive") == 0


def test_hiding_a_deleted_message_is_refused_and_the_rest_of_the_batch_is_hidden() -> None:
    queues.send("archive", [HINT, HINT])
    gone, kept = receive()
    queues.delete("archive", [gone])
    assert queues.hide("archive", [(gone, 30), (kept, 0)]) == [gone]
    assert [message.id for message in receive()] == [kept.id]


def test_depth_counts_what_waits_and_what_is_in_flight() -> None:
    queues.send("archive", [HINT] * 3)
    receive(limit=1)
    assert queues.depth("archive") == 3


def test_a_long_poll_ends_with_the_first_message() -> None:
    queues.send("archive", [HINT])
    began = time.monotonic()
    assert len(queues.receive("archive", limit=10, wait=20, visibility=30)) == 1
    assert time.monotonic() - began < 10, "it did not wait for the whole poll"


def test_the_sixth_receive_finds_the_message_in_the_dead_letter_queue() -> None:
    queues.send("archive", [HINT])
    for _ in range(5):
        assert len(receive(visibility=0)) == 1
    assert receive(visibility=0) == []
    (message,) = receive(kind="archive-dead")
    assert message.body == HINT


def test_sending_nothing_asks_nothing() -> None:
    queues.send("archive", [])
    assert receive() == []
