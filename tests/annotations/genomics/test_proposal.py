"""The reference is proposed from the header, or from the records, with the reason."""

import gzip
from pathlib import Path

import pytest

from annotations.genomics.examples import EXAMPLES, Example
from annotations.genomics.proposal import propose
from annotations.genomics.source import peek
from tests.annotations.genomics.runs import COLUMNS, MITO, VIRUS, row

BARE = f"##fileformat=VCFv4.2\n{COLUMNS}\n"


@pytest.mark.parametrize(
    ("header", "expected", "word"),
    [
        ("##contig=<ID=NC_045512.2,length=29903>", VIRUS, "29,903"),
        ("##contig=<ID=MN908947.3>", VIRUS, "MN908947.3"),
        ("##contig=<ID=chrM,length=16569>", MITO, "chrM"),
        ("##contig=<length=16569,ID=MT>", MITO, "MT"),
        ("##contig=<ID=chrM,length=16571>", None, "hg19"),
        ("##contig=<ID=NC_045512.2,length=29904>", None, "29,904 bases"),
        ("##contig=<ID=MT>\n##contig=<ID=NC_045512.2>", None, "all the contigs"),
        ("##contig=<ID=MT>\n##contig=<ID=chrM,length=16569>", MITO, "MT, and 1 more"),
        ("##contig=<ID=MT,length=0016569>", MITO, "16,569"),
        ("##contig=<ID=MT,length=99999999999999999999>", MITO, "contig MT."),
        ("##contig=<ID=chr1,length=248956422>\n##contig=<ID=chrM,length=16569>", None, "chr1"),
        ("##source=x", None, "Neither"),
    ],
)
def test_contig_lines_tell_the_reference(header: str, expected: str | None, word: str) -> None:
    proposed = propose(f"##fileformat=VCFv4.2\n{header}\n{COLUMNS}\n".encode())
    assert proposed.reference == expected
    assert word in proposed.reason


def test_without_contig_lines_the_records_tell_it() -> None:
    far = BARE + row(16_570, "A", "G", chrom="MT")
    assert propose(far.encode(), bases=False).reference is None
    agreeing = BARE + row(73, "A", "G", chrom="MT") + row(263, "A", "G", chrom="MT")
    assert propose(agreeing.encode()).reference == MITO
    assert propose((BARE + row(73, "T", "G", chrom="MT")).encode()).reference is None
    assert propose((agreeing + row(1, "A", "G", chrom="chr1")).encode()).reference is None


HEADERS = [
    f"##fileformat=VCFv4.2\n{header}\n{COLUMNS}\n{more}".encode()
    for header in (
        "##source=x",
        "##contig=<ID=NC_045512.2,length=29903>",
        "##contig=<ID=MN908947.3>\r",
        "##contig=<ID=chrM,length=16569>",
        "##contig=<length=16569,ID=MT>",
        "##contig=<ID=chrM,length=16571>",
        "##contig=<ID=NC_045512.2,length=29904>",
        "##contig=<ID=chr1,length=248956422>\n##contig=<ID=chrM,length=16569>",
        "##contig=<ID=MT>\n##contig=<ID=NC_045512.2>",
        "##contig=<ID=MT>\n##contig=<ID=chrM,length=16569>\n##contig=<ID=M>",
        "##contig=<ID=MT,length=0016569>",
        "##contig=<ID=MT,length=99999999999999999999>",
        '##contig=<assembly="a,ID=MT",ID=chr1>',
        "##contig=<ID=constructor>",
        "##contig=<ID=__proto__,length=1>",
        "##contig=<ID=caf\u00e9>",
        "#" + ",ID=" * 50,
    )
    for more in (
        "",
        row(73, "A", "G", chrom="MT"),
        row(73, "A", "G", chrom="MT") + row(1, "A", "G", chrom="chrM") + "MT\t9",
        row(73, "A", "G", chrom="MT") + row(1, "A", "G", chrom="chr1"),
        row(29_904, "A", "G"),
        row("\u0661", "A", "G") + row(0, "A", "G"),
        "NC_045512.2\t5\n\n" + row(29_903, "A", "G"),
    )
] + [b"", b"\xff\xfe\0", b"\xef\xbb\xbf##contig=<ID=MT>\n", b"MT\t9\t.\tA\xff\tC\n"]
"""Starts of files, for which the upload page must propose what `propose` does."""


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_an_example_is_recognised_also_when_compressed(tmp_path: Path, example: Example) -> None:
    assert propose(peek(example.path)).reference == example.reference
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(example.path.read_bytes())[:-30])
    assert propose(peek(packed, size=500)).reference == example.reference


@pytest.mark.parametrize("data", [b"", b"\x1f\x8b", b"\x1f\x8b\x08junk", b"\0\xff" * 99, b"<html>"])
def test_anything_may_be_looked_at(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any"
    path.write_bytes(data)
    assert propose(peek(path)).reference is None
