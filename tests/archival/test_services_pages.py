"""What the pages ask of the storage life: previews, restores, leaving, warnings."""

import pytest

from accounts import tiers
from annotations.safety import margins
from archival import lifecycle, services
from deploy.local.run import LocalCloud
from gas_project import clock
from tests.archival.life import advance, archived, restoring, upgrade, wish_deleted
from tests.core import (
    DAY,
    RESULT,
    Travel,
    archives,
    hot,
    look,
    objects,
    person,
    queued,
    served,
    settle,
    told,
)

pytestmark = pytest.mark.usefixtures("cloud")


# --- what the pages ask ------------------------------------------------------------------------


def test_a_downgrade_says_what_it_will_archive_and_when() -> None:
    user = person("premium")
    one, two = hot(user), hot(user)
    queued(user)
    wish_deleted(two)
    preview = services.downgrade_preview(user_id=user)
    assert [job.job_id for job in preview.items] == [one.job_id]
    assert preview.count == 1
    assert abs(preview.first_at - clock.now() - tiers.DEFAULT.grace) <= 2


def test_a_restore_is_counted_until_all_is_back(travel: Travel) -> None:
    user = person()
    first, second = archived(user), archived(user)
    travel(2)
    upgrade(first)
    told = services.restores(user_id=user)
    assert (told.total, told.done) == (2, 0)
    advance("restorer", first)
    told = services.restores(user_id=user)
    assert told.ready_at == look(first).ready_at
    travel(margins().expedited + 1)
    advance("thawer", first)
    told = services.restores(user_id=user)
    assert (told.total, told.done) == (2, 1)
    settle(travel, margins().standard + 1)
    told = services.restores(user_id=user)
    assert (told.total, told.done) == (2, 2)
    assert look(second).state == "HOT"


def test_a_result_that_was_never_cold_is_no_restore() -> None:
    user = person()
    hot(user)
    services.change_tier(user_id=user, tier="premium")
    assert services.restores(user_id=user).total == 0


def test_a_person_who_leaves_leaves_nothing(travel: Travel, cloud: LocalCloud, store: str) -> None:
    user = person()
    made = [archived(user), restoring(user), hot(user), queued(user)]
    stays = hot(person("premium"))
    assert services.delete_account(user_id=user) == 4
    assert services.delete_account(user_id=user) == 0
    settle(travel, margins().posts_end + 1)
    assert {look(job).state for job in made} == {"DELETED"}
    kept = {name for name in objects() | archives(cloud) if stays.job_id not in name}
    assert kept == set()
    assert served(stays) == RESULT


def test_the_owner_is_told_while_the_warning_lasts(travel: Travel) -> None:
    date = clock.now() + 10 * DAY
    job = hot(person(), archive_after=date)
    plan = services.plan(user_id=job.user_id)
    warn = lifecycle.warn_at(look(job), plan)
    assert warn is not None
    settle(travel)
    told("notify")
    settle(travel, warn - clock.now() + 1)
    assert told("notify") == {job.job_id}
    assert look(job).due_at == date
