"""The sweep: all that is due, whose it is, and nobody kept waiting by what cannot go on."""

from dataclasses import replace

import pytest

from accounts import plans
from annotations import jobs
from annotations.locators import Locator, Store
from annotations.safety import margins
from annotations.states import Dated
from archival import services, turns
from deploy.local.run import LocalCloud
from gas_project import aws, clock, events, items, queues
from tests.archival.life import advance, archived, wish_deleted
from tests.core import (
    RESULT,
    Counted,
    Travel,
    hot,
    look,
    lose_messages,
    new_job,
    person,
    served,
    told,
    work,
)

pytestmark = pytest.mark.usefixtures("cloud")


def test_the_sweep_alone_brings_every_job_where_it_should_be(
    store: str, travel: Travel, cloud: LocalCloud
) -> None:
    free, paying, gone = hot(person()), hot(person("premium")), hot(person())
    wish_deleted(gone)
    back = archived()
    services.change_tier(user_id=back.user_id, tier="premium")
    for pause in (0, margins().standard + 1, margins().posts_end + 1, margins().keep + 1):
        travel(pause)
        for _ in range(5):
            lose_messages()
            services.sweep()
            work()
    assert look(free).state == "COLD"
    assert look(paying).state == "HOT"
    assert look(gone).state == "DELETED"
    assert (look(back).state, served(back)) == ("HOT", RESULT)
    assert {look(job).due_at for job in (free, paying, gone, back)} <= {None, look(free).due_at}


def test_a_sweep_tells_each_owner_the_oldest_first_and_leaves_who_is_at_work() -> None:
    user = person()
    late, early = hot(user), hot(user)
    jobs.touch(early.job_id, due_at=clock.now() - 100)
    jobs.claim(hot(user), worker="w", until=clock.now() + 600)
    assert services.sweep() == {"archiver": 2}
    found = queues.receive("archive", limit=10, wait=0, visibility=60)
    told = [event.job_id for m in found for event in events.decode(m.body)]
    assert set(told) == {early.job_id, late.job_id}


def test_a_sweep_does_not_flood_a_queue_that_is_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    hot(person())
    monkeypatch.setattr(turns, "HINTS", 1)
    assert services.sweep() == {"archiver": 1}
    assert services.sweep() == {"archiver": 1}
    assert services.sweep() == {"archiver": 0}


def test_a_sweep_settles_what_is_nobodys(travel: Travel) -> None:
    job = hot(person("premium"))
    assert services.sweep() == {}
    assert look(job).due_at is None


def test_a_quiet_system_is_swept_without_a_scan_or_a_write() -> None:
    job = advance("archiver", hot(person("premium")))
    with Counted(aws.dynamodb(), ()) as asked:
        assert services.sweep() == {}
    assert set(asked.seen) == {"Query"}
    assert look(job) == job


def test_what_cannot_go_on_hides_nothing_that_is_due_after_it() -> None:
    user, now = person("premium"), clock.now()
    waits = Dated(Locator(Store.HOT, aws.bucket("results"), "t/x/y"), now - 100)
    for number in range(120):
        job_id = f"a{number:07}-0000-4000-8000-000000000000"
        facts = {"job_id": job_id, "due_at": now - 100, "state": "COLD", "garbage": (waits,)}
        jobs.create(new_job(user, **facts, failed="it"), actor="owner")
    plans.freeze(on=True, reason="the table was restored")
    newer = new_job(person(), job_id="a9999999-0000-4000-8000-000000000000", due_at=now)
    jobs.create(replace(newer, input=waits.locator, etag="e"), actor="owner")
    assert services.sweep() == {"annotator": 1, "eraser": 120}


def test_of_more_than_a_sweep_looks_at_the_newest_are_seen_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user, now = person("premium"), clock.now()
    waits = Dated(Locator(Store.HOT, aws.bucket("results"), "t/x/y"), now - 100)
    for number in range(6):
        job_id = f"a{number:07}-0000-4000-8000-000000000000"
        facts = {"job_id": job_id, "due_at": now - 100 + number, "garbage": (waits,)}
        jobs.create(new_job(user, **facts, state="FAILED", failed="it"), actor="owner")
    monkeypatch.setattr(jobs, "DUE", 3)
    monkeypatch.setattr(jobs, "LATEST", 2)
    real = jobs.due
    monkeypatch.setattr(jobs, "due", lambda *, limit=3, **asked: real(limit=limit, **asked))
    assert services.sweep() == {"eraser": 5}
    assert {job_id[7] for job_id in told("erase")} == set("01245")


def test_nobodys_second_job_is_hinted_before_everybodys_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    many, other = person(), person()
    for _ in range(3):
        jobs.touch(hot(many).job_id, due_at=clock.now() - 100)
    last = hot(other)
    monkeypatch.setattr(turns, "HINTS", 2)
    assert services.sweep() == {"archiver": 2}
    assert last.job_id in told("archive")


def test_one_job_that_cannot_be_looked_at_does_not_stop_the_sweep() -> None:
    strange, plain = hot(person()), hot(person())
    aws.dynamodb().update_item(
        TableName=aws.table("plans"),
        Key=items.to_item({"user_id": strange.user_id}),
        UpdateExpression="SET tier = :t",
        ExpressionAttributeValues=items.to_item({":t": "from-a-newer-version"}),
    )
    assert services.sweep() == {"archiver": 1}
    assert told("archive") == {plain.job_id}
    assert look(strange) == strange
