"""What names bytes: a URI for an object, a prefix, an archive or an open upload."""

from dataclasses import dataclass, replace
from enum import StrEnum

GONE = "gone"
"""The upload id of a vault upload that was gone: only an inventory can prove what it became."""


class Store(StrEnum):
    """Where bytes can be; the value is the URI's scheme."""

    HOT = "s3"
    S3_GLACIER = "s3-glacier"
    S3_DEEP = "s3-deep"
    VAULT = "glacier-vault"


@dataclass(frozen=True, slots=True)
class Locator:
    """One name for bytes. Names are random and used once.

    `bucket` is a bucket or a vault; `name` a key, a prefix (ends with "/"), an archive id, or the
    name we chose for an open vault upload; `upload` the store's id of an upload that is still open.
    """

    store: Store
    bucket: str
    name: str
    upload: str | None = None

    def __str__(self) -> str:
        tail = f"?upload={self.upload}" if self.upload else ""
        return f"{self.store}://{self.bucket}/{self.name}{tail}"

    @property
    def is_prefix(self) -> bool:
        """Whether it names everything below a prefix."""
        return self.name.endswith("/")

    def finished(self, name: str | None = None) -> "Locator":
        """Return what an open upload became: the same key, or the archive id `name`."""
        return replace(self, name=name or self.name, upload=None)


def parse(uri: str) -> Locator:
    """Return the locator that `str()` wrote. Raises ValueError for anything else."""
    scheme, found, rest = uri.partition("://")
    bucket, slash, name = rest.partition("/")
    name, _, upload = name.partition("?upload=")
    if not found or not slash or not bucket or not name:
        raise ValueError("not a locator: scheme://bucket/name is expected")
    return Locator(Store(scheme), bucket, name, upload or None)
