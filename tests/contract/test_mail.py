"""Mail goes through SES v2 into the outbox, where the mailbox page finds it."""

import json
import urllib.request
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from deploy.local.run import LocalCloud

if TYPE_CHECKING:
    from types_boto3_sesv2 import SESV2Client


def fetch(cloud: LocalCloud, path: str) -> bytes:
    with urllib.request.urlopen(f"{cloud.url}/_gas/{path}") as answer:
        content: bytes = answer.read()
    return content


def mails(cloud: LocalCloud) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(fetch(cloud, "mail"))
    return found


def a_mail(subject: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "gas@example.org", "ada@example.org", subject
    mail.set_content("Ihre Ergebnisse sind da.\n")
    return mail.as_bytes()


def test_a_raw_mail_is_kept_as_it_was_sent(ses: "SESV2Client", cloud: LocalCloud) -> None:
    raw = a_mail("Grüße")
    sent = ses.send_email(
        FromEmailAddress="gas@example.org",
        Destination={"ToAddresses": ["ada@example.org"], "BccAddresses": ["eve@example.org"]},
        Content={"Raw": {"Data": raw}},
    )
    (mail,) = mails(cloud)
    assert mail["id"] == sent["MessageId"]
    assert mail["to"] == ["ada@example.org", "eve@example.org"]
    assert mail["subject"] == "Grüße"
    assert abs(mail["at"] - cloud.clock.now()) < 60
    assert fetch(cloud, f"mail/{mail['id']}") == raw


def test_a_raw_mail_without_a_destination_goes_to_its_headers(
    ses: "SESV2Client", cloud: LocalCloud
) -> None:
    ses.send_email(Content={"Raw": {"Data": a_mail("x")}})
    assert [mail["to"] for mail in mails(cloud)] == [["ada@example.org"]]


def test_a_simple_mail_becomes_a_mail(ses: "SESV2Client", cloud: LocalCloud) -> None:
    ses.send_email(
        FromEmailAddress="gas@example.org",
        Destination={"ToAddresses": ["ada@example.org"]},
        Content={
            "Simple": {
                "Subject": {"Data": "Done"},
                "Body": {"Text": {"Data": "plain"}, "Html": {"Data": "<b>rich</b>"}},
            }
        },
    )
    (listed,) = mails(cloud)
    mail = message_from_bytes(fetch(cloud, f"mail/{listed['id']}"), policy=modern)
    assert (mail["From"], mail["To"], mail["Subject"]) == (
        "gas@example.org",
        "ada@example.org",
        "Done",
    )
    assert [part.get_content_type() for part in mail.walk() if not part.is_multipart()] == [
        "text/plain",
        "text/html",
    ]


def test_the_newest_mail_comes_first(ses: "SESV2Client", cloud: LocalCloud) -> None:
    for subject in ("first", "second", "third"):
        ses.send_email(Content={"Raw": {"Data": a_mail(subject)}})
        cloud.clock.advance(1)
    assert [mail["subject"] for mail in mails(cloud)] == ["third", "second", "first"]


def test_a_mail_to_nobody_is_refused(ses: "SESV2Client", cloud: LocalCloud) -> None:
    with pytest.raises(ClientError) as caught:
        ses.send_email(Content={"Raw": {"Data": b"Subject: x\r\n\r\nhello"}})
    assert caught.value.response["Error"]["Code"] == "BadRequestException"
    assert mails(cloud) == []


def test_a_path_out_of_the_outbox_leads_nowhere(cloud: LocalCloud) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        fetch(cloud, "mail/..%2Fstate.db")
    assert caught.value.code == 404
