"""Twelve failures that others have shipped, each by its name; none may happen here.

`test_every_call.py` lets a crash, a twin, an upgrade, a deletion and a sleeper come at *every*
call; here are the one or two moments at which each of the twelve was lost.
"""

import os
import random
from contextlib import suppress
from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from annotations import jobs, storage
from annotations.safety import margins
from annotations.states import Job
from archival import census, reconcile, services
from archival.stores import vault
from deploy.local.run import LocalCloud
from gas_project import aws, clock, events, queues
from tests.archival.life import archived, restoring, steps_of, thawed, upgrade, wish_deleted
from tests.core import (
    DAY,
    HOUR,
    MINUTE,
    RESULT,
    ROLES,
    Travel,
    archives,
    hot,
    inventory,
    look,
    objects,
    open_uploads,
    person,
    replies_lost,
    served,
    settle,
    strays,
)
from tests.guards.stage import Stage, at, counting, crash, judge, work
from tests.guards.stage import settle as converge

pytestmark = pytest.mark.usefixtures("cloud")

COMPLETE, RECORD = "CompleteMultipartUpload", "TransactWriteItems"
MANY = int(os.environ.get("NAMED_JOBS", "11"))
PAGE = 4 if MANY < 1000 else 100
BATCH = 20
"""Retrievals that are read before the next are asked for: their output lives for a day only."""
SEED = int(os.environ.get("SEED", "12"))
AT_ONCE = {"limit": 10, "wait": 0, "visibility": 30}


