"""The second judge notices mails to others, mails sent again, and messages deleted unhandled."""

from email.message import EmailMessage
from types import SimpleNamespace
from typing import Any, cast

import pytest

from annotations.emails import SUBJECTS
from tests.faults.cloud import Deleted, Mail
from tests.faults.people import IDS, address
from tests.faults.postmaster import Postmaster

JOB = "33333333-0000-4000-8000-000000000003"
MINE, OTHERS = IDS
BEGUN, SENT = {"tries": 1}, {"tries": 1, "sent": 7}


def mail(to: str, text: str, kind: str = "done") -> Mail:
    made = EmailMessage()
    made["Subject"] = SUBJECTS[kind]
    made.set_content(text)
    return Mail([address(to)], made.as_bytes())


def postmaster(*mails: Mail, deleted: tuple[Deleted, ...] = (), **facts: Any) -> Postmaster:
    """Return a postmaster who finds this; the one job is mine."""
    owner = SimpleNamespace(attrs={"user_id": SimpleNamespace(value=MINE)})
    view = SimpleNamespace(
        take_mails=lambda: list(mails),
        take_deleted=lambda: list(deleted),
        items={JOB: owner},
        mails_of=lambda about, kind: facts.get("marks", [BEGUN]),
        parked=lambda kind: facts.get("parked", set()),
    )
    return Postmaster(cast(Any, view))


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (mail(MINE, f"look at {JOB}"), None),
        (mail(OTHERS, f"look at {JOB}"), "CROSS-USER"),
        (mail(OTHERS, f"{MINE[:8]}.vcf is archived soon", "archive-soon"), "CROSS-USER"),
        (mail("99999999", f"look at {JOB}"), "CROSS-USER"),
    ],
)
def test_a_mail_goes_to_whom_it_is_about(found: Mail, verdict: str | None) -> None:
    told = postmaster(found).look(calm=False)
    assert (told.split()[0] if told else None) == verdict


def test_a_mail_that_was_sent_is_not_sent_again_when_nobody_slept() -> None:
    again = postmaster(mail(MINE, JOB), marks=[SENT])
    assert again.look(calm=False) is None
    assert "sent before" in (again.look(calm=True) or "")


def test_a_mail_has_a_mark() -> None:
    assert "nobody began" in (postmaster(mail(MINE, JOB), marks=[]).look(calm=False) or "")


def test_a_message_is_deleted_only_when_it_was_handled_or_parked() -> None:
    gone = Deleted("archive", "7", "a body")
    lost = postmaster(deleted=(gone,))
    assert (lost.look(calm=False) or "").startswith("LOST a message")
    lost.handled.add("7")
    assert lost.look(calm=False) is None
    assert postmaster(deleted=(gone,), parked={"a body"}).look(calm=False) is None
