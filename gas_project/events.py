"""The messages between the workers: publish hints, decode what a queue brings.

A message only says "look at this job" (or at this person's jobs); the item decides. So a lost,
doubled or late message costs time and nothing else.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, cast
from urllib.parse import unquote_plus

from gas_project import aws, queues

VERSION = 1
MAX_BODY = 256 * 1024
"""Bytes of the largest body that is read: the most that SNS carries (Amazon SNS quotas)."""

TOPIC_OF_ROLE = {
    "annotator": "job-submitted",
    "notifier": "job-completed",
    "archiver": "job-completed",
    "restorer": "tier-changed",
    "thawer": "retrieval",
    "eraser": "job-deleted",
}
"""The topic that wakes a role."""

QUEUE_OF_ROLE = {
    "annotator": "annotate",
    "notifier": "notify",
    "archiver": "archive",
    "restorer": "restore",
    "thawer": "thaw",
    "eraser": "erase",
}
"""The one queue that a role reads."""

_HEX_ID = "[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ID = re.compile(_HEX_ID)
_KEY = re.compile(rf"[urta]/({_HEX_ID})/[!-~]{{1,900}}")
_BUCKET = re.compile(r"[a-z0-9.-]{3,63}")
_DESCRIPTION = re.compile(rf"gas1 ({_HEX_ID}) [!-~]{{1,200}}")
_HANDLE = re.compile(r"[!-~]{1,1024}")


class Unreadable(ValueError):
    """A body that is no message of ours. `reason` quotes nothing of the body."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Hint:
    """Look at this job, or at all jobs of this person: exactly one of the two is set."""

    job_id: str | None = None
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class GlacierNotice:
    """A vault retrieval ended; `status` is Succeeded or Failed and must be asked for again."""

    job_id: str
    retrieval: str
    status: str


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """Something happened to an object whose key names a job; `key` is decoded."""

    bucket: str
    key: str
    job_id: str


Event = Hint | GlacierNotice | ObjectEvent


def is_id(value: object) -> bool:
    """Return whether a value is an id of ours: a lower-case UUID, with or without dashes."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def encode(*, job_id: str | None = None, user_id: str | None = None) -> str:
    """Return a hint's body. Raises ValueError unless exactly one valid id is given."""
    if (job_id is None) == (user_id is None):
        raise ValueError("a hint names either a job or a person")
    name, value = ("job_id", job_id) if user_id is None else ("user_id", user_id)
    if not is_id(value):
        raise ValueError(f"{name} is not an id")
    return json.dumps({"version": VERSION, name: value}, separators=(",", ":"))


def publish(*, topic: str, job_id: str | None = None, user_id: str | None = None) -> None:
    """Tell every queue behind a topic (`job-submitted`, …) to look at a job or a person.

    Raises ValueError as `encode` does, and botocore's errors when SNS does not take it. Losing a
    hint is safe: the item is due and the sweep finds it.
    """
    body = encode(job_id=job_id, user_id=user_id)
    aws.sns().publish(TopicArn=aws.topic_arn(topic), Message=body)


def send_hints(*, queue: str, job_ids: Sequence[str] = (), user_ids: Sequence[str] = ()) -> None:
    """Put hints straight into one queue (`archive`, …), ten a call.

    Raises ValueError as `encode` does and queues.NotSent when SQS refused some of them.
    """
    bodies = [encode(job_id=job_id) for job_id in job_ids]
    bodies += [encode(user_id=user_id) for user_id in user_ids]
    queues.send(queue, bodies)


def decode(body: str) -> list[Event]:
    """Return the events in a queue body; a notice without work for us gives an empty list.

    Shapes, in the order in which they are told apart: S3 event notification, S3 test event, SNS
    envelope (unwrapped once), EventBridge event, Glacier job notice, our own hint. Unknown extra
    fields are ignored; everything else is strict. Raises Unreadable and nothing else.
    """
    data = _parse(body)
    if data.get("Type") == "Notification" and not _is_s3(data):
        data = _parse(_text(data, "Message", "the SNS envelope"))
        if "Type" in data:
            raise Unreadable("an SNS envelope inside an SNS envelope")
    return _read(data)


def _read(data: dict[str, Any]) -> list[Event]:
    if "Records" in data:
        return _read_records(data["Records"])
    if data.get("Event") == "s3:TestEvent":
        return []
    if "detail-type" in data and "source" in data:
        return [_read_eventbridge(data)]
    if {"Action", "JobId", "VaultARN"} <= data.keys():
        return [_read_glacier(data)]
    if "version" in data:
        return [_read_hint(data)]
    if data.get("Type") == "SubscriptionConfirmation":
        raise Unreadable("an SNS subscription that nobody confirmed")
    raise Unreadable("not a message that GAS knows")


