"""The local Glacier's vaults, their notification settings, and the data retrieval policy."""

import json
import re
from typing import Any

from werkzeug import Request, Response

from deploy.local import ACCOUNT
from deploy.local.glacier_store import (
    DAY,
    HOUR,
    Refusal,
    Shelf,
    answer,
    missing,
    required,
    stamp,
    vault_arn,
    wrong,
)

EVENTS = ("ArchiveRetrievalCompleted", "InventoryRetrievalCompleted")

FREE_TIER_RATE = 10 * 1024**3 // (30 * 24)
"""Bytes per hour of the strategy FreeTier: 10 GB a month, here spread evenly over it."""


def create(shelf: Shelf, request: Request, vault: str) -> Response:
    """CreateVault: 1 to 255 of letters, digits, "_", "-" and "."; the same name again is fine."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,255}", vault):
        raise wrong(f"Invalid vaultName: {vault}")
    shelf.disk.run(
        "INSERT OR IGNORE INTO glacier_vaults VALUES (?,?,NULL,'')", (vault, shelf.now())
    )
    return Response(status=201, headers={"Location": f"/{ACCOUNT}/vaults/{vault}"})


def created(shelf: Shelf, vault: str) -> float:
    """Return when a vault was made. Raises Refusal if there is none."""
    rows = shelf.disk.rows("SELECT created FROM glacier_vaults WHERE name=?", (vault,))
    if not rows:
        raise missing(f"Vault not found for ARN: {vault_arn(vault)}")
    return float(rows[0][0])


def inventory_date(shelf: Shelf, vault: str) -> float | None:
    """Return when the vault's last inventory was taken; None before the first.

    AWS takes one about daily; here at each multiple of a (scaled) day.
    """
    day = shelf.lasting(DAY)
    last = shelf.now() // day * day
    return last if last >= created(shelf, vault) else None


def describe(shelf: Shelf, request: Request, vault: str) -> Response:
    """DescribeVault: the counts are those of the last inventory, null before the first."""
    made, taken = created(shelf, vault), inventory_date(shelf, vault)
    rows = shelf.disk.rows(
        "SELECT count(*), coalesce(sum(size), 0) FROM glacier_archives"
        " WHERE vault=? AND created<=?2 AND (deleted IS NULL OR deleted>?2)",
        (vault, taken or 0),
    )
    return answer(
        {
            "CreationDate": stamp(made),
            "LastInventoryDate": stamp(taken),
            "NumberOfArchives": rows[0][0] if taken else None,
            "SizeInBytes": rows[0][1] if taken else None,
            "VaultARN": vault_arn(vault),
            "VaultName": vault,
        }
    )


def set_notifications(shelf: Shelf, request: Request, vault: str) -> Response:
    """SetVaultNotifications: one topic, whose permissions AWS does not check."""
    created(shelf, vault)
    asked = fields(request)
    topic, events = required("SNSTopic", asked.get("SNSTopic")), asked.get("Events")
    if not events or not set(events) <= set(EVENTS):
        raise wrong(f"Invalid Events: {events}")
    shelf.disk.run(
        "UPDATE glacier_vaults SET topic=?, events=? WHERE name=?", (topic, " ".join(events), vault)
    )
    return Response(status=204)


def get_notifications(shelf: Shelf, request: Request, vault: str) -> Response:
    """GetVaultNotifications: 404 when none are set."""
    created(shelf, vault)
    rows = shelf.disk.rows("SELECT topic, events FROM glacier_vaults WHERE name=?", (vault,))
    topic, events = rows[0]
    if not topic:
        raise missing(f"No notification configuration is set for vault: {vault}")
    return answer({"SNSTopic": topic, "Events": events.split()})


def topic_for(shelf: Shelf, vault: str, event: str) -> str | None:
    """Return the topic that the vault tells of an event, if any."""
    rows = shelf.disk.rows("SELECT topic, events FROM glacier_vaults WHERE name=?", (vault,))
    return rows[0][0] if rows and event in rows[0][1].split() else None


def set_policy(shelf: Shelf, request: Request) -> Response:
    """SetDataRetrievalPolicy: exactly one rule; BytesPerHour has a number, the others none."""
    rules = (fields(request).get("Policy") or {}).get("Rules") or []
    if len(rules) != 1:
        raise wrong("Invalid Policy: exactly one rule is expected")
    strategy, rate = rules[0].get("Strategy"), rules[0].get("BytesPerHour")
    paced = strategy == "BytesPerHour"
    if strategy not in ("None", "FreeTier", "BytesPerHour") or paced != isinstance(rate, int):
        raise wrong(f"Invalid rule: {rules[0]}")
    shelf.disk.run("INSERT OR REPLACE INTO glacier_policy VALUES (1,?,?)", (strategy, rate))
    return Response(status=204)


def get_policy(shelf: Shelf, request: Request) -> Response:
    """GetDataRetrievalPolicy: the strategy None until one is set."""
    strategy, rate = _policy(shelf)
    return answer({"Policy": {"Rules": [{"BytesPerHour": rate, "Strategy": strategy}]}})


def check_policy(shelf: Shelf, size: int) -> None:
    """Refuse a Standard retrieval of `size` bytes that the policy does not allow now.

    Policies limit Standard retrievals only (Amazon Glacier Developer Guide, "Data Retrieval
    Policies"); a refused one costs nothing.
    """
    strategy, rate = _policy(shelf)
    asked = shelf.faults.enforce_policy
    if asked or (strategy != "None" and _lately(shelf) + size > _rate(rate)):
        raise Refusal(
            "PolicyEnforced",
            "InitiateJob request denied by current data retrieval policy.",
            int(asked or 400),
        )


def _policy(shelf: Shelf) -> tuple[str, int | None]:
    rows = shelf.disk.rows("SELECT strategy, rate FROM glacier_policy")
    return (rows[0][0], rows[0][1]) if rows else ("None", None)


def _rate(rate: int | None) -> int:
    return FREE_TIER_RATE if rate is None else rate


def _lately(shelf: Shelf) -> int:
    since = shelf.now() - shelf.lasting(HOUR)
    rows = shelf.disk.rows(
        "SELECT coalesce(sum(size), 0) FROM glacier_jobs WHERE tier='Standard' AND created>?",
        (since,),
    )
    return int(rows[0][0])


def fields(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request's body. Raises Refusal if it is none."""
    try:
        found = json.loads(request.get_data() or b"{}")
    except ValueError as error:
        raise Refusal("Serialization", "The request body is not valid JSON") from error
    if not isinstance(found, dict):
        raise Refusal("Serialization", "The request body is not a JSON object")
    return found
