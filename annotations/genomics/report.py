"""What describes a result: summary, preview, log for people, and the manifest."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from pysam.version import __bcftools_version__, __htslib_version__, __version__

from annotations.genomics import csq, outputs, summary, table
from annotations.genomics.attend import attend, interrupt
from annotations.genomics.codes import BCFTOOLS_CODE
from annotations.genomics.findings import Finding
from annotations.genomics.references import Reference

# Raised when the same input may give other bytes.
ENGINE = "gas-csq 5"
_PREVIEW = 100
MANIFEST_SCHEMA = 1
NOT_INTERPRETED = ("breakend", "symbolic", "star", "ambiguous", "no-change")


@dataclass(frozen=True)
class Told:
    """What a run knows: its input, its reference, records read and written, findings.

    `indel_lengths` counts alleles by the bases that they have more, or fewer, than REF; `skipped`
    counts records by the sequence that the reference does not have.
    """

    source: Path
    reference: Reference
    read: int
    written: int
    findings: tuple[Finding, ...]
    counts: dict[str, int]
    repeated: list[str]
    indel_lengths: dict[int, int]
    skipped: dict[str, int]


def versions() -> dict[str, str]:
    """Return the versions of everything that has a say in the result."""
    return {
        "engine": ENGINE,
        "bcftools": __bcftools_version__,
        "htslib": __htslib_version__,
        "pysam": __version__,
        "duckdb": duckdb.__version__,
    }


def header_lines(reference: Reference) -> list[bytes]:
    """Return GAS's own lines of the annotated VCF's header."""
    tools = versions()
    codes = ",".join(f"{c.name}:{c.code}" for c in reference.contigs)
    lines = (
        f"##GAS_engine={tools['engine']}; bcftools csq {tools['bcftools']} "
        f"{' '.join(csq.OPTIONS[1:])}",
        f"##GAS_reference={reference.id}; {reference.accession}; genetic code {codes}; "
        f"SHA-256 {reference.checksum}",
    )
    return [line.encode() for line in lines]


def write(
    out: Path, told: Told, *, look_up: Callable[[], None]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Write summary, preview, log and manifest; return the first two.

    `look_up` is called several times a second, and ends the work by what it raises.
    """
    connections: list[duckdb.DuckDBPyConnection] = []
    (counted,) = attend(
        lambda: _summarise(out, told, connections.append),
        look_up=look_up,
        stop=lambda: interrupt(connections),
    )
    outputs.write_json(out / outputs.SUMMARY, counted)
    preview = table.page(out / outputs.TABLE, size=_PREVIEW).rows
    outputs.write_json(out / outputs.PREVIEW, preview)
    (out / outputs.LOG).write_text("\n".join([*_log(told, counted), ""]), encoding="utf-8")
    outputs.write_json(out / outputs.MANIFEST, _manifest(out, told, look_up))
    return counted, preview


def _summarise(out: Path, told: Told, opened: table.Opened) -> dict[str, Any]:
    strangers = sum(told.skipped.values())
    return {
        "schema": summary.SCHEMA,
        "reference": {"id": told.reference.id, "title": told.reference.title},
        "records": {
            "read": told.read,
            "written": told.written,
            "skipped": told.read - told.written,
            "skipped_reasons": {"unknown-contig": strangers} if strangers else {},
            "skipped_contigs": told.skipped,
        },
        "not_interpreted": {c: told.counts[c] for c in NOT_INTERPRETED if c in told.counts},
        **summary.count(
            out / outputs.TABLE,
            lengths={name: c.length for name, c in told.reference.names().items()},
            indel_lengths=told.indel_lengths,
            opened=opened,
        ),
        "findings": [finding.as_dict() for finding in told.findings],
        "finding_counts": told.counts,
    }


def _log(told: Told, counted: dict[str, Any]) -> list[str]:
    tools = versions()
    kinds = counted["kinds"]
    return [
        f"Annotated with bcftools csq {tools['bcftools']} ({tools['engine']})",
        f"Reference: {told.reference.title}, SHA-256 {told.reference.checksum}",
        f"Records read: {told.read:,}; written: {told.written:,}",
        *(
            f"Records skipped, not on a sequence of the reference: {name}: {n:,}"
            for name, n in told.skipped.items()
        ),
        f"SNVs: {kinds['snv']:,}; indels: {kinds['indel']:,}; other: {kinds['other']:,}",
        *(f"{name}: {n:,}" for name, n in counted["consequences"].items()),
        *_on_codons(counted["shared_codons"]),
        *(["", "Findings:"] if told.findings else []),
        *(str(finding) for finding in told.findings),
        *told.repeated,
    ]


def _on_codons(shared: dict[str, Any]) -> list[str]:
    if not shared["codons"]:
        return []
    first = shared["first"][0]
    return [
        f"Codons that vary at more than one position: {shared['codons']:,}, the first "
        f"{first['gene']} {first['codon']}. Each record was annotated as if it were alone: on one "
        "haplotype the amino acid may be another."
    ]


def _manifest(out: Path, told: Told, look_up: Callable[[], None]) -> dict[str, Any]:
    def describe(path: Path) -> dict[str, str | int]:
        return {
            "sha256": outputs.digest(path, look_up=look_up),
            "bytes": path.stat().st_size,
        }

    described = [name for name in outputs.FILES if name != outputs.MANIFEST]
    return {
        "schema": MANIFEST_SCHEMA,
        "tools": versions(),
        "options": [*csq.OPTIONS],
        "genetic_codes": {c.name: BCFTOOLS_CODE[c.code] for c in told.reference.contigs},
        "reference": {
            "id": told.reference.id,
            "accession": told.reference.accession,
            "sha256": told.reference.checksum,
            "files": told.reference.files,
        },
        "input": describe(told.source),
        "outputs": {name: describe(out / name) for name in described},
    }
