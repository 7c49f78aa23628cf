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
from tests.annotations.genomics.toy import made

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
        {"genes_text": toy.rows(("exon", 1, 9, 'gene_id "G"; transcript_id "T";'))},
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
