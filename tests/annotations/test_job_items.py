"""Any job there can be: what is written is what is read."""

import uuid
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotations import jobs
from annotations.locators import GONE, Locator, Store
from annotations.states import Dated, Job, state_of
from gas_project import aws, items
from tests.core import hot, look, new_job, person

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


def test_a_newer_versions_attributes_are_left_alone() -> None:
    job = hot(person())
    aws.dynamodb().update_item(
        TableName=aws.table("jobs"),
        Key=items.to_item({"job_id": job.job_id}),
        UpdateExpression="SET mood = :m",
        ExpressionAttributeValues=items.to_item({":m": "calm"}),
    )
    jobs.record(look(job), now=NOW, step="fill", actor="w", tries=1)
    assert _item(job.job_id)["mood"] == "calm"
