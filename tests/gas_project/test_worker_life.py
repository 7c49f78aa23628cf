"""How a worker begins, keeps its messages, pauses and ends."""

import threading
import time
from typing import Any

import pytest
import structlog
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from gas_project import keeper, queues, worker
from gas_project.events import Event
from gas_project.worker import Broken, NotNow, Options, Worker
from tests.gas_project.bodies import HINT
from tests.gas_project.conftest import Running, until, waiting_at
from tests.gas_project.fake_sqs import FakeSQS, error
from tests.gas_project.test_worker import Handler, hidden_for, hint


def receives(sqs: FakeSQS) -> int:
    return len(sqs.called("receive_message"))


def run(handler: Any, **options: Any) -> None:
    """Run a worker in this thread until it ends by itself."""
    settings: dict[str, Any] = {"wait": 1, "jitter": 0} | options
    Worker(queue="archive", handler=handler, options=Options(**settings)).run()


# --- keeping messages ---------------------------------------------------------------------------


def test_a_message_in_flight_stays_hidden_far_beyond_its_visibility(
    sqs: FakeSQS, gate: threading.Event
) -> None:
    sqs.put("archive", HINT)
    seen: list[Event] = []

    def handle(event: Event) -> None:
        seen.append(event)
        gate.wait()

    with Running(handle, visibility=2):
        time.sleep(3.2)
        gate.set()
        until(lambda: not sqs.bodies("archive"))
    assert len(seen) == 1, "nobody else saw it"


def test_heartbeats_are_batched(sqs: FakeSQS, gate: threading.Event) -> None:
    sqs.put("archive", *map(hint, range(12)))
    with Running(waiting_at(gate), visibility=3, concurrency=12):
        until(lambda: len(sqs.called("change_message_visibility_batch")) >= 6)
        gate.set()
    sizes = [len(call["Entries"]) for call in sqs.called("change_message_visibility_batch")]
    assert sizes[2:4] == [10, 2]
    assert set(hidden_for(sqs)) == {3}


@pytest.mark.parametrize("visibility", [1, 30, 120, 43_200])
def test_heartbeats_come_before_half_of_the_visibility(visibility: int) -> None:
    assert 0 < keeper.beat_interval(visibility) < visibility / 2


def test_a_handled_message_is_no_longer_extended(sqs: FakeSQS) -> None:
    handler = Handler()
    sqs.put("archive", HINT)
    with Running(handler, visibility=1):
        until(lambda: not sqs.bodies("archive"))
        time.sleep(0.5)
    assert hidden_for(sqs) == []


def test_a_lost_heartbeat_is_made_up_for(sqs: FakeSQS, gate: threading.Event) -> None:
    troubles = iter([error("InternalFailure", "ChangeMessageVisibilityBatch", 500)])

    def trouble(name: str, _: object) -> None:
        if name == "change_message_visibility_batch" and (raised := next(troubles, None)):
            raise raised

    sqs.trouble = trouble
    sqs.put("archive", HINT)
    with Running(waiting_at(gate), visibility=3):
        time.sleep(3.5)
        (stored,) = sqs.queues["fake:gas-archive"]
        assert len(stored.receipts) == 1
        gate.set()


def test_nothing_is_hidden_beyond_twelve_hours(sqs: FakeSQS) -> None:
    sqs.put("archive", HINT)
    (fresh,) = queues.receive("archive", limit=1, wait=0, visibility=120)
    age = 12 * 3600 - 100
    old = queues.Message(fresh.id, fresh.receipt, "", 1, 0, time.monotonic() - age)
    queues.hide("archive", [(fresh, 99_999), (old, 120)])
    (long, short) = hidden_for(sqs)
    assert 43_190 <= long <= 43_200
    assert 90 <= short <= 100


def test_a_message_over_its_time_limit_is_left_to_others(
    sqs: FakeSQS, gate: threading.Event
) -> None:
    sqs.put("archive", HINT)
    told: list[bool] = []

    def handle(_: Event) -> None:
        told.append(worker.stopping())
        gate.wait()
        told.append(worker.stopping())

    with Running(handle, concurrency=1, visibility=1, time_limit=0.8):
        time.sleep(2.2)
        (stored,) = sqs.queues["fake:gas-archive"]
        assert stored.visible_at < time.monotonic(), "no longer extended"
        gate.set()
        until(lambda: len(told) >= 2)
    assert told[:2] == [False, True], "and its handler is told to end"


