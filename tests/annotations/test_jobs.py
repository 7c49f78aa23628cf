"""Jobs in DynamoDB: what is written is what is read, and every write asks who came between."""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotations import jobs, timeline
from annotations.locators import GONE, Locator, Store
from annotations.states import Dated, Job, state_of
from deploy.local.run import LocalCloud
from gas_project import aws, items
from tests.core import Counted, hot, look, new_job, person

NOW = 1_800_000_000

pytestmark = pytest.mark.usefixtures("cloud")

# --- any job there can be ----------------------------------------------------------------------

words = st.text(st.characters(codec="utf-8"), max_size=20)
times = st.integers(0, 2**33)
names = st.from_regex(r"[a-z0-9/]{1,30}[a-z0-9]", fullmatch=True)
locators = st.builds(
    Locator,
    st.sampled_from(Store),
    st.just("gas-results-123456789012"),
    names,
    st.sampled_from([None, "upload-id_1", GONE]),
)
prefixes = st.builds(Locator, st.just(Store.HOT), st.just("b"), names.map(lambda n: n + "/"))
dated = st.builds(Dated, st.one_of(locators, prefixes), times)
findings = st.lists(
    st.fixed_dictionaries({"code": words, "line": times, "severity": st.just("error")}), max_size=3
).map(tuple)
any_job = st.builds(
    Job,
    job_id=st.uuids(version=4).map(str),
    user_id=st.uuids(version=4).map(str),
    name=words,
    reference=words,
    submitted_at=times,
    rev=st.uuids().map(lambda value: value.hex),
    worker=st.none() | st.just("annotator@host:1"),
    due_at=st.none() | times,
    claims=st.integers(0, 20),
    input=st.none() | locators,
    etag=st.none() | words,
    input_size=times,
    input_until=times,
    attempt=st.none() | dated,
    progress=st.none() | st.fixed_dictionaries({"done": times, "total": times, "records": times}),
    failed=st.none() | words,
    findings=findings,
    cancelled=st.booleans(),
    completed_at=times,
    copy=st.none() | locators,
    copied_at=times,
    upload=st.none() | locators,
    retrieval=st.none() | words,
    ready_at=times,
    urgent=st.booleans(),
    refused=st.integers(0, 9),
    garbage=st.lists(dated, max_size=4).map(tuple),
    archive_after=times,
    deleted=st.booleans(),
    tries=st.integers(0, 5),
    problem=st.none() | words,
    variants=times,
    size=times,
    sha256=words,
    tree_hash=words,
).map(lambda job: replace(job, state=state_of(job)))

