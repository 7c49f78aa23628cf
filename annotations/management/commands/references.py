"""`manage.py references list|check`: the references that GAS can annotate against."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotations.genomics import references


class Command(BaseCommand):
    """List the references, or check that their files are as they were built."""

    help = "List the references, or verify their checksums, sequences and genes."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to do."""
        parser.add_argument("action", choices=["list", "check"])

    def handle(self, *args: Any, **options: Any) -> None:
        """List or check every reference; fail when one is not sound."""
        known = references.embedded().values()
        if options["action"] == "list":
            for reference in known:
                contigs = ", ".join(f"{c.name} ({c.length:,} bases)" for c in reference.contigs)
                self.stdout.write(f"{reference.id}\t{reference.title}\t{contigs}")
            return
        problems = [f"{r.id}: {problem}" for r in known for problem in references.check(r)]
        if problems:
            raise CommandError("\n".join(problems))
        self.stdout.write(f"{len(known)} references are sound.")
