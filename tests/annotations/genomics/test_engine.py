"""A whole run: its files, their bytes, its progress, and how it ends when it must."""

import gzip
import hashlib
import json
import os
import random
import threading
import time
from pathlib import Path
from typing import Any

import pysam
import pytest

from annotations.genomics import engine, references
from annotations.genomics.examples import BROKEN, EXAMPLES
from tests.annotations.genomics.runs import MITO, VIRUS, answers, head, lines, row, run, sites

FILES = {
    "annotated.vcf.gz",
    "annotated.vcf.gz.csi",
    "variants.parquet",
    "consequences.parquet",
    "summary.json",
    "preview.json",
    "log.txt",
    "manifest.json",
}


def scatter(count: int, seed: int) -> str:
    """Return a virus VCF of `count` random records: SNVs, indels and alleles to be kept only."""
    chance = random.Random(seed)
    path = references.find(VIRUS).sequence
    bases = references.read_sequences(path)["NC_045512.2"].decode()
    records = []
    for pos in sorted(chance.randrange(1, 29_800) for _ in range(count)):
        ref = bases[pos - 1 : pos - 1 + chance.choice((1, 1, 1, 2, 4, 7))]
        other = "".join(chance.choices("ACGT", k=chance.choice((1, 1, 1, 3, 6))))
        alt = chance.choice((other, other, f"{other},{ref[0]}A", "<DEL>", "*", "."))
        rest = f"{chance.randrange(100)}\tPASS\tDP={chance.randrange(500)}"
        records.append(row(pos, ref, alt, rest=rest))
    return head() + "".join(records)


