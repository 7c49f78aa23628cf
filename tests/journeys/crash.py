"""Runs a manage.py command that kills itself at a chosen AWS call, as a power cut would.

python -m tests.journeys.crash OPERATION TURN before|after manage-arguments…
"""

import os
import signal
import sys
from typing import Any

from botocore.client import BaseClient
from django.core.management import execute_from_command_line


def arm(operation: str, turn: int, moment: str) -> None:
    """SIGKILL this process before, or straight after, the `turn`-th call of an operation."""
    client: Any = BaseClient
    call = client._make_api_call
    seen = 0

    def watched(self: BaseClient, name: str, params: dict[str, Any]) -> Any:
        nonlocal seen
        hit = name == operation and (seen := seen + 1) == turn
        if hit and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = call(self, name, params)
        if hit:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    client._make_api_call = watched


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "gas_project.settings"
    arm(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    execute_from_command_line(["manage.py", *sys.argv[4:]])
