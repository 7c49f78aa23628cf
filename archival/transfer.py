"""The way of a result's bytes from one store to another: part by part, verified, resumed.

Memory holds two parts, however large the result: while one is sent, the next is read and hashed.
"""

import hashlib
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from annotations.claims import Claim
from annotations.locators import Locator, Store
from archival import stores, treehash


def pour(claim: Claim, source: Locator, upload: Locator) -> tuple[list[str], str]:
    """Send the source's bytes part by part; return the parts' tags and the tree hash of all.

    Parts that an earlier worker sent are read and verified like all others, but not sent again.
    Raises stores.Changed when size, SHA-256 or tree hash are not those of the result,
    stores.NotThere when the source is gone, and jobs.Fenced between two parts.
    """
    job, part = claim.job, treehash.part_size(claim.job.size)
    vault = upload.store is Store.VAULT
    held = _held(upload) if job.size > part else {}
    seen = _Seen(trees=not (vault or job.tree_hash))
    parts = stores.of(source).read(copy=source, retrieval=job.retrieval, size=job.size, part=part)
    tags: list[str] = []
    with closing(_read_ahead(seen.passing(parts), job.size)) as ready:
        for number, data in enumerate(ready, 1):
            tags.append(_sent(upload, number, (number - 1) * part, data, held.get(number, "")))
            claim.beat()
    every = tags if vault else seen.trees
    tree = treehash.combine(every) if every else job.tree_hash
    if (seen.size, seen.sha256()) != (job.size, job.sha256) or job.tree_hash not in ("", tree):
        raise stores.Changed("size or hash differ")
    return tags, tree


class _Seen:
    """Size and SHA-256 of the bytes that passed, and the tree hash of each part if asked for.

    The tree hash is computed once in a result's life, or by the vault that needs it: the SHA-256
    tells.
    """

    def __init__(self, *, trees: bool) -> None:
        self.size = 0
        self.trees: list[str] = []
        self._whole = hashlib.sha256()
        self._asked = trees

    def passing(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the parts, counted and hashed."""
        for data in parts:
            self.size += len(data)
            self._whole.update(data)
            if self._asked:
                self.trees.append(treehash.tree_hash(data))
            yield data

    def sha256(self) -> str:
        """Return the SHA-256 of all that passed, 64 hex digits."""
        return self._whole.hexdigest()


def _read_ahead(parts: Iterator[bytes], size: int) -> Generator[bytes, None, None]:
    """Yield parts of `size` bytes in all; a thread fetches the next one while one is in use.

    The first part and the end are fetched where they are asked for: most results are one part.
    """
    with ThreadPoolExecutor(max_workers=1) as aside:
        data = next(parts, b"")
        while data:
            size -= len(data)
            coming = aside.submit(next, parts, b"") if size > 0 else None
            yield data
            data = coming.result() if coming else next(parts, b"")


def _held(upload: Locator) -> dict[int, str]:
    """Return the tags of the parts that an upload has; an upload that is gone has none."""
    try:
        return stores.of(upload).held(upload=upload)
    except stores.NotThere:
        return {}


def _sent(upload: Locator, number: int, offset: int, data: bytes, held: str) -> str:
    """Send one part and return its tag; of a part in a vault it is the tree hash.

    An upload that is gone may have been completed by a worker that died before its record: then
    the bytes are only read and hashed, and `finish` tells what became of it.
    """
    store = stores.of(upload)
    try:
        return store.write(upload=upload, number=number, offset=offset, data=data, held=held)
    except stores.NotThere:
        return treehash.tree_hash(data)