def test_a_stuck_handler_ends_the_process(
    sqs: FakeSQS, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "STUCK", 0.2)
    sqs.put("archive", HINT)
    with pytest.raises(Broken, match="stuck"):
        run(waiting_at(gate), time_limit=0.2, drain=0.1)


# --- draining -----------------------------------------------------------------------------------


def test_a_stopped_worker_finishes_what_is_in_flight_and_takes_no_more(
    sqs: FakeSQS, gate: threading.Event
) -> None:
    sqs.put("archive", HINT)
    begun = threading.Event()
    with Running(waiting_at(gate, begun)) as running:
        until(begun.is_set)
        running.worker.stop()
        time.sleep(0.3)
        assert not running.ended
        sqs.hurried = True
        sqs.put("archive", hint(2))
        gate.set()
        running.join()
    assert sqs.bodies("archive") == [hint(2)]


def test_heartbeats_go_on_while_draining(sqs: FakeSQS, gate: threading.Event) -> None:
    sqs.put("archive", HINT)
    begun = threading.Event()
    with Running(waiting_at(gate, begun), visibility=2) as running:
        until(begun.is_set)
        running.worker.stop()
        time.sleep(3.2)
        assert sqs.queues["fake:gas-archive"][0].visible_at > time.monotonic()
        gate.set()
    assert sqs.bodies("archive") == []


def test_after_the_deadline_what_is_in_flight_is_given_back(
    sqs: FakeSQS, gate: threading.Event
) -> None:
    sqs.put("archive", HINT)
    begun = threading.Event()
    with Running(waiting_at(gate, begun), drain=0.3) as running:
        until(begun.is_set)
        running.worker.stop()
        running.join(5)
    assert hidden_for(sqs)[-1] == 0
    assert len(queues.receive("archive", limit=1, wait=0, visibility=1)) == 1


def test_what_a_poll_brings_after_the_stop_is_given_back_unhandled(sqs: FakeSQS) -> None:
    handler = Handler()
    with Running(handler, wait=20) as running:
        until(lambda: receives(sqs) == 1)
        running.worker.stop()
        sqs.put("archive", HINT)
        running.join(5)
    assert handler.seen == []
    assert hidden_for(sqs) == [0]
    assert receives(sqs) == 1


def test_a_handler_learns_that_the_worker_stops_and_gives_its_message_back(sqs: FakeSQS) -> None:
    sqs.put("archive", HINT)
    told: list[bool] = []

    def handle(_: Event) -> None:
        told.append(worker.stopping())
        until(worker.stopping)
        raise NotNow(0)

    with Running(handle, drain=30) as running:
        until(lambda: told)
        running.worker.stop()
        sqs.hurried = True
        running.join(5)
    assert told == [False]
    assert hidden_for(sqs) == [0]


def test_outside_of_a_worker_nothing_stops() -> None:
    assert worker.stopping() is False


# --- pausing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
        NoCredentialsError(),
        error("ExpiredToken", "ReceiveMessage", 403),
        error("ThrottlingException", "ReceiveMessage"),
        error("OverLimit", "ReceiveMessage"),
        error("ServiceUnavailable", "ReceiveMessage", 503),
    ],
)
def test_while_aws_is_away_it_pauses_and_never_spins(sqs: FakeSQS, trouble: Exception) -> None:
    def refuse(name: str, _: object) -> None:
        if name == "receive_message":
            raise trouble

    sqs.trouble = refuse
    with Running(Handler()):
        time.sleep(0.9)
        assert 1 <= receives(sqs) <= 4


