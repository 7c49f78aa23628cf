"""One HTTP answer of the local cloud."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


@dataclass(frozen=True)
class Reply:
    """Status, headers and the whole body; used where bodies are small."""

    status: int
    body: bytes
    headers: list[tuple[str, str]] = field(default_factory=list)

    def send(self, start: "StartResponse") -> Iterable[bytes]:
        """Answer a WSGI call with this reply."""
        headers = [(k, v) for k, v in self.headers if k.lower() != "content-length"]
        headers.append(("Content-Length", str(len(self.body))))
        start(f"{self.status} {HTTPStatus(self.status).phrase}", headers)
        return [self.body]


def as_json(content: Any, *, status: int = 200, content_type: str = "application/json") -> Reply:
    """Return a JSON reply."""
    body = json.dumps(content).encode()
    return Reply(status, body, [("Content-Type", content_type)])


def as_error(code: str, message: str, *, status: int = 400) -> Reply:
    """Return an error as AWS's JSON services write one."""
    return as_json(
        {"__type": code, "message": message},
        status=status,
        content_type="application/x-amz-json-1.0",
    )


def read_body(environ: "WSGIEnvironment") -> bytes:
    """Read the whole body of a small request."""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return body
