"""The local cloud in a process of its own, with a line to it for what no AWS client may do.

python -m tests.crash.cloud DATA SCALE, then one JSON request a line: forget, advance, rows.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


class FarCloud:
    """What tests.core asks of a local cloud, asked of another process."""

    def __init__(self, *, data: Path, scale: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.cloud", str(data), str(scale)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url: str = self._answer()
        self._disk = self

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def _ask(self, verb: str, *told: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([verb, *told]) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def forget(self) -> None:
        """Empty everything that is stored."""
        self._ask("forget")

    def advance(self, seconds: float) -> None:
        """Put the cloud's clock forward."""
        self._ask("advance", seconds)

    def rows(self, sql: str, args: tuple[Any, ...]) -> list[Any]:
        """Ask the cloud's own disk."""
        found: list[Any] = self._ask("rows", sql, list(args))
        return found

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def serve(data: Path, scale: float) -> None:
    """Run the cloud until the line is closed."""
    from deploy.local.run import LocalCloud

    cloud = LocalCloud(data=data, scale=scale)
    cloud.start()
    _say(cloud.url)
    for line in sys.stdin:
        verb, *told = json.loads(line)
        if verb == "forget":
            cloud.forget()
            cloud.faults.clear()
        elif verb == "advance":
            cloud.clock.advance(told[0])
        rows = cloud._disk.rows(told[0], tuple(told[1])) if verb == "rows" else []
        _say([list(row) for row in rows])


def _say(answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), float(sys.argv[2]))
