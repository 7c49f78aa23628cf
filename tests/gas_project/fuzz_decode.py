"""`make fuzz-decode`: 100,000 strange bodies against the decoder; SEED repeats a run.

Each is a valid body mangled, or names and values of the known shapes put together at random. None
may crash the decoder; none may be acknowledged wrongly: an empty answer is for S3's test event
alone, and an event names only what stands in the body.
"""

import json
import os
import random
import sys
import time
from collections import Counter
from typing import Any

from gas_project import events
from gas_project.events import Event, Unreadable
from tests.gas_project import bodies

KEY = f"a/{bodies.JOB}/x7"
VALID = [
    bodies.HINT,
    json.dumps({"version": 1, "user_id": bodies.DASHED}),
    bodies.envelope(bodies.HINT),
    bodies.glacier_notice(),
    bodies.envelope(bodies.glacier_notice()),
    bodies.s3_event(KEY),
    bodies.s3_event(KEY, f"r/{bodies.DASHED}/y/z"),
    bodies.envelope(bodies.s3_event(KEY)),
    bodies.eventbridge(KEY),
    bodies.TEST_EVENT,
    bodies.envelope(bodies.TEST_EVENT),
]
ODD = ['"', "{", "}", "[", "]", ":", ",", "\\", "\0", "\ud800", "é", "0", "null", "%2F", "\u202e"]
NAMES = [
    *("Records", "Event", "Type", "Message", "detail-type", "source", "detail", "Action"),
    *("JobId", "VaultARN", "version", "job_id", "user_id", "s3", "bucket", "object", "key"),
    *("name", "eventSource", "eventVersion", "eventName", "StatusCode", "JobDescription"),
]
KNOWN: list[Any] = [
    *("Notification", "aws:s3", "aws.s3", "2.1", "s3:TestEvent", bodies.JOB, bodies.DASHED, KEY),
    *(bodies.HINT, bodies.TEST_EVENT, "ArchiveRetrieval", "Succeeded", "", 1, 2, 0, -1, 1.0, True),
    *(None, f"gas1 {bodies.JOB} r7", 10**400, "x" * 2000),
]


def mangled(dice: random.Random) -> str:
    """Return a valid body with one to six bites taken out of it or odd characters put in."""
    chars = list(dice.choice(VALID))
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(chars) or 1)
        chars[at : at + dice.randint(0, 4)] = [dice.choice(ODD)] * dice.randint(0, 2)
    return "".join(chars)


def value(dice: random.Random, depth: int) -> Any:
    """Return a value of the known shapes, nested at most so deep."""
    kind = dice.random()
    if depth and kind < 0.35:
        return {dice.choice(NAMES): value(dice, depth - 1) for _ in range(dice.randint(0, 6))}
    if depth and kind < 0.5:
        return [value(dice, depth - 1) for _ in range(dice.randint(0, 3))]
    return dice.choice(KNOWN)


def changed(dice: random.Random) -> str:
    """Return a valid body with one of its values replaced or dropped, still JSON."""
    data = json.loads(dice.choice(VALID))
    inner = data
    while True:
        name = dice.choice(list(inner) if isinstance(inner, dict) else range(len(inner)))
        if isinstance(inner[name], dict | list) and inner[name] and dice.random() < 0.7:
            inner = inner[name]
            continue
        inner[name] = value(dice, 2)
        return json.dumps(data)


def made(dice: random.Random) -> str:
    """Return an object made of known names."""
    return json.dumps({dice.choice(NAMES): value(dice, 3) for _ in range(dice.randint(0, 7))})


def is_test_event(body: str) -> bool:
    """Return whether a body is S3's test event, as it is or in one SNS envelope."""
    data = json.loads(body)
    if data.get("Type") == "Notification" and data.get("Event") != "s3:TestEvent":
        data = json.loads(data["Message"])
    return bool(data.get("Event") == "s3:TestEvent")


def check(body: str) -> str:
    """Decode one body and return what became of it. Raises AssertionError for a wrong answer."""
    try:
        found: list[Event] = events.decode(body)
    except Unreadable:
        return "parked"
    if not found:
        assert is_test_event(body), "acknowledged, but it is not S3's test event"
        return "nothing to do"
    for event in found:
        name = event.job_id or getattr(event, "user_id", None)
        assert events.is_id(name), "an event without a valid id"
        assert str(name) in body, "an event names what the body does not"
    return "read"


def main() -> None:
    """Run COUNT bodies (default 100,000) from SEED and print what became of them."""
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
    count = int(os.environ.get("COUNT") or 100_000)
    dice, seen, began = random.Random(seed), Counter[str](), time.monotonic()
    for number in range(count):
        body = dice.choice((mangled, changed, made))(dice)
        try:
            seen[check(body)] += 1
        except Exception:
            sys.stderr.write(f"SEED={seed}, body {number}: {body[:2000]!r}\n")
            raise
    told = ", ".join(f"{what} {number}" for what, number in sorted(seen.items()))
    line = f"{count} bodies in {time.monotonic() - began:.0f} s, SEED={seed}: {told}; no crash, "
    sys.stdout.write(f"{line}nothing acknowledged wrongly\n")


if __name__ == "__main__":
    main()
