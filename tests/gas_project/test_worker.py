"""What becomes of messages: seats, outcomes, batches, back-off, parking."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest
import structlog
from botocore.exceptions import EndpointConnectionError

from gas_project import metrics, queues, worker
from gas_project.events import Event, Hint
from gas_project.worker import NotNow, Park
from tests.gas_project.bodies import DASHED, HINT, JOB, TEST_EVENT, s3_event
from tests.gas_project.conftest import Running, until, waiting_at
from tests.gas_project.fake_sqs import FakeSQS, error


def hint(number: int) -> str:
    return json.dumps({"version": 1, "job_id": f"{number:032x}"})


class Handler:
    """Keeps what it was called with; `answers` maps a job to what is raised for it."""

    def __init__(self) -> None:
        self.seen: list[Event] = []
        self.answers: dict[str, BaseException] = {}

    def __call__(self, event: Event) -> None:
        self.seen.append(event)
        answer = self.answers.get(str(event.job_id))
        if answer is not None:
            raise answer


@pytest.fixture
def handler() -> Handler:
    return Handler()


def hidden_for(sqs: FakeSQS) -> list[int]:
    """The visibilities that the worker asked for, in order."""
    calls = sqs.called("change_message_visibility_batch")
    return [entry["VisibilityTimeout"] for call in calls for entry in call["Entries"]]


def test_a_handled_message_is_deleted(sqs: FakeSQS, handler: Handler) -> None:
    sqs.put("archive", HINT)
    with Running(handler):
        until(lambda: not sqs.bodies("archive"))
    assert handler.seen == [Hint(job_id=JOB)]


def test_a_hint_about_a_person_reaches_the_handler(sqs: FakeSQS, handler: Handler) -> None:
    sqs.put("archive", json.dumps({"version": 1, "user_id": DASHED}))
    with Running(handler):
        until(lambda: not sqs.bodies("archive"))
    assert handler.seen == [Hint(user_id=DASHED)]


def test_every_event_of_a_message_is_handled_before_it_is_deleted(
    sqs: FakeSQS, handler: Handler
) -> None:
    sqs.put("archive", s3_event(f"a/{JOB}/1", f"a/{JOB}/2"))
    with Running(handler):
        until(lambda: not sqs.bodies("archive"))
    assert len(handler.seen) == 2


def test_a_notice_without_work_is_acknowledged(sqs: FakeSQS, handler: Handler) -> None:
    sqs.put("archive", TEST_EVENT)
    with Running(handler):
        until(lambda: not sqs.bodies("archive"))
    assert handler.seen == []


def test_it_polls_long_and_does_not_sleep_besides(sqs: FakeSQS, handler: Handler) -> None:
    with Running(handler, wait=20) as running:
        until(lambda: sqs.called("receive_message"))
        assert sqs.called("receive_message")[0]["WaitTimeSeconds"] == 20
        sqs.put("archive", HINT)
        until(lambda: len(sqs.called("receive_message")) == 2)
        running.worker.stop()
        sqs.put("archive", HINT)


def test_it_never_receives_more_than_it_has_seats(sqs: FakeSQS, gate: threading.Event) -> None:
    sqs.put("archive", *map(hint, range(12)))
    busy, most = [0], [0]
    lock = threading.Lock()

    def handle(_: Event) -> None:
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        gate.wait(0.02)
        with lock:
            busy[0] -= 1

    with Running(handle, concurrency=3):
        until(lambda: not sqs.bodies("archive"))
    assert most[0] == 3
    assert max(call["MaxNumberOfMessages"] for call in sqs.called("receive_message")) <= 3


def test_ten_is_the_most_that_one_receive_asks_for(sqs: FakeSQS, handler: Handler) -> None:
    with Running(handler, concurrency=40):
        until(lambda: sqs.called("receive_message"))
    assert sqs.called("receive_message")[0]["MaxNumberOfMessages"] == 10


def test_a_full_worker_does_not_poll(sqs: FakeSQS, gate: threading.Event) -> None:
    sqs.put("archive", *map(hint, range(4)))
    with Running(waiting_at(gate), concurrency=2):
        until(lambda: len(sqs.called("receive_message")) == 1)
        time.sleep(0.4)
        assert len(sqs.called("receive_message")) == 1
        gate.set()
        until(lambda: not sqs.bodies("archive"))


def test_deletions_go_in_batches(sqs: FakeSQS, gate: threading.Event) -> None:
    sqs.put("archive", *map(hint, range(10)))
    started: list[Event] = []

    def handle(event: Event) -> None:
        started.append(event)
        gate.wait()

    with Running(handle, concurrency=10):
        until(lambda: len(started) == 10)
        sqs.trouble = lambda *_: time.sleep(0.1)  # while one call is out, the next batch grows
        gate.set()
        until(lambda: not sqs.bodies("archive"))
    assert len(sqs.called("delete_message_batch")) <= 4


def test_one_bad_message_never_hurts_its_batch(sqs: FakeSQS, handler: Handler) -> None:
    bodies = [hint(number) for number in range(9)]
    sqs.put("archive", *bodies[:4], "{broken", *bodies[4:])
    handler.answers[f"{6:032x}"] = RuntimeError("bad day")
    with Running(handler, concurrency=10):
        until(lambda: sqs.bodies("archive") == [hint(6)])
    assert sqs.bodies("archive-dead") == ["{broken"]
    assert len(handler.seen) == 9


def test_a_deletion_that_sqs_refused_is_tried_again(sqs: FakeSQS, handler: Handler) -> None:
    refusals = iter([True, True])
    sqs.refuses = lambda name, _: name == "delete_message_batch" and next(refusals, False)
    sqs.put("archive", HINT)
    with Running(handler):
        until(lambda: not sqs.bodies("archive"))
    assert len(handler.seen) == 1
    assert len(sqs.called("delete_message_batch")) == 3


def test_a_deletion_lost_on_the_way_is_tried_again(sqs: FakeSQS, handler: Handler) -> None:
    troubles = iter([error("InternalFailure", "DeleteMessageBatch", 500)])

    def trouble(name: str, _: object) -> None:
        if name == "delete_message_batch" and (raised := next(troubles, None)):
            raise raised

    sqs.trouble = trouble
    sqs.put("archive", HINT)
    with Running(handler):
        until(lambda: not sqs.bodies("archive"))
    assert len(handler.seen) == 1


def test_a_failed_message_comes_back_later(sqs: FakeSQS, handler: Handler) -> None:
    handler.answers[JOB] = RuntimeError("bad day")
    sqs.put("archive", HINT)
    with Running(handler):
        until(lambda: hidden_for(sqs))
    assert 5 <= hidden_for(sqs)[0] <= 10
    assert sqs.bodies("archive") == [HINT]


def test_back_off_grows_with_the_receives_is_jittered_and_capped() -> None:
    for received, least, most in [(1, 5, 10), (2, 10, 20), (4, 40, 80), (9, 450, 900)]:
        found = {worker.backoff(received) for _ in range(200)}
        assert least <= min(found) <= max(found) <= most
        assert len(found) > 1
    assert worker.backoff(100_000) <= worker.LONGEST_BACKOFF


def test_the_receive_count_drives_the_back_off(sqs: FakeSQS, handler: Handler) -> None:
    handler.answers[JOB] = RuntimeError("bad day")
    sqs.put("archive", HINT)
    for _ in range(2):
        queues.receive("archive", limit=1, wait=0, visibility=0)
    with Running(handler):
        until(lambda: hidden_for(sqs))
    assert 20 <= hidden_for(sqs)[0] <= 40


def test_not_now_hides_the_message_for_just_so_long(sqs: FakeSQS, handler: Handler) -> None:
    handler.answers[JOB] = NotNow(77)
    sqs.put("archive", HINT)
    before = counts()
    with Running(handler):
        until(lambda: hidden_for(sqs))
    assert hidden_for(sqs) == [77]
    assert (counts() - before) == Counter(retries=1), "not an error"


def test_a_parked_message_carries_its_reason(sqs: FakeSQS, handler: Handler) -> None:
    handler.answers[JOB] = Park("no such job")
    sqs.put("archive", HINT)
    with Running(handler):
        until(lambda: not sqs.bodies("archive"))
    (parked,) = sqs.queues["fake:gas-archive-dead"]
    assert parked.body == HINT
    assert parked.attributes["reason"]["StringValue"] == "no such job"


def test_an_unreadable_body_is_parked_and_the_worker_goes_on(
    sqs: FakeSQS, handler: Handler
) -> None:
    sqs.put("archive", '{"version":2}', HINT)
    with Running(handler):
        until(lambda: not sqs.bodies("archive"))
    (parked,) = sqs.queues["fake:gas-archive-dead"]
    assert "unknown version" in parked.attributes["reason"]["StringValue"]
    assert handler.seen == [Hint(job_id=JOB)]


def test_a_message_that_cannot_be_parked_is_not_deleted(sqs: FakeSQS, handler: Handler) -> None:
    sqs.refuses = lambda name, _: name == "send_message_batch"
    sqs.put("archive", "{broken")
    with Running(handler):
        until(lambda: hidden_for(sqs))
    assert sqs.bodies("archive") == ["{broken"]


def test_a_message_that_fails_five_times_lands_in_the_dead_letter_queue(
    sqs: FakeSQS, handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "BACKOFF", 0)
    handler.answers[JOB] = RuntimeError("poison")
    sqs.put("archive", HINT, hint(5))
    with Running(handler):
        until(lambda: sqs.bodies("archive-dead") == [HINT])
        until(lambda: not sqs.bodies("archive"))
    assert handler.seen.count(Hint(job_id=JOB)) == 5


def test_the_same_message_twice_is_handled_twice_and_both_are_deleted(
    sqs: FakeSQS, handler: Handler
) -> None:
    sqs.put("archive", HINT, HINT)
    with Running(handler):
        until(lambda: not sqs.bodies("archive"))
    assert len(handler.seen) == 2


def test_aws_away_in_a_handler_is_a_retry_without_a_traceback(
    sqs: FakeSQS, handler: Handler, capsys: pytest.CaptureFixture[str]
) -> None:
    handler.answers[JOB] = EndpointConnectionError(endpoint_url="http://127.0.0.1:1")
    sqs.put("archive", HINT)
    with structlog.testing.capture_logs() as lines, Running(handler):
        until(lambda: hidden_for(sqs))
    (line,) = [line for line in lines if line["event"] == "message.failed"]
    assert (line["kind"], line["exc_info"]) == ("EndpointConnectionError", False)


def test_logs_name_queue_message_receive_count_and_job_but_no_body(
    sqs: FakeSQS, handler: Handler
) -> None:
    sqs.put("archive", json.dumps({"version": 1, "job_id": JOB, "note": "private"}))
    merge = structlog.contextvars.merge_contextvars
    with structlog.testing.capture_logs(processors=[merge]) as lines, Running(handler):
        until(lambda: not sqs.bodies("archive"))
    (line,) = [line for line in lines if line["event"] == "message.done"]
    assert (line["queue"], line["received"], line["job_id"]) == ("archive", 1, JOB)
    assert line["message"].startswith("message-")
    assert "private" not in str(lines)


def test_one_message_leaves_nothing_bound_for_the_next(sqs: FakeSQS) -> None:
    bound: list[dict[str, object]] = []
    sqs.put("archive", HINT, json.dumps({"version": 1, "user_id": DASHED}))

    def handle(_: Event) -> None:
        bound.append(structlog.contextvars.get_contextvars())

    with Running(handle, concurrency=1):
        until(lambda: not sqs.bodies("archive"))
    assert [("job_id" in names, "user_id" in names) for names in bound] == [
        (True, False),
        (False, True),
    ]


def test_stale_database_connections_are_closed_around_each_message(
    sqs: FakeSQS, handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr(worker, "close_old_connections", lambda: order.append("close"))
    sqs.put("archive", HINT)
    with Running(lambda _: order.append("handle")):
        until(lambda: not sqs.bodies("archive"))
    assert order == ["close", "handle", "close"]


NAMES = ("processed", "errors", "retries", "parked")


def counts() -> Counter[str]:
    """The counters of the `archive` queue, by name."""
    made = (metrics.PROCESSED, metrics.ERRORS, metrics.RETRIES, metrics.PARKED)
    return Counter(
        {
            name: int(counter.labels("archive")._value.get())
            for name, counter in zip(NAMES, made, strict=True)
        }
    )


def test_each_outcome_is_counted(sqs: FakeSQS, handler: Handler) -> None:
    handler.answers = {f"{1:032x}": RuntimeError(), f"{2:032x}": Park("no"), f"{3:032x}": NotNow(9)}
    before = counts()
    sqs.put("archive", *map(hint, range(4)))
    with Running(handler):
        until(lambda: len(sqs.bodies("archive")) == 2 and len(hidden_for(sqs)) == 2)
    assert counts() - before == Counter(processed=1, errors=1, retries=2, parked=1)


def test_duration_dwell_and_progress_are_measured(sqs: FakeSQS, gate: threading.Event) -> None:
    sqs.put("archive", HINT)
    sqs.queues["fake:gas-archive"][0].sent -= 40_000
    dwell, duration = metrics.DWELL.labels("archive"), metrics.DURATION.labels("archive")
    dwelt, lasted = dwell._sum.get(), duration._sum.get()
    with Running(waiting_at(gate)):
        until(lambda: metrics.IN_PROGRESS.labels("archive")._value.get() == 1)
        gate.set()
        until(lambda: not sqs.bodies("archive"))
    assert metrics.IN_PROGRESS.labels("archive")._value.get() == 0
    assert 39 <= dwell._sum.get() - dwelt <= 60
    assert duration._sum.get() > lasted


@pytest.fixture(autouse=True)
def quiet(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    capsys.readouterr()
