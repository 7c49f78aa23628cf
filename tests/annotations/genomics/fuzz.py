"""A fuzz target for the preflight: files from a grammar of VCF, bent, spliced, cut and packed.

`python -m tests.annotations.genomics.fuzz 600` tries for ten minutes and ends with the smallest
file that broke something. The suite has a short form.
"""

import gzip
import sys
import tempfile
import time
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotations.genomics import engine, references
from annotations.genomics.findings import Rejected
from annotations.genomics.order import Unsorted
from annotations.genomics.preflight import Preflight
from tests.annotations.genomics.runs import COLUMNS, VIRUS, head

LIMITS = engine.Limits(
    line=4_000, header=8_000, contigs=20, alts=8, records_per_position=5, undeclared_names=8,
    stray_lines=5, sortable=20_000, errors=20, block_records=7,
)  # fmt: skip
_BASES = references.read_sequences(references.find(VIRUS).sequence)["NC_045512.2"].decode()

_CHROM = st.sampled_from(["NC_045512.2", "MN908947.3", "MT", "", "*", "<x>", "s3://b/k", "é"])
_POS = st.one_of(
    st.integers(1, 29_903).map(str),
    st.sampled_from(["0", "-1", "29904", "2147483648", "9" * 12, "1e3", "", "٣", "1 "]),
)
_ALLELE = st.one_of(
    st.text("ACGTacgtN", min_size=1, max_size=6),
    st.sampled_from(
        [
            "*",
            ".",
            "<DEL>",
            "<NON_REF>",
            "A[x:1[",
            "]x:1]A",
            ".A",
            "A.",
            "R",
            "",
            "<",
            "[",
            "é",
            "-",
        ]
    ),
)
_WORD = st.one_of(
    st.sampled_from(
        [".", "PASS", "q10;low", "DP=3;DB", "BCSQ=x|y", "=", ";;", "nan", "1e5", "a b"]
    ),
    st.text(max_size=8).map(lambda text: text.replace("\n", "").replace("\t", "")),
)


@st.composite
def _row(draw: st.DrawFn) -> str:
    pos = draw(_POS)
    ref = draw(_ALLELE)
    if pos.isascii() and pos.isdigit() and 0 < int(pos) < 29_900 and draw(st.booleans()):
        ref = _BASES[int(pos) - 1 : int(pos) + draw(st.integers(0, 3))]
    alt = ",".join(draw(st.lists(_ALLELE, min_size=1, max_size=3)))
    chrom = draw(st.one_of(st.just("NC_045512.2"), _CHROM))
    fields = [chrom, pos, draw(_WORD), ref, alt, draw(_WORD), draw(_WORD), draw(_WORD)]
    fields += draw(st.lists(_WORD, max_size=1))
    return draw(st.sampled_from(["\t", "\t", "\t", "\t", " "])).join(fields)


_HEADER_LINE = st.one_of(
    st.sampled_from(
        [
            "##contig=<ID=NC_045512.2,length=29903>", "##contig=<ID=chrM,length=16571>",
            "##contig=<ID=NC_045512.2,length=1>", "##INFO=<ID=DP,Number=1,Type=Integer>",
            "##INFO=<ID=BCSQ,Number=.>", "##FILTER=<ID=>", "##", "#", "##contig=<", "",
        ]
    ),
    st.text(max_size=20).map(lambda text: "##" + text.replace("\n", "")),
)  # fmt: skip


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Return a file: mostly a VCF, sometimes hardly one."""
    lines = ["##fileformat=VCFv4.2", *draw(st.lists(_HEADER_LINE, max_size=4)), COLUMNS]
    start = draw(st.sampled_from([head(), "\n".join([*lines, ""]), ""]))
    rows = draw(st.lists(_row(), max_size=12))
    end = draw(st.sampled_from(["\n", "\r\n", "\n", "", "\r"]))
    data = (start + "".join(row + end for row in rows)).encode("utf-8", "surrogatepass")
    if draw(st.booleans()):
        place = draw(st.integers(0, len(data)))
        data = data[:place] + draw(st.binary(max_size=6)) + data[place + draw(st.integers(0, 3)) :]
    packed = draw(st.sampled_from([0, 0, 1, 1, 2]))
    for _ in range(packed):
        data = gzip.compress(data, mtime=0)
    if packed and draw(st.booleans()):
        data = data[: draw(st.integers(0, len(data)))] + draw(st.binary(max_size=4))
    return data


def attack(data: bytes, folder: Path) -> str:
    """Read a file as the engine does; return how it ended. Whatever else is raised is a fault."""
    source = folder / "input"
    source.write_bytes(data)
    unsorted: Unsorted | None = None
    for _ in range(2):
        preflight = Preflight(
            source, references.find(VIRUS), limits=LIMITS, told=lambda _: None, unsorted=unsorted
        )
        try:
            kept = sum(len(block.lines) for block in preflight.blocks())
        except Unsorted as late:
            assert unsorted is None, "sorted records are not in order"
            unsorted = late
        except Rejected as rejected:
            _judge(rejected)
            return "refused"
        else:
            kept += preflight.checker.skipped.total()
            assert kept == preflight.records, "a record was lost without a word"
            assert preflight.header.render(preflight.checker.used, []).decode()
            return "read"
    raise AssertionError("the file was out of order twice")


def _judge(rejected: Rejected) -> None:
    assert any(finding.severity == "error" for finding in rejected.findings)
    for finding in rejected.findings:
        assert finding.message
        assert finding.text.isprintable()
        assert len(str(finding)) < 1_500


def search(*, examples: int, deadline: float | None = None) -> int:
    """Try files until the examples or the time are used up; return how many were tried."""
    tried = 0
    with tempfile.TemporaryDirectory() as scratch:

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=deadline is None,
            suppress_health_check=list(HealthCheck),
        )
        @given(files())
        def try_one(data: bytes) -> None:
            nonlocal tried
            if deadline is None or time.monotonic() < deadline:
                tried += 1
                attack(data, Path(scratch))

        try_one()
    return tried


def main() -> None:
    """Search for as many seconds as the first argument says."""
    ends, total = time.monotonic() + float(sys.argv[1]), 0
    while time.monotonic() < ends:
        total += search(examples=2_000, deadline=ends)
        sys.stdout.write(f"{total:,} files\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
