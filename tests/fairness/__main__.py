"""Plays the upgrade of one person of many results beside those of others; tells how long all wait.

python -m tests.fairness     HEAVY=results of the one, OTHERS=people in each window, SEED=n
"""

import sys
import tempfile
from pathlib import Path

from tests.faults import run


def main() -> int:
    """Play, print the waits. Returns 1 when others wait more than twice as long as when idle."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as shelf:
        run.prepare(shelf)
        from tests.fairness.play import play

        return play(vars(run)["_cloud"])


if __name__ == "__main__":
    sys.exit(main())