@pytest.fixture
def stage(cloud: LocalCloud, travel: Travel, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(cloud, travel, monkeypatch)


def _ends(stage: Stage, job: Job, want: str) -> None:
    assert converge(stage, job) == []
    assert judge(stage, job, want) == []


def test_t1_a_failed_upload_never_gets_the_archive_of_the_job_before(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = hot(person(), b"first"), hot(person(), b"second")
    before = work("archiver", first).copy

    with at("UploadMultipartPart", crash):
        second = work("archiver", second)
    assert before is not None
    assert second.copy is not None
    assert second.copy != before
    assert second.copy.name in objects()
    assert served(second) == b"second"
    assert archives(stage.cloud) == {before.name}


@pytest.mark.parametrize("pause", [0, 2 * HOUR, 3 * DAY], ids=["at once", "2 h", "3 d"])
def test_t2_a_completion_whose_reply_was_lost_ends_as_one_archive(pause: int, stage: Stage) -> None:
    job = hot(person())
    with replies_lost(aws.glacier(), COMPLETE), suppress(Exception):
        services.advance(role="archiver", job_id=job.job_id)
    (made,) = archives(stage.cloud)
    jobs.touch(job.job_id, due_at=clock.now())
    stage.travel(pause)
    job = work("archiver", job)
    if not pause:
        assert job.copy is not None
        assert job.copy.name == made
    _ends(stage, job, "COLD")
    assert len(archives(stage.cloud)) == 1


@pytest.mark.parametrize("write", ["UpdateItem", RECORD])
def test_t3_a_write_whose_reply_was_lost_is_known_as_ones_own(write: str, stage: Stage) -> None:
    job, sent = hot(person()), list[str]()
    events, table = aws.dynamodb().meta.events, aws.dynamodb()
    perform: Any = table.update_item if write == "UpdateItem" else table.transact_write_items

    def perform_twice(params: Any, model: Any, **_: Any) -> None:
        if not sent:
            sent.append(model.name)
            perform(**params)

    events.register_first(f"provide-client-params.dynamodb.{write}", perform_twice)
    try:
        job = work("archiver", job)
    finally:
        events.unregister(f"provide-client-params.dynamodb.{write}", perform_twice)
    assert sent == [write]
    assert job.state == "COLD"
    _ends(stage, job, "COLD")


def test_t4_an_archiver_that_slept_through_a_whole_life_destroys_nothing(stage: Stage) -> None:
    job = hot(person())

    def others() -> None:
        stage.travel(7 * HOUR)
        assert converge(stage, job) == []
        services.change_tier(user_id=job.user_id, tier="premium")
        assert converge(stage, job) == []
        assert look(job).state == "HOT"

    with at(RECORD, others, turn=2):
        work("archiver", job)
    assert served(job) == RESULT
    assert strays(stage.cloud, job) == set()
    _ends(stage, job, "HOT")


def test_t5_a_notice_that_comes_before_the_retrieval_is_recorded_loses_nothing(
    stage: Stage,
) -> None:
    stage.cloud.faults.update({"drop_notices": True})
    job = upgrade(archived())
    with at(RECORD, lambda: work("thawer", job)):
        work("restorer", job)
    assert look(job).state == "RESTORING"
    _ends(stage, job, "HOT")


def test_t6_a_thawer_killed_between_complete_and_its_record_still_ends_hot(stage: Stage) -> None:
    job = restoring()
    stage.travel(max(0, job.ready_at - clock.now()) + 1)
    with at(RECORD, crash, turn=2):
        assert work("thawer", job).state == "THAWING"
    _ends(stage, job, "HOT")


@pytest.mark.parametrize(
    ("call", "turn"),
    [
        ("InitiateMultipartUpload", 1),
        (RECORD, 1),
        ("UploadMultipartPart", 1),
        (COMPLETE, 1),
        (RECORD, 2),
    ],
)
def test_t7_a_result_is_never_evicted_for_an_owner_who_has_upgraded(
    call: str, turn: int, stage: Stage
) -> None:
    job = hot(person())
    assert job.copy is not None
    with at(call, lambda: services.change_tier(user_id=job.user_id, tier="premium"), turn=turn):
        work("archiver", job)
    assert job.copy.name in objects()
    _ends(stage, job, "HOT")


@pytest.mark.parametrize("role", ["archiver", "thawer"])
@pytest.mark.parametrize(("call", "turn"), [(RECORD, 1), (COMPLETE, 1), (RECORD, 2)])
def test_t8_a_deletion_in_the_middle_of_a_move_leaves_nothing(
    role: str, call: str, turn: int, stage: Stage
) -> None:
    job = hot(person()) if role == "archiver" else restoring()
    stage.travel(max(0, job.ready_at - clock.now()) + 1)

    def delete() -> None:
        wish_deleted(job)
        work("eraser", job)

    with at(call, delete, turn=turn) as seen:
        work(role, job)
    assert len(seen) >= turn
    _ends(stage, job, "DELETED")
    inventory(stage.travel)  # an upload that was opened and never recorded is forgotten by now
    _ends(stage, job, "DELETED")
    assert open_uploads() == set()


def test_t9_an_inventory_that_lists_the_deleted_and_lacks_the_new_changes_nothing(
    stage: Stage,
) -> None:
    old = archived()
    made = old.copied_at
    old = thawed(work("restorer", upgrade(old)), stage.travel)
    stage.travel(made + margins().keep - clock.now() - MINUTE)  # its archive goes in a minute
    settle(stage.travel)
    handle = reconcile.ask()
    stage.travel(margins().standard + 1)
    (listed,) = archives(stage.cloud)
    settle(stage.travel, MINUTE)
    new = archived()
    assert new.copy is not None
    assert archives(stage.cloud) == {new.copy.name} != {listed}
    before = [look(old), look(new)]
    found = census.take(handle)
    assert (found.listed, found.jobs) == (1, set())
    assert reconcile.apply(found, accept=True) == 0
    assert [look(old), look(new)] == before


def test_t10_an_upgrade_with_several_pages_of_jobs_restores_every_one(stage: Stage) -> None:
    stage.patch.setattr(jobs, "by_user", partial(jobs.by_user, limit=PAGE))
    user, other = person(), archived()
    mine = [archived(user) for _ in range(MANY)]
    services.change_tier(user_id=user, tier="premium")
    services.spread(user)
    for first in range(0, MANY, BATCH):
        for job in mine[first : first + BATCH]:
            work("restorer", job)
        stage.travel(margins().standard + 1)
        for job in mine[first : first + BATCH]:
            assert work("thawer", job).state == "HOT"
    assert served(mine[0]) == served(mine[-1]) == RESULT
    assert (look(other).state, look(other).retrieval) == ("COLD", None)


def test_t11_one_wrong_byte_is_never_visible(stage: Stage) -> None:
    job = restoring()
    stage.cloud.faults.update({"flip_byte_in_output": True})
    assert thawed(job, stage.travel).state == "COLD"
    assert not {key for key in objects() if key.startswith("t/")}
    stage.cloud.faults.update({"flip_byte_in_output": False})
    _ends(stage, job, "HOT")


def test_t11_two_parts_that_changed_places_are_never_visible(stage: Stage) -> None:
    half = 8 * 1024 * 1024
    data = b"a" * half + b"b" * half
    job = upgrade(work("archiver", hot(person(), data)))
    job, real = work("restorer", job), vault.read
    with stage.patch.context() as patch:
        patch.setattr(vault, "read", lambda **asked: reversed(list(real(**asked))))
        assert thawed(job, stage.travel).state == "COLD"
    assert not {key for key in objects() if key.startswith("t/")}
    assert converge(stage, job) == []
    assert judge(stage, job, "HOT", data) == []


def _arrived() -> list[tuple[str, str]]:
    """Take what waits in the queues: (queue, body) of each message."""
    found = [(queue, message) for queue in ROLES for message in queues.receive(queue, **AT_ONCE)]
    for queue, message in found:
        queues.delete(queue, [message])
    return [(queue, message.body) for queue, message in found]


def _deliver(copies: int, dice: random.Random) -> list[tuple[str, str]]:
    """Handle each message so often, its repeats among its successors; return the messages."""
    came: list[tuple[str, str]] = []
    waiting: list[tuple[str, str]] = []
    while (new := _arrived()) or waiting:
        came += new
        waiting += new * copies
        queue, body = waiting.pop(dice.randrange(len(waiting)))
        for event in events.decode(body):
            services.handle(event, role=ROLES[queue])
    return came


def _life(stage: Stage, copies: int) -> tuple[list[tuple[str, str]], dict[str, int]]:
    """Archive and restore a result by its messages; return its timeline and the calls that count.

    More than one copy: a month later all of them come from the dead-letter queues once more.
    """
    stage.cloud.forget()
    job, dice = hot(person()), random.Random(SEED)
    costs: dict[str, int] = {}
    with counting(costs, "InitiateMultipartUpload", COMPLETE, "InitiateJob", "DeleteArchive"):
        services.sweep()
        came = _deliver(copies, dice)
        services.change_tier(user_id=job.user_id, tier="premium")
        for pause in (0, margins().expedited + 1):
            stage.travel(pause)
            services.sweep()
            came += _deliver(copies, dice)
        assert look(job).state == "HOT"
        stage.travel(30 * DAY)
        for queue in sorted({queue for queue, _ in came}) if copies > 1 else ():
            queues.send(queues.dead(queue), [body for to, body in came if to == queue])
            call_command("redrive", queue, stdout=StringIO())
        _deliver(copies, dice)
        settle(stage.travel)
    _ends(stage, job, "HOT")
    return steps_of(look(job)), costs


def test_t12_five_shuffled_messages_and_one_a_month_later_do_what_one_does(stage: Stage) -> None:
    steps, costs = _life(stage, 1)
    moves = [step for step, _ in steps if step != "reap"]
    assert moves == ["open", "fill", "retrieve", "open", "fill"]
    again = _life(stage, 5)
    assert again[1] == costs, f"SEED={SEED}"
    assert sorted(again[0]) == sorted(steps), f"SEED={SEED}"


def test_the_judge_sees_a_lost_result(stage: Stage) -> None:
    job = hot(person("premium"))
    assert judge(stage, job, "HOT") == []
    assert job.copy is not None
    storage.remove(locator=job.copy)
    assert judge(stage, job, "HOT") == ["LOST"]
