"""Tier rules as data. A new tier is one more record here; no code asks for a tier by its name."""

from dataclasses import dataclass

from django.conf import settings

MB = 1_000_000
DAY = 24 * 3600


@dataclass(frozen=True, slots=True)
class Tier:
    """What one tier may do and what happens to its results."""

    name: str
    """The stored name."""
    label: str
    """The name that people see."""
    max_upload_bytes: int
    """The largest upload, as it is sent (compressed or not), in bytes."""
    jobs_in_flight: int
    """How many jobs may be uploading, queued or running at once."""
    archives: bool
    """Whether results move to the cold store after the grace period."""
    grace: int
    """Seconds that a result stays hot after it was made, or after a downgrade."""
    warning: int
    """Seconds before the archive date at which the owner gets a mail."""
    urgent_restores: int
    """How many of the newest cold results an upgrade asks for at the fast, dear speed."""
    archive_min_bytes: int
    """Results below this size stay hot. Break-even beside AWS's 40 KB overhead and request prices
    is about 0.15 MiB for a year in the Flexible class, 0.41 MiB in a vault."""
    input_days: int
    """Days that the uploaded file is kept after the job ended, for *Run again*."""


def _free() -> Tier:
    return Tier(
        name="free",
        label="Free",
        max_upload_bytes=20 * MB,
        jobs_in_flight=3,
        archives=True,
        grace=settings.GAS_GRACE,
        warning=min(2 * DAY, settings.GAS_GRACE // 2),
        urgent_restores=0,
        archive_min_bytes=0,
        input_days=30,
    )


def _premium() -> Tier:
    return Tier(
        name="premium",
        label="Premium",
        max_upload_bytes=2_000 * MB,
        jobs_in_flight=20,
        archives=False,
        grace=settings.GAS_GRACE,
        warning=min(2 * DAY, settings.GAS_GRACE // 2),
        urgent_restores=100,
        archive_min_bytes=0,
        input_days=30,
    )


TIERS: dict[str, Tier] = {tier.name: tier for tier in (_free(), _premium())}
DEFAULT = TIERS["free"]


def get(name: str) -> Tier:
    """Return the tier of that name. Raises KeyError for an unknown one."""
    return TIERS[name]
