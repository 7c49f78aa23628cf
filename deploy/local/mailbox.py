"""SES v2: mail is not sent but laid into an outbox folder, one `.eml` file each.

A sender needs no verified identity here; AWS refuses one that has none.
"""

import base64
import json
import re
import uuid
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from pathlib import Path
from typing import Any

from deploy.local.clock import Clock
from deploy.local.reply import Reply, as_json

SEND_PATH = "/v2/email/outbound-emails"
_NAME = re.compile(r"\d{13}-[0-9a-f]{8}")
_LISTED = 200
"""How many of the latest mails are listed."""


class Mailbox:
    """The outbox: a folder that outlives the process."""

    def __init__(self, *, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        folder.mkdir(parents=True, exist_ok=True)

    def send(self, request: dict[str, Any]) -> Reply:
        """Answer SendEmail with raw or simple content."""
        to = [
            address
            for kind in ("ToAddresses", "CcAddresses", "BccAddresses")
            for address in request.get("Destination", {}).get(kind) or ()
        ]
        content = request.get("Content", {})
        if "Raw" in content:
            raw = base64.b64decode(content["Raw"]["Data"])
            to = to or _header_recipients(raw)
        elif "Simple" in content:
            raw = _compose(request, content["Simple"])
        else:
            return _refuse("only raw and simple mail can be sent here")
        if not to:
            return _refuse("the mail names nobody to send it to")
        return as_json({"MessageId": self._store(to, raw)})

    def _store(self, to: list[str], raw: bytes) -> str:
        name = f"{int(self._clock.now() * 1000):013}-{uuid.uuid4().hex[:8]}"
        line = json.dumps(to).encode()
        path = self._folder / f"{name}.eml"
        fresh = path.with_suffix(".part")
        # Blind copies are in no header, so the envelope goes before the mail.
        fresh.write_bytes(b"X-GAS-Envelope: " + line + b"\r\n" + raw)
        fresh.replace(path)
        return name

    def latest(self) -> list[dict[str, Any]]:
        """Return the latest mails, newest first: id, to, subject and at (epoch seconds)."""
        paths = sorted(self._folder.glob("*.eml"), reverse=True)[:_LISTED]
        return [_summary(path) for path in paths]

    def raw(self, name: str) -> bytes | None:
        """Return one mail as it was sent, or None if there is none of this id."""
        path = self._folder / f"{name}.eml"
        if not _NAME.fullmatch(name) or not path.is_file():
            return None
        return path.read_bytes().split(b"\r\n", 1)[1]

    def forget(self) -> None:
        """Empty the outbox."""
        for path in self._folder.iterdir():
            path.unlink()


def _summary(path: Path) -> dict[str, Any]:
    mail = message_from_bytes(path.read_bytes(), policy=modern)
    return {
        "id": path.stem,
        "to": json.loads(str(mail["X-GAS-Envelope"])),
        "subject": str(mail["Subject"] or ""),
        "at": int(path.stem.split("-")[0]) // 1000,
    }


def _header_recipients(raw: bytes) -> list[str]:
    mail = message_from_bytes(raw, policy=modern)
    return [
        address.addr_spec
        for kind in ("To", "Cc", "Bcc")
        for header in mail.get_all(kind, [])
        for address in header.addresses
    ]


def _compose(request: dict[str, Any], simple: dict[str, Any]) -> bytes:
    mail = EmailMessage()
    mail["From"] = request.get("FromEmailAddress", "")
    mail["To"] = ", ".join(request.get("Destination", {}).get("ToAddresses") or ())
    mail["Subject"] = simple["Subject"]["Data"]
    body = simple["Body"]
    mail.set_content(body.get("Text", {}).get("Data", ""))
    if "Html" in body:
        mail.add_alternative(body["Html"]["Data"], subtype="html")
    return mail.as_bytes()


def _refuse(message: str) -> Reply:
    reply = as_json({"message": message}, status=400)
    reply.headers.append(("x-amzn-ErrorType", "BadRequestException"))
    return reply
