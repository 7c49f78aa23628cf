"""A hundred and two seeded schedules, the first of those that `make faults` plays for an hour."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SEEDS = 34
STORES = 3
HAPPENED = (
    *("annotated", "archived", "thawed", "deleted", "failed", "cancelled", "accounts gone"),
    *("in glacier-vault", "in s3-glacier", "in s3-deep", "mails", "messages deleted"),
    *("schedules of several parts", "schedules over SQS"),
)
"""What must have happened in some of them, or they show nothing about it."""
CALLS = 200
"""AWS calls of a schedule, at least."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def played(**wishes: str) -> subprocess.CompletedProcess[str]:
    """Play schedules in a process of their own: they replace its clock, its ids and its network."""
    return subprocess.run(
        [sys.executable, "-m", "tests.faults.run"],
        cwd=ROOT,
        env={**os.environ, "JOBS": "1", **wishes},
        capture_output=True,
        text=True,
        check=False,
    )


def trace(printed: str) -> list[str]:
    """Return the calls that were printed, without those of other schedules."""
    return [line for line in printed.splitlines() if " h  " in line]


def test_no_fault_loses_mixes_up_or_leaves_anything_and_a_seed_is_played_again() -> None:
    done = played(SEED=f"0-{SEEDS - 1}", STORE="all", TRACE="yes")
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.search(r"(\d+) schedules, [\d,]+ AWS calls \(at least (\d+) each\)", done.stdout)
    assert told
    assert int(told[1]) == SEEDS * STORES
    assert int(told[2]) >= CALLS
    for name in HAPPENED:
        assert re.search(rf"{name} [1-9]", done.stdout), f"{name}: none in {done.stdout}"
    again = trace(played(SEED="3", STORE="mixed", TRACE="yes").stdout)
    assert len(again) == 40
    assert "\n".join(again) in "\n".join(trace(done.stdout)), "another process, other calls"


def test_a_store_that_there_is_not_is_refused() -> None:
    done = played(STORE="tape")
    assert done.returncode == 1
    assert "STORE must be" in done.stderr
