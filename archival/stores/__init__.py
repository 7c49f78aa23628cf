"""Where results are kept: each store is a module of the same verbs (see `protocol`)."""

from django.conf import settings

from annotations import storage
from annotations.locators import Locator, Store
from annotations.storage import Changed, NotThere
from archival.stores import s3, vault
from archival.stores.protocol import ByteStore, ColdStore, Refused

__all__ = [
    "ByteStore",
    "Changed",
    "ColdStore",
    "NotThere",
    "Refused",
    "cold",
    "cold_of",
    "hot",
    "of",
]

_COLD: dict[Store, ColdStore] = {Store.VAULT: vault, Store.S3_GLACIER: s3}


def of(locator: Locator) -> ByteStore:
    """Return the store that a locator's bytes are in."""
    return hot() if locator.store is Store.HOT else _COLD[locator.store]


def cold_of(copy: Locator) -> ColdStore:
    """Return the store that a cold copy must be asked back from. Raises KeyError for a hot one."""
    return _COLD[copy.store]


def hot() -> ByteStore:
    """Return the store of results that can be downloaded."""
    return storage


def cold() -> ColdStore:
    """Return the store that new archives go to: the operator's choice, GAS_COLD_STORE."""
    return vault if settings.GAS_COLD_STORE == "vault" else s3
