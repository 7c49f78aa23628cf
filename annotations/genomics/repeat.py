"""A run repeated from its manifest: what must be as it was, and whether the same bytes came out."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from annotations.genomics import csq, outputs, references, report


class NotAManifest(ValueError):
    """The file is no manifest that this version reads; the text says why."""


@dataclass(frozen=True)
class Manifest:
    """What a result's `manifest.json` tells of its run; checksums are SHA-256 in hex.

    `tools` are versions by name, `outputs` checksums by file name.
    """

    tools: dict[str, str]
    options: list[str]
    reference: str
    reference_sha256: str
    input_sha256: str
    outputs: dict[str, str]


def read(path: Path) -> Manifest:
    """Return what a manifest tells. Raises NotAManifest, and OSError."""
    try:
        told = json.loads(path.read_bytes())
        schema = told["schema"]
        manifest = Manifest(
            tools={**told["tools"]},
            options=[*told["options"]],
            reference=told["reference"]["id"],
            reference_sha256=told["reference"]["sha256"],
            input_sha256=told["input"]["sha256"],
            outputs={name: file["sha256"] for name, file in told["outputs"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotAManifest(f"{path.name} is not the manifest.json of a result.") from error
    if schema != report.MANIFEST_SCHEMA:
        raise NotAManifest(
            f"{path.name} has format {schema}, and this version reads {report.MANIFEST_SCHEMA}."
        )
    return manifest


def differences(manifest: Manifest, source: Path) -> list[str]:
    """Return what is not as it was when the manifest was written; empty: it can be repeated."""
    return [
        *_other_tools(manifest.tools),
        *_other_options(manifest.options),
        *_other_reference(manifest),
        *_other_input(manifest, source),
    ]


def _other_tools(then: dict[str, str]) -> Iterator[str]:
    here = report.versions()
    for name in sorted({*then, *here}):
        if then.get(name) != here.get(name):
            was, now = then.get(name, "absent"), here.get(name, "absent")
            yield f"{name} was {was} and is {now} here: install the version of then."


def _other_options(then: list[str]) -> Iterator[str]:
    if then != [*csq.OPTIONS]:
        yield f"csq ran with {' '.join(then)}, and runs with {' '.join(csq.OPTIONS)} here."


def _other_reference(then: Manifest) -> Iterator[str]:
    here = references.known().get(then.reference)
    if here is None:
        yield (
            f"The reference {then.reference} is not on this machine: add it from the files of "
            "then (manage.py references add)."
        )
    elif here.checksum != then.reference_sha256:
        yield (
            f"The reference {then.reference} had SHA-256 {then.reference_sha256} and has "
            f"{here.checksum} here: it was changed since."
        )


def _other_input(then: Manifest, source: Path) -> Iterator[str]:
    found = references.digest(source)
    if found != then.input_sha256:
        yield f"The input had SHA-256 {then.input_sha256} and has {found}: it is another file."


def changed(manifest: Manifest, out: Path) -> list[str]:
    """Return the names of the manifest's files that `out` does not hold with the same bytes."""
    made = {name: outputs.digest(out / name) for name in outputs.FILES}
    return [name for name, told in manifest.outputs.items() if made.get(name) != told]
