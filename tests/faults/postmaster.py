"""A second judge: of what is sent, and of what becomes of the messages that are received."""

import re
from collections import Counter
from email import message_from_bytes
from email.policy import default as modern
from typing import Any

from annotations.emails import SUBJECTS
from tests.faults import people
from tests.faults.cloud import Cloud, Deleted, Mail

ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
KIND_OF = {subject: kind for kind, subject in SUBJECTS.items()}
ABOUT_A_JOB = frozenset({"done", "failed"})


class Postmaster:
    """Looks at what was sent and deleted since the last look."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.handled: set[str] = set()
        """Ids of messages whose handler came to its end."""
        self.stats: Counter[str] = Counter()

    def look(self, *, calm: bool) -> str | None:
        """Return what is wrong, None when all is well; `calm`: nobody has slept over a mail.

        Otherwise a sender that froze for a quarter of an hour may send what another sent meanwhile.
        """
        mails, deleted = self._cloud.take_mails(), self._cloud.take_deleted()
        self.stats += Counter({"mails": len(mails), "messages deleted": len(deleted)})
        verdicts = [self._of_mail(mail, calm=calm) for mail in mails]
        verdicts += [self._of_message(gone) for gone in deleted]
        return next((verdict for verdict in verdicts if verdict), None)

    def _of_message(self, gone: Deleted) -> str | None:
        if gone.id in self.handled or gone.body in self._cloud.parked(gone.queue):
            return None
        return f"LOST a message that nobody handled: {gone.queue} {gone.body[:100]}"

    def _of_mail(self, mail: Mail, *, calm: bool) -> str | None:
        message: Any = message_from_bytes(mail.raw, policy=modern)
        text, kind = message.get_content(), KIND_OF[message["Subject"]]
        owners = {self._owner(job_id) for job_id in ID.findall(text)}
        owners |= {user for user in people.IDS if user[:8] in text}
        user = next((user for user in people.IDS if mail.to == [people.address(user)]), None)
        if user is None or owners - {user}:
            return f"CROSS-USER a mail to {mail.to} about {sorted(map(str, owners))}"
        about = ID.findall(text) if kind in ABOUT_A_JOB else [f"plan#{user}"]
        marks = [mark for one in about for mark in self._cloud.mails_of(one, kind)]
        if not marks:
            return f"WRONG a mail that nobody began: {kind} {about}"
        if calm and all("sent" in mark for mark in marks):
            return f"WRONG a mail that was sent before: {kind} {about}"
        return None

    def _owner(self, job_id: str) -> str | None:
        item = self._cloud.items.get(job_id)
        return item.attrs["user_id"].value if item else None
