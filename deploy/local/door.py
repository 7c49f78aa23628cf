"""The one door of the local cloud: tells requests apart and keeps moto's work in single file."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from deploy.local import ACCOUNT, REGION, control, mailbox
from deploy.local.dynamodb import Dynamo
from deploy.local.engine import Engine
from deploy.local.queues import Queues
from deploy.local.reply import Reply, as_error, as_json, read_body

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_SCOPE = re.compile(r"[^/\s=]+/\d{8}/([^/]+)/([^/]+)/aws4_request")

_JSON = frozenset({"dynamodb", "sqs", "ses"})
"""Services whose calls are JSON objects; those of SNS and STS are forms."""

_IDENTITY = f"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">\
<GetCallerIdentityResult><Arn>arn:aws:iam::{ACCOUNT}:user/local</Arn><UserId>AIDALOCAL</UserId>\
<Account>{ACCOUNT}</Account></GetCallerIdentityResult><ResponseMetadata>\
<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ResponseMetadata>\
</GetCallerIdentityResponse>"""


class Door:
    """A WSGI application in front of every service.

    S3 and Glacier get the request untouched, to stream its body, and do their own locking. The
    rest is small: its body is read first, and then it is answered under `lock`.
    """

    def __init__(
        self,
        *,
        lock: threading.RLock,
        dynamo: Dynamo,
        queues: Queues,
        mail: mailbox.Mailbox,
        controls: control.Control,
        s3: "WSGIApplication",
        glacier: "WSGIApplication",
    ) -> None:
        self._lock = lock
        self._engine = Engine()
        self._dynamo = dynamo
        self._queues = queues
        self._mail = mail
        self._controls = controls
        self._s3 = s3
        self._glacier = glacier

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request."""
        if environ["PATH_INFO"].startswith(control.PREFIX):
            return self._controls.answer(environ).send(start_response)
        region, service = scope_of(environ)
        if service == "glacier":
            return self._glacier(environ, start_response)
        if service in ("s3", ""):
            return self._s3(environ, start_response)
        return self._answer(region, service, environ).send(start_response)

    def _answer(self, region: str, service: str, environ: "WSGIEnvironment") -> Reply:
        body = read_body(environ)
        if service in _JSON and not _is_json_object(body):
            return as_error("SerializationException", "the request is not a JSON object")
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        if region != REGION:
            return as_error("UnrecognizedClientException", f"the local cloud is in {REGION} only")
        if service == "dynamodb" and operation:
            return self._dynamodb(operation, environ, body)
        if service == "sqs" and operation == "ReceiveMessage":
            return self._receive(environ, body)
        if (service == "sqs" and operation) or service == "sns":
            with self._lock:
                return self._engine.answer(service, environ, body)
        if service == "ses" and environ["PATH_INFO"] == mailbox.SEND_PATH:
            return self._mail.send(json.loads(body or b"{}"))
        if service == "sts" and b"Action=GetCallerIdentity" in body:
            return Reply(200, _IDENTITY.encode(), [("Content-Type", "text/xml")])
        return as_error("UnknownOperationException", f"the local cloud has no such {service} call")

    def _dynamodb(self, operation: str, environ: "WSGIEnvironment", body: bytes) -> Reply:
        request = json.loads(body or b"{}")
        with self._lock:
            preempted = self._dynamo.preempt(operation, request)
            return preempted or self._engine.answer("dynamodb", environ, body)

    def _receive(self, environ: "WSGIEnvironment", body: bytes) -> Reply:
        """Receive at once what there is; else sleep until there is something, and try again."""
        with self._lock:
            reply = self._engine.answer("sqs", environ, body)
            if reply.status != 200:
                return reply
            request = json.loads(body)
            name = request["QueueUrl"].rpartition("/")[2]
            until = time.monotonic() + self._queues.wait_seconds(name, request)
            while not json.loads(reply.body).get("Messages"):
                ripe = self._queues.await_ripe(name, until)
                if ripe and not still_connected(environ):
                    self._queues.wake(name)
                    ripe = False
                if not ripe:
                    return as_json({}, content_type="application/x-amz-json-1.0")
                reply = self._engine.answer("sqs", environ, body)
            return reply


def _is_json_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body or b"{}"), dict)
    except ValueError:
        return False


def scope_of(environ: "WSGIEnvironment") -> tuple[str, str]:
    """Return the region and service that a request was signed for, or two empty strings."""
    signed = environ.get("HTTP_AUTHORIZATION", "")
    if not signed:
        signed = parse_qs(environ.get("QUERY_STRING", "")).get("X-Amz-Credential", [""])[0]
    found = _SCOPE.search(signed)
    return (found[1], found[2]) if found else ("", "")


def still_connected(environ: "WSGIEnvironment") -> bool:
    """Return whether the client still waits: a message handed to one that left would be hidden."""
    test: Callable[[], bool] = environ.get("gas.connected", lambda: True)
    return test()
