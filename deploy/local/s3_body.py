"""Bodies on their way in and out: read in pieces, checked while they pass, never held in memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Request

from deploy.local.s3_auth import STREAMING, UNSIGNED
from deploy.local.s3_digests import Digests, declared
from deploy.local.s3_errors import S3Error, not_implemented

PIECE = 1 << 18
"""Bytes moved at a time."""
MAX_OBJECT = 5 << 30
"""Bytes of one PUT or part at most (Amazon S3 user guide, "Uploading objects")."""
MAX_DOCUMENT = 4 << 20
"""Bytes of one XML document at most: 10,000 parts or 1,000 keys fit."""


def receive(
    request: Request,
    headers: Headers,
    *,
    payload: str,
    write: Callable[[bytes], object],
    most: int = MAX_OBJECT,
    algorithm: str = "",
) -> Digests:
    """Read a request's body into `write`, at most so many bytes, and check what it declares.

    `algorithm` is the checksum to compute if the request names none. Raises S3Error for a body that
    is too large, cut short, or other than declared.
    """
    digests = Digests(declared(headers, payload=payload, default=algorithm))
    trailer: dict[str, str] = {}
    for piece in _pieces(request, payload, trailer):
        digests.update(piece)
        if digests.size > most:
            raise too_large(digests.size, most=most)
        write(piece)
    digests.check(trailer)
    return digests


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Open a new file to write, and remove it if what is done with it fails."""
    try:
        with path.open("xb") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def chunks(file: BinaryIO, *, length: int) -> Iterator[bytes]:
    """Yield the next `length` bytes of a file in pieces."""
    while length and (piece := file.read(min(PIECE, length))):
        length -= len(piece)
        yield piece


def drain(request: Request) -> None:
    """Read and drop what is left of a body, so that the client hears a refusal at all.

    A server that closes with bytes unread resets the connection, and a browser then shows none of
    the answer.
    """
    stream = request.environ["wsgi.input"]
    while stream.read(PIECE):
        pass


def too_large(size: int, *, most: int) -> S3Error:
    """Return the refusal of a body of more bytes than allowed."""
    return S3Error(
        "EntityTooLarge",
        "Your proposed upload exceeds the maximum allowed size",
        ProposedSize=size,
        MaxSizeAllowed=most,
    )


def _pieces(request: Request, payload: str, trailer: dict[str, str]) -> Iterator[bytes]:
    if payload == STREAMING:
        return _unchunked(request, trailer)
    if payload.startswith("STREAMING-"):
        raise not_implemented(f"{payload} uploads")
    if payload != UNSIGNED and len(payload) != 64:
        raise S3Error(
            "InvalidArgument",
            f"x-amz-content-sha256 must be {UNSIGNED}, {STREAMING} or a valid sha256 value.",
        )
    return _plain(request)


def _plain(request: Request) -> Iterator[bytes]:
    stream = request.environ["wsgi.input"]
    left = request.content_length
    if left is None:
        raise S3Error("MissingContentLength", "You must provide the Content-Length HTTP header.")
    yield from _exactly(stream, left)


def _unchunked(request: Request, trailer: dict[str, str]) -> Iterator[bytes]:
    """Take `aws-chunked` apart: chunks of hex size and data, then the trailer's lines.

    Source: Amazon S3 API reference, "Signature calculations: including trailing headers".
    """
    stream = request.environ["wsgi.input"]
    expected = request.headers.get("x-amz-decoded-content-length", "")
    if not expected.isdigit():
        raise S3Error("MissingContentLength", "You must provide x-amz-decoded-content-length.")
    left = int(expected)
    while size := _chunk_size(stream):
        left -= size
        yield from _exactly(stream, size)
        stream.readline(4)
    if left:
        raise cut_short()
    while line := stream.readline(1 << 12).strip():
        name, _, value = line.decode("latin-1").partition(":")
        trailer[name.strip().lower()] = value.strip()
    if request.headers.get("x-amz-trailer", "").strip().lower() not in ("", *trailer):
        raise S3Error("MalformedTrailerError", "The trailer that x-amz-trailer names did not come.")


def _chunk_size(stream: BinaryIO) -> int:
    line = stream.readline(1 << 12)
    try:
        return int(line.split(b";")[0], 16)
    except ValueError as error:
        raise cut_short() from error


def _exactly(stream: BinaryIO, size: int) -> Iterator[bytes]:
    while size:
        piece = stream.read(min(PIECE, size))
        if not piece:
            raise cut_short()
        size -= len(piece)
        yield piece


def cut_short() -> S3Error:
    """Return the refusal of a body that ended before its length."""
    return S3Error(
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    )
