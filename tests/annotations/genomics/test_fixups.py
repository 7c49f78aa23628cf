"""Where csq is mended: first codons, incomplete stops, slippage, neighbouring RNA genes."""

from pathlib import Path

import pytest

from annotations.genomics import codes, reference_import
from tests.annotations.genomics import toy
from tests.annotations.genomics.runs import (
    COLUMNS,
    MITO,
    VIRUS,
    annotate_text,
    answers,
    row,
    run,
    sites,
)

FWD = "|FWD|FWD-1|protein_coding|+"
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


def _gene_with_an_intron_behind_its_start() -> dict[str, str]:
    """Return FASTA and GFF3 of a message whose ATG is all that its first exon codes (21-23)."""
    before, parts = toy.filler(20), ("ATG", toy.intron(60), toy.MESSAGE[3:])
    genome = before + "".join(parts) + toy.filler(40)
    last = len(before + "".join(parts))
    rows = [
        ("gene", 11, last, ".", "ID=gene:G;Name=SPLIT;biotype=nonsense_mediated_decay"),
        ("mRNA", 11, last, ".", "ID=transcript:T;Parent=gene:G;biotype=nonsense_mediated_decay"),
        ("exon", 11, 23, ".", "Parent=transcript:T"),
        ("exon", 84, last, ".", "Parent=transcript:T"),
        ("CDS", 21, 23, "0", "ID=CDS:P;Parent=transcript:T"),
        ("CDS", 84, last, "0", "ID=CDS:P;Parent=transcript:T"),
    ]
    genes = [
        f"1\ttest\t{kind}\t{a}\t{b}\t.\t+\t{phase}\t{notes}\n" for kind, a, b, phase, notes in rows
    ]
    return {"genome_text": f">1\n{genome}\n", "genes_text": "".join(genes)}


def test_what_else_is_said_of_a_first_codon_stays(tmp_path: Path) -> None:
    asked = toy.asked(tmp_path, **_gene_with_an_intron_behind_its_start())
    reference, _ = reference_import.add(asked, tmp_path / "shelf")
    text = f"##fileformat=VCFv4.2\n{COLUMNS}\n{row(21, 'A', 'C', chrom='1')}"
    # The last three bases of an exon are its splice region, and here they are the ATG.
    terms = "start_lost&splice_region&NMD_transcript"
    told = answers(annotate_text(tmp_path, text, reference))
    assert told == [f"{terms}|SPLIT|T|NMD|+|1M>1L|21A>C"]


def _near(start: int) -> list[tuple[int, int, str]]:
    """Return what is lost and gained around a first codon: position, bases lost, bases gained."""
    places = range(start - 6, start + 9)
    lost = [(pos, count, "") for pos in places for count in (1, 2, 3, 4, 6)]
    words = ("A", "C", "G", "T", "AT", "TG", "GGC", "ATG", "TAA", "GACATG")
    return lost + [(pos, 0, word) for pos in places for word in words]


def _starts_still(old: str, new: str, start: int) -> bool:
    """Say whether a message begins as before: all before its ATG is there, or all from it on."""
    before, after = old[: start - 1], old[start - 1 :]
    return new.startswith(f"{before}ATG") or new.endswith(after)


@pytest.mark.parametrize("strand", ["+", "-"])
def test_a_start_is_lost_exactly_when_no_start_is_where_it_was(tmp_path: Path, strand: str) -> None:
    reference, bases = toy.make(tmp_path), toy.genome()["1"]
    read = bases if strand == "+" else codes.reverse_complement(bases)
    first = 121 if strand == "+" else len(bases) + 1 - toy.mirror(121)
    rows, kept = {}, {}
    for pos, lost, gained in _near(first):
        new = read[: pos - 1] + gained + read[pos - 1 + lost :]
        ref, alt = read[pos - 2 : pos - 1 + lost], read[pos - 2] + gained
        place = pos - 1
        if strand == "-":  # the base that stands for both is the one behind
            ref, alt = read[pos - 1 : pos + lost], gained + read[pos - 1 + lost]
            place = len(bases) + 1 - (pos + lost)
            ref, alt = codes.reverse_complement(ref), codes.reverse_complement(alt)
        site = (place, ref, alt)
        rows[site] = row(*site, chrom="1")
        kept[site] = _starts_still(read, new, first)
    text = f"##fileformat=VCFv4.2\n{COLUMNS}\n" + "".join(rows[site] for site in sorted(rows))
    told = answers(annotate_text(tmp_path, text, reference))
    wrong = [
        (site, kept[site], answer)
        for site, answer in zip(sorted(rows), told, strict=True)
        if ("start_lost" in answer) == kept[site]
    ]
    assert wrong == []
    assert {*kept.values()} == {True, False}


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        # ATG GCT: one G more or less behind the T leaves ATG, and shifts the rest.
        ((122, "TG", "T"), f"frameshift{FWD}"),
        ((122, "T", "TG"), f"frameshift{FWD}"),
        # GGC behind the T is GCG behind the G: ATG GCG GCT.
        ((122, "T", "TGGC"), f"inframe_insertion{FWD}|1M>1MA|122T>TGGC"),
        # The A of ATG goes with bases before it.
        ((119, "GTA", "G"), "5_prime_utr&start_lost|FWD|FWD-1|protein_coding"),
        # Two alleles: both leave the start.
        ((122, "T", "TG,TGG"), f"frameshift{FWD}"),
    ],
)
def test_a_start_that_stays_is_not_lost(
    tmp_path: Path, site: tuple[int, str, str], expected: str
) -> None:
    text = f"##fileformat=VCFv4.2\n{COLUMNS}\n{row(*site, chrom='1')}"
    assert answers(annotate_text(tmp_path, text, toy.make(tmp_path))) == [expected]


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
