"""The local cloud's outbox, read for the mailbox page. There is no such thing on AWS."""

from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from typing import Any

import urllib3
from django.conf import settings

TIMEOUT = 5


class Away(Exception):
    """The local cloud does not answer."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that was sent; `at` in epoch seconds, `body` is empty in a list."""

    id: str
    to: str
    subject: str
    at: int
    body: str = ""


def _get(path: str) -> urllib3.BaseHTTPResponse:
    url = f"{settings.AWS_ENDPOINT_URL}/_gas/mail{path}"
    try:
        return urllib3.request("GET", url, timeout=TIMEOUT, retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise Away from error


def _mail(values: dict[str, Any]) -> Mail:
    to = values["to"]
    addresses = to if isinstance(to, str) else ", ".join(to)
    return Mail(str(values["id"]), addresses, values["subject"], int(values["at"]))


def listing() -> list[Mail]:
    """Return all mails, newest first. Raises Away."""
    mails = [_mail(values) for values in _get("").json()]
    return sorted(mails, key=lambda mail: mail.at, reverse=True)


def read(mail_id: str) -> Mail | None:
    """Return one mail with its text, None when there is no such mail. Raises Away."""
    known = next((mail for mail in listing() if mail.id == mail_id), None)
    if known is None:
        return None
    message = message_from_bytes(_get(f"/{known.id}").data, policy=default)
    part = message.get_body(preferencelist=("plain",))
    body = part.get_content() if part else ""
    return Mail(known.id, known.to, known.subject, known.at, body)
