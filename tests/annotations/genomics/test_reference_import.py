"""A reference made of FASTA and GFF3: what it holds, what is dropped, and what is refused."""

import dataclasses
import gzip
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest

from annotations.genomics import codes, reference_import, references
from annotations.genomics.fasta import Malformed
from tests.annotations.genomics import toy
from tests.annotations.genomics.runs import MITO, VIRUS, annotate_text, answers

REFSEQ = """##gff-version 3
NC_1.1\tRefSeq\tregion\t1\t1300\t.\t+\t.\tID=NC_1.1:1..1300;chromosome=1;genome=chromosome
NC_1.1\tRefSeq\tgene\t101\t460\t.\t+\t.\tID=gene-FWD;Name=FWD;gene_biotype=protein_coding
NC_1.1\tRefSeq\tmRNA\t101\t460\t.\t+\t.\tID=rna-XM_1.1;Parent=gene-FWD;transcript_id=XM_1.1
NC_1.1\tRefSeq\texon\t101\t151\t.\t+\t.\tID=exon-1;Parent=rna-XM_1.1
NC_1.1\tRefSeq\texon\t252\t310\t.\t+\t.\tID=exon-2;Parent=rna-XM_1.1
NC_1.1\tRefSeq\texon\t401\t460\t.\t+\t.\tID=exon-3;Parent=rna-XM_1.1
NC_1.1\tRefSeq\tCDS\t121\t151\t.\t+\t0\tID=cds-XP_1.1;Parent=rna-XM_1.1;protein_id=XP_1.1
NC_1.1\tRefSeq\tCDS\t252\t310\t.\t+\t2\tID=cds-XP_1.1;Parent=rna-XM_1.1;protein_id=XP_1.1
NC_1.1\tRefSeq\tCDS\t401\t436\t.\t+\t0\tID=cds-XP_1.1;Parent=rna-XM_1.1;protein_id=XP_1.1
"""
HEAD = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
SITE = HEAD + "1\t125\t.\tC\tA\t.\t.\t.\n"


def made(folder: Path, **texts: str) -> tuple[references.Reference, reference_import.Report]:
    return reference_import.add(toy.asked(folder, **texts), folder / "shelf")


def test_a_reference_is_normalised_checked_and_described(tmp_path: Path) -> None:
    reference, report = made(tmp_path)
    assert references.check(reference) == []
    assert [(c.name, c.length, c.code, c.aliases) for c in reference.contigs] == [
        ("1", 1300, 1, ("CM9.1", "NC_9.1", "chr1")),
        ("MT", 60, 2, ("M", "chrM", "chrMT")),
    ]
    assert (report.kept, report.coding, report.incomplete, report.dropped) == (4, 3, 0, [])
    assert (reference.folder / "report.txt").read_text().startswith("Transcripts kept: 4")
    assert pysam.FastaFile(str(reference.sequence)).fetch("MT", 20, 35) == toy.MT_MESSAGE


@pytest.mark.parametrize("pack", [gzip.compress, "bgzip"])
def test_compressed_files_make_the_same_reference(
    tmp_path: Path, pack: Callable[[bytes], bytes] | str
) -> None:
    plain, _ = made(tmp_path)
    folder = tmp_path / "packed"
    folder.mkdir()
    asked = toy.asked(folder)
    for path in (asked.genome, asked.genes):
        data = path.read_bytes()
        if callable(pack):
            path.write_bytes(pack(data))
            continue
        with pysam.BGZFile(str(path), "wb", None) as file:
            file.write(data)
    again, _ = reference_import.add(dataclasses.replace(asked, id="again"), folder / "shelf")
    assert again.files == plain.files


@pytest.mark.parametrize("name", [VIRUS, MITO])
def test_an_embedded_reference_added_again_has_the_same_fixups(tmp_path: Path, name: str) -> None:
    own = references.find(name)
    code = {c.name: c.code for c in own.contigs}
    asked = reference_import.Asked("again", "Again", own.sequence, own.genes, code)
    again, report = reference_import.add(asked, tmp_path)
    assert report.dropped == []
    assert again.fixups == dataclasses.replace(own.fixups, noncoding=again.fixups.noncoding)
    assert {*again.fixups.noncoding} == {*own.fixups.noncoding}


def test_refseq_names_and_regions_are_understood(tmp_path: Path) -> None:
    genome = f">NC_1.1\n{toy.genome()['1']}\n"
    reference, _ = made(tmp_path, genome_text=genome, genes_text=REFSEQ)
    assert reference.contigs[0].aliases == ("1", "chr1")
    (answer,) = answers(annotate_text(tmp_path, SITE, reference))
    assert answer == "missense|FWD|XM_1.1|protein_coding|+|2A>2D|125C>A"


