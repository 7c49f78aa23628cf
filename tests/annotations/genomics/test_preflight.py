"""Every common bad input is told by its exact code, on its exact line."""

import gzip
from pathlib import Path

import pysam
import pytest

from annotations.genomics import engine
from annotations.genomics.findings import Finding
from tests.annotations.genomics.messages import MESSAGES
from tests.annotations.genomics.runs import MITO, VIRUS, head, lines, row, run, sites

GOOD = head() + row(241, "C", "T")


def bgzip(data: bytes, folder: Path) -> bytes:
    path = folder / "made.gz"
    with pysam.BGZFile(str(path), "wb", None) as file:
        file.write(data)
    return path.read_bytes()


def refused(folder: Path, data: bytes | str, **limits: int) -> Finding:
    """Return the first error of a refused file."""
    with pytest.raises(engine.Rejected) as caught:
        run(folder, data, limits=engine.Limits(**limits))
    assert caught.value.findings[0].severity == "error"
    assert list((folder / "out").iterdir()) == []
    return caught.value.findings[0]


NOT_VCF: dict[str, tuple[bytes, str, int]] = {
    "empty": (b"", "empty-file", 0),
    "empty gzip": (gzip.compress(b""), "empty-file", 0),
    "web page": (b"<!DOCTYPE html><html><body>Log in</body></html>", "not-vcf", 1),
    "web page after blanks": (b"\n  <html>", "not-vcf", 1),
    "bcf": (gzip.compress(b"BCF\2\2" + bytes(100)), "not-vcf", 1),
    "bcf without gzip": (b"BCF\2\2" + bytes(100), "not-vcf", 1),
    "bam": (gzip.compress(b"BAM\1" + bytes(100)), "not-vcf", 1),
    "cram": (b"CRAM\3" + bytes(100), "not-vcf", 1),
    "fasta": (b">chr1\nACGT\n", "not-vcf", 1),
    "fastq": (b"@read\nACGT\n+\nIIII\n", "not-vcf", 1),
    "gff": (b"##gff-version 3\n", "not-vcf", 1),
    "json": (b'{"a": 1}', "not-vcf", 1),
    "pdf": (b"%PDF-1.7", "not-vcf", 1),
    "prose": (b"Dear reader,\n", "not-vcf", 1),
    "utf-16": (GOOD.encode("utf-16"), "encoding", 1),
    "utf-16 without a mark": (GOOD.encode("utf-16-le"), "binary", 1),
    "zip": (b"PK\3\4" + bytes(30), "compression", 0),
    "bzip2": (b"BZh91AY", "compression", 0),
    "xz": (b"\xfd7zXZ\0", "compression", 0),
    "zstd": (b"\x28\xb5\x2f\xfd\0", "compression", 0),
    "double gzip": (gzip.compress(gzip.compress(GOOD.encode())), "double-gzip", 0),
    "nul bytes": (GOOD.encode() + b"NC_045512.2\t3\0\n", "binary", 5),
    "carriage return inside": (GOOD.encode() + b"NC_045512.2\t3\r7\n", "binary", 5),
    "old mac": (GOOD.replace("\n", "\r").encode(), "old-mac", 1),
    "no records": (head().encode(), "no-records", 0),
    "header only, no columns": (b"##fileformat=VCFv4.2\n", "no-records", 0),
    "no column line": (("##fileformat=VCFv4.2\n" + row(241, "C", "T")).encode(), "no-columns", 2),
    "no header at all": (row(241, "C", "T").encode(), "no-columns", 1),
    "header with spaces": (GOOD.replace("\t", " ").encode(), "spaces", 3),
    "short header": (b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\n", "columns", 2),
    "same sample twice": (
        head().replace("INFO\n", "INFO\tFORMAT\ta\ta\n").encode(),
        "duplicate-samples",
        3,
    ),
    "another length": (GOOD.replace("29903", "29904").encode(), "contig-length", 0),
}


@pytest.mark.parametrize("name", NOT_VCF)
def test_what_is_no_vcf_is_refused(tmp_path: Path, name: str) -> None:
    data, code, line = NOT_VCF[name]
    finding = refused(tmp_path, data)
    assert (finding.code, finding.line) == (code, line)
    assert finding.message == MESSAGES[name]
    assert finding.fix


RECORDS: dict[str, tuple[str, str]] = {
    "ref mismatch in a gene": (row(23403, "C", "G"), "ref-mismatch"),
    "ref mismatch outside genes": (row(1, "C", "G"), "ref-mismatch"),
    "long ref mismatch": (row(23403, "AAA", "A"), "ref-mismatch"),
    "ref with ambiguous bases": (row(23403, "R", "G"), "ref-alphabet"),
    "no ref": (row(23403, "", "G"), "ref-alphabet"),
    "position 0": (row(0, "A", "G"), "pos-range"),
    "position past the end": (row(29904, "A", "G"), "pos-range"),
    "ref over the end": (row(29903, "AA", "A"), "pos-range"),
    "huge position": (row(2**31, "A", "G"), "pos-range"),
    "absurd position": (row(10**30, "A", "G"), "pos-format"),
    "negative position": (row(-5, "A", "G"), "pos-format"),
    "position in words": (row("abc", "A", "G"), "pos-format"),
    "alt of other letters": (row(23403, "A", "XYZ"), "alt-alphabet"),
    "empty alt": (row(23403, "A", ""), "alt-alphabet"),
    "empty second alt": (row(23403, "A", "G,"), "alt-alphabet"),
    "alt with a digit": (row(23403, "A", "G1"), "alt-alphabet"),
    "quality in words": (row(23403, "A", "G", rest="abc\t.\t."), "qual-format"),
    "quality with a space": (row(23403, "A", "G", rest=" 5\t.\t."), "qual-format"),
    "too many alts": (row(23403, "A", ",".join(["G"] * 1001)), "alt-count"),
    "spaces for tabs": ("NC_045512.2 23403 . A G . . .\n", "spaces"),
    "few columns": ("NC_045512.2\t23403\t.\tA\tG\n", "few-columns"),
    "many columns": (row(23403, "A", "G", rest=".\t.\t.\tGT\t0/1"), "few-columns"),
    "cut in the last line": ("NC_045512.2\t23403\t.\tA", "truncated-text"),
    "cut after the alt": ("NC_045512.2\t23403\t.\tA\tG\t50\tPASS", "truncated-text"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_bad_record_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    record, code = RECORDS[name]
    finding = refused(tmp_path, GOOD + record)
    assert (finding.code, finding.line) == (code, 5)
    assert finding.message == MESSAGES[name]


@pytest.mark.parametrize("ref", ["m", "c"])
def test_a_ref_is_shown_as_it_is_written(tmp_path: Path, ref: str) -> None:
    assert refused(tmp_path, GOOD + row(23403, ref, "G")).text == ref


def test_records_on_sequences_that_the_reference_lacks_are_skipped_and_listed(
    tmp_path: Path,
) -> None:
    strange = row(73, "A", "G", chrom="MT") * 2 + row(9, "A", "G", chrom="chr7")
    result = run(tmp_path, GOOD + strange + row(23403, "A", "G"))
    assert [fields[1] for fields in lines(result)] == ["241", "23403"]
    assert result.summary["records"] == {
        "read": 5,
        "written": 2,
        "skipped": 3,
        "skipped_reasons": {"unknown-contig": 3},
        "skipped_contigs": {"MT": 2, "chr7": 1},
    }
    told = {f.text: f.fix for f in result.findings if f.code == "skipped-contig"}
    assert "Human mitochondrion" in told["MT"]
    assert told["chr7"].startswith("It knows: NC_045512.2")
    log = (tmp_path / "out" / "log.txt").read_text()
    assert "Records skipped, not on a sequence of the reference: MT: 2\n" in log


def test_a_file_of_another_reference_is_refused_and_the_right_one_named(tmp_path: Path) -> None:
    finding = refused(tmp_path, head() + row(73, "A", "G", chrom="MT"))
    assert (finding.code, finding.line) == ("unknown-contig", 0)
    assert finding.message.endswith("they are on MT.")
    assert "Human mitochondrion" in finding.fix


def test_skipped_records_are_all_counted_though_few_sequences_are_named(tmp_path: Path) -> None:
    strange = "".join(row(9, "A", "G", chrom=f"c{i}") for i in range(30))
    result = run(tmp_path, GOOD + strange, limits=engine.Limits(skipped_names=20))
    skipped = result.summary["records"]["skipped_contigs"]
    assert (len(skipped), skipped["other sequences"], sum(skipped.values())) == (21, 10, 30)


def test_the_mitochondrion_of_hg19_is_refused_by_its_length(tmp_path: Path) -> None:
    data = head(MITO).replace("NC_012920.1", "chrM").replace("16569", "16571")
    with pytest.raises(engine.Rejected) as caught:
        run(tmp_path, data + row(73, "A", "G", chrom="chrM"), MITO)
    (finding,) = caught.value.findings
    assert finding.code == "contig-trap"
    assert "hg19" in finding.message


def test_all_bad_lines_are_told_at_once_up_to_a_bound(tmp_path: Path) -> None:
    with pytest.raises(engine.Rejected) as caught:
        run(tmp_path, head() + row(1, "C", "G") + row(0, "A", "G") + row(9, "A", "?"))
    assert [(f.line, f.code) for f in caught.value.findings] == [
        (4, "ref-mismatch"),
        (5, "pos-range"),
        (6, "ref-mismatch"),
    ]
    with pytest.raises(engine.Rejected) as caught:
        run(tmp_path, head() + row(1, "C", "G") * 1000)
    assert caught.value.counts == {"ref-mismatch": 100}
    assert len(caught.value.findings) < 10
    assert "95 more" in caught.value.log


def test_offending_text_is_escaped_and_cut(tmp_path: Path) -> None:
    finding = refused(tmp_path, GOOD + row(23403, "A", "\x1b[31m" + "Z" * 1000))
    assert finding.text.startswith("\\x1b[31mZZZ")
    assert len(finding.text) < 200


def test_a_cut_compressed_file_is_refused(tmp_path: Path) -> None:
    data = (head() + row(241, "C", "T") * 1000).encode()
    whole = gzip.compress(data)
    assert refused(tmp_path, whole[:-20]).code == "truncated-gzip"
    cut = refused(tmp_path, whole[:-9])
    assert (cut.code, cut.message) == ("truncated-gzip", MESSAGES["cut gzip"])
    blocks = bgzip(data, tmp_path)
    assert refused(tmp_path, blocks[:-40]).code == "truncated-gzip"
    broken = bytearray(whole)
    broken[len(whole) // 2] ^= 0xFF
    damaged = refused(tmp_path, bytes(broken))
    assert (damaged.code, damaged.message) == ("corrupt-gzip", MESSAGES["damaged gzip"])


def test_bgzip_without_its_end_marker_is_read_when_the_last_line_is_whole(tmp_path: Path) -> None:
    data = (head() + row(241, "C", "T") * 1000).encode()
    result = run(tmp_path, bgzip(data, tmp_path)[:-28])
    assert result.records == 1000
    told = [(f.severity, f.message) for f in result.findings if f.code == "no-end-marker"]
    assert told == [("warning", MESSAGES["no end marker"])]
    cut = refused(tmp_path, bgzip(data[:-3], tmp_path)[:-28])
    assert (cut.code, cut.message) == ("truncated-bgzf", MESSAGES["cut bgzip"])


@pytest.mark.parametrize(
    ("limits", "data", "code"),
    [
        ({"line": 1000}, GOOD + row(23403, "A", "G" * 2000), "line-length"),
        ({"line": 1000}, "##" + "x" * 400_000, "line-length"),
        (
            {"header": 1000},
            head(VIRUS, *["##x=" + "y" * 90] * 20) + row(241, "C", "T"),
            "header-size",
        ),
        (
            {"contigs": 10},
            head(VIRUS, *(f"##contig=<ID=c{i}>" for i in range(20))) + row(241, "C", "T"),
            "header-contigs",
        ),
        ({"records_per_position": 10}, head() + row(241, "C", "T") * 11, "crowded-position"),
        (
            {"undeclared_names": 10},
            head() + "".join(row(241, "C", "T", rest=f".\t.\tK{i}=1") for i in range(11)),
            "undeclared-keys",
        ),
        ({"text": 10_000}, head() + row(241, "C", "T") * 1000, "expansion"),
    ],
)
def test_a_file_over_a_limit_is_refused(
    tmp_path: Path, limits: dict[str, int], data: str, code: str
) -> None:
    assert refused(tmp_path, data, **limits).code == code


def test_a_file_that_explodes_when_decompressed_is_refused(tmp_path: Path) -> None:
    data = gzip.compress(GOOD.encode() + row(241, "C", "T").encode() * 100_000)
    finding = refused(tmp_path, data, expansion_from=1 << 20, records_per_position=10**6)
    assert (finding.code, finding.message) == ("expansion", MESSAGES["explosion"])


CONTIG = "##contig=<ID=NC_045512.2,length=29903>\n"
LATIN = row(242, "G", "A", rest=".\t.\tN=caf\xe9").encode("latin-1")


def more(pos: int, ref: str, alt: str, rest: str = ".\t.\t.") -> bytes:
    return (GOOD + row(pos, ref, alt, rest=rest)).encode()


MENDED: dict[str, tuple[bytes, str, int]] = {
    "byte order mark": (b"\xef\xbb\xbf" + GOOD.encode(), "bom", 1),
    "windows line ends": (GOOD.replace("\n", "\r\n").encode(), "crlf", 1),
    "latin-1": (GOOD.encode() + LATIN, "latin-1", 5),
    "blank line": ((GOOD + "\n" + row(242, "G", "A")).encode(), "blank-line", 5),
    "second header": ((GOOD + head()).encode(), "late-header", 5),
    "no fileformat": (GOOD.partition("\n")[2].encode(), "no-fileformat", 1),
    "no final newline": (GOOD.encode()[:-1], "no-final-newline", 4),
    "no contig lines": (GOOD.replace(CONTIG, "").encode(), "contigs-added", 0),
    "undeclared names": (more(242, "G", "A", ".\tlow\tDP=3;DB"), "keys-added", 0),
    "odd name": (more(242, "G", "A", ".\t.\t<x>=1"), "odd-name", 5),
    "annotated before": (more(242, "G", "A", ".\t.\tBCSQ=x|y"), "old-annotation", 5),
    "duplicate": (more(241, "C", "T"), "duplicate-record", 5),
    "out of order": (more(100, "C", "T"), "unsorted", 5),
    "data after the end": (gzip.compress(GOOD.encode()) + b"more", "trailing-data", 0),
    "unknown contig": ((GOOD + row(9, "A", "G", chrom="chr7")).encode(), "skipped-contig", 5),
    "another reference's contig": (
        (GOOD + row(73, "A", "G", chrom="MT")).encode(),
        "skipped-contig",
        5,
    ),
    "breakend": (more(23403, "A", "A]NC_045512.2:100]"), "breakend", 5),
    "symbolic": (more(23403, "A", "<DEL>"), "symbolic", 5),
    "reference block": (more(23403, "A", "<NON_REF>"), "symbolic", 5),
    "star": (more(23403, "A", "*"), "star", 5),
    "ambiguous": (more(23403, "A", "R"), "ambiguous", 5),
    "missing alt": (more(23403, "A", "."), "no-change", 5),
    "alt equals ref": (more(23403, "A", "A"), "no-change", 5),
}


@pytest.mark.parametrize("name", MENDED)
def test_what_can_be_mended_is_mended_and_told(tmp_path: Path, name: str) -> None:
    data, code, line = MENDED[name]
    result = run(tmp_path, data)
    told = [(f.code, f.line, f.message) for f in result.findings]
    assert (code, line, MESSAGES[name]) in told
    assert all(f.severity in ("warning", "note") for f in result.findings)
    counted = result.summary["records"]
    assert counted["read"] == counted["written"] + counted["skipped"]
    assert counted["written"] == len(lines(result))


def test_unsorted_records_come_out_sorted_and_complete(tmp_path: Path) -> None:
    records = [(500, "G", "A"), (241, "C", "T"), (23403, "A", "G"), (241, "C", "A")]
    result = run(tmp_path, sites(VIRUS, *records))
    assert [(f[1], f[4]) for f in lines(result)] == [
        ("241", "T"), ("241", "A"), ("500", "A"), ("23403", "G"),
    ]  # fmt: skip
    assert refused(tmp_path, sites(VIRUS, *records), sortable=10).code == "unsorted-large"


def test_an_uninterpreted_allele_keeps_its_record_and_its_neighbours(tmp_path: Path) -> None:
    result = run(tmp_path, GOOD + row(23403, "A", "G,<NON_REF>") + row(23404, "T", "]x:1]T"))
    kept = [(f[3], f[4], f[7].partition("|")[0]) for f in lines(result)]
    assert kept[1:] == [("A", "G,<NON_REF>", "BCSQ=missense"), ("T", "]x:1]T", ".")]
    assert result.summary["not_interpreted"] == {"symbolic": 1, "breakend": 1}
