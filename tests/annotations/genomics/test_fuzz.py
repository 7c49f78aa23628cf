"""The preflight and files that nobody would write: it reads them or refuses them, in words."""

from pathlib import Path

import pytest

from tests.annotations.genomics.fuzz import attack, search
from tests.annotations.genomics.runs import head, row

FOUND: dict[str, tuple[bytes, str]] = {
    "a first record without a contig": ((head() + row(0, "A", "A", chrom="")).encode(), "refused"),
    "digits of another script": ((head() + row("\u0663", "C", "T")).encode(), "refused"),
    "nothing but a member's start": (b"\x1f\x8b", "refused"),
}
"""Files of a kind that a search found, or might well find again, and how each ends."""


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_stays_mended(tmp_path: Path, name: str) -> None:
    data, end = FOUND[name]
    assert attack(data, tmp_path) == end


def test_no_file_breaks_the_preflight() -> None:
    assert search(examples=300) >= 300