def test_a_reference_of_refseq_is_found_by_every_usual_name(tmp_path: Path) -> None:
    bases = toy.genome()
    genome = f">NC_000001.11\n{bases['1']}\n>NC_9.9\n{bases['MT']}\n"
    genes = REFSEQ.replace("NC_1.1", "NC_000001.11") + "\n".join(
        [
            "NC_9.9\tRefSeq\tregion\t1\t60\t.\t+\t.\tID=NC_9.9:1..60;genome=mitochondrion",
            *(row.replace("MT\t", "NC_9.9\t", 1) for row in toy.ensembl().splitlines()[-2:]),
            "",
        ]
    )
    reference, _ = made(tmp_path, genome_text=genome, genes_text=genes)
    lengths = {name: contig.length for name, contig in reference.names().items()}
    usual = dict.fromkeys(("NC_000001.11", "1", "chr1"), 1300)
    assert lengths == usual | dict.fromkeys(("NC_9.9", "MT", "chrM", "M", "chrMT"), 60)
    assert [contig.code for contig in reference.contigs] == [1, 2]


@pytest.mark.parametrize("name", ["1", "chr1"])
def test_genome_and_genes_may_use_different_usual_names(tmp_path: Path, name: str) -> None:
    genome = f">{name}\n{toy.genome()['1']}\n"
    reference, report = made(tmp_path, genome_text=genome, genes_text=REFSEQ)
    assert (report.kept, report.notes) == (1, [])
    assert {*reference.names()} == {"1", "chr1", "NC_1.1"}


def test_two_sequences_that_one_contig_of_the_genes_may_be_are_refused(tmp_path: Path) -> None:
    genome = f">chr1\n{toy.genome()['1']}\n{toy.fasta()}"
    with pytest.raises(Malformed, match="both chr1 and 1: leave one out"):
        made(tmp_path, genome_text=genome)


def test_the_mitochondrion_of_hg19_is_refused_with_the_reason(tmp_path: Path) -> None:
    genome = toy.fasta().partition(">MT")[0] + ">chrM\n" + "ACGT" * 4142 + "ACG\n"
    with pytest.raises(Malformed, match=r"chrM: .*16,571 bases.*hg19 \(NC_001807\).*Use a genome"):
        made(tmp_path, genome_text=genome)


def test_rcrs_is_read_with_its_code_and_guarded_against_the_one_of_hg19(tmp_path: Path) -> None:
    own = references.find(MITO)
    asked = reference_import.Asked("again", "Again", own.sequence, own.genes)
    again, report = reference_import.add(asked, tmp_path)
    assert (again.contigs[0].code, report.dropped) == (2, [])
    assert "hg19" in again.contigs[0].traps[16571]


def test_a_mitochondrion_without_a_genetic_code_is_asked_for_it(tmp_path: Path) -> None:
    genes = toy.ensembl().replace("transl_table=2", "")
    with pytest.raises(Malformed, match="--code MT=2 for vertebrates"):
        made(tmp_path, genes_text=genes)
    asked = dataclasses.replace(toy.asked(tmp_path, genes_text=genes), codes={"MT": 2})
    reference, _ = reference_import.add(asked, tmp_path / "shelf")
    assert [contig.code for contig in reference.contigs] == [1, 2]


def test_aliases_of_the_operator_are_taken_unless_two_contigs_would_have_them(
    tmp_path: Path,
) -> None:
    asked = dataclasses.replace(toy.asked(tmp_path), aliases={"one": "1", "MT": "1"})
    reference, _ = reference_import.add(asked, tmp_path / "shelf")
    assert reference.names()["one"].length == 1300
    assert reference.names()["MT"].length == 60


def test_a_transcript_that_does_not_translate_is_dropped_and_told(tmp_path: Path) -> None:
    genes = toy.ensembl() + "\n".join(
        [
            "1\ttest\tgene\t124\t135\t.\t+\t.\tID=gene:G-BAD;Name=BAD;biotype=protein_coding",
            "1\ttest\tmRNA\t124\t135\t.\t+\t.\tID=transcript:BAD-1;Parent=gene:G-BAD",
            "1\ttest\tCDS\t124\t2000\t.\t+\t0\tParent=transcript:BAD-1",
            "1\ttest\tmRNA\t124\t135\t.\t+\t.\tID=transcript:BAD-2;Parent=gene:G-BAD",
            "1\ttest\tCDS\t434\t445\t.\t+\t0\tParent=transcript:BAD-2",
            "1\ttest\tCDS\t434\t445\t.\t+\t0\tParent=transcript:NOBODY",
            "",
        ]
    )
    _, report = made(tmp_path, genes_text=genes)
    assert report.dropped == [
        "BAD (BAD-1): it lies beyond the 1,300 bases of 1",
        "BAD (BAD-2): BAD (BAD-2) has a stop at codon 1",
    ]
    assert "Left out: 1 CDS row(s) whose parent is not there." in report.notes


