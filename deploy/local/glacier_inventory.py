"""The local Glacier's inventory: what a vault held when its last daily inventory was taken.

So it still lists archives deleted since, and does not know the new ones.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deploy.local.glacier_archives import Archive
from deploy.local.glacier_store import Shelf, missing, stamp, vault_arn, whole_number, wrong
from deploy.local.glacier_vaults import inventory_date


@dataclass(frozen=True)
class Taken:
    """An inventory's body file and size, and its parameters as DescribeJob tells them."""

    body: str
    size: int
    asked: dict[str, Any]


def take(shelf: Shelf, vault: str, asked: dict[str, Any]) -> Taken:
    """Write the output of an inventory job.

    `asked` are StartDate, EndDate, Limit and Marker. When more archives are left than Limit, the
    parameters of the job name the Marker that the next job must be given. Raises Refusal before
    the vault's first inventory.
    """
    date = inventory_date(shelf, vault)
    if date is None:
        raise missing(f"No inventory of the vault has been taken yet: {vault_arn(vault)}")
    limit = whole_number("Limit", str(asked["Limit"]), 1) if asked.get("Limit") else None
    listed = _listed(shelf, vault, date, asked)
    shown = listed[:limit]
    body = {
        "VaultARN": vault_arn(vault),
        "InventoryDate": stamp(date),
        "ArchiveList": [_entry(archive) for archive in shown],
    }
    path = shelf.disk.body()
    size = path.write_bytes(json.dumps(body).encode())
    return Taken(path.name, size, _parameters(asked, limit, shown, len(listed)))


def _parameters(
    asked: dict[str, Any], limit: int | None, shown: list[Archive], listed: int
) -> dict[str, Any]:
    return {
        "Format": "JSON",
        "StartDate": asked.get("StartDate"),
        "EndDate": asked.get("EndDate"),
        "Limit": str(limit) if limit else None,
        "Marker": _marker(shown[-1]) if listed > len(shown) else None,
    }


def _listed(shelf: Shelf, vault: str, date: float, asked: dict[str, Any]) -> list[Archive]:
    rows = shelf.disk.rows(
        "SELECT * FROM glacier_archives"
        " WHERE vault=? AND created<=?2 AND (deleted IS NULL OR deleted>?2) ORDER BY created, id",
        (vault, date),
    )
    found = [Archive(*row) for row in rows]
    since, until = (_date(name, asked.get(name)) for name in ("StartDate", "EndDate"))
    return [
        archive
        for archive in _after(found, asked.get("Marker"))
        if (since is None or since <= archive.created)
        and (until is None or archive.created < until)
    ]


def _marker(archive: Archive) -> str:
    return f"{archive.created!r}_{archive.id}"


def _after(archives: list[Archive], marker: str | None) -> list[Archive]:
    if not marker:
        return archives
    match = re.fullmatch(r"(\d+\.\d+)_(.+)", marker)
    if not match:
        raise wrong(f"Invalid Marker: {marker}")
    last = (float(match[1]), match[2])
    return [archive for archive in archives if (archive.created, archive.id) > last]


def _date(name: str, text: str | None) -> float | None:
    if text is None:
        return None
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text):
        raise wrong(f"Invalid {name}: {text}")
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        raise wrong(f"Invalid {name}: {text}") from error


def _entry(archive: Archive) -> dict[str, Any]:
    return {
        "ArchiveId": archive.id,
        "ArchiveDescription": archive.description,
        "CreationDate": stamp(archive.created),
        "Size": archive.size,
        "SHA256TreeHash": archive.tree,
    }
