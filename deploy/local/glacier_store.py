"""What the local Glacier keeps, and the few things every operation of it needs."""

import json
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from werkzeug import Response

from deploy.local import ACCOUNT, REGION
from deploy.local.clock import Clock
from deploy.local.disk import Disk
from deploy.local.faults import Faults

T = TypeVar("T")

HOUR = 3600.0
DAY = 24 * HOUR

TABLES = ("glacier_jobs", "glacier_archives", "glacier_parts", "glacier_uploads")
"""All but the vaults, their notification settings and the retrieval policy."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS glacier_vaults (
  name TEXT PRIMARY KEY, created REAL, topic TEXT, events TEXT);
CREATE TABLE IF NOT EXISTS glacier_policy (one INTEGER PRIMARY KEY, strategy TEXT, rate INTEGER);
CREATE TABLE IF NOT EXISTS glacier_uploads (
  id TEXT PRIMARY KEY, vault TEXT, description TEXT, part_size INTEGER, created REAL,
  touched REAL, ended REAL, archive TEXT);
CREATE TABLE IF NOT EXISTS glacier_parts (
  upload TEXT, start INTEGER, size INTEGER, tree TEXT, body TEXT, PRIMARY KEY (upload, start))
  WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS glacier_archives (
  id TEXT PRIMARY KEY, vault TEXT, upload TEXT, description TEXT, size INTEGER, tree TEXT,
  created REAL, deleted REAL);
CREATE TABLE IF NOT EXISTS glacier_jobs (
  id TEXT PRIMARY KEY, vault TEXT, archive TEXT, description TEXT, topic TEXT, tier TEXT,
  first INTEGER, size INTEGER, created REAL, ready REAL, status TEXT, message TEXT,
  notices TEXT, inventory TEXT, body TEXT);
CREATE INDEX IF NOT EXISTS glacier_jobs_ready ON glacier_jobs (status, ready);
CREATE INDEX IF NOT EXISTS glacier_jobs_archive ON glacier_jobs (archive);
CREATE INDEX IF NOT EXISTS glacier_jobs_notices ON glacier_jobs (notices) WHERE notices <> '';
CREATE INDEX IF NOT EXISTS glacier_archives_created ON glacier_archives (vault, created, id);
"""


@dataclass(frozen=True)
class Shelf:
    """The disk, the time and the faults: what every operation is given first."""

    disk: Disk
    clock: Clock
    scale: float
    faults: Faults

    def now(self) -> float:
        """Return the time in epoch seconds (UTC)."""
        return self.clock.now()

    def lasting(self, seconds: float) -> float:
        """Return how long AWS's `seconds` last here."""
        return seconds / self.scale


class Refusal(Exception):
    """An answer that is an error: AWS's code without "Exception", its words, the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = f"{code}Exception", message, status

    def reply(self) -> Response:
        """Return it in the form of AWS's API reference, "Error Responses"."""
        kind = "Client" if self.status < 500 else "Server"
        return answer({"code": self.code, "message": self.message, "type": kind}, self.status)


def missing(message: str) -> Refusal:
    """Return the refusal for a vault, upload, archive or job that is not there."""
    return Refusal("ResourceNotFound", message, 404)


def wrong(message: str) -> Refusal:
    """Return the refusal for a parameter that is not acceptable."""
    return Refusal("InvalidParameterValue", message)


def required(name: str, value: str | None) -> str:
    """Return a parameter. Raises Refusal when it is absent."""
    if value is None:
        raise Refusal("MissingParameterValue", f"Required parameter missing: {name}")
    return value


def answer(body: Any, status: int = 200) -> Response:
    """Return a reply whose body is JSON."""
    return Response(json.dumps(body), status, content_type="application/json")


def vault_arn(vault: str) -> str:
    """Return a vault's ARN."""
    return f"arn:aws:glacier:{REGION}:{ACCOUNT}:vaults/{vault}"


def stamp(at: float | None) -> str | None:
    """Return a time as Glacier writes it, with milliseconds; None stays None."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:23] + "Z"


def identity(length: int) -> str:
    """Return a fresh random id of AWS's alphabet: letters, digits, "-" and "_"."""
    return secrets.token_urlsafe(length)[:length]


def description_of(value: str | None) -> str:
    """Return a description without leading spaces.

    Raises Refusal beyond 1,024 characters, or outside 0x20 to 0x7E (Amazon Glacier API reference,
    "Initiate Multipart Upload").
    """
    text = (value or "").lstrip(" ")
    if len(text) > 1024 or re.search(r"[^ -~]", text):
        raise wrong("Invalid description: at most 1,024 printable ASCII characters are allowed")
    return text


def whole_number(name: str, value: str, least: int = 0) -> int:
    """Return a parameter as a number. Raises Refusal if it is none or below `least`."""
    if not re.fullmatch(r"\d{1,18}", value) or int(value) < least:
        raise wrong(f"Invalid {name}: {value}")
    return int(value)


def page(
    items: Sequence[T], *, name_of: Callable[[T], str], limit: str | None, marker: str | None
) -> tuple[Sequence[T], str | None]:
    """Return at most `limit` (1 to 50) items beginning at the one `marker` names, and the next."""
    most = whole_number("limit", limit or "50", 1)
    if most > 50:
        raise wrong(f"Invalid limit: {most}. It must be from 1 to 50")
    first = 0
    if marker:
        names = [name_of(item) for item in items]
        if marker not in names:
            raise wrong(f"Invalid marker: {marker}")
        first = names.index(marker)
    rest = items[first:]
    return rest[:most], name_of(rest[most]) if len(rest) > most else None
