"""`manage.py annotate` and `manage.py references`, run as people run them: without a cloud."""

import gzip
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
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


def test_a_reference_is_added_used_listed_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, told = toy.asked(tmp_path), io.StringIO()
    shelf = tmp_path / "shelf"
    monkeypatch.setattr(library, "shelf", lambda: shelf)
    monkeypatch.setattr(library, "withdraw", lambda reference_id: None)
    monkeypatch.setattr(references, "_shelves", [shelf])
    files = (str(asked.genome), str(asked.genes))
    call_command("references", "add", *files, "--id", "toy", "--code", "1=1", stdout=told)
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
    assert not (shelf / "toy").exists()
    with pytest.raises(CommandError, match="no reference toy"):
        call_command("references", "remove", "toy")
    with pytest.raises(CommandError, match="ships with GAS"):
        call_command("references", "remove", "human-mt")
