"""Sending a dead-letter queue's messages back."""

import io

import pytest
from django.core.management import CommandError, call_command

from gas_project import clock, queues
from tests.gas_project.bodies import HINT
from tests.gas_project.fake_sqs import FakeSQS

BODIES = [f"{HINT}{' ' * number}" for number in range(12)]


@pytest.fixture
def parked(sqs: FakeSQS) -> FakeSQS:
    """Twelve dead messages: two were parked, ten failed five times."""
    sqs.hurried = True
    queues.send("archive-dead", BODIES[:2], reason="no such job")
    queues.send("archive-dead", BODIES[2:])
    return sqs


def run(*flags: str) -> str:
    out = io.StringIO()
    call_command("redrive", "archive", *flags, stdout=out)
    return out.getvalue()


def test_all_go_back_to_their_own_queue(parked: FakeSQS) -> None:
    told = run()
    assert "12 sent to the archive queue" in told
    assert sorted(parked.bodies("archive")) == BODIES
    assert parked.bodies("archive-dead") == []


def test_a_dry_run_counts_by_reason_and_leaves_all_where_it_is(parked: FakeSQS) -> None:
    told = run("--dry-run")
    assert "12 would be sent" in told
    assert "10  failed five times" in told
    assert "2  no such job" in told
    assert parked.bodies("archive") == []
    assert "12 sent" in run(), "and visible again"


def test_max_is_kept(parked: FakeSQS) -> None:
    assert "11 sent" in run("--max", "11")
    assert len(parked.bodies("archive-dead")) == 1


def test_twice_is_harmless(parked: FakeSQS) -> None:
    run()
    assert "0 sent" in run()
    assert len(parked.bodies("archive")) == 12


def test_a_message_that_was_not_taken_stays(parked: FakeSQS) -> None:
    parked.refuses = lambda name, entry: name.startswith("send") and entry["MessageBody"] == HINT
    with pytest.raises(CommandError, match="still in the dead-letter queue"):
        run()
    assert HINT in parked.bodies("archive-dead")


def test_what_dies_meanwhile_is_not_sent_in_a_circle(
    parked: FakeSQS, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = clock.now()
    monkeypatch.setattr(clock, "now", lambda: began - 60)
    assert "0 sent" in run()
    assert len(parked.bodies("archive-dead")) == 12


def test_an_unknown_queue_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CommandError, match=r"annotate.*thaw"):
        call_command("redrive", "mystery")
