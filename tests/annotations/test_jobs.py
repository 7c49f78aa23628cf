"""Jobs in DynamoDB: what is written is what is read, and every write asks who came between."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from annotations import jobs, timeline
from annotations.states import Job, state_of
from gas_project import aws, items
from tests.core import hot, look, new_job, person

NOW = 1_800_000_000

pytestmark = pytest.mark.usefixtures("cloud")

# --- create ------------------------------------------------------------------------------------


def test_an_id_is_put_once() -> None:
    job = new_job(person())
    jobs.create(job, actor="owner")
    with pytest.raises(jobs.Fenced):
        jobs.create(replace(job, rev=items.fresh(), name="other"), actor="owner")
    assert look(job) == job


def test_an_unknown_job_is_none() -> None:
    assert jobs.get("00000000-0000-4000-8000-000000000000") is None


def test_a_create_whose_reply_was_lost_is_known_as_our_own() -> None:
    job = new_job(person())
    with _sent_twice("TransactWriteItems"):
        jobs.create(job, actor="owner")
    assert look(job) == job


# --- the fence ---------------------------------------------------------------------------------


def _claim(job: Job) -> Job:
    return jobs.claim(job, worker="w", until=NOW + 60, claims=job.claims + 1)


def _record(job: Job) -> Job:
    return jobs.record(job, now=NOW, step="fill", actor="w", tries=1)


def _rest(job: Job) -> Job:
    return jobs.rest(job, now=NOW, due_at=NOW + 9)


def _give_back(job: Job) -> Job:
    return jobs.give_back(job, due_at=NOW)


WRITES: list[Callable[[Job], Job]] = [_claim, _record, _rest, _give_back]
every_write = pytest.mark.parametrize("write", WRITES)


@every_write
def test_each_write_sets_a_fresh_rev_and_the_state(write: Callable[[Job], Job]) -> None:
    job = hot(person())
    written = write(job)
    assert written.rev != job.rev
    assert look(job) == written
    assert written.state == state_of(written)


@every_write
def test_a_write_between_fences_the_later_one(write: Callable[[Job], Job]) -> None:
    job = hot(person())
    first = _claim(job)
    with pytest.raises(jobs.Fenced):
        write(job)
    assert look(job) == first


@every_write
def test_a_wish_between_fences_a_worker(write: Callable[[Job], Job]) -> None:
    job = _claim(hot(person()))
    assert jobs.wish(job.job_id, now=NOW, step="hold", actor="staff", archive_after=NOW + 99)
    with pytest.raises(jobs.Fenced):
        write(job)
    now = look(job)
    assert (now.worker, now.due_at, now.archive_after) == (None, NOW, NOW + 99)


def _sent_twice(operation: str) -> Any:
    """Send the next call of an operation twice, as the SDK does when the first reply is lost."""
    return _SentTwice(operation)


class _SentTwice:
    def __init__(self, operation: str) -> None:
        self.client: Any = aws.dynamodb()
        self.operation = operation
        self.left = 1

    def __enter__(self) -> None:
        self.real = self.client._make_request
        self.client._make_request = self._make

    def __exit__(self, *_: object) -> None:
        self.client._make_request = self.real

    def _make(self, model: Any, request: dict[str, Any], context: dict[str, Any]) -> Any:
        if model.name == self.operation and self.left:
            self.left -= 1
            self.real(model, request, context)
            body = json.loads(request["body"])
            if body.pop("ClientRequestToken", None):  # as if remembered no longer
                request = {**request, "body": json.dumps(body).encode()}
        return self.real(model, request, context)


@every_write
def test_our_own_success_is_known_when_its_reply_is_lost(write: Callable[[Job], Job]) -> None:
    job = hot(person())
    operation = "TransactWriteItems" if write is _record else "UpdateItem"
    with _sent_twice(operation):
        written = write(job)
    assert look(job) == written


def test_a_wish_and_a_touch_are_known_as_our_own_too() -> None:
    job = hot(person())
    with _sent_twice("TransactWriteItems"):
        assert jobs.wish(job.job_id, now=NOW, step="cancel", actor="owner", cancelled=True)
    with _sent_twice("UpdateItem"):
        assert jobs.touch(job.job_id, due_at=NOW + 3)
    assert look(job).due_at == NOW + 3


# --- conflicts of transactions -----------------------------------------------------------------


def _conflict(operation: str) -> ClientError:
    if operation == "UpdateItem":
        alone: Any = {"Error": {"Code": "TransactionConflictException", "Message": "busy"}}
        return ClientError(alone, operation)
    answer: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "busy"},
        "CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}],
    }
    return ClientError(answer, operation)


@pytest.fixture
def conflicts(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], list[str]]:
    """Refuse an operation so many times because another transaction is at the item."""
    monkeypatch.setattr(time, "sleep", lambda _: None)

    def arrange(operation: str, times: int) -> list[str]:
        client: Any = aws.dynamodb()
        real = client._make_api_call
        refused: list[str] = []

        def call(name: str, asked: dict[str, Any]) -> Any:
            if name == operation and len(refused) < times:
                refused.append(name)
                raise _conflict(name)
            return real(name, asked)

        monkeypatch.setattr(client, "_make_api_call", call)
        return refused

    return arrange


@every_write
def test_a_transaction_at_the_item_is_waited_for(
    write: Callable[[Job], Job], conflicts: Callable[[str, int], list[str]]
) -> None:
    job = hot(person())
    operation = "TransactWriteItems" if write is _record else "UpdateItem"
    refused = conflicts(operation, 4)
    assert look(job).rev == job.rev
    assert write(job) == look(job)
    assert len(refused) == 4


def test_the_fifth_conflict_is_told_and_nothing_is_written(
    conflicts: Callable[[str, int], list[str]],
) -> None:
    job = hot(person())
    conflicts("TransactWriteItems", 5)
    with pytest.raises(ClientError, match="busy"):
        _record(job)
    assert look(job) == job


# --- each kind of write ------------------------------------------------------------------------


def test_a_claim_says_who_and_until_when_and_a_beat_prolongs_it() -> None:
    job = hot(person())
    claimed = _claim(job)
    assert (claimed.worker, claimed.due_at, claimed.claims) == ("w", NOW + 60, 1)
    beaten = jobs.claim(claimed, worker="w", until=NOW + 90)
    assert (beaten.due_at, beaten.claims) == (NOW + 90, 1)


def test_a_record_ends_the_claim_and_leaves_the_job_due() -> None:
    recorded = _record(_claim(hot(person())))
    assert (recorded.worker, recorded.claims, recorded.due_at) == (None, 0, NOW)
    later = jobs.record(recorded, now=NOW, step="fail", actor="w", due_at=NOW + 120)
    assert later.due_at == NOW + 120


def test_a_job_given_back_is_not_counted() -> None:
    claimed = _claim(hot(person()))
    given = jobs.give_back(claimed, due_at=NOW + 5)
    assert (given.worker, given.claims, given.due_at) == (None, 0, NOW + 5)
    assert jobs.give_back(given, due_at=NOW).claims == 0


def test_a_job_at_rest_is_off_the_index() -> None:
    job = hot(person())
    shard = job.job_id[0]
    assert job.job_id in {one.job_id for one in jobs.due(shard=shard, now=NOW)}
    rested = jobs.rest(job, now=NOW, due_at=None)
    assert job.job_id not in {one.job_id for one in jobs.due(shard=shard, now=2**40)}
    assert jobs.touch(job.job_id, due_at=NOW)
    assert [one.job_id for one in jobs.due(shard=shard, now=NOW)] == [job.job_id]
    assert jobs.due(shard=shard, now=NOW - 1) == []
    assert rested.due_at is None


def test_what_is_due_comes_oldest_first_and_is_bounded() -> None:
    user = person()
    ids = [f"f{n:07}-0000-4000-8000-000000000000" for n in range(4)]
    for n, job_id in enumerate(ids):
        jobs.create(new_job(user, job_id=job_id, due_at=NOW - n), actor="owner")
    assert [job.job_id for job in jobs.due(shard="f", now=NOW)] == ids[::-1]
    assert [job.job_id for job in jobs.due(shard="f", now=NOW, limit=2)] == ids[:1:-1]


def test_a_wish_for_no_job_writes_nothing() -> None:
    job_id = "00000000-0000-4000-8000-000000000000"
    assert not jobs.wish(job_id, now=NOW, step="cancel", actor="owner", cancelled=True)
    assert not jobs.touch(job_id, due_at=NOW)
    assert jobs.get(job_id) is None
    assert timeline.read(job_id) == []


def test_a_deletion_shows_at_once_and_other_wishes_leave_the_state_to_the_next_record() -> None:
    job = hot(person())
    jobs.wish(job.job_id, now=NOW, step="hold", actor="staff", archive_after=NOW)
    assert look(job).state == "HOT"
    jobs.wish(job.job_id, now=NOW, step="delete", actor="owner", deleted=True)
    gone = look(job)
    assert (gone.state, gone.deleted) == ("DELETING", True) == (state_of(gone), gone.deleted)


def test_a_wish_can_take_a_problem_away() -> None:
    job = _record(hot(person(), problem="bytes differ", tries=5))
    jobs.wish(job.job_id, now=NOW, step="release", actor="staff", problem=None, tries=0, claims=0)
    released = look(job)
    assert (released.problem, released.tries, released.claims) == (None, 0, 0)
    assert _record(released).state == "HOT"


def test_a_touch_spares_a_run() -> None:
    job = new_job(person(), etag="e", state="QUEUED")
    jobs.create(job, actor="owner")
    running = _claim(job)
    assert not jobs.touch(job.job_id, due_at=NOW)
    assert look(job) == running


def test_a_touch_marks_and_unmarks_what_is_urgent() -> None:
    job = hot(person())
    assert jobs.touch(job.job_id, due_at=NOW, urgent=True)
    assert look(job).urgent
    assert jobs.touch(job.job_id, due_at=NOW, urgent=None)
    assert not look(job).urgent


def test_a_new_name_fences_nobody() -> None:
    job = hot(person())
    jobs.rename(job_id=job.job_id, name="sister.vcf")
    assert look(job) == replace(job, name="sister.vcf")
    assert _record(job).tries == 1
    assert look(job).name == "sister.vcf"


# --- the timeline ------------------------------------------------------------------------------


def test_a_fenced_record_leaves_no_line() -> None:
    job = hot(person())
    _record(job)
    before = timeline.read(job.job_id)
    with pytest.raises(jobs.Fenced):
        _record(job)
    assert timeline.read(job.job_id) == before


def test_records_and_wishes_leave_a_line_and_claims_leave_none() -> None:
    job = hot(person())
    recorded = jobs.record(_claim(job), now=NOW, step="fill", actor="w", note="n", tries=1)
    _give_back(_rest(recorded))
    jobs.wish(job.job_id, now=NOW + 1, step="cancel", actor="owner", cancelled=True)
    lines = [(line.step, line.actor, line.state, line.note) for line in timeline.read(job.job_id)]
    assert lines == [
        ("submit", "owner", "HOT", ""),
        ("fill", "w", "HOT", "n"),
        ("cancel", "owner", "", ""),
    ]
