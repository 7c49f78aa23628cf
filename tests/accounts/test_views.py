"""The landing page, the settings, and allauth's pages in our clothes."""

from typing import TYPE_CHECKING

import pytest
from django.test import Client

from accounts import tiers
from accounts.models import User
from deploy.local.run import LocalCloud
from tests.people import PASSWORD, browser, text

if TYPE_CHECKING:
    from pytest_django import Settings

ENTRANCE = [
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/accounts/password/reset/done/",
    "/accounts/confirm-email/",
    "/accounts/confirm-email/no-such-key/",
    "/accounts/password/reset/key/1-no-such-key/",
    "/accounts/inactive/",
]
INSIDE = [
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/logout/",
    "/accounts/2fa/",
    "/accounts/2fa/totp/activate/",
    "/accounts/reauthenticate/",
    "/settings/",
]


def test_the_landing_page_shows_every_tier(site: LocalCloud, client: Client) -> None:
    shown = text(client.get("/"))
    for tier in tiers.TIERS.values():
        assert f">{tier.label}<" in shown


def test_who_is_signed_in_lands_on_the_jobs(page: Client) -> None:
    assert page.get("/")["Location"] == "/jobs/"


@pytest.mark.parametrize("path", ENTRANCE)
def test_a_stranger_sees_each_entrance_in_our_frame(
    site: LocalCloud, client: Client, path: str
) -> None:
    shown = text(client.get(path))
    assert '<header class="bar">' in shown
    assert "<h1" in shown


def sign_in(client: Client, user: User) -> None:
    """Sign in, and say the password once more, as the second factor's pages ask."""
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})


@pytest.mark.parametrize("path", INSIDE)
def test_a_person_sees_each_setting_in_our_frame(owner: User, client: Client, path: str) -> None:
    sign_in(client, owner)
    shown = text(client.get(path))
    assert '<header class="bar">' in shown
    assert "<h1" in shown


def test_a_second_factor_can_be_set_up(owner: User, client: Client) -> None:
    sign_in(client, owner)
    shown = text(client.get("/accounts/2fa/totp/activate/"))
    assert 'class="qr" src="data:image/svg+xml' in shown


def test_globus_is_offered_only_where_it_is_set_up(
    site: LocalCloud, client: Client, settings: "Settings"
) -> None:
    assert "Globus" not in text(client.get("/accounts/login/"))
    app = {"client_id": "an-id", "secret": "a-secret"}
    settings.SOCIALACCOUNT_PROVIDERS = {"globus": {"APP": app}}
    assert "Sign in with Globus" in text(client.get("/accounts/login/"))


def test_staff_find_their_pages_and_others_do_not(owner: User) -> None:
    assert "/staff/" not in text(browser(owner).get("/settings/"))
    owner.is_staff = True
    owner.save()
    assert "/staff/" in text(browser(owner).get("/settings/"))


def test_signing_out_takes_a_post(page: Client) -> None:
    page.get("/accounts/logout/")
    assert page.get("/jobs/").status_code == 200
    page.post("/accounts/logout/")
    assert page.get("/jobs/").status_code == 302
