"""The local cloud's wall clock, which tests may put forward."""

import threading
import time


class Clock:
    """Real time plus an offset that only grows until it is reset."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the time in epoch seconds (UTC)."""
        return time.time() + self._offset

    @property
    def offset(self) -> float:
        """How many seconds the clock is ahead of real time."""
        return self._offset

    def advance(self, seconds: float) -> None:
        """Put the clock forward. Raises ValueError for a negative number: time never runs back."""
        if seconds < 0:
            raise ValueError(f"the clock cannot go back by {-seconds} seconds")
        with self._lock:
            self._offset += seconds

    def reset(self) -> None:
        """Return to real time."""
        with self._lock:
            self._offset = 0.0
