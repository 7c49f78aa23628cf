"""The plan page, the progress of a restore, and leaving."""

from typing import TYPE_CHECKING

import pytest
from django.test import Client

from accounts import plans, tiers
from accounts.models import User
from annotations import jobs
from archival import services
from gas_project import clock
from tests.core import hot, look, new_job
from tests.people import archived, owner, page, site, text

if TYPE_CHECKING:
    from pytest_django import Settings

__all__ = ["owner", "page", "site"]


def tier_of(owner: User) -> str:
    """Return the tier that every worker reads."""
    plan = plans.get(str(owner.pk))
    assert plan is not None
    return plan.tier


@pytest.fixture
def premium(owner: User) -> User:
    """The owner, upgraded."""
    services.change_tier(user_id=str(owner.pk), tier="premium")
    return owner


def test_the_plan_page_shows_every_tier_and_which_is_mine(page: Client) -> None:
    html = text(page.get("/plan/"))
    for tier in tiers.TIERS.values():
        assert tier.label in html
    assert html.count("Your plan") == 1
    assert "test payment" in html


def test_an_upgrade_is_one_test_payment(owner: User, page: Client) -> None:
    answer = page.post("/plan/upgrade/", {"tier": "premium"})
    assert answer["Location"] == "/plan/restores/"
    assert tier_of(owner) == "premium"


@pytest.mark.parametrize("tier", ["", "gold", "free"])
def test_an_upgrade_to_no_better_tier_is_refused(owner: User, page: Client, tier: str) -> None:
    assert "Choose one of the plans" in text(
        page.post("/plan/upgrade/", {"tier": tier}, follow=True)
    )
    assert tier_of(owner) == "free"


def test_off_the_local_cloud_nobody_pays(owner: User, page: Client, settings: "Settings") -> None:
    settings.GAS_LOCAL = False
    assert "takes no payments yet" in text(page.get("/plan/"))
    answer = page.post("/plan/upgrade/", {"tier": "premium"})
    assert answer.status_code == 403
    assert "Nothing was charged" in text(answer)
    assert tier_of(owner) == "free"


def test_a_downgrade_says_first_what_it_archives_and_when(premium: User, page: Client) -> None:
    hot(str(premium.pk), name="patient.vcf")
    html = text(page.get("/plan/downgrade/"))
    assert "1 result will be archived" in html
    assert "patient.vcf" in html
    assert tier_of(premium) == "premium"
    page.post("/plan/downgrade/")
    assert tier_of(premium) == "free"


def test_nobody_downgrades_from_the_lowest_tier(owner: User, page: Client) -> None:
    before = plans.get(str(owner.pk))
    assert page.post("/plan/downgrade/")["Location"] == "/plan/"
    assert plans.get(str(owner.pk)) == before


def test_a_restore_shows_how_many_are_back_and_when_the_rest_is(
    premium: User, page: Client
) -> None:
    ready = clock.now() + 3600
    hot(str(premium.pk), copy=archived("a"), state="COLD")
    away = {"state": "RESTORING", "retrieval": "r", "ready_at": ready}
    hot(str(premium.pk), copy=archived("b"), **away)  # type: ignore[arg-type]
    answer = page.get("/plan/restores/")
    assert "0 of 2 back" in text(answer)
    assert answer.context["restores"].ready_at == ready
    assert answer.context["watch"].delay == 2
    part = page.get("/plan/restores/", headers={"HX-Request": "true"})
    assert "<html" not in text(part)


def test_who_stays_on_an_archiving_tier_is_promised_no_restore(owner: User, page: Client) -> None:
    hot(str(owner.pk), copy=archived("a"), state="COLD")
    assert "Nothing is restoring" in text(page.get("/plan/restores/"))
    assert "of 1 back" not in text(page.get("/plan/"))


def test_leaving_takes_the_right_address(owner: User, page: Client) -> None:
    assert "It can’t be undone" in text(page.get("/settings/delete/"))
    wrong = page.post("/settings/delete/", {"email": "stranger@gas.invalid"})
    assert "not the address of this account" in text(wrong)
    assert User.objects.filter(pk=owner.pk).exists()


def test_leaving_deletes_the_person_and_every_job(owner: User, page: Client) -> None:
    kept = new_job(str(User().pk))
    jobs.create(kept, actor="owner")
    mine = [hot(str(owner.pk)), hot(str(owner.pk), copy=archived("a"), state="COLD")]
    answer = page.post("/settings/delete/", {"email": owner.email.upper()})
    assert answer["Location"] == "/"
    assert not User.objects.filter(pk=owner.pk).exists()
    assert all(look(job).deleted for job in mine)
    assert not look(kept).deleted
    assert page.get("/jobs/").status_code == 302
