"""One call of the local S3: who is asked, for what, and with which services at hand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Request, Response

from deploy.local.clock import Clock
from deploy.local.disk import Disk
from deploy.local.faults import Faults
from deploy.local.s3_body import MAX_DOCUMENT, new_file, receive
from deploy.local.s3_digests import Digests

Emit = Callable[[str, str], object]
"""Sends a body to the topic or queue with this ARN; raises if there is none."""


@dataclass(frozen=True)
class Site:
    """What every part of the local S3 works with.

    scale: how many times faster than on AWS the hours of a restore and its days pass.
    """

    disk: Disk
    clock: Clock
    scale: float
    emit: Emit
    faults: Faults


@dataclass(frozen=True)
class Call:
    """A request by somebody we know. `bucket` and `key` are empty where the URL names none.

    headers: the request's, and those that a presigned URL carries in its query.
    """

    site: Site
    request: Request
    headers: Headers
    bucket: str
    key: str
    payload: str

    def arg(self, name: str, default: str = "") -> str:
        """Return a parameter of the URL's query."""
        return self.request.args.get(name, default)

    def document(self) -> bytes:
        """Read the request's body, a small document, into memory."""
        body = bytearray()
        receive(
            self.request,
            self.headers,
            payload=self.payload,
            write=body.extend,
            most=MAX_DOCUMENT,
        )
        return bytes(body)


def receive_file(call: Call, *, path: Path, algorithm: str = "") -> Digests:
    """Read a call's body into a new file, which is gone again if anything is wrong with it.

    `algorithm` is the checksum to compute if the request names none. Raises S3Error.
    """
    with new_file(path) as file:
        return receive(
            call.request, call.headers, payload=call.payload, write=file.write, algorithm=algorithm
        )


Handler = Callable[[Call], Response]


def empty_response(status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer without a body, and so without a Content-Type unless one is given."""
    response = Response(status=status)
    response.headers.remove("Content-Type")
    response.headers.update(headers or {})
    return response


def xml_response(body: bytes, status: int = 200) -> Response:
    """Return a document as the answer."""
    return Response(body, status, content_type="application/xml")
