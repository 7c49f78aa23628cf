"""The local Glacier's multipart uploads: initiate, send parts, list, complete, abort.

Rules and words: Amazon Glacier API reference, "Multipart Upload Operations".
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from botocore.utils import calculate_tree_hash
from werkzeug import Request, Response

from deploy.local import ACCOUNT
from deploy.local.glacier_store import (
    DAY,
    HOUR,
    Shelf,
    answer,
    description_of,
    identity,
    missing,
    page,
    required,
    stamp,
    vault_arn,
    whole_number,
    wrong,
)
from deploy.local.glacier_vaults import created

MIB = 1024 * 1024
MOST_PARTS = 10_000
LARGEST_ARCHIVE = 40_000 * 1024**3
ARCHIVE_ID_LENGTH = 138
"""Amazon Glacier API reference, "Delete Archive": archive ids are 138 bytes long."""


@dataclass(frozen=True)
class Upload:
    """One row of glacier_uploads: open, or lately completed (`archive`) or aborted."""

    id: str
    vault: str
    description: str
    part_size: int
    created: float
    touched: float
    ended: float | None
    archive: str | None

    def facts(self) -> dict[str, object]:
        """Return what both listings say of it."""
        return {
            "MultipartUploadId": self.id,
            "VaultARN": vault_arn(self.vault),
            "ArchiveDescription": self.description or None,
            "PartSizeInBytes": self.part_size,
            "CreationDate": stamp(self.created),
        }


@dataclass(frozen=True)
class Part:
    """One row of glacier_parts."""

    start: int
    size: int
    tree: str
    body: str


def initiate(shelf: Shelf, request: Request, vault: str) -> Response:
    """InitiateMultipartUpload: a part is a power of two MiB, at most 4 GiB."""
    created(shelf, vault)
    size = whole_number("part size", required("x-amz-part-size", _header(request, "part-size")))
    if size % MIB or (size // MIB).bit_count() != 1 or size > 4096 * MIB:
        raise wrong(f"Invalid part size: {size}. It must be a power of two MB, from 1 MB to 4 GB")
    text = description_of(_header(request, "archive-description"))
    upload, now = identity(92), shelf.now()
    shelf.disk.run(
        "INSERT INTO glacier_uploads VALUES (?,?,?,?,?,?,NULL,NULL)",
        (upload, vault, text, size, now, now),
    )
    where = f"/{ACCOUNT}/vaults/{vault}/multipart-uploads/{upload}"
    return Response(status=201, headers={"Location": where, "x-amz-multipart-upload-id": upload})


def send_part(shelf: Shelf, request: Request, vault: str, upload: str) -> Response:
    """UploadMultipartPart: on the part grid, both hashes right; the same range overwrites."""
    found = _open(shelf, vault, upload)
    start, size = _range(request, found.part_size)
    tree = required("x-amz-sha256-tree-hash", _header(request, "sha256-tree-hash"))
    sha = required("x-amz-content-sha256", _header(request, "content-sha256"))
    path = shelf.disk.body()
    try:
        received = spool(request.stream, path)
        if received != (size, sha, tree):
            raise wrong(f"The size or a checksum of the bytes received is not the one sent: {tree}")
        replaced = _record(shelf, found, Part(start, size, tree, path.name))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    _unlink(shelf, replaced)
    return Response(status=204, headers={"x-amz-sha256-tree-hash": tree})


def _record(shelf: Shelf, upload: Upload, part: Part) -> list[str]:
    with shelf.disk.transaction():
        _open(shelf, upload.vault, upload.id)
        args = (upload.id, part.start)
        old = shelf.disk.rows("SELECT body FROM glacier_parts WHERE upload=? AND start=?", args)
        shelf.disk.run(
            "INSERT OR REPLACE INTO glacier_parts VALUES (?,?,?,?,?)",
            (upload.id, part.start, part.size, part.tree, part.body),
        )
        shelf.disk.run("UPDATE glacier_uploads SET touched=? WHERE id=?", (shelf.now(), upload.id))
    return [row[0] for row in old]


def list_parts(shelf: Shelf, request: Request, vault: str, upload: str) -> Response:
    """ListParts: sorted by range; 404 once the upload is completed."""
    found = _open(shelf, vault, upload)
    shown, marker = page(
        parts_of(shelf, upload),
        name_of=lambda part: str(part.start),
        limit=request.args.get("limit"),
        marker=request.args.get("marker"),
    )
    listed = [
        {"RangeInBytes": f"{part.start}-{part.start + part.size - 1}", "SHA256TreeHash": part.tree}
        for part in shown
    ]
    return answer({**found.facts(), "Parts": listed, "Marker": marker})


def list_uploads(shelf: Shelf, request: Request, vault: str) -> Response:
    """ListMultipartUploads: those still open, in no promised order."""
    created(shelf, vault)
    rows = shelf.disk.rows(
        "SELECT * FROM glacier_uploads WHERE vault=? AND ended IS NULL AND touched>? ORDER BY id",
        (vault, shelf.now() - shelf.lasting(DAY)),
    )
    shown, marker = page(
        [Upload(*row) for row in rows],
        name_of=lambda upload: upload.id,
        limit=request.args.get("limit"),
        marker=request.args.get("marker"),
    )
    return answer({"UploadsList": [upload.facts() for upload in shown], "Marker": marker})


def complete(shelf: Shelf, request: Request, vault: str, upload: str) -> Response:
    """CompleteMultipartUpload: a refusal leaves the upload open; a repeat soon answers the same."""
    size = whole_number("size", required("x-amz-archive-size", _header(request, "archive-size")))
    tree = required("x-amz-sha256-tree-hash", _header(request, "sha256-tree-hash"))
    with shelf.disk.transaction():
        found = _known(shelf, vault, upload)
        if found.archive:
            return _completed(shelf, found)
        _still_open(shelf, found)
        _check_whole(parts_of(shelf, upload), part_size=found.part_size, size=size, tree=tree)
        archive, now = identity(ARCHIVE_ID_LENGTH), shelf.now()
        shelf.disk.run(
            "INSERT INTO glacier_archives VALUES (?,?,?,?,?,?,?,NULL)",
            (archive, vault, upload, found.description, size, tree, now),
        )
        shelf.disk.run(
            "UPDATE glacier_uploads SET ended=?, archive=? WHERE id=?", (now, archive, upload)
        )
    return _made(vault, archive, tree)


def _completed(shelf: Shelf, upload: Upload) -> Response:
    recent = shelf.now() - (upload.ended or 0) <= shelf.lasting(HOUR)
    if not recent or shelf.faults.forget_completes:
        raise _unknown(upload.id)
    rows = shelf.disk.rows("SELECT tree FROM glacier_archives WHERE id=?", (upload.archive,))
    return _made(upload.vault, upload.archive or "", rows[0][0] if rows else "")


def _made(vault: str, archive: str, tree: str) -> Response:
    headers = {
        "Location": f"/{ACCOUNT}/vaults/{vault}/archives/{archive}",
        "x-amz-archive-id": archive,
        "x-amz-sha256-tree-hash": tree,
    }
    return Response(status=201, headers=headers)


def _check_whole(parts: list[Part], *, part_size: int, size: int, tree: str) -> None:
    if not parts or not 0 < size <= LARGEST_ARCHIVE:
        raise wrong("Invalid archive size: an archive has from 1 byte to 40,000 GB")
    expected = 0
    for part in parts:
        if part.start != expected:
            raise wrong(f"Missing content range: {expected}-{part.start - 1}")
        expected += part_size
    if any(part.size != part_size for part in parts[:-1]):
        raise wrong("Only the last part may be smaller than the part size")
    if sum(part.size for part in parts) != size:
        raise wrong(f"Archive size does not match: {size}")
    if _whole_hash(part.tree for part in parts) != tree:
        raise wrong(f"Checksum mismatch: expected {tree}")


def _whole_hash(trees: Iterable[str]) -> str:
    row = [bytes.fromhex(tree) for tree in trees]
    while len(row) > 1:
        pairs = [row[at : at + 2] for at in range(0, len(row), 2)]
        row = [hashlib.sha256(b"".join(two)).digest() if len(two) == 2 else two[0] for two in pairs]
    return row[0].hex()


def abort(shelf: Shelf, request: Request, vault: str, upload: str) -> Response:
    """AbortMultipartUpload: a repeat is fine for an hour; a completed upload cannot be aborted."""
    with shelf.disk.transaction():
        found = _known(shelf, vault, upload)
        lately = found.ended and shelf.now() - found.ended <= shelf.lasting(HOUR)
        if found.archive or not lately:
            _still_open(shelf, found)
        shelf.disk.run(
            "UPDATE glacier_uploads SET ended=coalesce(ended, ?) WHERE id=?", (shelf.now(), upload)
        )
        bodies = drop_parts(shelf, upload)
    _unlink(shelf, bodies)
    return Response(status=204)


def forget_idle(shelf: Shelf) -> None:
    """Remove uploads without activity for (scaled) 24 h, and the rows of ended ones after that."""
    since = shelf.now() - shelf.lasting(DAY)
    bodies = []
    with shelf.disk.transaction():
        rows = shelf.disk.rows(
            "SELECT id, archive FROM glacier_uploads WHERE coalesce(ended, touched)<=?", (since,)
        )
        for upload, archive in rows:
            shelf.disk.run("DELETE FROM glacier_uploads WHERE id=?", (upload,))
            bodies += [] if archive else drop_parts(shelf, upload)
    _unlink(shelf, bodies)


def parts_of(shelf: Shelf, upload: str) -> list[Part]:
    """Return an upload's parts in order; after Complete they are the archive's bytes."""
    rows = shelf.disk.rows(
        "SELECT start, size, tree, body FROM glacier_parts WHERE upload=? ORDER BY start", (upload,)
    )
    return [Part(*row) for row in rows]


def drop_parts(shelf: Shelf, upload: str) -> list[str]:
    """Delete the rows of an upload's parts; return the bodies to unlink once that is durable."""
    rows = shelf.disk.rows("SELECT body FROM glacier_parts WHERE upload=?", (upload,))
    shelf.disk.run("DELETE FROM glacier_parts WHERE upload=?", (upload,))
    return [row[0] for row in rows]


