"""Event notifications: which topics and queues a bucket tells what, and in which words.

Source: Amazon S3 user guide, "Event message structure" and "Event notification types".
"""

import json
import re
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus
from xml.etree.ElementTree import Element

from deploy.local import REGION
from deploy.local.s3_call import Site
from deploy.local.s3_errors import S3Error, not_implemented
from deploy.local.s3_objects import Object, config
from deploy.local.s3_xml import parse, text, texts

ROOT = "NotificationConfiguration"
_TARGETS = {"TopicConfiguration": "Topic", "QueueConfiguration": "Queue"}


def tell(site: Site, event: str, about: Object, **more: Any) -> None:
    """Send an event, such as ObjectRestore:Completed, to whom the bucket's configuration names."""
    for rule, arn in _listeners(site, event, about):
        record = _record(rule, event, about, at=site.clock.now()) | more
        site.emit(arn, json.dumps({"Records": [record]}))


def check_configuration(site: Site, bucket: str, document: bytes) -> None:
    """Accept a new notification configuration, and greet each destination with a TestEvent.

    Raises S3Error MalformedXML, NotImplemented, or InvalidArgument for a malformed destination.
    """
    targets = [_target(node) for node in parse(document, root=ROOT)]
    for arn in targets:
        site.emit(arn, _test_event(bucket, at=site.clock.now()))


def iso(at: float) -> str:
    """Return a time as S3 writes it: UTC, to the millisecond."""
    return (
        datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at % 1 * 1000:03.0f}Z"
    )


def _target(node: Element) -> str:
    if node.tag not in _TARGETS:
        raise not_implemented(f"{node.tag} in notifications")
    arn = text(node, _TARGETS[node.tag])
    if not re.fullmatch(r"arn:aws:(sns|sqs):[^:]+:\d+:[^:]+", arn):
        raise S3Error("InvalidArgument", "The ARN is not well formed", ArgumentValue=arn)
    return arn


def _listeners(site: Site, event: str, about: Object) -> Iterator[tuple[str, str]]:
    document = config(site.disk, about.bucket, "notification")
    for node in parse(document, root=ROOT) if document else ():
        if _wants(node, event) and _passes(node, about.key):
            yield text(node, "Id"), text(node, _TARGETS[node.tag])


def _wants(node: Element, event: str) -> bool:
    family = event.partition(":")[0] + ":*"
    return any(name in (f"s3:{event}", f"s3:{family}") for name in texts(node, "Event"))


def _passes(node: Element, key: str) -> bool:
    rules = [(text(r, "Name").lower(), text(r, "Value")) for r in node.iter("FilterRule")]
    return all(
        key.startswith(value) if name == "prefix" else key.endswith(value) for name, value in rules
    )


def _record(rule: str, event: str, about: Object, *, at: float) -> dict[str, Any]:
    return {
        "eventVersion": "2.3" if event == "ObjectRestore:Delete" else "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": iso(at),
        "eventName": event,
        "userIdentity": {"principalId": "AWS:local"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {
            "x-amz-request-id": secrets.token_hex(8).upper(),
            "x-amz-id-2": "local",
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": rule,
            "bucket": {
                "name": about.bucket,
                "ownerIdentity": {"principalId": "local"},
                "arn": f"arn:aws:s3:::{about.bucket}",
            },
            "object": _object(event, about),
        },
    }


def _object(event: str, about: Object) -> dict[str, Any]:
    """The key is form-encoded; a deletion has neither size nor ETag; restores have no sequencer."""
    fields: dict[str, Any] = {"key": quote_plus(about.key, safe="/")}
    if not event.startswith("ObjectRemoved:"):
        fields |= {"size": about.size, "eTag": about.etag}
    if not event.startswith("ObjectRestore:"):
        fields["sequencer"] = f"{time.time_ns():018X}"
    return fields


def _test_event(bucket: str, *, at: float) -> str:
    fields = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": iso(at), "Bucket": bucket}
    return json.dumps(fields | {"RequestId": secrets.token_hex(8).upper(), "HostId": "local"})
