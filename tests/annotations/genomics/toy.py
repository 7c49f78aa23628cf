"""A genome made for tests: two spliced genes that mirror each other, one without a protein, and a
small mitochondrion with a code of its own. Small enough that every answer follows by hand.

On contig `1` the gene FWD has exons 101-151, 252-310 and 401-460, and reads from 121 to 436: 41
amino acids and a stop. Its eleventh codon is split: G at 151, GC at 252 and 253. REV is the same
message on the other strand, at 1061 minus the position. NC makes no protein (1001-1050,
1101-1150). On `MT`, code 2 reads ATG TGA ATA CTA AGG: M W M L and a stop.
"""

from pathlib import Path

from annotations.genomics import codes, reference_import
from annotations.genomics.reference_import import Asked, Report
from annotations.genomics.references import Reference

MESSAGE = (
    "ATGGCTGAATGGCGTTACAAACTGGTCTCAG"  # M A E W R Y K L V S and the first base of G
    "GCGATCATTTCATCAACCCACAAACGTGTGAGGGAAAGTTGGCAAGCGTTCGATATGAC"  # G D H F I N P Q T C E G K …
    "ATGCCTGGTCTCAATTGCGCCACATCTCAGTGGTAA"  # M P G L N C A T S Q W and the stop
)
EXONS = ((101, 151), (252, 310), (401, 460))
CODING = ((121, 151), (252, 310), (401, 436))
MT_MESSAGE = "ATGTGAATACTAAGG"
_LENGTH = 1300


def filler(count: int) -> str:
    """Return bases without runs, so that an indel in them has one place only."""
    return ("ACTGATTCAGCATGCTACGTCAGTA" * (count // 25 + 1))[:count]


def intron(count: int) -> str:
    """Return an intron with the usual ends."""
    return "GT" + filler(count - 4) + "AG"


def _gene() -> str:
    first, second, third = MESSAGE[:31], MESSAGE[31:90], MESSAGE[90:]
    start, end = filler(20), filler(24)
    return start + first + intron(100) + second + intron(90) + third + end


def genome() -> dict[str, str]:
    """Return the bases by contig."""
    gene = _gene()
    one = filler(100) + gene + filler(140) + codes.reverse_complement(gene)
    mito = filler(20) + MT_MESSAGE + filler(25)
    return {"1": one + filler(_LENGTH - len(one)), "MT": mito}


def mirror(pos: int) -> int:
    """Return where REV has the base that FWD has at `pos`."""
    return 1061 - pos


def _message(
    name: str,
    strand: str,
    exons: list[tuple[int, int]],
    coding: list[tuple[int, int]],
    biotype: str = "protein_coding",
) -> list[str]:
    """Return a gene as Ensembl writes it."""
    first, last = exons[0][0], exons[-1][1]
    kind = "mRNA" if coding else "lnc_RNA"

    def row(what: str, start: int, end: int, phase: str, notes: str) -> str:
        return "\t".join(map(str, ("1", "test", what, start, end, ".", strand, phase, notes)))

    rows = [
        row("gene", first, last, ".", f"ID=gene:G-{name};Name={name};biotype={biotype}"),
        row(
            kind, first, last, ".", f"ID=transcript:{name}-1;Parent=gene:G-{name};biotype={biotype}"
        ),
    ]
    rows += [row("exon", *exon, ".", f"Parent=transcript:{name}-1") for exon in exons]
    read = 0
    for part in coding if strand == "+" else coding[::-1]:
        rows.append(
            row("CDS", *part, str(-read % 3), f"ID=CDS:P-{name};Parent=transcript:{name}-1")
        )
        read += part[1] - part[0] + 1
    return rows


def _mirrored(parts: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    return sorted((mirror(last), mirror(first)) for first, last in parts)


def ensembl() -> str:
    """Return the genes as GFF3 of Ensembl's kind; the mitochondrion's as RefSeq's, on the gene."""
    rows = [
        "##gff-version 3",
        "1\ttest\tchromosome\t1\t1300\t.\t.\t.\tID=chromosome:1;Alias=CM9.1,NC_9.1",
        *_message("FWD", "+", list(EXONS), list(CODING)),
        *_message("REV", "-", _mirrored(EXONS), _mirrored(CODING)),
        *_message("NC", "+", [(1001, 1050), (1101, 1150)], [], "lncRNA"),
        "MT\tRefSeq\tgene\t21\t35\t.\t+\t.\tID=gene-MITO;Name=MITO;gene_biotype=protein_coding",
        "MT\tRefSeq\tCDS\t21\t35\t.\t+\t0\tID=cds-NP_1.1;Parent=gene-MITO;protein_id=NP_1.1;"
        "transl_table=2",
    ]
    return "\n".join([*rows, ""])


def fasta() -> str:
    """Return the genome as FASTA."""
    return "".join(f">{name} made for tests\n{bases}\n" for name, bases in genome().items())


def asked(folder: Path, *, genome_text: str = "", genes_text: str = "") -> Asked:
    """Write both files into a folder, and return the wish to add them as `toy`."""
    bases, genes = folder / "toy.fa", folder / "toy.gff3"
    bases.write_text(genome_text or fasta())
    genes.write_text(genes_text or ensembl())
    return Asked(id="toy", title="Toy genome", genome=bases, genes=genes)


def rows(*columns: tuple[str, int, int, str]) -> str:
    """Return rows of GFF3 on contig 1: kind, first and last base, and what follows."""
    return "".join(
        f"1\ttest\t{kind}\t{first}\t{last}\t.\t+\t.\t{notes}\n"
        for kind, first, last, notes in columns
    )


def made(folder: Path, **texts: str) -> tuple[Reference, Report]:
    """Return a reference that was made in a folder of the genome, or of other texts."""
    return reference_import.add(asked(folder, **texts), folder / "shelf")


def make(folder: Path) -> Reference:
    """Return the toy reference, made in a folder."""
    return made(folder)[0]


SITES = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nchr1\t125\t.\tC\tA\t.\t.\t.\n"
