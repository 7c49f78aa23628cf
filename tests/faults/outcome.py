"""What one schedule came to."""

from collections import Counter
from dataclasses import dataclass, field

KINDS = ("LOST", "WRONG", "STUCK", "ORPHAN", "UNDELETED", "CROSS-USER", "BUSY", "BROKEN")
"""What a verdict can begin with; BROKEN is an error that no code expects."""


@dataclass
class Outcome:
    """A schedule's seed and store, what was wrong (None: nothing), its calls, its last calls."""

    seed: int
    store: str
    verdict: str | None = None
    calls: int = 0
    stats: Counter[str] = field(default_factory=Counter)
    trace: list[str] = field(default_factory=list)