def test_a_run_leaves_every_file_and_nothing_else(tmp_path: Path) -> None:
    result = run(tmp_path, sites(VIRUS, (23403, "A", "G")))
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES == set(result.files)
    manifest = json.loads(result.files["manifest.json"].read_text())
    for name, told in manifest["outputs"].items():
        data = result.files[name].read_bytes()
        assert told == {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    source = (tmp_path / "input").read_bytes()
    assert manifest["input"]["sha256"] == hashlib.sha256(source).hexdigest()
    assert manifest["tools"]["bcftools"] == "1.24"
    assert json.loads(result.files["summary.json"].read_text()) == result.summary
    assert json.loads(result.files["preview.json"].read_text()) == result.preview


def test_the_annotated_vcf_opens_by_region_with_its_index(tmp_path: Path) -> None:
    result = run(tmp_path, sites(VIRUS, (241, "C", "T"), (23063, "A", "T"), (23403, "A", "G")))
    with pysam.VariantFile(str(result.files["annotated.vcf.gz"])) as file:
        found = [(r.pos, r.info["BCSQ"][0]) for r in file.fetch("NC_045512.2", 23_000, 23_100)]
    assert found == [(23063, "missense|S|YP_009724390.1|protein_coding|+|501N>501Y|23063A>T")]


def test_nothing_of_a_file_reaches_the_workers_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # htslib names the place of an END before POS on stderr when it makes the index.
    run(tmp_path, head() + row(241, "C", "T", rest=".\t.\tEND=1"))
    assert capfd.readouterr() == ("", "")


def test_the_users_columns_come_back_untouched(tmp_path: Path) -> None:
    more = ['##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth, ID=x">', "##mine=kept"]
    text = head(VIRUS, *more).replace("INFO\n", "INFO\tFORMAT\ttwo words\n")
    text += "MN908947.3\t23403\trs1;x\ta\tg\t12.50\tq10\tDP=7;H2\tGT:XX\t0|1:é\n"
    result = run(tmp_path, text)
    (fields,) = lines(result)
    assert fields[:7] == ["MN908947.3", "23403", "rs1;x", "a", "g", "12.50", "q10"]
    assert fields[7].startswith("DP=7;H2;BCSQ=missense|S|")
    assert fields[8:] == ["GT:XX", "0|1:é"]
    header = gzip.decompress(result.files["annotated.vcf.gz"].read_bytes()).decode()
    for line in (
        "##mine=kept",
        "##contig=<ID=MN908947.3,length=29903>",
        '##INFO=<ID=H2,Number=0,Type=Flag,Description="Not declared in the input">',
        '##FILTER=<ID=q10,Description="Not declared in the input">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Not declared in the input">',
    ):
        assert header.count(line) == 1


def test_the_same_input_gives_the_same_bytes_however_it_is_compressed(tmp_path: Path) -> None:
    data = EXAMPLES[0].path.read_bytes()
    found = []
    for name, packed in (("a", data), ("b", data), ("c", gzip.compress(data))):
        (tmp_path / name).mkdir()
        result = run(tmp_path / name, packed)
        names = ["annotated.vcf.gz", "annotated.vcf.gz.csi", "summary.json"]
        names += ["variants.parquet", "consequences.parquet"]
        found.append([hashlib.sha256(result.files[n].read_bytes()).hexdigest() for n in names])
    assert found[0] == found[1] == found[2]


def test_annotating_a_result_again_changes_nothing_in_it(tmp_path: Path) -> None:
    first = run(tmp_path, scatter(300, seed=1)).files["annotated.vcf.gz"].read_bytes()
    assert run(tmp_path, first).files["annotated.vcf.gz"].read_bytes() == first


def test_many_chunks_give_the_same_bytes_as_one(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    text = scatter(2_000, seed)
    whole = run(tmp_path, text).files["annotated.vcf.gz"].read_bytes()
    parts = run(tmp_path, text, limits=engine.Limits(block_records=100, chunk_text=20_000))
    assert parts.files["annotated.vcf.gz"].read_bytes() == whole, f"seed {seed}"


def test_every_record_read_is_written_or_counted_as_skipped(tmp_path: Path) -> None:
    corpora = [(example.path.read_text(), example.reference) for example in EXAMPLES]
    corpora += [(scatter(500, seed), VIRUS) for seed in range(3)]
    for text, reference in corpora:
        result = run(tmp_path, text, reference)
        told = [line for line in text.splitlines() if not line.startswith("#")]
        counted = result.summary["records"]
        assert counted["read"] == len(told) == counted["written"] + counted["skipped"]
        assert [f[:7] for f in lines(result)] == [line.split("\t")[:7] for line in told]
        assert sum(result.summary["kinds"].values()) == result.records
        assert sum(result.summary["consequences"].values()) == result.records


def test_the_summary_counts_kinds_changes_and_genes(tmp_path: Path) -> None:
    records = [(241, "C", "T"), (14408, "C", "T"), (21764, "ATACATG", "A"), (23403, "A", "G,C")]
    summary = run(tmp_path, sites(VIRUS, *records)).summary
    assert summary["kinds"] == {"snv": 3, "indel": 1, "other": 0}
    assert (summary["transitions"], summary["transversions"], summary["ti_tv"]) == (3, 1, 3.0)
    assert summary["consequences"] == {"missense": 2, "inframe_deletion": 1, "intergenic": 1}
    assert summary["impacts"] == {"MODERATE": 3, "MODIFIER": 1}
    assert summary["genes"] == [{"gene": "S", "records": 2}, {"gene": "ORF1ab", "records": 1}]
    assert summary["contigs"] == [{"contig": "NC_045512.2", "records": 4}]


def test_progress_ends_at_the_size_of_the_input(tmp_path: Path) -> None:
    seen: list[engine.Progress] = []
    result = run(tmp_path, scatter(20_000, seed=2), progress=seen.append)
    size = (tmp_path / "input").stat().st_size
    assert seen[-1] == engine.Progress(size, size, result.records)
    assert [p.bytes_done for p in seen] == sorted(p.bytes_done for p in seen)
    assert len(seen) > 2


def test_only_the_calling_thread_is_asked_whether_to_stop(tmp_path: Path) -> None:
    threads = set()

    def cancelled() -> bool:
        threads.add(threading.current_thread())
        return False

    limits = engine.Limits(block_records=100, chunk_text=20_000)
    run(tmp_path, scatter(2_000, seed=3), cancelled=cancelled, limits=limits)
    assert threads == {threading.current_thread()}


def _children() -> set[str]:
    """Return the process ids of this process's children."""
    mine = Path("/proc/self/task").glob("*/children")
    return {pid for path in mine for pid in path.read_text().split()}


def test_a_cancel_stops_the_children_and_leaves_no_file(tmp_path: Path) -> None:
    asked = time.monotonic()

    def cancelled() -> bool:
        return bool(_children()) or time.monotonic() - asked > 60

    before = _children()
    with pytest.raises(engine.Stopped):
        run(tmp_path, scatter(20_000, seed=4), cancelled=cancelled)
    assert list((tmp_path / "out").iterdir()) == []
    assert _children() == before


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"child_memory": 16 << 20}, "engine"),
        ({"child_answer": 100}, "too large"),
        ({"seconds": 0}, "longer than it may"),
    ],
)
def test_an_engine_over_its_limits_fails_in_words_for_people(
    tmp_path: Path, limits: dict[str, Any], words: str
) -> None:
    with pytest.raises(engine.EngineFailed, match=words) as caught:
        run(tmp_path, scatter(500, seed=5), limits=engine.Limits(**limits))
    assert str(tmp_path) not in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_the_child_has_no_environment_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = tmp_path / "spy.py"
    spy.write_text("import os, sys; sys.stderr.write(repr(dict(os.environ))); sys.exit(7)")
    seen: list[str] = []
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret")
    monkeypatch.setattr("annotations.genomics.csq._CHILD", spy)

    def explain(status: int, complaint: Path) -> str:
        seen.append(complaint.read_text())
        return f"status {status}"

    monkeypatch.setattr("annotations.genomics.csq._explain", explain)
    with pytest.raises(engine.EngineFailed, match="status 7"):
        run(tmp_path, sites(VIRUS, (23403, "A", "G")))
    assert "secret" not in seen[0]
    assert "TMPDIR" in seen[0]
    assert "a secret" in os.environ.values()


