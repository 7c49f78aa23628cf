"""The local Glacier's archives: their bytes, the tree hashes of ranges, deletion."""

from collections.abc import Iterator
from dataclasses import dataclass

from botocore.utils import calculate_tree_hash
from werkzeug import Request, Response

from deploy.local.glacier_store import DAY, Shelf, missing
from deploy.local.glacier_uploads import MIB, drop_parts, parts_of
from deploy.local.glacier_vaults import created

BLOCK = 256 * 1024


@dataclass(frozen=True)
class Archive:
    """One row of glacier_archives; the bytes are the parts of the upload it was."""

    id: str
    vault: str
    upload: str
    description: str
    size: int
    tree: str
    created: float
    deleted: float | None


def archive_of(shelf: Shelf, vault: str, archive: str, *, gone: bool = False) -> Archive:
    """Return an archive. Raises Refusal if it never was or was deleted over a (scaled) day ago.

    In between AWS may still accept a retrieval, which then fails; with `gone` however long ago.
    """
    args = (archive, vault)
    rows = shelf.disk.rows("SELECT * FROM glacier_archives WHERE id=? AND vault=?", args)
    found = Archive(*rows[0]) if rows else None
    late = found and found.deleted and shelf.now() - found.deleted >= shelf.lasting(DAY)
    if found is None or (late and not gone):
        raise missing(f"The archive ID was not found: {archive}")
    return found


def delete(shelf: Shelf, request: Request, vault: str, archive: str) -> Response:
    """DeleteArchive: a repeat is fine, and so is an archive that never was."""
    created(shelf, vault)
    shelf.disk.run(
        "UPDATE glacier_archives SET deleted=coalesce(deleted, ?) WHERE id=? AND vault=?",
        (shelf.now(), archive, vault),
    )
    return Response(status=204)


def forget_deleted(shelf: Shelf) -> None:
    """Free the bytes of deleted archives once no output needs them, later their rows.

    The rows stay for inventories and job descriptions that still speak of them.
    """
    needed = "SELECT 1 FROM glacier_jobs j WHERE j.archive=a.id"
    bodies = []
    with shelf.disk.transaction():
        for (upload,) in shelf.disk.rows(
            "SELECT upload FROM glacier_archives a WHERE deleted IS NOT NULL"  # noqa: S608
            " AND EXISTS (SELECT 1 FROM glacier_parts p WHERE p.upload=a.upload)"
            f" AND NOT EXISTS ({needed} AND j.status<>'Failed')"
        ):
            bodies += drop_parts(shelf, upload)
        shelf.disk.run(
            f"DELETE FROM glacier_archives AS a WHERE deleted<=? AND NOT EXISTS ({needed})",  # noqa: S608
            (shelf.now() - shelf.lasting(3 * DAY),),
        )
    for body in bodies:
        shelf.disk.find(body).unlink(missing_ok=True)


def read(shelf: Shelf, archive: Archive, first: int, size: int) -> Iterator[bytes]:
    """Yield the bytes of a range in blocks, from the files of the parts."""
    end = first + size
    for part in parts_of(shelf, archive.upload):
        start, stop = max(first, part.start), min(end, part.start + part.size)
        if start < stop:
            yield from _slice(shelf, part.body, start - part.start, stop - start)


def _slice(shelf: Shelf, body: str, offset: int, size: int) -> Iterator[bytes]:
    with shelf.disk.find(body).open("rb") as file:
        file.seek(offset)
        while size and (block := file.read(min(size, BLOCK))):
            size -= len(block)
            yield block


def aligned(first: int, size: int, whole: int) -> bool:
    """Whether a range is one node of the tree over `whole` bytes.

    Then, and only then, AWS gives its hash (Amazon Glacier Developer Guide, "Receiving Checksums
    When Downloading Data"): it begins at a multiple of a power of two MiB, and is as long as that
    or ends with the whole.
    """
    end = first + size
    if first % MIB or (end % MIB and end != whole):
        return False
    a, b, leaves = first // MIB, -(-end // MIB), -(-whole // MIB)
    steps = (1 << i for i in range(leaves.bit_length() + 1))
    return any(a % step == 0 and b == min(a + step, leaves) for step in steps)


def tree_of_range(shelf: Shelf, archive: Archive, first: int, size: int) -> str | None:
    """Return the tree hash of an aligned range of an archive, None for another range."""
    if not aligned(first, size, archive.size):
        return None
    if size == archive.size:
        return archive.tree
    blocks = _Blocks(read(shelf, archive, first, size))
    return str(calculate_tree_hash(blocks))  # type: ignore[arg-type]


class _Blocks:
    """Blocks of any length as a file that is read in pieces of another length."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self._left = blocks, bytearray()

    def read(self, size: int) -> bytes:
        while len(self._left) < size and (block := next(self._blocks, b"")):
            self._left += block
        taken = bytes(self._left[:size])
        del self._left[:size]
        return taken
