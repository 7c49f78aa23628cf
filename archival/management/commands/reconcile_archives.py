"""The daily reconcile: all that is stored against all items."""

import json
from dataclasses import asdict
from typing import Any

from botocore.exceptions import ClientError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import plans
from archival import census, reconcile, stores
from archival.reconcile import Findings


class Command(BaseCommand):
    """Compare inventory, buckets and uploads with the jobs; ask for the next inventory."""

    help = (
        "Compare the newest vault inventory, the buckets and the open uploads with the jobs, and "
        "ask AWS for the next inventory. A dry run unless --apply is given. Exit 0: clean, or all "
        "was written, 1: findings, 2: refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the flags."""
        parser.add_argument("--apply", action="store_true", help="write what was found")
        parser.add_argument("--accept-blast-radius", action="store_true", help="however much it is")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare, print, and write when asked to."""
        retrieval = self._retrieval(as_json=options["json"])
        try:
            found = census.take(retrieval)
        except census.TooOld as error:
            raise CommandError(f"refused: {error}; run this again later", returncode=2) from error
        self._print(found, as_json=options["json"])
        if options["apply"]:
            self._apply(found, accept=options["accept_blast_radius"])
        if found.reports or (found.jobs and not options["apply"]):
            raise SystemExit(1)

    def _retrieval(self, *, as_json: bool) -> str | None:
        """Return the newest inventory that is ready, and ask for the next one."""
        retrieval = None
        try:
            retrieval = reconcile.latest()
            reconcile.ask()
        except stores.NotThere:
            self.stderr.write("The vault is too young to have an inventory.")
        except ClientError as error:
            if not census.no_vault(error):
                raise
            return None
        if retrieval is None and not as_json:
            self.stdout.write("No inventory is ready yet; one was asked for. Run this again later.")
        return retrieval

    def _print(self, found: Findings, *, as_json: bool) -> None:
        strays = [{"job": job, "uri": uri} for job, uri in reconcile.strays(found)]
        proved = sum(len(entries) for entries in found.proved.values())
        counts = {"taken": found.taken, "items": found.items, "listed": found.listed}
        counts |= {"foreign": found.foreign, "proved": proved, "frozen": plans.frozen()}
        if as_json:
            reports = [asdict(report) for report in found.reports]
            more = {"stray": strays, "differs": found.differs, "reports": reports}
            self.stdout.write(json.dumps({**counts, **more}))
            return
        self.stdout.write(
            f"{found.items} jobs and {found.listed} archives looked at: {len(strays)} stray, "
            f"{proved} proved gone, {len(found.differs)} differ, {len(found.reports)} to look at"
            + (" (frozen: nothing will be written)" if counts["frozen"] else "")
        )
        for one in strays:
            self._row("stray", one["job"], one["uri"])
        for job, why in sorted(found.differs.items()):
            self._row("differs", job, why)
        for report in found.reports:
            mark = "!" if report.page else ""
            self._row(report.kind + mark, report.job_id, f"{report.uri} {report.note}")

    def _row(self, kind: str, job: str, text: str) -> None:
        self.stdout.write(f"  {kind:10} {job or '-':36} {text}".rstrip())

    def _apply(self, found: Findings, *, accept: bool) -> None:
        try:
            changed = reconcile.apply(found, accept=accept)
        except reconcile.TooMany as error:
            raise CommandError(f"refused: {error}; look first", returncode=2) from error
        self.stdout.write(f"{changed} jobs changed")
