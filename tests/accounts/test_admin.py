"""The staff's pages about people: tiers in one call, rights from superusers, no secrets."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from botocore.exceptions import EndpointConnectionError
from django.contrib.auth.models import Group

from accounts import plans
from accounts.models import User
from gas_project import aws
from tests.core import Counted, person
from tests.people import browser, sign_up, text
from tests.staff import JOBS, PEOPLE, boss, member

pytestmark = pytest.mark.usefixtures("site")
SECRET = "JBSWY3DPEHPK3PXP"


def someone(email: str, tier: str = "free") -> User:
    user = sign_up(email)
    plans.create(user_id=str(user.pk), tier=tier)
    return user


# --- plans of many -----------------------------------------------------------------------------


def test_the_plans_of_many_people_are_read_a_hundred_a_call() -> None:
    everybody = [person("premium") for _ in range(101)]
    with Counted(aws.dynamodb(), ()) as calls:
        found = plans.get_many([*everybody, *everybody[:3], "00000000-0000-4000-8000-0000000000ff"])
    assert calls.seen == ["BatchGetItem", "BatchGetItem"]
    assert set(found) == set(everybody)
    assert {plan.tier for plan in found.values()} == {"premium"}


def test_nobody_asked_is_no_call() -> None:
    with Counted(aws.dynamodb(), ()) as calls:
        assert plans.get_many([]) == {}
    assert calls.seen == []


def test_plans_that_dynamodb_leaves_unread_are_read_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = person(), person("premium")
    client, table = aws.dynamodb(), aws.table("plans")
    batch = client.batch_get_item

    def half(**asked: Any) -> Any:
        keys = asked["RequestItems"][table]["Keys"]
        read = batch(RequestItems={table: {"Keys": keys[:1]}})
        return {**read, "UnprocessedKeys": {table: {"Keys": keys[1:]}}}

    monkeypatch.setattr(client, "batch_get_item", half)
    assert {user: plan.tier for user, plan in plans.get_many([first, second]).items()} == {
        first: "free",
        second: "premium",
    }


# --- the pages ---------------------------------------------------------------------------------


def test_people_are_listed_with_their_tier_which_one_call_reads() -> None:
    client = boss()
    someone("free@gas.invalid")
    someone("paying@gas.invalid", "premium")
    sign_up("none@gas.invalid")
    with Counted(aws.dynamodb(), ()) as calls:
        page = text(client.get(PEOPLE))
    assert calls.seen == ["BatchGetItem"]
    for told in ("Free</td>", "Premium</td>", "missing: all is kept hot</td>"):
        assert told in page


def test_a_person_is_found_and_leads_to_their_jobs() -> None:
    someone("one@gas.invalid")
    two = someone("two@gas.invalid")
    page = text(boss().get(PEOPLE, {"q": "two@"}))
    assert "two@gas.invalid" in page
    assert "one@gas.invalid" not in page
    assert f'href="{JOBS}?q={two.pk}"' in page


def test_a_change_of_tier_that_is_being_spread_is_told() -> None:
    user = someone("one@gas.invalid")
    plans.change(user_id=str(user.pk), tier="premium", now=1, grace_until=0)
    page = text(boss().get(f"{PEOPLE}{user.pk}/change/"))
    assert "Premium (a change is being spread)" in page


@pytest.mark.parametrize("path", ["", "{}/change/"])
def test_an_aws_error_is_shown_as_one(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    user, client = someone("one@gas.invalid"), boss()

    def away(*_: object) -> Any:
        raise EndpointConnectionError(endpoint_url="http://dynamodb")

    monkeypatch.setattr(plans, "get", away)
    monkeypatch.setattr(plans, "get_many", away)
    page = client.get(PEOPLE + path.format(user.pk))
    assert page.status_code == 503
    assert "EndpointConnectionError" in text(page)


# --- what may be changed -----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["add/", "{}/delete/"])
def test_nobody_is_added_or_deleted_here(path: str) -> None:
    user = someone("one@gas.invalid")
    assert boss().post(PEOPLE + path.format(user.pk), {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=user.pk).exists()


def test_no_address_and_no_password_is_set_here() -> None:
    user, client = someone("one@gas.invalid"), boss()
    form = {"is_active": "on", "email": "other@gas.invalid", "password": "x"}
    client.post(f"{PEOPLE}{user.pk}/change/", form)
    after = User.objects.get(pk=user.pk)
    assert (after.email, after.password) == (user.email, user.password)
    for path in ("change", "password"):
        page = client.get(f"{PEOPLE}{user.pk}/{path}/", follow=True)
        assert 'type="password"' not in text(page)


def test_staff_may_close_an_account_but_give_no_rights() -> None:
    user, client = someone("one@gas.invalid"), member("view_user", "change_user")
    group = Group.objects.create(name="operators")
    form = {"is_staff": "on", "is_superuser": "on", "groups": [str(group.pk)]}
    client.post(f"{PEOPLE}{user.pk}/change/", form)
    after = User.objects.get(pk=user.pk)
    assert not after.is_active
    assert not after.is_staff
    assert not after.is_superuser
    assert not after.groups.exists()


def test_staff_may_not_touch_a_superuser() -> None:
    above = User.objects.create_superuser("boss@gas.invalid", "a-long-enough-phrase")
    client = member("view_user", "change_user")
    assert client.post(f"{PEOPLE}{above.pk}/change/", {}).status_code == 403
    assert User.objects.get(pk=above.pk).is_active


def test_a_superuser_gives_rights() -> None:
    user = someone("one@gas.invalid")
    boss().post(f"{PEOPLE}{user.pk}/change/", {"is_active": "on", "is_staff": "on"})
    assert User.objects.get(pk=user.pk).is_staff


# --- second factors ----------------------------------------------------------------------------


def test_staff_are_advised_to_set_up_a_second_factor_until_they_have() -> None:
    user = User.objects.create_superuser("boss@gas.invalid", "a-long-enough-phrase")
    client = browser(user)
    assert "Set up a second factor" in text(client.get("/staff/"))
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": SECRET})
    assert "Set up a second factor" not in text(client.get("/staff/"))


def test_a_second_factor_is_seen_and_removed_but_its_secret_is_not_shown() -> None:
    user, client = someone("one@gas.invalid"), boss()
    factor = Authenticator.objects.create(user=user, type="totp", data={"secret": SECRET})
    place = "/staff/mfa/authenticator/"
    for path in (place, f"{place}{factor.pk}/change/"):
        page = text(client.get(path))
        assert "one@gas.invalid" in page
        assert SECRET not in page
    client.post(f"{place}{factor.pk}/delete/", {"post": "yes"})
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize("model", ["socialapp", "socialtoken"])
def test_secrets_of_sign_in_services_have_no_page(model: str) -> None:
    assert boss().get(f"/staff/socialaccount/{model}/").status_code == 404
