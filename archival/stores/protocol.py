"""What a store of results must be able to do, and the ways in which it can say no.

Two of them are the hot store's own: `NotThere`, for an object, upload, archive or retrieval that
does not exist or no longer, and `Changed`, for bytes that are not what the record says.
"""

from collections.abc import Iterator
from typing import Literal, Protocol

from annotations.locators import Locator


class Refused(Exception):
    """A retrieval was refused for now: `capacity` of a fast one, or the account's own `policy`."""

    def __init__(self, kind: Literal["capacity", "policy"]) -> None:
        super().__init__(f"the retrieval was refused: {kind}")
        self.kind = kind


class ByteStore(Protocol):
    """The verbs of every store; a module of functions is one.

    All parts but the last have the same length, `treehash.part_size(size)` bytes. Errors of
    AWS that are not named here pass through as botocore raises them.
    """

    def open(self, *, job_id: str, size: int) -> Locator:
        """Open an upload for `size` bytes at a fresh name that is never used again."""

    def held(self, *, upload: Locator) -> dict[int, str]:
        """Return the tags of the parts that an open upload has, by number; raises NotThere."""

    def write(
        self, *, upload: Locator, number: int, offset: int, data: bytes, held: str = ""
    ) -> str:
        """Send part `number` (from 1) and return its tag; raises NotThere (upload) or Changed.

        Where the tag `held` of the part that is there proves that it is this one, nothing is sent.
        """

    def finish(self, *, upload: Locator, size: int, tags: list[str]) -> Locator:
        """Make the parts one whole and return its name, the same if asked again soon.

        Raises NotThere when the upload is gone, Changed when the whole is not what was sent.
        """

    def read(
        self, *, copy: Locator, retrieval: str | None, size: int, part: int
    ) -> Iterator[bytes]:
        """Yield the bytes, `part` of them at a time; raises NotThere or Changed on the way."""

    def remove(self, *, locator: Locator) -> bool:
        """Abort the upload or delete the bytes that are named; a repeat is harmless.

        Returns False when that does not prove that nothing is left.
        """


class ColdStore(ByteStore, Protocol):
    """A store whose bytes must be asked back before they can be read."""

    def retrieve(self, *, copy: Locator, job_id: str, tier: str) -> str:
        """Ask for the bytes (Expedited, Standard or Bulk) and return the retrieval's handle.

        Asked twice is paid twice. Raises Refused or NotThere.
        """

    def ready(self, *, copy: Locator, retrieval: str) -> bool:
        """Whether the bytes can be read now; False is normal for hours.

        Raises NotThere when they never will be: the retrieval failed, expired or is another's.
        """
