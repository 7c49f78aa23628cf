"""`manage.py annotate FILE`: annotate a VCF on this machine, without cloud, queue or database."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotations.genomics import engine, proposal, references, repeat, source

_REJECTED = 2


class Command(BaseCommand):
    """Annotate one VCF file into a folder."""

    help = "Annotate a VCF into a folder; exit code 2 when the file itself is at fault."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file, the folder, and the reference or the manifest of the run to repeat.

        Without either, the reference is proposed from the file.
        """
        parser.add_argument("file", type=Path)
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--reference", choices=sorted(references.known()))
        which.add_argument(
            "--manifest", type=Path, help="a result's manifest.json: repeat that run to the byte"
        )
        parser.add_argument("--out", type=Path, required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        """Annotate, and tell where the result is or what is wrong with the file."""
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        if options["manifest"]:
            self._repeat(path, options["manifest"], options["out"])
        else:
            self._annotate(path, options["reference"] or self._propose(path), options["out"])

    def _annotate(self, path: Path, reference: str, out: Path) -> None:
        try:
            result = engine.annotate(
                source=path,
                reference=references.find(reference),
                out=out,
                progress=lambda _: None,
                cancelled=lambda: False,
            )
        except engine.Rejected as rejected:
            self.stderr.write(rejected.log)
            sys.exit(_REJECTED)
        except engine.EngineFailed as failed:
            raise CommandError(str(failed)) from failed
        self._report(result, out)

    def _repeat(self, path: Path, manifest_path: Path, out: Path) -> None:
        """Annotate again as a manifest tells, and say whether the same bytes came out."""
        manifest = self._read(manifest_path)
        if different := repeat.differences(manifest, path):
            raise CommandError("\n".join(["This run can't be repeated here:", *different]))
        self._annotate(path, manifest.reference, out)
        if changed := repeat.changed(manifest, out):
            raise CommandError(f"Repeated, but these files differ: {', '.join(changed)}.")
        self.stdout.write(f"The same bytes: {len(manifest.outputs)} files as in the manifest.")

    def _read(self, path: Path) -> repeat.Manifest:
        try:
            return repeat.read(path)
        except (repeat.NotAManifest, OSError) as error:
            raise CommandError(str(error)) from error

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
