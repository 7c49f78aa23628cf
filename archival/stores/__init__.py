"""Where results are kept: each store is a module of the same verbs (see `protocol`)."""

from django.conf import settings

from annotations import storage
from annotations.locators import Locator, Store
from annotations.storage import Changed, NotThere
from archival.stores import deep, s3, vault
from archival.stores.protocol import ByteStore, ColdStore, Refused

__all__ = [
    "ByteStore",
    "Changed",
    "ColdStore",
    "NotThere",
    "Refused",
    "chosen",
    "cold",
    "cold_of",
    "hot",
    "of",
]

_COLD: dict[Store, ColdStore] = {
    Store.VAULT: vault,
    Store.S3_GLACIER: s3,
    Store.S3_DEEP: deep,
}
CHOICES = {"vault": Store.VAULT, "s3": Store.S3_GLACIER, "s3-deep": Store.S3_DEEP}
"""What GAS_COLD_STORE may be, and the store that it means."""


def of(locator: Locator) -> ByteStore:
    """Return the store that a locator's bytes are in."""
    return hot() if locator.store is Store.HOT else _COLD[locator.store]


def cold_of(copy: Locator) -> ColdStore:
    """Return the store that a cold copy must be asked back from. Raises KeyError for a hot one."""
    return _COLD[copy.store]


def hot() -> ByteStore:
    """Return the store of results that can be downloaded."""
    return storage


def chosen() -> Store:
    """Return where new archives go: the operator's choice, GAS_COLD_STORE; by default to S3."""
    return CHOICES.get(settings.GAS_COLD_STORE, Store.S3_GLACIER)


def cold() -> ColdStore:
    """Return the store that new archives go to."""
    return _COLD[chosen()]
