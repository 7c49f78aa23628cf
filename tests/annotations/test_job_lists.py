"""Lists of jobs: pages, cursors, states; and no scan on the way."""

import pytest

from annotations import jobs
from annotations.states import Job
from gas_project import aws, items
from tests.core import Counted, new_job, person

NOW = 1_800_000_000

pytestmark = pytest.mark.usefixtures("cloud")

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
    jobs.rest(made[0], now=NOW, due_at=None)
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
        every = list(jobs.every())
        assert len(every) == len(made) + 1
        assert all(job in every for job in made)
        assert set(scans.seen) == {"Scan"}
