"""`manage.py annotate` and `manage.py references`, run as people run them: without a cloud."""

import gzip
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from django.core.management import CommandError, call_command

import annotations
from annotations import library
from annotations.genomics import references
from annotations.genomics.examples import BROKEN, EXAMPLES, Example
from tests.annotations.genomics import toy

ROOT = Path(annotations.__file__).parent.parent


def manage(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run manage.py with an empty environment: no AWS, no settings of ours."""
    command = [sys.executable, "manage.py", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_an_example_is_annotated_without_a_cloud(tmp_path: Path, example: Example) -> None:
    out = tmp_path / "out"
    done = manage("annotate", example.path, "--reference", example.reference, "--out", out)
    assert done.returncode == 0, done.stderr
    summary = json.loads((out / "summary.json").read_text())
    assert f"{summary['records']['written']} records annotated" in done.stdout
    assert b"BCSQ=" in gzip.decompress((out / "annotated.vcf.gz").read_bytes())


def test_a_bad_file_ends_with_2_and_its_findings(tmp_path: Path) -> None:
    done = manage("annotate", BROKEN.path, "--reference", "sars-cov-2", "--out", tmp_path / "o")
    assert done.returncode == 2
    assert done.stderr.startswith("error: line 5: REF differs from SARS-CoV-2")
    assert "(few-columns)" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_reference_may_be_left_out_when_the_file_tells_it(tmp_path: Path) -> None:
    out, told = tmp_path / "out", io.StringIO()
    call_command("annotate", EXAMPLES[1].path, out=out, stdout=told, stderr=told)
    assert "Reference human-mt: The header declares the contig chrM" in told.getvalue()
    assert (out / "manifest.json").is_file()
    unknown = tmp_path / "unknown.vcf"
    unknown.write_text("##fileformat=VCFv4.2\n##contig=<ID=chr7>\n")
    with pytest.raises(CommandError, match="--reference"):
        call_command("annotate", unknown, out=out)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no file"):
        call_command("annotate", tmp_path / "none.vcf", out=tmp_path)


def _spoil(manifest: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Return a manifest in which the value at `a.b` is another."""
    first, _, rest = path.partition(".")
    inner = _spoil(manifest[first], rest, value) if rest else value
    return {**manifest, first: inner}


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a result that was made before."""
    out = tmp_path_factory.mktemp("earlier")
    call_command("annotate", EXAMPLES[1].path, out=out, stderr=io.StringIO())
    return out


def repeat(folder: Path, manifest: dict[str, Any], file: Path = EXAMPLES[1].path) -> str:
    """Repeat a run from a manifest; return what is said."""
    told = io.StringIO()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    options = {"manifest": folder / "manifest.json", "out": folder / "again"}
    call_command("annotate", file, **options, stdout=told, stderr=told)
    return told.getvalue()


def test_a_run_is_repeated_from_its_manifest_to_the_same_bytes(
    tmp_path: Path, earlier: Path
) -> None:
    manifest = json.loads((earlier / "manifest.json").read_text())
    assert "The same bytes: 7 files" in repeat(tmp_path, manifest)
    for path in sorted(earlier.iterdir()):
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


SPOILT = {
    "tools.bcftools": ("1.9", "bcftools was 1.9 and is"),
    "tools.engine": ("gas-csq 0", "engine was gas-csq 0 and is"),
    "options": (["-p", "a"], "csq ran with -p a, and runs with"),
    "reference.sha256": ("0" * 64, "The reference human-mt had SHA-256 000"),
    "reference.id": ("hg0", "The reference hg0 is not on this machine"),
    "input.sha256": ("1" * 64, "The input had SHA-256 111"),
    "schema": (99, "has format 99"),
    "outputs": (None, "is not the manifest.json of a result"),
}


@pytest.mark.parametrize("path", SPOILT)
def test_a_run_that_cannot_be_repeated_says_what_differs(
    tmp_path: Path, earlier: Path, path: str
) -> None:
    value, told = SPOILT[path]
    manifest = _spoil(json.loads((earlier / "manifest.json").read_text()), path, value)
    with pytest.raises(CommandError) as caught:
        repeat(tmp_path, manifest)
    assert told in str(caught.value)
    assert not (tmp_path / "again").exists()


def test_all_that_differs_is_told_at_once(tmp_path: Path, earlier: Path) -> None:
    manifest = json.loads((earlier / "manifest.json").read_text())
    for path in ("tools.pysam", "reference.sha256"):
        manifest = _spoil(manifest, path, "another")
    with pytest.raises(CommandError) as caught:
        repeat(tmp_path, manifest, EXAMPLES[0].path)
    assert len(str(caught.value).splitlines()) == 4


def test_a_repetition_with_other_bytes_is_no_success(tmp_path: Path, earlier: Path) -> None:
    manifest = json.loads((earlier / "manifest.json").read_text())
    spoilt = _spoil(manifest, "outputs", manifest["outputs"] | {"log.txt": {"sha256": "0"}})
    with pytest.raises(CommandError, match=r"these files differ: log\.txt"):
        repeat(tmp_path, spoilt)


def test_a_manifest_that_is_not_there_or_no_json_is_told(tmp_path: Path) -> None:
    for name, text in (("none.json", None), ("text.json", "{")):
        if text is not None:
            (tmp_path / name).write_text(text)
        with pytest.raises(CommandError, match=name):
            call_command(
                "annotate", EXAMPLES[0].path, manifest=tmp_path / name, out=tmp_path / "out"
            )


def test_references_are_listed_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    told = io.StringIO()
    call_command("references", "list", stdout=told)
    call_command("references", "check", stdout=told)
    text = told.getvalue()
    assert "sars-cov-2\tSARS-CoV-2" in text
    assert "NC_012920.1 (16,569 bases)" in text
    assert "2 references are sound." in text
    monkeypatch.setattr(references, "check", lambda reference: ["its SHA-256 differs"])
    with pytest.raises(CommandError, match="sars-cov-2: its SHA-256 differs"):
        call_command("references", "check")


def _away(reference: object) -> None:
    raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")


def test_a_reference_is_added_used_listed_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, told = toy.asked(tmp_path), io.StringIO()
    shelf = tmp_path / "shelf"
    monkeypatch.setattr(library, "shelf", lambda: shelf)
    monkeypatch.setattr(library, "withdraw", _away)
    monkeypatch.setattr(library, "push", _away)
    monkeypatch.setattr(references, "_shelves", [shelf])
    files = (str(asked.genome), str(asked.genes))
    add = ("references", "add", *files, "--id", "toy", "--code", "1=1")
    call_command(*add, stdout=told, stderr=told)
    assert "manage.py references push toy" in told.getvalue()
    call_command("references", "list", stdout=told)
    call_command("references", "check", stdout=told)
    assert "Added toy, SHA-256" in told.getvalue()
    assert "3 references are sound." in told.getvalue()
    with pytest.raises(CommandError, match="toy already"):
        call_command("references", "add", *files, "--id", "toy")
    vcf = tmp_path / "in.vcf"
    vcf.write_text("##contig=<ID=MT,length=60>\n##contig=<ID=chr1,length=1300>\n" + toy.SITES)
    call_command("annotate", vcf, out=tmp_path / "out", stdout=told, stderr=told)
    assert "Reference toy: The header declares the contig" in told.getvalue()
    call_command("references", "remove", "toy", stdout=told)
    assert "The bucket could not be reached" in told.getvalue()
    assert not (shelf / "toy").exists()
    with pytest.raises(CommandError, match="no reference toy"):
        call_command("references", "remove", "toy")
    with pytest.raises(CommandError, match="ships with GAS"):
        call_command("references", "remove", "human-mt")