many = settings(
    max_examples=30,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@many
@given(any_job)
def test_every_attribute_comes_back_as_it_was_put(job: Job) -> None:
    job = replace(job, job_id=str(uuid.uuid4()))
    jobs.create(job, actor="owner")
    assert jobs.get(job.job_id) == job


def test_the_strategy_knows_every_attribute() -> None:
    given_names = {field.name for field in fields(Job)}
    job = new_job(person())
    assert given_names == set(job.__dataclass_fields__)


@many
@given(any_job, any_job)
def test_a_write_turns_one_job_into_any_other(old: Job, new: Job) -> None:
    old = replace(old, job_id=str(uuid.uuid4()))
    jobs.create(old, actor="owner")
    fixed = {"job_id", "rev", "state", "user_id", "submitted_at"}
    changes = {f.name: getattr(new, f.name) for f in fields(Job) if f.name not in fixed}
    written = jobs.record(old, now=NOW, step="x", actor="a", **changes)
    wanted = replace(old, **changes, rev=written.rev)
    assert written == replace(wanted, state=state_of(wanted))
    assert jobs.get(old.job_id) == written
    assert _item(old.job_id)["state"] == state_of(written)
    assert ("due_shard" in _item(old.job_id)) == (written.due_at is not None)


def _item(job_id: str) -> dict[str, Any]:
    key = items.to_item({"job_id": job_id})
    found = aws.dynamodb().get_item(TableName=aws.table("jobs"), Key=key, ConsistentRead=True)
    return items.from_item(found["Item"])


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


# --- lists -------------------------------------------------------------------------------------


@pytest.fixture
def many_jobs() -> tuple[str, list[Job]]:
    user = person()
    made = [new_job(user, submitted_at=NOW - n // 2) for n in range(7)]  # pairs of one second
    for job in made:
        jobs.create(job, actor="owner")
    jobs.create(new_job(person()), actor="owner")
    return user, made


def test_pages_hold_every_job_once_newest_first(many_jobs: tuple[str, list[Job]]) -> None:
    user, made = many_jobs
    seen, cursor = [], None
    for _ in range(5):
        page = jobs.by_user(user_id=user, cursor=cursor, limit=3)
        assert len(page.items) <= 3
        seen += page.items
        cursor = page.cursor
        if cursor is None:
            break
    assert [job.submitted_at for job in seen] == [job.submitted_at for job in made]
    assert {job.job_id for job in seen} == {job.job_id for job in made}
    assert {job.job_id for job in jobs.all_of(user)} == {job.job_id for job in made}


def test_a_cursor_can_be_made_behind_any_job(many_jobs: tuple[str, list[Job]]) -> None:
    user, _ = many_jobs
    every = jobs.by_user(user_id=user).items
    page = jobs.by_user(user_id=user, cursor=jobs.cursor_after(every[2]))
    assert page.items == every[3:]


@pytest.mark.parametrize("cursor", ["nonsense", "a:b:c", "é", "x" * 5000, "\x00"])
def test_a_made_up_cursor_is_told_apart(cursor: str) -> None:
    with pytest.raises(items.BadCursor):
        jobs.by_user(user_id=person(), cursor=cursor)


def test_anothers_cursor_and_another_lists_are_bad_ones(many_jobs: tuple[str, list[Job]]) -> None:
    user, made = many_jobs
    theirs = jobs.cursor_after(made[0])
    with pytest.raises(items.BadCursor):
        jobs.by_user(user_id=person(), cursor=theirs)
    states = jobs.by_state(state="UPLOADING", limit=1).cursor
    with pytest.raises(items.BadCursor):
        jobs.by_user(user_id=user, cursor=states)


def test_states_are_listed_and_counted(many_jobs: tuple[str, list[Job]]) -> None:
    _, made = many_jobs
    _record(replace(made[0]))
    jobs.wish(made[1].job_id, now=NOW, step="delete", actor="owner", deleted=True)
    assert jobs.count(state="UPLOADING") == 7
    assert jobs.count(state="DELETING") == 1
    assert jobs.count(state="COLD") == 0
    assert [job.job_id for job in jobs.by_state(state="DELETING").items] == [made[1].job_id]


def test_nothing_but_the_daily_reconcile_scans(many_jobs: tuple[str, list[Job]]) -> None:
    user, made = many_jobs
    with Counted(aws.dynamodb(), ("Scan",)) as scans:
        jobs.get(made[0].job_id)
        list(jobs.all_of(user))
        jobs.by_state(state="HOT")
        jobs.count(state="HOT")
        for shard in jobs.SHARDS:
            jobs.due(shard=shard, now=NOW)
        assert scans.seen == []
        waiting = Dated(Locator(Store.VAULT, "gas", "a/n", GONE), NOW)
        proof = jobs.record(made[2], now=NOW, step="reap", actor="w", garbage=(waiting,))
        jobs.record(made[3], now=NOW, step="x", actor="w", garbage=(_plain(),))
        assert list(jobs.waiting_for_proof()) == [proof]
        assert set(scans.seen) == {"Scan"}


def _plain() -> Dated:
    return Dated(Locator(Store.VAULT, "gas", "an-archive"), NOW)


def test_a_newer_versions_attributes_are_left_alone(cloud: LocalCloud) -> None:
    job = hot(person())
    aws.dynamodb().update_item(
        TableName=aws.table("jobs"),
        Key=items.to_item({"job_id": job.job_id}),
        UpdateExpression="SET mood = :m",
        ExpressionAttributeValues=items.to_item({":m": "calm"}),
    )
    _record(look(job))
    assert _item(job.job_id)["mood"] == "calm"
