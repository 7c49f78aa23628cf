"""Genes as other programs write them in GFF3: Prokka, Nextclade, MAKER, TAIR, older Ensembl."""

import dataclasses
from pathlib import Path

import pytest

from annotations.genomics import reference_import
from annotations.genomics.fasta import Malformed
from tests.annotations.genomics import toy
from tests.annotations.genomics.runs import COLUMNS, annotate_text, answers
from tests.annotations.genomics.toy import made, rows

SITE = f"##fileformat=VCFv4.2\n{COLUMNS}\n1\t125\t.\tC\tA\t.\t.\t.\n"
CODING = {
    # As Prokka and Nextclade write it: parts of one ID are one message.
    "CDS rows that hang on nothing": [
        ("CDS", 121, 151, "ID=cds-P;gene=FWD;Name=P"),
        ("CDS", 252, 310, "ID=cds-P;gene=FWD;Name=P"),
        ("CDS", 401, 436, "ID=cds-P;gene=FWD;Name=P"),
    ],
    # As MAKER and others write it: no biotype anywhere.
    "a transcript without a biotype": [
        ("gene", 101, 460, "ID=G;Name=FWD"),
        ("mRNA", 101, 460, "ID=P;Parent=G"),
        *(("CDS", first, last, "ID=c;Parent=P") for first, last in toy.CODING),
    ],
    "a transcript without a gene": [
        ("mRNA", 101, 460, "ID=P;Name=FWD"),
        *(("CDS", first, last, "ID=c;Parent=P") for first, last in toy.CODING),
    ],
}


@pytest.mark.parametrize("name", CODING)
def test_other_ways_to_write_a_coding_gene_are_read(tmp_path: Path, name: str) -> None:
    reference, report = made(tmp_path, genes_text=rows(*CODING[name]))
    assert (report.coding, report.dropped, report.notes) == (1, [], [])
    (answer,) = answers(annotate_text(tmp_path, SITE, reference))
    assert answer == "missense|FWD|P|protein_coding|+|2A>2D|125C>A"


def test_rna_that_hangs_on_nothing_is_a_gene(tmp_path: Path) -> None:
    genes = rows(*CODING["CDS rows that hang on nothing"], ("tRNA", 600, 670, "ID=t1;Name=trnA"))
    reference, report = made(tmp_path, genes_text=genes)
    assert (report.kept, report.coding) == (2, 1)
    (answer,) = answers(
        annotate_text(tmp_path, SITE.replace("125\t.\tC\tA", "601\t.\tA\tC"), reference)
    )
    assert answer == "non_coding|trnA||misc_RNA"  # csq knows no tRNA outside of mitochondria


def test_a_protein_with_an_unknown_base_is_told_of(tmp_path: Path) -> None:
    bases = toy.genome()["1"]
    genome = f">1\n{bases[:130]}R{bases[131:]}\n"
    _, report = made(
        tmp_path, genome_text=genome, genes_text=rows(*CODING["a transcript without a gene"])
    )
    ambiguous, unsure = report.notes
    assert ambiguous == "1: 1 ambiguous bases became N."
    assert "do not trust" in unsure
    assert "such as P." in unsure


PRECURSOR = ("primary_transcript", 500, 590, "ID=rna-NR_1;Parent=gene-MIR;transcript_id=NR_1")


def test_a_row_inside_a_transcript_is_no_transcript(tmp_path: Path) -> None:
    # RefSeq's miRNA lies in its precursor; TAIR hangs CDS rows on a protein as well.
    genes = toy.ensembl().replace("Parent=transcript:FWD-1", "Parent=transcript:FWD-1,FWD-P")
    genes += rows(
        ("protein", 121, 436, "ID=FWD-P;Derives_from=transcript:FWD-1"),
        ("gene", 500, 590, "ID=gene-MIR;Name=MIR;gene_biotype=miRNA"),
        PRECURSOR,
        ("exon", 500, 590, "ID=exon-NR_1;Parent=rna-NR_1"),
        ("miRNA", 510, 531, "ID=rna-MIMAT1;Parent=rna-NR_1"),
        ("exon", 510, 531, "ID=exon-MIMAT1;Parent=rna-MIMAT1"),
        ("regulatory_region", 560, 590, "ID=id-1;Parent=gene-MIR"),
    )
    _, report = made(tmp_path, genes_text=genes)
    assert (report.kept, report.notes) == (5, [])


