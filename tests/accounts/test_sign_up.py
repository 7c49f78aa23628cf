"""From a stranger to a person with a plan."""

import re
from datetime import timedelta

import pytest
from botocore.exceptions import EndpointConnectionError
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts import plans, services
from accounts.models import User
from deploy.local.run import LocalCloud
from tests.people import PASSWORD, sign_up, text

EMAIL = "new@gas.invalid"
FORM = {"email": EMAIL, "password1": PASSWORD, "password2": PASSWORD}


def confirm(client: Client) -> None:
    link = re.search(r"http://testserver(\S+)", str(mail.outbox[-1].body))
    assert link is not None
    client.post(link[1])


def test_sign_up_sends_a_link_and_makes_a_free_plan(site: LocalCloud, client: Client) -> None:
    answer = client.post("/accounts/signup/", FORM)
    assert answer.status_code == 302
    assert [sent.to for sent in mail.outbox] == [[EMAIL]]
    plan = plans.get(str(User.objects.get(email=EMAIL).pk))
    assert plan is not None
    assert plan.tier == "free"


def test_nobody_gets_in_before_the_address_is_confirmed(site: LocalCloud, client: Client) -> None:
    client.post("/accounts/signup/", FORM)
    login = {"login": EMAIL, "password": PASSWORD}
    assert client.post("/accounts/login/", login)["Location"] == "/accounts/confirm-email/"
    assert client.get("/jobs/").status_code == 302
    confirm(client)
    assert client.post("/accounts/login/", login)["Location"] == "/jobs/"
    assert client.get("/jobs/").status_code == 200


def test_the_first_mail_says_what_it_is_about(site: LocalCloud, client: Client) -> None:
    client.post("/accounts/signup/", FORM)
    sent = mail.outbox[0]
    assert sent.subject == "Confirm your e-mail address for GAS"
    assert "If it was not you, do nothing." in sent.body


def test_a_known_address_is_not_given_away(site: LocalCloud, client: Client) -> None:
    sign_up(EMAIL)
    answer = client.post("/accounts/signup/", FORM)
    assert answer["Location"] == "/accounts/confirm-email/"
    assert User.objects.count() == 1


def test_a_weak_password_is_refused_with_its_reason(site: LocalCloud, client: Client) -> None:
    weak = {"email": EMAIL, "password1": "12345678", "password2": "12345678"}
    assert "entirely numeric" in text(client.post("/accounts/signup/", weak))
    assert not User.objects.exists()


def test_signing_in_again_leaves_the_plan_as_it_is(site: LocalCloud) -> None:
    user = sign_up(EMAIL)
    plans.create(user_id=str(user.pk), tier="premium")
    services.welcome(user)
    plan = plans.get(str(user.pk))
    assert plan is not None
    assert plan.tier == "premium"


def test_a_plan_that_was_lost_is_not_made_anew_at_a_later_sign_in(site: LocalCloud) -> None:
    user = sign_up(EMAIL)
    User.objects.update(date_joined=timezone.now() - timedelta(days=2))
    user.refresh_from_db()
    services.welcome(user)
    assert plans.get(str(user.pk)) is None


def test_a_person_gets_in_though_aws_is_away(
    site: LocalCloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(**_: str) -> None:
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    monkeypatch.setattr(plans, "create", away)
    user = sign_up(EMAIL)
    services.welcome(user)
    assert "no plan was put" in caplog.text
    assert EMAIL not in caplog.text


def test_a_reset_link_opens_a_form_for_a_new_password(site: LocalCloud, client: Client) -> None:
    user = sign_up(EMAIL)
    client.post("/accounts/password/reset/", {"email": EMAIL})
    link = re.search(r"http://testserver(\S+)", str(mail.outbox[-1].body))
    assert link is not None
    form = client.get(link[1], follow=True).redirect_chain[-1][0]
    client.post(form, {"password1": "another-long-phrase", "password2": "another-long-phrase"})
    user.refresh_from_db()
    assert user.check_password("another-long-phrase")
