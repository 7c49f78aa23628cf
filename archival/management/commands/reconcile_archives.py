"""The daily reconcile: all that is stored against all items."""

import json
from argparse import ArgumentTypeError
from dataclasses import asdict
from typing import Any

from botocore.exceptions import ClientError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import plans
from archival import census, readback, reconcile, stores
from archival.readback import ReadBack
from archival.reconcile import Findings


def _share(text: str) -> float:
    """Return the share that a percentage such as `1%` means."""
    number = text.removesuffix("%")
    try:
        share = float(number) / 100
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise ArgumentTypeError("must be a percentage above 0 and up to 100, such as 1%")
    return share


def _counts(read: ReadBack) -> dict[str, int]:
    return {
        "asked for": read.asked,
        "waiting": read.waiting,
        "sound": read.good,
        "passed over": read.passed,
        "not as they were": len(read.reports),
    }


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
        parser.add_argument(
            "--read-back",
            type=_share,
            metavar="PERCENT",
            help="also restore and hash a sample, such as 1%%: one run asks, one a day later reads",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare, print, and write when asked to."""
        retrieval = self._retrieval(as_json=options["json"])
        try:
            found = census.take(retrieval)
        except census.TooOld as error:
            raise CommandError(f"refused: {error}; run this again later", returncode=2) from error
        read = readback.run(options["read_back"]) if options["read_back"] else None
        found.reports += read.reports if read else []
        self._print(found, read, as_json=options["json"])
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

    def _print(self, found: Findings, read: ReadBack | None, *, as_json: bool) -> None:
        strays = [{"job": job, "uri": uri} for job, uri in reconcile.strays(found)]
        proved = sum(len(entries) for entries in found.proved.values())
        counts = {"taken": found.taken, "items": found.items, "listed": found.listed}
        counts |= {"foreign": found.foreign, "proved": proved, "frozen": plans.frozen()}
        if as_json:
            reports = [asdict(report) for report in found.reports]
            more = {"stray": strays, "differs": found.differs, "reports": reports}
            more |= {"read_back": _counts(read)} if read else {}
            self.stdout.write(json.dumps({**counts, **more}))
            return
        self.stdout.write(
            f"{found.items} jobs and {found.listed} archives looked at: {len(strays)} stray, "
            f"{proved} proved gone, {len(found.differs)} differ, {len(found.reports)} to look at"
            + (" (frozen: nothing will be written)" if counts["frozen"] else "")
        )
        if read:
            told = (f"{count} {name}" for name, count in _counts(read).items())
            self.stdout.write(f"Read back: {', '.join(told)}")
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
