"""Genomes and files for the benchmark of annotation: the virus, and a synthetic one of 50 Mb."""

import random
from collections.abc import Iterator
from pathlib import Path

from annotations.genomics import codes, fasta, reference_import, references
from annotations.genomics.references import Reference

CONTIGS, CONTIG_LENGTH, GENES_EACH = 5, 10_000_000, 780
_BASES = bytes(b"ACGT"[i % 4] for i in range(256))
_EXON, _INTRON = 300, 500
_SENSE = sorted(codon for codon, amino in codes.CODONS[1].items() if amino != "*")


def virus() -> Reference:
    """Return the embedded reference of 30 kb."""
    return references.find("sars-cov-2")


def synthetic(folder: Path) -> Reference:
    """Make a reference of 5 contigs of 10 Mb and 3,900 genes of three exons, on either strand."""
    chance = random.Random(1)
    genome, genes = folder / "genome.fa", folder / "genes.gff3"
    with genome.open("wb") as bases, genes.open("w") as rows:
        for number in range(1, CONTIGS + 1):
            contig = bytearray(chance.randbytes(CONTIG_LENGTH).translate(_BASES))
            for gene in range(GENES_EACH):
                start = 2_000 + gene * (CONTIG_LENGTH // GENES_EACH)
                rows.write(_place(contig, f"chr{number}", f"G{number}.{gene}", start, chance))
            bases.write(b">chr%d\n%b\n" % (number, bytes(contig)))
    asked = reference_import.Asked("synthetic", "Synthetic genome of 50 Mb", genome, genes)
    return reference_import.add(asked, folder / "shelf")[0]


def _place(contig: bytearray, name: str, gene: str, start: int, chance: random.Random) -> str:
    """Write a gene's bases into its contig; return its rows of GFF3 (`start` is 0-based)."""
    codons = ["ATG", *chance.choices(_SENSE, k=_EXON - 2), "TAA"]
    message, strand = "".join(codons), "+"
    if chance.random() < 0.5:
        message, strand = codes.reverse_complement(message), "-"
    parts = []
    for exon in range(3):
        first = start + exon * (_EXON + _INTRON)
        contig[first : first + _EXON] = message[exon * _EXON : (exon + 1) * _EXON].encode()
        parts.append((first + 1, first + _EXON))

    def row(kind: str, first: int, last: int, phase: str, notes: str) -> str:
        return "\t".join((name, "b", kind, str(first), str(last), ".", strand, phase, notes)) + "\n"

    ends = (parts[0][0], parts[-1][1])
    parent = f"Parent=transcript:{gene}"
    return (
        row("gene", *ends, ".", f"ID=gene:{gene};Name={gene};biotype=protein_coding")
        + row("mRNA", *ends, ".", f"ID=transcript:{gene};Parent=gene:{gene};biotype=protein_coding")
        + "".join(row("exon", *part, ".", parent) for part in parts)
        + "".join(row("CDS", *part, "0", parent) for part in parts)
    )


def write_vcf(path: Path, reference: Reference, count: int) -> None:
    """Write a VCF of `count` records spread evenly: nine SNVs to one indel."""
    chance = random.Random(count)
    with path.open("w") as file:
        file.write("##fileformat=VCFv4.2\n")
        for contig in reference.contigs:
            file.write(f"##contig=<ID={contig.name},length={contig.length}>\n")
        file.write('##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">\n')
        file.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        file.writelines(_records(reference, count, chance))


def _records(reference: Reference, count: int, chance: random.Random) -> Iterator[str]:
    fetch, each = fasta.fetcher(reference.sequence), count // len(reference.contigs)
    for contig in reference.contigs:
        bases = fetch(contig.name, contig.length)
        for place in range(each):
            pos = 1 + place * (contig.length - 10) // each
            ref = bases[pos - 1 : pos + 2] if chance.random() < 0.05 else bases[pos - 1]
            alt = chance.choice("ACGT".replace(ref, "")) if len(ref) == 1 else ref[0]
            if len(ref) == 1 and chance.random() < 0.05:
                alt = ref + "AC"
            quality, depth = chance.randrange(10, 100), chance.randrange(500)
            yield f"{contig.name}\t{pos}\t.\t{ref}\t{alt}\t{quality}\tPASS\tDP={depth}\n"