def test_a_chunk_of_kept_alleles_alone_needs_no_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotations.genomics.csq._CHILD", tmp_path / "nowhere")
    result = run(tmp_path, sites(VIRUS, (23403, "A", "<DEL>"), (23404, "T", ".")))
    assert answers(result) == ["", ""]
    assert [r["consequence"] for r in result.preview] == ["not_interpreted", "unchanged"]


def test_the_broken_example_shows_one_of_each_mistake(tmp_path: Path) -> None:
    with pytest.raises(engine.Rejected) as caught:
        run(tmp_path, BROKEN.path.read_bytes(), BROKEN.reference)
    assert [(f.line, f.code) for f in caught.value.findings] == [
        (5, "ref-mismatch"),
        (6, "alt-alphabet"),
        (7, "qual-format"),
        (8, "pos-range"),
        (9, "pos-format"),
        (11, "spaces"),
        (12, "few-columns"),
        (10, "skipped-contig"),
    ]


def test_the_examples_hold_the_variants_they_are_known_for(tmp_path: Path) -> None:
    virus = run(tmp_path, EXAMPLES[0].path.read_bytes(), EXAMPLES[0].reference)
    named = {(r["gene"], r["aa_change"]) for r in virus.preview}
    assert {("S", "N501Y"), ("S", "D614G"), ("S", "E484K"), ("ORF1ab", "P4715L")} <= named
    mito = run(tmp_path, EXAMPLES[1].path.read_bytes(), MITO)
    named = {(r["gene"], r["aa_change"]) for r in mito.preview}
    assert {("MT-ND4", "R340H"), ("MT-CO1", "W6*"), ("MT-TL1", "")} <= named
    assert mito.summary["not_interpreted"] == {"symbolic": 1}
