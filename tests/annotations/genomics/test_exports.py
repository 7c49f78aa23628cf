"""Exports hold exactly the rows that pass, and nothing that a spreadsheet would run."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pysam
import pytest

from annotations.genomics import exports, table
from annotations.genomics.examples import EXAMPLES
from annotations.genomics.filters import ALL, Filter
from tests.annotations.genomics.runs import lines, run


def pieces(path: Path, size: int) -> Iterator[bytes]:
    data = path.read_bytes()
    return (data[start : start + size] for start in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 97, 1 << 20])
@pytest.mark.parametrize("asked", [ALL, Filter(genes=("S",)), Filter(genes=("none",))])
def test_a_vcf_export_has_the_header_and_exactly_the_filtered_records(
    tmp_path: Path, size: int, asked: Filter
) -> None:
    result = run(tmp_path, EXAMPLES[0].path.read_bytes())
    wanted = table.indexes(result.files["variants.parquet"], asked)
    source = pieces(result.files["annotated.vcf.gz"], size)
    out = tmp_path / "part.vcf.gz"
    out.write_bytes(b"".join(exports.vcf(source, wanted, note="gene=S")))
    text = gzip.decompress(out.read_bytes()).decode().splitlines()
    every = lines(result)
    assert [line.split("\t") for line in text if line[0] != "#"] == [every[i] for i in wanted]
    assert text.index("##GAS_filter=gene=S") == [line[:6] for line in text].index("#CHROM") - 1
    assert out.read_bytes().endswith(exports.BGZF_END)
    with pysam.VariantFile(str(out)) as read:
        assert sum(1 for _ in read) == len(wanted)


def test_the_text_of_a_large_file_goes_through_unchanged() -> None:
    records = [b"1\t%d\t.\tA\tC\t.\t.\t%s" % (n, b"X" * (n % 300)) for n in range(3000)]
    text = b"\n".join([b"##fileformat=VCFv4.2", b"#CHROM", *records, b""])
    packed = b"".join(exports.vcf([gzip.compress(text)], range(3000), note="x"))
    assert gzip.decompress(packed) == text.replace(b"#CHROM", b"##GAS_filter=x\n#CHROM")


def test_a_file_that_is_cut_off_or_too_short_is_told() -> None:
    packed = gzip.compress(b"#CHROM\n1\t1\n")
    with pytest.raises(ValueError, match="cut off"):
        list(exports.vcf([packed[:-4]], [0, 1], note=""))
    with pytest.raises(ValueError, match="fewer records"):
        list(exports.vcf([packed], [0, 1], note=""))


def test_a_tsv_export_has_the_names_and_exactly_the_filtered_rows(tmp_path: Path) -> None:
    parquet = run(tmp_path, EXAMPLES[0].path.read_bytes()).files["variants.parquet"]
    asked = Filter(genes=("S",))
    text = b"".join(exports.tsv(table.stream(parquet, asked))).decode().splitlines()
    assert text[0].split("\t")[:6] == ["idx", "chrom", "pos", "id", "ref", "alt"]
    assert [int(line.split("\t")[0]) for line in text[1:]] == [*table.indexes(parquet, asked)]
    assert any("\tD614G\t" in line for line in text)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "' =1"),
        ("\r=1", "' =1"),
        ("a\nb", "a b"),
        (-1.5, "-1.5"),
        (12, "12"),
        (None, ""),
        ("D614G", "D614G"),
    ],
)
def test_a_cell_is_never_a_formula(value: object, shown: str) -> None:
    assert exports.cell(value) == shown
