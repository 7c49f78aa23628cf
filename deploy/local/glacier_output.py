"""The local Glacier's GetJobOutput: an archive's bytes or an inventory, whole or in ranges."""

import errno
import re
from collections.abc import Iterator

from werkzeug import Request, Response

from deploy.local.glacier_archives import aligned, archive_of, read, tree_of_range
from deploy.local.glacier_jobs import Job, expire, job_of
from deploy.local.glacier_store import Shelf, wrong


def get(shelf: Shelf, request: Request, vault: str, job: str) -> Response:
    """GetJobOutput: 200 for all of it, 206 for a range, which counts within what was retrieved.

    A job that is not Succeeded answers 400 InvalidParameterValue, as a mistake in a parameter does.
    """
    found = job_of(shelf, vault, job)
    if found.status != "Succeeded":
        raise wrong(f"The job is not currently available for download: {job}")
    if shelf.faults.take_window("before"):
        expire(shelf, found)
        found = job_of(shelf, vault, job)
    first, size = _range(request.headers.get("Range"), found.size)
    headers = {"Accept-Ranges": "bytes", "Content-Length": str(size)}
    if "Range" in request.headers:
        headers["Content-Range"] = f"bytes {first}-{first + size - 1}/{found.size}"
    if found.archive:
        headers |= _about(shelf, found, first, size)
    return Response(
        _spoil(shelf, found, _bytes(shelf, found, first, size), size),
        206 if "Range" in request.headers else 200,
        headers,
        content_type="application/octet-stream" if found.archive else "application/json",
    )


def _range(text: str | None, whole: int) -> tuple[int, int]:
    if text is None:
        return 0, whole
    match = re.fullmatch(r"bytes=(\d{1,18})-(\d{1,18})", text)
    if not match or not int(match[1]) <= int(match[2]) < whole:
        raise wrong(f"Invalid range: {text}. The output has {whole} bytes")
    return int(match[1]), int(match[2]) + 1 - int(match[1])


def _about(shelf: Shelf, job: Job, first: int, size: int) -> dict[str, str]:
    """Return the headers of an archive's output; the hash only if both ranges are aligned."""
    archive = archive_of(shelf, job.vault, job.archive or "", gone=True)
    headers = {"x-amz-archive-description": archive.description} if archive.description else {}
    if aligned(job.first, job.size, archive.size) and aligned(first, size, job.size):
        tree = tree_of_range(shelf, archive, job.first + first, size)
        headers |= {"x-amz-sha256-tree-hash": tree} if tree else {}
    return headers


def _bytes(shelf: Shelf, job: Job, first: int, size: int) -> Iterator[bytes]:
    if job.archive:
        archive = archive_of(shelf, job.vault, job.archive, gone=True)
        return read(shelf, archive, job.first + first, size)
    return iter([shelf.disk.find(job.body or "").read_bytes()[first : first + size]])


def _spoil(shelf: Shelf, job: Job, blocks: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Pass the bytes on, but for the faults: a first byte that is wrong, a cut half way."""
    flip, cut = shelf.faults.flip_byte_in_output, shelf.faults.take("break_output")
    if shelf.faults.take_window("during"):
        expire(shelf, job)
        cut = True
    left = size // 2 if cut else size
    for block in blocks:
        sent = bytes([block[0] ^ 1]) + block[1:] if flip else block
        yield sent[:left]
        left, flip = left - len(block), False
        if cut and left <= 0:
            # The server closes the connection upon it, without a word in its log.
            raise ConnectionResetError(errno.ECONNRESET, "cut by a fault")
