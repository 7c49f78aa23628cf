"""The one clock: whole seconds since the epoch, UTC. Tests replace `now` here and nowhere else."""

import time


def now() -> int:
    """Return the current time in epoch seconds (UTC)."""
    return int(time.time())
