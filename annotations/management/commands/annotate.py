"""`manage.py annotate FILE`: annotate a VCF on this machine, without cloud, queue or database."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotations.genomics import engine, proposal, references, source

_REJECTED = 2


class Command(BaseCommand):
    """Annotate one VCF file into a folder."""

    help = "Annotate a VCF into a folder; exit code 2 when the file itself is at fault."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file, the reference (proposed from the file when left out) and the folder."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--reference", choices=sorted(references.known()))
        parser.add_argument("--out", type=Path, required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        """Annotate, and tell where the result is or what is wrong with the file."""
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        reference = references.find(options["reference"] or self._propose(path))
        try:
            result = engine.annotate(
                source=path,
                reference=reference,
                out=options["out"],
                progress=lambda _: None,
                cancelled=lambda: False,
            )
        except engine.Rejected as rejected:
            self.stderr.write(rejected.log)
            sys.exit(_REJECTED)
        except engine.EngineFailed as failed:
            raise CommandError(str(failed)) from failed
        self._report(result, options["out"])

    def _propose(self, path: Path) -> str:
        proposed = proposal.propose(source.peek(path))
        if proposed.reference is None:
            raise CommandError(f"{proposed.reason} Name the reference with --reference.")
        self.stderr.write(f"Reference {proposed.reference}: {proposed.reason}")
        return proposed.reference

    def _report(self, result: engine.Result, out: Path) -> None:
        for finding in result.findings:
            self.stderr.write(str(finding))
        self.stdout.write(f"{result.records:,} records annotated into {out}")
