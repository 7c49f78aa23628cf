"""The freeze switch: while it is on, nothing is removed."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts import plans


class Command(BaseCommand):
    """Stop, or let go on, all removal; before the jobs table is restored to a point in time."""

    help = "Freeze all removal (`freeze on --reason ...`), lift it (`freeze off`), or show it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the switch and the reason."""
        parser.add_argument("switch", choices=["on", "off", "show"])
        parser.add_argument("--reason", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        """Set or show the switch."""
        if options["switch"] != "show":
            plans.freeze(on=options["switch"] == "on", reason=options["reason"])
        state = "frozen: nothing is removed" if plans.frozen() else "not frozen"
        self.stdout.write(state)
