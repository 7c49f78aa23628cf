"""Files made to hurt: each ends in words, within ordinary time and memory."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from annotations.genomics import engine, references
from tests.annotations.genomics.messages import MESSAGES
from tests.annotations.genomics.runs import VIRUS, head, lines, row, run

MEMORY = 768 << 10  # KiB


def _many(count: int, text: str) -> str:
    return "".join(text % i for i in range(count))


CONTIG = "c%d\t241\t.\tC\tT\t.\t.\t.\n"
KEY = "NC_045512.2\t241\t.\tC\tT\t.\t.\tK%d=1\n"

REFUSED: dict[str, tuple[str, str]] = {
    "a line of 100 MB": (head() + row(241, "C", "T", rest=".\t.\tX=" + "a" * 10**8), "line-length"),
    "a header of 20 MB": ("##fileformat=VCFv4.2\n" + "##x=yyyyyyyyy\n" * 1_500_000, "header-size"),
    "a million contig lines": (
        "##fileformat=VCFv4.2\n" + _many(1_000_000, "##contig=<ID=c%d>\n"),
        "header-contigs",
    ),
    "100,000 undeclared contigs": (head() + _many(100_000, CONTIG), "unknown-contig"),
    "100,000 undeclared keys": (head() + _many(100_000, KEY), "undeclared-keys"),
    "a million records at a place": (head() + row(241, "C", "T") * 10**6, "crowded-position"),
    "60,000 alleles": (head() + row(241, "C", ",".join("T" * 60_000)), "alt-count"),
    "a million brackets": (head() + row(241, "C", "[" * 1_000_000), "alt-alphabet"),
    "half a breakend": (head() + row(241, "C", "A" * 1_000_000 + "]"), "alt-alphabet"),
    "a header line of commas": (head(VIRUS, "##INFO=<" + ",ID" * 1_000_000), "no-records"),
    "a line of 100 MB in the header": (
        "##fileformat=VCFv4.2\n##x=" + "y" * 10**8,
        "line-length",
    ),
    "positions with underscores": (head() + row("2_41", "C", "T"), "pos-format"),
    "digits of another script": (head() + row("\u0662\u0664\u0661", "C", "T"), "pos-format"),
    "a command for a name": (head() + row(1, "C", "T", chrom="|touch x"), "unknown-contig"),
    "a path for a name": (head() + row(1, "C", "T", chrom="../../etc/passwd"), "unknown-contig"),
    "braces for a name": (head() + row(1, "C", "T", chrom="{advice}{0}"), "unknown-contig"),
    "a reversed name": (head() + row(1, "C", "T", chrom="\u202eabc"), "unknown-contig"),
    "a quality of 5,000 digits": (
        head() + row(241, "C", "T", rest="1e" + "9" * 5_000 + "x\t.\t."),
        "qual-format",
    ),
    "links for names": (head() + row(1, "C", "T", chrom="s3://bucket/key"), "unknown-contig"),
}


Memory = Callable[[], int]


def _kilobytes(name: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0])


@pytest.fixture
def memory() -> Memory:
    """What the test has added to this process at its peak, in KiB."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew (proc(5))
    before = _kilobytes("VmRSS")
    return lambda: _kilobytes("VmHWM") - before


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_file_is_refused(tmp_path: Path, memory: Memory, name: str) -> None:
    data, code = REFUSED[name]
    with pytest.raises(engine.Rejected) as caught:
        run(tmp_path, data)
    first = caught.value.findings[0]
    assert (first.code, first.message) == (code, MESSAGES[name])
    assert max(len(str(finding)) for finding in caught.value.findings) < 1_000
    assert memory() < MEMORY


BOMBS: dict[str, tuple[bytes, str]] = {
    "a bomb of zeros": (b"\0" * (100 << 20), "binary"),
    "a bomb of one line": (b"#" * (100 << 20), "line-length"),
    "a bomb of empty lines": (b"\n" * (100 << 20), "stray-lines"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused(tmp_path: Path, memory: Memory, name: str) -> None:
    data, code = BOMBS[name]
    packed = gzip.compress(data, compresslevel=1)
    with pytest.raises(engine.Rejected) as caught:
        run(tmp_path, packed)
    first = caught.value.findings[0]
    assert (first.code, first.message) == (code, MESSAGES[name])
    assert memory() < MEMORY


GENOME = references.read_sequences(references.find(VIRUS).sequence)["NC_045512.2"].decode()
SAMPLES = "\t".join(f"s{i}" for i in range(10_000))
GENOTYPES = "\t".join(["0/1"] * 10_000)

HEAVY: dict[str, str] = {
    "10,000 samples": head().rstrip("\n")
    + f"\tFORMAT\t{SAMPLES}\n"
    + row(23403, "A", "G", rest=f".\t.\t.\tGT\t{GENOTYPES}") * 20,
    "the whole genome deleted": head() + row(1, GENOME, "A"),
    "insertions of 900,000 bases": head() + row(23403, "A", "ACG" * 300_000) * 5,
    "three million empty keys": head() + row(23403, "A", "G", rest=".\t.\t" + ";" * 3_000_000),
    "old answers by the thousand": head() + row(23403, "A", "G", rest=".\t.\tx" + ";BCSQ" * 10**5),
    "100,000 undeclared contigs beside a good record": head()
    + row(241, "C", "T")
    + _many(100_000, CONTIG),
    "links in every name": head(VIRUS, "##contig=<ID=https://gas.invalid/x?y>").replace(
        "INFO\n", "INFO\tFORMAT\ts3://bucket/key\thttp://gas.invalid/\n"
    )
    + row(241, "C", "T", rest=".\thttp://a\ts3://b=ftp://c\tGT\t0/1\t0/0"),
    "20,000 records at a place": head() + row(23403, "A", "G") * 20_000,
    "a thousand alleles": head() + row(23403, "A", ",".join("G" * 1_000)),
}


@pytest.mark.parametrize("name", HEAVY)
def test_a_heavy_file_is_annotated(tmp_path: Path, memory: Memory, name: str) -> None:
    result = run(tmp_path, HEAVY[name])
    assert result.records == len(lines(result)) == HEAVY[name].count("\nNC_")
    assert memory() < MEMORY
