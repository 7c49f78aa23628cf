"""A sample of `make crash`, so that the table itself stays playable."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKERS = "^(archiver|notifier|reconcile)$"
POINTS = "after (CompleteMultipartUpload 1|SendEmail 1|TransactWriteItems 1)"


@pytest.mark.slow
def test_workers_struck_at_their_worst_moments_leave_nothing_wrong(tmp_path: Path) -> None:
    told = {"CRASH": WORKERS, "POINT": POINTS, "MODES": "alone,woken", "GAS_DATA": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash"],
        cwd=tmp_path,  # where the verdicts are kept
        env={**os.environ, "PYTHONPATH": str(ROOT), **told},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "8 points, 0 of them wrong" in done.stderr
