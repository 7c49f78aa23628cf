"""Cold storage classes: what cannot be read, and how a restore makes it readable for a while.

Times are AWS's longest for each tier, divided by the site's scale, so that they are the same every
time. Sources: Amazon S3 user guide, "Archive retrieval options" and "Restoring an archived object";
Amazon S3 API reference, RestoreObject.
"""

import math
from dataclasses import replace
from email.utils import formatdate

from werkzeug.wrappers import Response

from deploy.local.s3_call import Call, Site, empty_response
from deploy.local.s3_errors import S3Error, not_implemented
from deploy.local.s3_events import iso, tell
from deploy.local.s3_objects import Object, find_restores, get, set_restore
from deploy.local.s3_xml import integer, malformed, parse, text

MINUTE, HOUR, DAY = 60, 3600, 86400
TIERS = ("Expedited", "Standard", "Bulk")
COLD = {
    "GLACIER": {"Expedited": 5 * MINUTE, "Standard": 5 * HOUR, "Bulk": 12 * HOUR},
    "DEEP_ARCHIVE": {"Standard": 12 * HOUR, "Bulk": 48 * HOUR},
}
"""Seconds until a restore is done, by storage class and tier."""
WARM = (
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
)


def check_class(name: str) -> str:
    """Return a storage class's name; "" is STANDARD. Raises S3Error InvalidStorageClass."""
    if name not in ("", *WARM, *COLD):
        raise S3Error("InvalidStorageClass", "The storage class you specified is not valid")
    return name or "STANDARD"


def check_readable(site: Site, found: Object) -> None:
    """Raise S3Error InvalidObjectState for a cold object without a warm copy."""
    if found.traits.storage_class in COLD and not _is_warm(found, site.clock.now()):
        raise S3Error(
            "InvalidObjectState",
            "The operation is not valid for the object's storage class",
            StorageClass=found.traits.storage_class,
        )


def restore_header(site: Site, found: Object) -> str | None:
    """Return the value of x-amz-restore, or None for an object never restored or cold again."""
    due, until, now = found.restore_due, found.restore_until, site.clock.now()
    if due is None or until is None or now >= until:
        return None
    if now < due:
        return 'ongoing-request="true"'
    return f'ongoing-request="false", expiry-date="{formatdate(until, usegmt=True)}"'


def restore_object(call: Call) -> Response:
    """Answer RestoreObject: 202 begins a restore or hastens it, 200 prolongs a warm copy's life."""
    days, tier = _asked(call)
    with call.site.disk.transaction():
        found = get(call.site.disk, call.bucket, call.key)
        _check_tier(call.site, found, tier)
        new = _restored(call.site, found, days=days, tier=tier)
        prolonged = _is_warm(found, call.site.clock.now())
        set_restore(call.site.disk, new, told=None if prolonged else False)
    if not prolonged:
        tell(call.site, "ObjectRestore:Post", new)
    return empty_response(200 if prolonged else 202)


def tick(site: Site) -> None:
    """Tell of every restore that has finished and every warm copy that has gone, once each."""
    now = site.clock.now()
    late = site.faults.delay_notices / site.scale
    for found in find_restores(site.disk, told=False, by=now - late):
        data = {
            "lifecycleRestorationExpiryTime": iso(found.restore_until or now),
            "lifecycleRestoreStorageClass": found.traits.storage_class,
        }
        more = {"glacierEventData": {"restoreEventData": data}}
        for _ in range(site.faults.copies()):
            tell(site, "ObjectRestore:Completed", found, **more)
        set_restore(site.disk, found, told=True)
    for found in find_restores(site.disk, told=True, by=now):
        tell(site, "ObjectRestore:Delete", found)
        set_restore(site.disk, replace(found, restore_due=None, restore_until=None), told=False)


def _is_warm(found: Object, now: float) -> bool:
    due, until = found.restore_due, found.restore_until
    return due is not None and until is not None and due <= now < until


def _asked(call: Call) -> tuple[int, str]:
    root = parse(call.document(), root="RestoreRequest")
    for node in root:
        if node.tag == "Tier":
            raise malformed("<Tier> belongs into <GlacierJobParameters>")
        if node.tag not in ("Days", "GlacierJobParameters"):
            raise not_implemented(f"{node.tag} in restore requests")
    days, tier = integer(root, "Days"), text(root, "GlacierJobParameters/Tier", "Standard")
    if days < 1:
        raise S3Error("InvalidArgument", "Restoration days should be at least 1")
    if tier not in TIERS:
        raise malformed(f"there is no tier {tier}")
    return days, tier


def _check_tier(site: Site, found: Object, tier: str) -> None:
    tiers = COLD.get(found.traits.storage_class)
    if tiers is None:
        raise S3Error(
            "InvalidObjectState",
            "Restore is not allowed for the object's current storage class",
            StorageClass=found.traits.storage_class,
        )
    if tier not in tiers:
        raise S3Error("InvalidArgument", "Retrieval option is not supported by this storage class")
    if tier == "Expedited" and site.faults.refuse_expedited:
        raise S3Error(
            "GlacierExpeditedRetrievalNotAvailable",
            "Glacier expedited retrievals are currently not available, please try again later",
        )


def _restored(site: Site, found: Object, *, days: int, tier: str) -> Object:
    """Return the object as this request leaves it; a faster tier overtakes a slower one."""
    now = site.clock.now()
    if _is_warm(found, now):
        return replace(found, restore_until=_expiry(site, now, days))
    due = now + COLD[found.traits.storage_class][tier] / site.scale
    if found.restore_due is not None and now < found.restore_due:
        if TIERS.index(tier) >= TIERS.index(found.traits.tier):
            raise S3Error("RestoreAlreadyInProgress", "Object restore is already in progress")
        due = min(due, found.restore_due)
    return replace(
        found,
        traits=replace(found.traits, tier=tier),
        restore_due=due,
        restore_until=_expiry(site, due, days),
    )


def _expiry(site: Site, since: float, days: int) -> float:
    """A warm copy ends at the first midnight (UTC) after its days; scaled days have some too."""
    day = DAY / site.scale
    return math.ceil((since + days * day) / day) * day