def _is_s3(data: dict[str, Any]) -> bool:
    return "Records" in data or data.get("Event") == "s3:TestEvent"


def _parse(text: str) -> dict[str, Any]:
    if len(text) > MAX_BODY or len(text.encode("utf-8", "surrogatepass")) > MAX_BODY:
        raise Unreadable("larger than 256 KiB")
    try:
        data = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except Unreadable:
        raise
    except (ValueError, RecursionError):
        raise Unreadable("not JSON, or nested too deeply") from None
    if not isinstance(data, dict):
        raise Unreadable("JSON, but not an object")
    return cast("dict[str, Any]", data)


def _refuse_constant(_: str) -> NoReturn:
    raise Unreadable("NaN or Infinity is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # Two readers of the same body could see two different jobs.
        raise Unreadable("a name stands twice in one object")
    return found


def _text(data: dict[str, Any], name: str, place: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value:
        raise Unreadable(f"{place} has no text in {name}")
    return value


def _object(data: dict[str, Any], name: str, place: str) -> dict[str, Any]:
    value = data.get(name)
    if not isinstance(value, dict):
        raise Unreadable(f"{place} has no object in {name}")
    return cast("dict[str, Any]", value)


def _read_hint(data: dict[str, Any]) -> Hint:
    version = data["version"]
    if type(version) is not int or version != VERSION:
        raise Unreadable("a hint of an unknown version; deploy the newer workers, then redrive")
    names = [name for name in ("job_id", "user_id") if name in data]
    if len(names) != 1:
        raise Unreadable("a hint names either a job or a person")
    if not is_id(data[names[0]]):
        raise Unreadable(f"{names[0]} is not an id")
    return Hint(**{names[0]: data[names[0]]})


def _read_records(records: object) -> list[Event]:
    if not isinstance(records, list) or not records:
        raise Unreadable("an S3 event without records")
    return [_read_record(record) for record in records]


def _read_record(record: object) -> ObjectEvent:
    place = "the S3 event"
    if not isinstance(record, dict):
        raise Unreadable("an S3 record that is not an object")
    if record.get("eventSource") != "aws:s3":
        raise Unreadable("a record that is not from S3")
    # Same major version, any minor one: the rule of the S3 guide for reading eventVersion.
    if not re.fullmatch(r"2\.\d{1,3}", _text(record, "eventVersion", place), re.ASCII):
        raise Unreadable("an S3 event of an unknown version")
    _text(record, "eventName", place)
    subject = _object(record, "s3", place)
    bucket = _text(_object(subject, "bucket", place), "name", place)
    # Keys are form-encoded here: a plus sign is a blank.
    key = unquote_plus(_text(_object(subject, "object", place), "key", place))
    return _object_event(bucket, key)


def _read_eventbridge(data: dict[str, Any]) -> ObjectEvent:
    place = "the EventBridge event"
    if data["source"] != "aws.s3":
        raise Unreadable("an EventBridge event that is not from S3")
    detail = _object(data, "detail", place)
    bucket = _text(_object(detail, "bucket", place), "name", place)
    return _object_event(bucket, _text(_object(detail, "object", place), "key", place))


def _object_event(bucket: str, key: str) -> ObjectEvent:
    found = _KEY.fullmatch(key)
    if found is None or _BUCKET.fullmatch(bucket) is None:
        raise Unreadable("an object whose key names no job")
    return ObjectEvent(bucket=bucket, key=key, job_id=found[1])


def _read_glacier(data: dict[str, Any]) -> GlacierNotice:
    place = "the Glacier notice"
    if data["Action"] != "ArchiveRetrieval":
        raise Unreadable("a Glacier notice that is not about an archive")
    status = _text(data, "StatusCode", place)
    if status not in ("Succeeded", "Failed"):
        raise Unreadable("a Glacier notice with an unknown status")
    retrieval = _text(data, "JobId", place)
    found = _DESCRIPTION.fullmatch(_text(data, "JobDescription", place))
    if found is None or _HANDLE.fullmatch(retrieval) is None:
        raise Unreadable("a Glacier notice that GAS did not ask for")
    return GlacierNotice(job_id=found[1], retrieval=retrieval, status=status)
