"""The daily reconcile: the vault's inventory against the items."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from archival import reconcile, stores


class Command(BaseCommand):
    """Compare the newest vault inventory with the jobs; ask for the next one."""

    help = (
        "Compare the newest vault inventory with the jobs, and ask AWS for the next one. A dry run "
        "unless --apply is given. Exit 0: clean, 1: findings, 2: refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the flags."""
        parser.add_argument("--apply", action="store_true", help="write what was found")
        parser.add_argument("--accept-blast-radius", action="store_true", help="however much it is")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare, print, and write when asked to."""
        retrieval = reconcile.latest()
        self._ask()
        if retrieval is None:
            self.stdout.write("No inventory is ready yet; one was asked for. Run this again later.")
            return
        found = reconcile.compare(retrieval)
        self._print(found, as_json=options["json"])
        if options["apply"]:
            self._apply(found, accept=options["accept_blast_radius"])
        elif found.jobs:
            raise SystemExit(1)

    def _ask(self) -> None:
        try:
            reconcile.ask()
        except stores.NotThere:
            self.stderr.write("The vault is too young to have an inventory.")

    def _print(self, found: reconcile.Findings, *, as_json: bool) -> None:
        strays = [{"job": job, "archive": uri} for job, uri in reconcile.strays(found)]
        proved = sum(len(entries) for entries in found.proved.values())
        if as_json:
            told = {"taken": found.taken, "listed": found.listed, "foreign": found.foreign}
            self.stdout.write(json.dumps({**told, "stray": strays, "proved": proved}))
            return
        self.stdout.write(
            f"{found.listed} archives listed, {len(strays)} stray, {proved} proved gone, "
            f"{found.foreign} not ours"
        )
        for one in strays:
            self.stdout.write(f"  stray  job {one['job']}  {one['archive']}")

    def _apply(self, found: reconcile.Findings, *, accept: bool) -> None:
        try:
            changed = reconcile.apply(found, accept=accept)
        except reconcile.TooMany as error:
            raise CommandError(f"refused: {error}; look first", returncode=2) from error
        self.stdout.write(f"{changed} jobs changed")
