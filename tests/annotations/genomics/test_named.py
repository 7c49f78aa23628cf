"""Variants that have a name in the literature come out under that name."""

from pathlib import Path

import pytest

from tests.annotations.genomics.runs import MITO, VIRUS, answers, run, sites

PUBLISHED = [
    (VIRUS, 23403, "A", "G", "S", "missense", "614D>614G"),
    (VIRUS, 23063, "A", "T", "S", "missense", "501N>501Y"),
    (VIRUS, 23012, "G", "A", "S", "missense", "484E>484K"),
    (VIRUS, 14408, "C", "T", "ORF1ab", "missense", "4715P>4715L"),
    (VIRUS, 27972, "C", "T", "ORF8", "stop_gained", "27Q>27*"),
    (VIRUS, 21764, "ATACATG", "A", "S", "inframe_deletion", "68IHV>68I"),
    (MITO, 11778, "G", "A", "MT-ND4", "missense", "340R>340H"),
    (MITO, 3460, "G", "A", "MT-ND1", "missense", "52A>52T"),
    (MITO, 14484, "T", "C", "MT-ND6", "missense", "64M>64V"),
    (MITO, 8993, "T", "G", "MT-ATP6", "missense", "156L>156R"),
    (MITO, 14459, "G", "A", "MT-ND6", "missense", "72A>72V"),
    (MITO, 3243, "A", "G", "MT-TL1", "non_coding", ""),
    # Only the mitochondrial code gives these: TGA reads W, ATA reads M, AGA and AGG are stops.
    (MITO, 5920, "G", "A", "MT-CO1", "stop_gained", "6W>6*"),
    (MITO, 5921, "A", "G", "MT-CO1", "synonymous", "6W"),
    (MITO, 3399, "A", "G", "MT-ND1", "synonymous", "31M"),
    (MITO, 3379, "C", "A", "MT-ND1", "stop_gained", "25R>25*"),
    (MITO, 3636, "C", "G", "MT-ND1", "stop_gained", "110S>110*"),
]


@pytest.mark.parametrize("known", PUBLISHED, ids=lambda known: f"{known[4]}-{known[1]}")
def test_a_published_variant_has_its_published_name(
    tmp_path: Path, known: tuple[str, int, str, str, str, str, str]
) -> None:
    reference, pos, ref, alt, gene, term, change = known
    result = run(tmp_path, sites(reference, (pos, ref, alt)), reference)
    entries = [entry.split("|") for entry in answers(result)[0].split(",")]
    assert (term, gene, change) in [(e[0], e[1], e[5] if len(e) > 5 else "") for e in entries]


def test_the_table_writes_changes_as_people_do(tmp_path: Path) -> None:
    virus = run(tmp_path, sites(VIRUS, (23403, "A", "G")))
    assert [(r["gene"], r["aa_change"]) for r in virus.preview] == [("S", "D614G")]
    mito = run(tmp_path, sites(MITO, (3399, "A", "G"), (5920, "G", "A"), (11778, "G", "A")), MITO)
    assert [r["aa_change"] for r in mito.preview] == ["M31=", "W6*", "R340H"]