def _unlink(shelf: Shelf, bodies: list[str]) -> None:
    for body in bodies:
        shelf.disk.find(body).unlink(missing_ok=True)


def spool(stream: IO[bytes], path: Path) -> tuple[int, str, str]:
    """Write a stream to a file; return its size, SHA-256 and tree hash, in flat memory."""
    with path.open("wb") as file:
        tee = _Tee(stream, file)
        tree = calculate_tree_hash(tee)  # type: ignore[arg-type]
    return tee.size, tee.sha.hexdigest(), str(tree)


class _Tee:
    """Reads exactly what is asked for, writing and hashing it on the way."""

    def __init__(self, stream: IO[bytes], file: IO[bytes]) -> None:
        self._stream, self._file = stream, file
        self.size, self.sha = 0, hashlib.sha256()

    def read(self, size: int) -> bytes:
        got = b""
        while len(got) < size and (more := self._stream.read(size - len(got))):
            got += more
        self._file.write(got)
        self.sha.update(got)
        self.size += len(got)
        return got


def _header(request: Request, name: str) -> str | None:
    return request.headers.get(f"x-amz-{name}")


def _range(request: Request, part_size: int) -> tuple[int, int]:
    """Return first byte and length of a part. Raises Refusal off the grid of part sizes."""
    text = required("Content-Range", request.headers.get("Content-Range"))
    match = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/\*", text)
    if not match:
        raise wrong(f"Invalid Content-Range: {text}")
    start, end = int(match[1]), int(match[2])
    size = end + 1 - start
    if start % part_size or not 0 < size <= part_size:
        raise wrong(f"Content-Range: {text} does not align with the part size {part_size}")
    if start // part_size >= MOST_PARTS:
        raise wrong(f"Content-Range: {text} is beyond the limit of {MOST_PARTS} parts")
    return start, size


def _known(shelf: Shelf, vault: str, upload: str) -> Upload:
    created(shelf, vault)
    args = (upload, vault)
    rows = shelf.disk.rows("SELECT * FROM glacier_uploads WHERE id=? AND vault=?", args)
    if not rows:
        raise _unknown(upload)
    return Upload(*rows[0])


def _still_open(shelf: Shelf, upload: Upload) -> None:
    if upload.ended or shelf.now() - upload.touched >= shelf.lasting(DAY):
        raise _unknown(upload.id)


def _open(shelf: Shelf, vault: str, upload: str) -> Upload:
    found = _known(shelf, vault, upload)
    _still_open(shelf, found)
    return found


def _unknown(upload: str) -> Exception:
    return missing(f"The upload ID was not found: {upload}")
