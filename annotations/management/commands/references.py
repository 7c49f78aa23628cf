"""`manage.py references …`: the references that GAS can annotate against."""

import re
import shutil
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.core.management.base import BaseCommand, CommandError

from annotations import library
from annotations.genomics import reference_import, references
from annotations.genomics.fasta import Malformed

_ID = re.compile(r"[a-z0-9][a-z0-9.-]{1,39}")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.rpartition("=")
    if not equals or not name or not value:
        raise ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _code(text: str) -> tuple[str, int]:
    name, value = _pair(text)
    if not value.isdigit():
        raise ArgumentTypeError(f"{text!r} is not CONTIG=NUMBER, such as MT=2")
    return name, int(value)


def _id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise ArgumentTypeError(
            f"{text!r}: an id has 2 to 40 lower-case letters, digits, dots or hyphens"
        )
    return text


class Command(BaseCommand):
    """Add, list, check, share and remove references."""

    help = "Add, list, check, push (for other machines) or remove references."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to do, and with which files or reference."""
        actions = parser.add_subparsers(dest="action", required=True)
        add = actions.add_parser("add", help="make a reference of FASTA and GFF3")
        add.add_argument("genome", type=Path, help="FASTA; plain, gzip or bgzip")
        add.add_argument("genes", type=Path, help="GFF3 with CDS rows; of Ensembl, RefSeq, Prokka…")
        add.add_argument("--id", type=_id, required=True)
        add.add_argument("--title", default="")
        add.add_argument("--code", type=_code, action="append", default=[], metavar="CONTIG=N")
        add.add_argument("--alias", type=_pair, action="append", default=[], metavar="ALIAS=CONTIG")
        add.add_argument(
            "--fragments",
            action="store_true",
            help="its proteins may begin anywhere, as mature peptides do",
        )
        add.add_argument("--here", action="store_true", help="for this machine only: no push")
        actions.add_parser("list", help="list the references of this machine")
        actions.add_parser("check", help="verify checksums, sequences and genes")
        for action, told in (
            ("push", "put a reference into the bucket, for other machines"),
            ("remove", "remove an added reference, here and from the bucket"),
        ):
            actions.add_parser(action, help=told).add_argument("id", type=_id)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and tell what was done."""
        getattr(self, f"_{options['action']}")(options)

    def _add(self, options: dict[str, Any]) -> None:
        asked = reference_import.Asked(
            id=options["id"],
            title=options["title"] or options["id"],
            genome=options["genome"],
            genes=options["genes"],
            codes=dict(options["code"]),
            aliases=dict(options["alias"]),
            fragments=options["fragments"],
        )
        try:
            reference, report = reference_import.add(asked, library.shelf())
        except (Malformed, OSError) as error:
            raise CommandError(str(error)) from error
        for line in report.lines():
            self.stdout.write(line)
        self.stdout.write(f"Added {reference.id}, SHA-256 {reference.checksum}")
        if not options["here"]:
            self._share(reference)

    def _share(self, reference: references.Reference) -> None:
        """Put a new reference into the bucket; where that can't be reached, it is kept here."""
        try:
            library.push(reference)
        except (BotoCoreError, ClientError) as error:
            self.stderr.write(
                f"It is on this machine only, as the bucket could not be reached ({error}). "
                f"To share it: manage.py references push {reference.id}"
            )
        else:
            self.stdout.write("Every machine can use it within a minute.")

    def _list(self, _: dict[str, Any]) -> None:
        for one in references.known().values():
            first = ", ".join(f"{c.name} ({c.length:,} bases)" for c in one.contigs[:5])
            more = f" and {len(one.contigs) - 5:,} more" if len(one.contigs) > 5 else ""
            self.stdout.write(f"{one.id}\t{one.title}\t{first}{more}")

    def _check(self, _: dict[str, Any]) -> None:
        known = references.known().values()
        problems = [f"{r.id}: {problem}" for r in known for problem in references.check(r)]
        if problems:
            raise CommandError("\n".join(problems))
        self.stdout.write(f"{len(known)} references are sound.")

    def _push(self, options: dict[str, Any]) -> None:
        library.push(self._find(options["id"]))
        self.stdout.write(f"{options['id']} can be used by every machine within a minute.")

    def _remove(self, options: dict[str, Any]) -> None:
        name, folder = options["id"], library.shelf() / options["id"]
        if name in references.embedded():
            raise CommandError(f"{name} ships with GAS and stays.")
        shared, told = self._withdraw(name)
        if not shared and not folder.is_dir():
            raise CommandError(f"There is no reference {name} on this machine. {told}")
        if folder.is_dir():
            shutil.rmtree(folder)
        self.stdout.write(f"Removed {name}. {told}")

    def _withdraw(self, name: str) -> tuple[int, str]:
        try:
            count = library.withdraw(name)
        except (BotoCoreError, ClientError) as error:
            return 0, f"The bucket could not be reached ({error}): if it is there, remove it again."
        return count, f"The bucket held {count} of its files."

    def _find(self, reference_id: str) -> references.Reference:
        known = references.known()
        if reference_id not in known:
            raise CommandError(f"There is no reference {reference_id} on this machine.")
        return known[reference_id]