def test_an_incomplete_message_is_kept_and_read_in_its_phase(tmp_path: Path) -> None:
    genes = "\n".join(
        [
            "1\ttest\tgene\t255\t310\t.\t+\t.\tID=gene:G-CUT;Name=CUT;biotype=protein_coding",
            "1\ttest\tmRNA\t255\t310\t.\t+\t.\tID=transcript:CUT-1;Parent=gene:G-CUT;"
            "biotype=protein_coding",
            "1\ttest\texon\t255\t310\t.\t+\t.\tParent=transcript:CUT-1",
            "1\ttest\tCDS\t255\t310\t.\t+\t2\tParent=transcript:CUT-1",
            "",
        ]
    )
    reference, report = made(tmp_path, genes_text=genes)
    assert (report.kept, report.incomplete) == (1, 1)
    # 257-259 is CAT, the first whole codon: CGT is R.
    text = SITE.replace("125\t.\tC\tA", "258\t.\tA\tG")
    assert "1H>1R" in answers(annotate_text(tmp_path, text, reference))[0]


def rows(*columns: tuple[str, int, int, str]) -> str:
    """Return rows of GFF3 on contig 1: kind, first and last base, and what follows."""
    return "".join(
        f"1\ttest\t{kind}\t{first}\t{last}\t.\t+\t.\t{notes}\n"
        for kind, first, last, notes in columns
    )


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


REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "no sequence": ({"genome_text": "\n"}, "no sequence"),
    "two of a name": ({"genome_text": ">1\nACGT\n>1\nACGT\n"}, "second sequence 1"),
    "other letters": ({"genome_text": ">1\nACGT!\n"}, "letter '!'"),
    "a name that VCF does not allow": ({"genome_text": "><1>\nACGT\n"}, "no name that VCF"),
    "an empty sequence": ({"genome_text": ">1\n>2\nA\n"}, "is empty"),
    "other contigs": ({"genome_text": ">chrQ\nACGT\n"}, "Take both files from one source"),
    "another genome": (
        {"genome_text": ">1\n" + "ACGT" * 400 + "\n"},
        "Are the files of one assembly",
    ),
    "GTF": (
        {"genes_text": rows(("exon", 1, 9, 'gene_id "G"; transcript_id "T";'))},
        "line 1: this is GTF. Convert it",
    ),
    "no genes": ({"genes_text": "##gff-version 3\n"}, "no gene"),
    "no GFF3": ({"genes_text": "1 gene 2 3\n"}, "GFF3, line 1"),
    "backwards": (
        {"genes_text": toy.ensembl().replace("101\t460", "460\t101", 1)},
        "after the last",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_unsound_files_are_refused_and_leave_nothing(tmp_path: Path, name: str) -> None:
    texts, told = REFUSED[name]
    with pytest.raises(Malformed, match=told):
        made(tmp_path, **texts)
    assert [*(tmp_path / "shelf").iterdir()] == []


def test_an_id_is_given_once_and_an_unknown_code_refused(tmp_path: Path) -> None:
    made(tmp_path)
    with pytest.raises(FileExistsError, match="toy already"):
        made(tmp_path)
    asked = dataclasses.replace(toy.asked(tmp_path), id="other", codes={"1": 99})
    with pytest.raises(Malformed, match="genetic code 99"):
        reference_import.add(asked, tmp_path / "shelf")


@pytest.mark.parametrize("code", sorted(codes.CODONS))
def test_the_engine_reads_each_genetic_code_as_we_do(tmp_path: Path, code: int) -> None:
    triplets = [c for c in sorted(codes.CODONS[code]) if codes.CODONS[code][c] != "*"]
    stop = next(c for c in sorted(codes.CODONS[code]) if codes.CODONS[code][c] == "*")
    message = "ATG" + "".join(triplets) + stop
    genes = (
        f"g\tt\tgene\t1\t{len(message)}\t.\t+\t.\tID=gene-A;Name=A;gene_biotype=protein_coding\n"
        f"g\tt\tCDS\t1\t{len(message)}\t.\t+\t0\tID=cds-P;Parent=gene-A;transl_table={code}\n"
    )
    reference, _ = made(tmp_path, genome_text=f">g\n{message}\n", genes_text=genes)
    rows, expected = [], []
    for place in range(3, len(message) - 3):
        codon = message[place - place % 3 : place - place % 3 + 3]
        for base in sorted({*"ACGT"} - {message[place]}):
            new = codon[: place % 3] + base + codon[place % 3 + 1 :]
            rows.append(f"g\t{place + 1}\t.\t{message[place]}\t{base}\t.\t.\t.\n")
            expected.append((codes.CODONS[code][codon], codes.CODONS[code][new]))
    told = answers(annotate_text(tmp_path, HEAD + "".join(rows), reference))
    for (old, new), answer in zip(expected, told, strict=True):
        aa = answer.split("|")[5]
        assert aa.lstrip("0123456789")[0] == old
        assert aa.rstrip("0123456789")[-1] == new


def test_a_reference_on_the_shelf_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path)
    monkeypatch.setattr(references, "_shelves", [tmp_path / "shelf"])
    assert references.find("toy").title == "Toy genome"