def test_pauses_grow_are_jittered_and_capped(sqs: FakeSQS, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise error("ServiceUnavailable", "ReceiveMessage", 503)

    pauses: list[float] = []
    sqs.trouble = refuse
    subject = Worker(queue="archive", handler=Handler(), options=Options())
    monkeypatch.setattr(subject, "_sleep", pauses.append)
    for _ in range(12):
        subject._turn()
    assert 0.5 <= pauses[0] <= 1
    assert 4 <= pauses[3] <= 8
    assert 30 <= min(pauses[7:]) <= max(pauses) <= 60
    assert len(set(pauses)) == 12


def test_it_works_again_once_aws_is_back(sqs: FakeSQS) -> None:
    troubles = iter([error("ServiceUnavailable", "ReceiveMessage", 503)])

    def refuse(name: str, _: object) -> None:
        if name == "receive_message" and (raised := next(troubles, None)):
            raise raised

    sqs.trouble = refuse
    sqs.put("archive", HINT)
    with Running(Handler()):
        until(lambda: not sqs.bodies("archive"))
    assert next(troubles, None) is None, "there was no trouble"


def test_the_first_poll_is_delayed_by_chance(sqs: FakeSQS, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[float, float]] = []

    class Dice:
        def uniform(self, low: float, high: float) -> float:
            asked.append((low, high))
            return 0.0

    monkeypatch.setattr(worker, "_dice", Dice())
    run(Handler(), jitter=2, idle_exit=1)
    assert asked == [(0, 2)]


# --- ending by itself -----------------------------------------------------------------------------


def test_once_is_one_receive_and_its_messages(sqs: FakeSQS) -> None:
    handler = Handler()
    sqs.put("archive", *map(hint, range(5)))
    run(handler, once=True, concurrency=3)
    assert receives(sqs) == 1
    assert len(handler.seen) == 3
    assert len(sqs.bodies("archive")) == 2


def test_once_fails_when_aws_is_away(sqs: FakeSQS) -> None:
    def refuse(*_: object) -> None:
        raise error("ServiceUnavailable", "ReceiveMessage", 503)

    sqs.trouble = refuse
    with pytest.raises(ClientError):
        run(Handler(), once=True)


def test_max_messages_is_kept_exactly(sqs: FakeSQS) -> None:
    handler = Handler()
    sqs.put("archive", *map(hint, range(9)))
    run(handler, max_messages=7, concurrency=5)
    assert len(handler.seen) == 7
    assert len(sqs.bodies("archive")) == 2


def test_idle_exit_counts_from_the_last_message(sqs: FakeSQS, gate: threading.Event) -> None:
    sqs.put("archive", HINT)
    with Running(waiting_at(gate), idle_exit=1) as running:
        time.sleep(1.5)
        assert not running.ended, "a worker with work is not idle"
        gate.set()
        running.join(5)
    assert sqs.bodies("archive") == []


# --- helpers that die -----------------------------------------------------------------------------


def test_a_dead_seat_ends_the_worker_and_its_message_comes_back(sqs: FakeSQS) -> None:
    handler = Handler()
    handler.answers[f"{1:032x}"] = SystemExit("a handler must not do this")
    sqs.put("archive", hint(1))
    with pytest.raises(Broken, match="SystemExit"):
        run(handler)
    assert sqs.bodies("archive") == [hint(1)]
    (seconds,) = hidden_for(sqs)
    assert seconds >= 5, "or it would kill the next seat at once"


def test_a_dead_keeper_ends_the_worker(sqs: FakeSQS, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(keeper.Keeper, "_beat", die)
    with structlog.testing.capture_logs() as lines, pytest.raises(Broken, match="MemoryError"):
        run(Handler())
    assert "worker.thread_died" in [line["event"] for line in lines]


def test_an_error_of_the_main_loop_itself_is_not_survived(sqs: FakeSQS) -> None:
    def die(name: str, _: object) -> None:
        if name == "receive_message":
            raise KeyError("a bug")

    sqs.trouble = die
    with pytest.raises(KeyError):
        run(Handler(), drain=0.1)


# --- systemd --------------------------------------------------------------------------------------


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What systemd was told."""
    states: list[str] = []
    monkeypatch.setattr("gas_project.systemd.notify", states.append)
    return states


def test_systemd_learns_of_start_life_and_end(
    sqs: FakeSQS, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    with Running(Handler()):
        until(lambda: told.count("WATCHDOG=1") >= 3)
    assert told[0] in ("READY=1", "WATCHDOG=1")
    assert told.count("READY=1") == 1
    assert "STOPPING=1" in told


def test_the_watchdog_is_not_pinged_once_the_main_loop_hangs(
    sqs: FakeSQS, told: list[str], gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "100000")
    monkeypatch.setattr(worker, "LATELY", 0.5)

    def hang(name: str, _: object) -> None:
        if name == "receive_message":
            gate.wait()

    sqs.trouble = hang
    with Running(Handler()):
        time.sleep(1.0)
        pings = told.count("WATCHDOG=1")
        time.sleep(0.6)
        assert told.count("WATCHDOG=1") == pings >= 1
        gate.set()


def test_without_a_watchdog_nothing_is_pinged(sqs: FakeSQS, told: list[str]) -> None:
    with Running(Handler()):
        time.sleep(0.6)
    assert "WATCHDOG=1" not in told
