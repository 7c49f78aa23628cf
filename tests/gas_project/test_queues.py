"""What the queue verbs make of a batch that SQS took only in part."""

import pytest

from gas_project import events, queues
from tests.gas_project.bodies import DASHED, HINT, JOB
from tests.gas_project.fake_sqs import FakeSQS


def test_hints_for_the_sweep_go_ten_a_call(sqs: FakeSQS) -> None:
    events.send_hints(queue="archive", job_ids=[JOB] * 21, user_ids=[DASHED] * 2)
    sizes = [len(call["Entries"]) for call in sqs.called("send_message_batch")]
    assert sizes == [10, 10, 3]
    assert len(sqs.bodies("archive")) == 23


def test_a_refused_hint_is_told_after_the_others_are_sent(sqs: FakeSQS) -> None:
    sqs.refuses = lambda _, entry: entry["Id"] == "3"
    with pytest.raises(queues.NotSent, match="2 of 15 messages were refused: InternalError"):
        events.send_hints(queue="archive", job_ids=[JOB] * 15)
    assert len(sqs.bodies("archive")) == 13


def test_a_bad_id_stops_the_batch_before_anything_is_sent(sqs: FakeSQS) -> None:
    with pytest.raises(ValueError, match="not an id"):
        events.send_hints(queue="archive", job_ids=[JOB, "x"])
    assert sqs.bodies("archive") == []


def test_refused_deletions_and_extensions_come_back(sqs: FakeSQS) -> None:
    sqs.put("archive", *[HINT] * 12)
    messages = [
        message
        for _ in range(2)
        for message in queues.receive("archive", limit=10, wait=0, visibility=30)
    ]
    sqs.refuses = lambda _, entry: entry["Id"] == "1"
    assert queues.hide("archive", [(m, 60) for m in messages]) == [messages[1], messages[11]]
    assert queues.delete("archive", messages) == [messages[1], messages[11]]
    assert len(sqs.bodies("archive")) == 2
