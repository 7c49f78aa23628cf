"""Move archives from a vault, or another class, into the chosen cold store."""

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotations.locators import Store
from annotations.safety import margins
from archival import migrate, stores

BAR = 30
GB = 10**9


class Command(BaseCommand):
    """Say what waits, wish it moved, and watch it if asked to."""

    help = (
        "Move archived results into GAS_COLD_STORE (s3 or s3-deep). The workers do it by their "
        "ordinary steps, within about a day; each result is verified twice on its way, and the "
        "old archive goes after its 90 days. Run again at any time: it goes on where it was."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the flags."""
        parser.add_argument("--dry-run", action="store_true", help="count, and estimate the cost")
        parser.add_argument("--limit", type=int, help="ask for this many at most")
        parser.add_argument("--watch", action="store_true", help="wait until all have moved")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it. Raises CommandError when the vault is the chosen store."""
        if stores.chosen() is Store.VAULT:
            raise CommandError("GAS_COLD_STORE is vault: set it to s3 or s3-deep first.")
        found = migrate.census()
        waiting = found.left[: options["limit"]]
        self._tell(found, waiting)
        if options["dry_run"]:
            return
        for done, _ in enumerate(migrate.ask(waiting), 1):
            self._show(done, len(waiting), "asked for")
        self._end()
        if options["watch"]:
            self._watch()

    def _tell(self, found: migrate.Census, waiting: list[Any]) -> None:
        size = sum(job.size for job in waiting) / GB
        self.stdout.write(
            f"{found.there} of {found.total} archived results are in {settings.GAS_COLD_STORE}, "
            f"{found.under_way} on their way, {len(found.left)} wait"
        )
        self.stdout.write(
            f"to move now: {len(waiting)} results, {size:.3f} GB, about US$ "
            f"{migrate.cost(waiting):.2f} for retrievals and requests"
        )

    def _watch(self) -> None:
        """Look until nothing is on its way any more; a result that was turned back waits again."""
        while True:
            found = migrate.census()
            self._show(found.there, found.total, "there")
            if not found.under_way:
                break
            time.sleep(margins().sweep)
        self._end()

    def _show(self, done: int, total: int, word: str) -> None:
        full = BAR * done // max(1, total)
        bar = "#" * full + "." * (BAR - full)
        self.stderr.write(f"\r[{bar}] {done} of {total} {word}", ending="")

    def _end(self) -> None:
        self.stderr.write("")
