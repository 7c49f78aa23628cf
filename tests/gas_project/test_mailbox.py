"""The mailbox page: what the local cloud sent, and nothing off it."""

from typing import TYPE_CHECKING

from django.core.mail import EmailMessage
from django.test import Client
from django.utils.module_loading import import_string

from deploy.local.run import LocalCloud
from gas_project import mailbox
from tests.people import site, text

if TYPE_CHECKING:
    from pytest_django import Settings

__all__ = ["site"]
SES = "anymail.backends.amazon_ses.EmailBackend"


def send(subject: str, body: str) -> None:
    message = EmailMessage(subject, body, "gas@gas.invalid", ["owner@gas.invalid"])
    assert import_string(SES)().send_messages([message]) == 1


def test_an_empty_mailbox_says_what_would_fill_it(site: LocalCloud, client: Client) -> None:
    assert "No mail yet" in text(client.get("/mailbox/"))


def test_a_mail_is_listed_and_read_with_its_links(site: LocalCloud, client: Client) -> None:
    send("Your annotation is ready", "Open http://127.0.0.1:8000/jobs/ <now>")
    (mail,) = mailbox.listing()
    assert mail.to == "owner@gas.invalid"
    html = text(client.get(f"/mailbox/{mail.id}/"))
    assert 'href="http://127.0.0.1:8000/jobs/"' in html
    assert "&lt;now&gt;" in html


def test_an_unknown_mail_is_not_found(site: LocalCloud, client: Client) -> None:
    assert client.get("/mailbox/nothing/").status_code == 404


def test_off_the_local_cloud_there_is_no_mailbox(
    site: LocalCloud, client: Client, settings: "Settings"
) -> None:
    settings.GAS_LOCAL = False
    assert client.get("/mailbox/").status_code == 404


def test_a_cloud_that_is_away_is_an_error_and_no_empty_list(
    site: LocalCloud, client: Client, settings: "Settings"
) -> None:
    settings.AWS_ENDPOINT_URL = "http://127.0.0.1:1"
    answer = client.get("/mailbox/")
    assert answer.status_code == 503
    assert "does not answer" in text(answer)
