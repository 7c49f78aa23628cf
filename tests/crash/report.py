"""The run of `make crash`, from the first point to the table's last line."""

import os
import re
import sys
import tempfile
import time
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from gas_project import aws
from tests.crash.cloud import FarCloud
from tests.crash.roles import ROLES
from tests.crash.table import MODES, Ground, Kept, play, seconds_since

SCALE = 3600.0


def _ground(folder: Path) -> Ground:
    cloud = FarCloud(data=folder / "cloud", scale=SCALE)
    os.environ["AWS_ENDPOINT_URL"] = settings.AWS_ENDPOINT_URL = cloud.url
    settings.GAS_TIME_SCALE = SCALE
    aws.forget_clients()
    call_command("migrate", verbosity=0)
    return Ground(cloud, folder)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def report() -> int:
    """Play the table; return 1 when something was wrong."""
    wanted, only = os.environ.get("CRASH", ""), os.environ.get("POINT", "")
    modes = os.environ.get("MODES", ",".join(MODES)).split(",")
    began, bad, played = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory(prefix="gas-crash-") as folder:
        ground = _ground(Path(folder))
        kept = Kept(Path(".gas/crash.json"))
        _say(f"{'worker':22} {'points':>6}  " + "  ".join(f"{mode:>8}" for mode in modes))
        try:
            roles = [role for role in ROLES if re.search(wanted, role.name)]
            for role, points, wrong in play(roles, modes, ground, kept, only=only):
                good = [f"{len(points) - len(wrong[mode]):>8}" for mode in modes]
                _say(f"{role.name:22} {len(points):>6}  " + "  ".join(good))
                for mode in modes:
                    for line in wrong[mode]:
                        _say(f"    {mode}, {line}")
                bad += sum(map(len, wrong.values()))
                played += len(points) * len(modes)
        finally:
            ground.cloud.stop()
    _say(f"{played} points, {bad} of them wrong, {seconds_since(began)}, commit {kept.commit}")
    return 1 if bad else 0
