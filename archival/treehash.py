"""SHA-256 tree hashes, and the part sizes whose hashes combine to the hash of the whole.

A tree hash is the SHA-256 of each MiB, hashed together in pairs until one is left; an odd last
one moves up unchanged (Amazon Glacier Developer Guide, "Computing Checksums").
"""

import hashlib
from collections.abc import Iterable

MIB = 1024 * 1024

SMALLEST_PART = 8 * MIB
"""Below this the requests for the parts of an archive would cost more than its storage."""

LARGEST_PART = 4096 * MIB
"""Amazon Glacier Developer Guide, "Uploading Large Archives in Parts": a part is at most 4 GiB."""

MOST_PARTS = 10_000
"""Amazon Glacier Developer Guide, "Uploading Large Archives in Parts"; S3 has the same limit."""


class TreeHash:
    """The tree hash of bytes that arrive in pieces of any length.

    Holds one MiB's running hash and one node for each finished power of two: under 2 KB for 40 TB.
    """

    def __init__(self) -> None:
        self._leaf = hashlib.sha256()
        self._filled = 0
        self._nodes: list[tuple[int, bytes]] = []

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        view = memoryview(data)
        while view:
            if self._filled == MIB:
                self._end_leaf()
            taken = view[: MIB - self._filled]
            self._leaf.update(taken)
            self._filled += len(taken)
            view = view[len(taken) :]

    def digest(self) -> str:
        """Return the tree hash, 64 hex digits, of all bytes so far; more may follow."""
        found = self._leaf.digest()
        for _, node in reversed(self._nodes):
            found = _pair(node, found)
        return found.hex()

    def _end_leaf(self) -> None:
        level, node = 0, self._leaf.digest()
        while self._nodes and self._nodes[-1][0] == level:
            node = _pair(self._nodes.pop()[1], node)
            level += 1
        self._nodes.append((level, node))
        self._leaf, self._filled = hashlib.sha256(), 0


def _pair(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(left + right).digest()


def tree_hash(data: bytes) -> str:
    """Return the tree hash of `data`, 64 hex digits."""
    whole = TreeHash()
    whole.update(data)
    return whole.digest()


def combine(hashes: Iterable[str]) -> str:
    """Return the tree hash of the whole from those of its parts, in order.

    True only when every part but the last has the same size and that is a power of two MiB.
    Raises ValueError when there are no parts.
    """
    row = [bytes.fromhex(part) for part in hashes]
    if not row:
        raise ValueError("a tree hash needs at least one part")
    while len(row) > 1:
        odd = row[-1:] if len(row) % 2 else []
        row = [_pair(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)] + odd
    return row[0].hex()


def part_size(size: int) -> int:
    """Return the bytes per part for a whole of `size` bytes.

    It is the smallest power of two MiB that is at least 8 MiB and needs no more than 10,000 parts.
    Raises ValueError for more than 10,000 parts of 4 GiB, the largest archive.
    """
    part = SMALLEST_PART
    while part * MOST_PARTS < size:
        part *= 2
    if part > LARGEST_PART:
        raise ValueError(f"{size} bytes are more than {MOST_PARTS} parts of {LARGEST_PART} bytes")
    return part
