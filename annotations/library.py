"""References for several machines: kept as objects, found by id, cached on disk by checksum.

`references/<id>.json` names the present version of a reference; its files lie below
`references/<id>/<checksum>/` and never change, so that a run under way keeps what it began with.
"""

import json
import logging
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from annotations import storage
from annotations.genomics import hints, references
from annotations.genomics.references import Reference
from annotations.locators import Locator, Store
from gas_project import aws

_log = logging.getLogger(__name__)

PREFIX = "references/"
FRESH = 60
"""Seconds for which a listing is used again."""


class Damaged(Exception):
    """An object is not what its reference's index says: another size or SHA-256."""


def shelf() -> Path:
    """Return the folder of the references added on this machine."""
    return Path(settings.GAS_DATA) / "references"


def _cache() -> Path:
    return Path(settings.GAS_DATA) / "references-cache"


def _at(name: str) -> Locator:
    return Locator(Store.HOT, aws.bucket("results"), PREFIX + name)


def push(reference: Reference) -> None:
    """Put a reference's files, then the index that names them. Raises botocore's errors."""
    card = references.digest(reference.folder / references.CARD)
    files = {**reference.files, references.CARD: card}
    folder = f"{reference.id}/{reference.checksum}/"
    for name in files:
        with (reference.folder / name).open("rb") as file:
            storage.put(_at(folder + name), file)
    index = {
        "title": reference.title,
        "checksum": reference.checksum,
        "files": files,
        "contigs": hints.contigs(reference),
    }
    storage.put(_at(f"{reference.id}.json"), json.dumps(index).encode())


def withdraw(reference_id: str) -> int:
    """Take a reference off the list, then remove its files, of every version; return how many.

    A worker that is just fetching it finds it gone, and one that has it in its cache no longer
    finds it in the list: the job fails and says so. Raises botocore's errors; what is left then
    goes when it is withdrawn again.
    """
    bucket, index = aws.bucket("results"), f"{PREFIX}{reference_id}.json"
    aws.s3().delete_object(Bucket=bucket, Key=index)
    pages = aws.s3().get_paginator("list_objects_v2")
    removed = 0
    for page in pages.paginate(Bucket=bucket, Prefix=f"{PREFIX}{reference_id}/"):
        for row in page.get("Contents", ()):
            aws.s3().delete_object(Bucket=bucket, Key=row["Key"])
            removed += 1
    return removed


@dataclass(frozen=True, slots=True)
class Offer:
    """A shared reference: its title, and its sequences as `hints` tells them."""

    title: str
    contigs: list[dict[str, Any]]


def offered() -> dict[str, str]:
    """Return the title of every reference that people may choose, by id.

    While S3 is away, these are the ones of this machine.
    """
    return {name: offer.title for name, offer in _shared().items()} | {
        one.id: one.title for one in references.known().values()
    }


def described() -> list[dict[str, Any]]:
    """Return id, title and sequences of every reference that people may choose, as plain data."""
    here = {one.id: Offer(one.title, hints.contigs(one)) for one in references.known().values()}
    offers = {**here, **{name: o for name, o in _shared().items() if name not in here}}
    return [{"id": name, **asdict(offer)} for name, offer in offers.items()]


def _shared() -> dict[str, Offer]:
    return _listed(int(time.monotonic()) // FRESH)


@lru_cache(maxsize=1)
def _listed(_minute: int) -> dict[str, Offer]:
    found = {}
    try:
        pages = aws.s3().get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=aws.bucket("results"), Prefix=PREFIX, Delimiter="/"):
            for row in page.get("Contents", ()):
                name = row["Key"].removeprefix(PREFIX).removesuffix(".json")
                index = _index(name)
                found[name] = Offer(str(index["title"]), index.get("contigs", []))
    except (BotoCoreError, ClientError, storage.NotThere):
        _log.warning("The list of shared references could not be read")
    return found


def forget_listing() -> None:
    """Read the list again the next time."""
    _listed.cache_clear()


def _index(reference_id: str) -> dict[str, Any]:
    text = b"".join(storage.stream(_at(f"{reference_id}.json")))
    index: dict[str, Any] = json.loads(text)
    return index


def find(reference_id: str, *, look_up: Callable[[], None] = lambda: None) -> Reference:
    """Return a reference of this machine, or fetch it: once for each version.

    `look_up` is called while it is fetched, and may raise to end that.
    Raises storage.NotThere when there is none of this id, and Damaged when its objects are not
    what its index says.
    """
    here = references.known().get(reference_id)
    if here is not None:
        return here
    index = _index(reference_id)
    folder = _cache() / index["checksum"]
    if not folder.is_dir():
        _fetch(reference_id, index, folder, look_up)
    return _loaded(folder)


@lru_cache(maxsize=4)  # a large genome takes 0.6 GB, and each of its versions has a folder
def _loaded(folder: Path) -> Reference:
    return references.load(folder)


def _fetch(
    reference_id: str, index: dict[str, Any], folder: Path, look_up: Callable[[], None]
) -> None:
    """Fetch all files beside the cache, and move them into it once they are all sound."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        for name, expected in index["files"].items():
            target = fresh / Path(name).name
            at = _at(f"{reference_id}/{index['checksum']}/{name}")
            storage.fetch(at, target, look_up=look_up)
            if references.digest(target) != expected:
                raise Damaged(f"{name} of the reference {reference_id} differs from its SHA-256")
        if not folder.is_dir():
            fresh.rename(folder)
    except FileExistsError:
        return  # another worker of this machine was quicker
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