def test_a_mirna_of_ensembl_is_a_transcript(tmp_path: Path) -> None:
    genes = toy.ensembl() + rows(
        ("miRNA_gene", 500, 590, "ID=gene:MIR;Name=MIR;biotype=miRNA"),
        ("miRNA", 500, 590, "ID=transcript:MIR-1;Parent=gene:MIR;biotype=miRNA"),
        ("exon", 500, 590, "Parent=transcript:MIR-1"),
    )
    reference, _ = made(tmp_path, genes_text=genes)
    base = toy.genome()["1"][500]
    site = SITE.replace("125\t.\tC\tA", f"501\t.\t{base}\t{'A' if base == 'C' else 'C'}")
    assert answers(annotate_text(tmp_path, site, reference)) == ["non_coding|MIR||miRNA"]


def test_a_file_of_genes_alone_is_read_as_coding_and_says_so(tmp_path: Path) -> None:
    genome = f">1\n{toy.filler(20)}{toy.MESSAGE}{toy.filler(20)}\n"
    genes = rows(("gene", 21, 20 + len(toy.MESSAGE), 'gene_name="ONE"'))
    reference, report = made(tmp_path, genome_text=genome, genes_text=genes)
    assert report.notes == ["Read as coding, as nothing but genes is there: 1 gene(s)."]
    (answer,) = answers(annotate_text(tmp_path, SITE.replace("125", "25"), reference))
    assert answer == "missense|ONE|ONE.21|protein_coding|+|2A>2D|25C>A"


def test_a_gene_that_tells_no_strand_is_read_on_the_first(tmp_path: Path) -> None:
    genes = rows(*CODING["CDS rows that hang on nothing"]).replace("\t+\t", "\t.\t")
    reference, report = made(tmp_path, genes_text=genes)
    assert report.notes == ["Read on the + strand, as they tell none: 1 transcript(s)."]
    (answer,) = answers(annotate_text(tmp_path, SITE, reference))
    assert answer == "missense|FWD|P|protein_coding|+|2A>2D|125C>A"


def test_genes_without_a_protein_are_counted(tmp_path: Path) -> None:
    _, report = made(tmp_path, genes_text=toy.ensembl() + rows(("gene", 700, 790, "ID=gene:IDLE")))
    assert report.notes == ["Left out: 1 gene row(s) without a CDS or a transcript."]


def test_proteins_of_one_gene_are_told_apart_by_their_names(tmp_path: Path) -> None:
    genes = rows(
        ("gene", 121, 436, "ID=gene-G;Name=POL"),
        ("CDS", 121, 150, "Parent=gene-G;gbkey=Prot;Name=head"),
        ("CDS", 254, 310, "Parent=gene-G;gbkey=Prot;Name=tail"),
        ("CDS", 401, 436, "Parent=gene-G;gbkey=Prot;Name=tail"),
    )
    asked = dataclasses.replace(toy.asked(tmp_path, genes_text=genes), fragments=True)
    reference, report = reference_import.add(asked, tmp_path / "shelf")
    assert report.coding == 2
    (answer,) = answers(annotate_text(tmp_path, SITE, reference))
    assert answer == "missense|POL|head|protein_coding|+|2A>2D|125C>A"


def test_a_gap_of_a_base_in_a_message_is_no_intron(tmp_path: Path) -> None:
    # As in PA-X of influenza: the ribosome steps over a base, here the first of the filler.
    genome = f">1\n{toy.filler(20)}{toy.MESSAGE[:30]}A{toy.MESSAGE[30:]}{toy.filler(20)}\n"
    genes = rows(("CDS", 21, 50, "ID=S"), ("CDS", 52, 51 + len(toy.MESSAGE[30:]), "ID=S"))
    reference, _ = made(tmp_path, genome_text=genome, genes_text=genes)
    (answer,) = answers(annotate_text(tmp_path, SITE.replace("125\t.\tC", "52\t.\tG"), reference))
    assert answer == "missense|S|S|protein_coding|+|11G>11S|52G>A"


def test_the_genes_may_call_a_contig_by_an_alias_that_the_operator_tells(tmp_path: Path) -> None:
    genes = toy.ensembl().replace("\n1\t", "\nCM9.1\t")
    asked = dataclasses.replace(toy.asked(tmp_path, genes_text=genes), aliases={"CM9.1": "1"})
    reference, report = reference_import.add(asked, tmp_path / "shelf")
    assert (report.kept, report.notes) == (4, [])
    assert reference.names()["CM9.1"].length == 1300


def test_proteins_that_begin_anywhere_are_taken_when_the_operator_says_so(tmp_path: Path) -> None:
    genes = rows(("CDS", 124, 150, "ID=mature"))
    with pytest.raises(Malformed, match=r"1 of 1 proteins .* say so \(--fragments\)"):
        made(tmp_path, genes_text=genes)
    asked = dataclasses.replace(toy.asked(tmp_path, genes_text=genes), fragments=True)
    reference, _ = reference_import.add(asked, tmp_path / "shelf")
    (answer,) = answers(annotate_text(tmp_path, SITE, reference))
    assert answer == "missense|mature|mature|protein_coding|+|1A>1D|125C>A"
