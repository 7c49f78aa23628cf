"""The timeline keeps its order; a mail's mark lets it out once, and once more after a crash."""

import json
from typing import Any

import pytest

from annotations import jobs, timeline
from annotations.timeline import RESEND_AFTER, Event
from gas_project import aws, items
from tests.core import hot, new_job, person

NOW = 1_800_000_000
JOB = "00000000-0000-4000-8000-00000000000a"

pytestmark = pytest.mark.usefixtures("cloud")


def _put(event: Event, rev: str) -> None:
    part: Any = timeline.put(JOB, rev, event)
    aws.dynamodb().transact_write_items(TransactItems=[part])


def test_lines_come_back_whole_and_oldest_first() -> None:
    late = Event(NOW + 10**9, "fill", "archiver@h:1", "COLD", "n")
    early = Event(NOW, "submit", "owner")
    _put(late, "a")
    _put(early, "b")
    assert timeline.read(JOB) == [early, late]


def test_two_lines_of_one_second_are_both_kept() -> None:
    _put(Event(NOW, "open", "a"), "r1")
    _put(Event(NOW, "fill", "a"), "r2")
    assert {event.step for event in timeline.read(JOB)} == {"open", "fill"}


def test_lines_of_one_second_keep_their_order() -> None:
    steps = [f"step {n}" for n in range(12)]
    for step in steps:
        _put(Event(NOW, step, "a"), items.fresh())
    assert [event.step for event in timeline.read(JOB)] == steps


def test_a_long_timeline_is_read_to_its_end() -> None:
    note = "x" * 20_000
    for n in range(60):
        _put(Event(NOW + n, "retrieve", "a", note=note), f"r{n}")
    assert len(timeline.read(JOB)) == 60


def test_the_line_is_in_the_records_own_transaction() -> None:
    job = hot(person())
    jobs.record(job, now=NOW, step="fill", actor="w", note="Standard", tries=1)
    assert timeline.read(job.job_id)[-1] == Event(NOW, "fill", "w", "HOT", "Standard")


def test_a_line_never_holds_a_mark_of_a_mail() -> None:
    job = new_job(person())
    jobs.create(job, actor="owner")
    timeline.begin_mail(about=job.job_id, kind="done", now=NOW)
    assert [event.step for event in timeline.read(job.job_id)] == ["submit"]


# --- mails -------------------------------------------------------------------------------------


def _begin(now: int, kind: str = "done") -> bool:
    return timeline.begin_mail(about=JOB, kind=kind, now=now)


def test_a_mail_goes_out_once() -> None:
    assert not timeline.mail_begun(about=JOB, kind="done")
    assert _begin(NOW)
    timeline.end_mail(about=JOB, kind="done", now=NOW)
    assert timeline.mail_begun(about=JOB, kind="done")
    assert not _begin(NOW)
    assert not _begin(NOW + 10 * RESEND_AFTER)


def test_mails_of_another_kind_or_job_are_others() -> None:
    assert _begin(NOW)
    assert _begin(NOW, kind="failed")
    assert timeline.begin_mail(about="plan#u", kind="done", now=NOW)


def test_a_mail_whose_sender_stopped_goes_out_once_more_and_then_never() -> None:
    assert _begin(NOW)
    with pytest.raises(timeline.UnderWay) as told:
        _begin(NOW + RESEND_AFTER - 5)
    assert told.value.seconds == 5
    assert _begin(NOW + RESEND_AFTER)
    assert not _begin(NOW + 3 * RESEND_AFTER)


def test_a_mail_that_was_not_handed_over_is_sent_at_the_next_look() -> None:
    assert _begin(NOW)
    timeline.drop_mail(about=JOB, kind="done")
    assert not timeline.mail_begun(about=JOB, kind="done")
    assert _begin(NOW + 1)
    with pytest.raises(timeline.UnderWay):
        _begin(NOW + 2)


def test_of_two_senders_at_once_one_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    client: Any = aws.dynamodb()
    real = client._make_api_call

    def late(name: str, asked: dict[str, Any]) -> Any:
        if name == "PutItem":
            monkeypatch.setattr(client, "_make_api_call", real)
            assert _begin(NOW)  # the other one comes between our read and our write
        return real(name, asked)

    monkeypatch.setattr(client, "_make_api_call", late)
    with pytest.raises(timeline.UnderWay):
        _begin(NOW)


def test_a_mark_whose_reply_was_lost_is_known_as_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    client: Any = aws.dynamodb()
    real = client._make_request

    def twice(model: Any, request: dict[str, Any], context: Any) -> Any:
        if model.name == "PutItem":
            assert json.loads(request["body"])["TableName"] == aws.table("job-events")
            real(model, request, context)
        return real(model, request, context)

    monkeypatch.setattr(client, "_make_request", twice)
    assert _begin(NOW)
