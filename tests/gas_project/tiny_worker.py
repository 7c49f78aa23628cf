"""A worker for the tests of real processes: python -m tests.gas_project.tiny_worker MODE FLAGS.

MODE says what the handler does: `patient` goes on until it is told to stop, `deaf` goes on whatever
it is told, `dying` takes its thread with it.
"""

import os
import sys
import time
from typing import ClassVar

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gas_project.settings")
django.setup()

from gas_project import worker  # noqa: E402 -- needs Django's settings
from gas_project.commands import PeriodicCommand, WorkerCommand  # noqa: E402
from gas_project.events import Event  # noqa: E402
from gas_project.worker import NotNow  # noqa: E402


def say(word: str) -> None:
    """Print a word that the test waits for."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


class Tiny(WorkerCommand):
    """Handles events as its mode says."""

    queue: ClassVar[str] = "archive"
    mode = ""

    def handle_event(self, event: Event) -> None:
        say("started")
        if self.mode == "dying":
            raise SystemExit(9)
        while self.mode == "deaf" or not worker.stopping():
            time.sleep(0.05)
        say("released")
        raise NotNow(0)


class Ticking(PeriodicCommand):
    """Says each pass."""

    def run_pass(self) -> None:
        say("started")


if __name__ == "__main__":
    Tiny.mode = sys.argv[1]
    command = Ticking() if Tiny.mode == "ticking" else Tiny()
    command.run_from_argv(["manage.py", "tiny", *sys.argv[2:]])
