"""What a service tells systemd (sd_notify(3)); nothing at all outside a service."""

import logging
import os

from gunicorn.systemd import sd_notify

_log = logging.getLogger(__name__)


def notify(state: str) -> None:
    """Tell systemd a state such as READY=1, WATCHDOG=1, STOPPING=1 or STATUS=words."""
    sd_notify(state, _log)


def watchdog_interval() -> float | None:
    """Return after how many seconds to ping, or None where no watchdog listens.

    Half of WATCHDOG_USEC, as sd_watchdog_enabled(3) advises.
    """
    told = os.environ.get("WATCHDOG_USEC", "")
    return int(told) / 2_000_000 if told.isdecimal() and int(told) > 0 else None
