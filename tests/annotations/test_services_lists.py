"""A person's jobs in pages, groups and counts."""

from typing import Any

import pytest

from annotations import jobs, services
from annotations.states import Job
from gas_project import aws, clock, items
from tests.core import DAY, Counted, hot, new_job, person

pytestmark = pytest.mark.usefixtures("cloud")


@pytest.fixture
def user() -> str:
    return person()


# --- lists -------------------------------------------------------------------------------------


def _some(user: str, state: str, count: int, **facts: Any) -> list[Job]:
    now = clock.now()
    made = [new_job(user, state=state, submitted_at=now - n, **facts) for n in range(count)]
    for job in made:
        jobs.create(job, actor="owner")
    return made


def test_a_list_holds_only_ones_own_jobs(user: str) -> None:
    mine = hot(user)
    hot(person())
    assert services.page(user_id=user).items == [mine]
    assert services.counts(user_id=user)["all"] == 1


def test_pages_follow_each_other_without_gap_or_double(user: str) -> None:
    made = _some(user, "FAILED", 60)
    first = services.page(user_id=user)
    second = services.page(user_id=user, cursor=first.cursor)
    third = services.page(user_id=user, cursor=second.cursor)
    assert [len(page.items) for page in (first, second, third)] == [25, 25, 10]
    assert third.cursor is None
    assert first.items + second.items + third.items == made


def test_exactly_one_page_has_no_next(user: str) -> None:
    _some(user, "HOT", 25)
    page = services.page(user_id=user)
    assert (len(page.items), page.cursor) == (25, None)


def test_a_rare_group_is_found_behind_many_others(user: str) -> None:
    _some(user, "FAILED", 120)
    old = new_job(user, state="COLD", submitted_at=clock.now() - DAY)
    jobs.create(old, actor="owner")
    assert services.page(user_id=user, group="archived").items == [old]


def test_groups_search_and_counts_agree(user: str) -> None:
    _some(user, "COLD", 2, name="Patient-A.vcf")
    _some(user, "HOT", 3, name="b.vcf")
    _some(user, "DELETED", 4)
    _some(user, "RESTORING", 1)
    counts = services.counts(user_id=user)
    assert counts == {"all": 6, "active": 1, "available": 3, "archived": 3, "failed": 0}
    for group, count in counts.items():
        assert len(services.page(user_id=user, group=group).items) == count
    found = services.page(user_id=user, group="archived", search="patient-a").items
    assert len(found) == 2
    assert services.page(user_id=user, search="%").items == []


def test_a_look_for_what_is_not_there_is_bounded(
    user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "LOOKED_AT", 200)
    _some(user, "FAILED", 210)
    with Counted(aws.dynamodb(), ("Query",)) as queries:
        page = services.page(user_id=user, search="nothing")
    assert (page.items, len(queries.seen)) == ([], 2)
    assert page.cursor is not None
    assert services.page(user_id=user, search="nothing", cursor=page.cursor).cursor is None


def test_a_made_up_cursor_is_a_bad_one(user: str) -> None:
    with pytest.raises(items.BadCursor):
        services.page(user_id=user, cursor="nonsense")
