"""Where csq is mended: first codons, incomplete stops, slippage, neighbouring RNA genes."""

from pathlib import Path

import pytest

from tests.annotations.genomics.runs import MITO, VIRUS, answers, run, sites

ND1 = "MT-ND1|YP_003024026.1|protein_coding|+"


def answer(folder: Path, reference: str, pos: int, ref: str, alt: str) -> str:
    return answers(run(folder, sites(reference, (pos, ref, alt)), reference))[0]


@pytest.mark.parametrize(
    ("pos", "ref", "alt", "expected"),
    [
        # ND1 starts with ATA. ATG is a start too, GTA is none, TGA would be no stop but W.
        (3309, "A", "G", f"start_retained|{ND1}|1M|3309A>G"),
        (3307, "A", "G", f"start_lost|{ND1}|1M>1V|3307A>G"),
        # Two bases at once: ATA to ACG (T) loses the start, ATA to GTG keeps it.
        (3308, "TA", "CG", f"start_lost|{ND1}|1M>1T|3308TA>CG"),
        (3307, "ATA", "GTG", f"start_retained|{ND1}|1M|3307ATA>GTG"),
        # A stop in the first codon: nothing is translated, so the start is what is lost.
        (3308, "TA", "AA", f"start_lost|{ND1}|1M>1K|3308TA>AA"),
    ],
)
def test_a_first_codon_is_judged_by_the_starts_of_its_code(
    tmp_path: Path, pos: int, ref: str, alt: str, expected: str
) -> None:
    assert answer(tmp_path, MITO, pos, ref, alt) == expected


@pytest.mark.parametrize(
    ("pos", "ref", "alt", "expected"),
    [
        # ND1 ends in TA, which polyadenylation makes TAA: CAA is Q, TCA is S.
        (4261, "T", "C", f"stop_lost|{ND1}|319*>319Q|4261T>C"),
        (4262, "A", "C", f"stop_lost|{ND1}|319*>319S|4262A>C"),
        # Both alleles of one record are told.
        (4262, "A", "C,G", f"stop_lost|{ND1}|319*>319S|4262A>C,stop_lost|{ND1}|319*>319W|4262A>G"),
        # An insertion there has no codon to be read in.
        (4261, "T", "TG", "coding_sequence|MT-ND1|YP_003024026.1|protein_coding"),
    ],
)
def test_an_incomplete_stop_codon_is_completed(
    tmp_path: Path, pos: int, ref: str, alt: str, expected: str
) -> None:
    assert answer(tmp_path, MITO, pos, ref, alt) == expected


def test_a_base_read_twice_has_two_consequences_and_no_splice_site(tmp_path: Path) -> None:
    told = answer(tmp_path, VIRUS, 13468, "C", "G")
    assert [(e.split("|")[1], e.split("|")[5]) for e in told.split(",")] == [
        ("ORF1a", "4401N>4401K"),
        ("ORF1ab", "4401N>4401K"),
        ("ORF1ab", "4402R>4402G"),
    ]
    assert "splice" not in told


def test_overlapping_and_neighbouring_rna_genes_are_all_named(tmp_path: Path) -> None:
    # 4329-4331 belongs to two tRNAs; 4469 is the last base of one, with ND2 from 4470 on.
    overlapping = answer(tmp_path, MITO, 4329, "C", "A")
    assert overlapping == "non_coding|MT-TI||MT_tRNA,non_coding|MT-TQ||MT_tRNA"
    assert answer(tmp_path, MITO, 4469, "A", "C") == "non_coding|MT-TM||MT_tRNA"


def test_a_place_outside_genes_stays_without_consequence(tmp_path: Path) -> None:
    assert answer(tmp_path, MITO, 73, "A", "G") == ""
    assert answer(tmp_path, VIRUS, 241, "C", "T") == ""
