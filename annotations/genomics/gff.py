"""Genes from a GFF3 file: messages with exons and coding parts.

Ensembl hangs parts on transcripts, RefSeq also on genes; Prokka and Nextclade write CDS rows that
hang on nothing, and some files of Nextclade only gene rows, each of which is a CDS.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from annotations.genomics.fasta import Malformed, open_text

_PARTS = frozenset({"exon", "CDS"})
_GENES = frozenset({"gene", "ncRNA_gene", "pseudogene", "transposable_element_gene"})
# Rows that lie inside a message and are derived from it, or say nothing of genes.
_PASSED = frozenset(
    {"five_prime_UTR", "three_prime_UTR", "UTR", "start_codon", "stop_codon", "mature_peptide"}
    | {"mature_protein_region_of_CDS", "mature_protein_region", "biological_region"}
    | {"signal_peptide_region_of_CDS", "sequence_feature", "cDNA_match", "match"}
)
_REGIONS = frozenset({"region", "chromosome", "supercontig", "scaffold", "contig"})
# A row that hangs on a gene and has no parts may also be a promoter, or a site in it.
_TRANSCRIPT = re.compile("RNA|transcript|pseudogen|segment", re.IGNORECASE)
_UNSAFE = re.compile(r"[^0-9A-Za-z_.:+/()'-]")
# What tells the kind of a row, not that of a gene.
_KINDS_OF_ROW = (None, "CDS", "Gene", "Prot")
# What RefSeq and Ensembl call biotypes, where bcftools csq knows them by another name.
_BIOTYPES = {
    "Mt_tRNA": "MT_tRNA",
    "Mt_rRNA": "MT_rRNA",
    "mRNA": "protein_coding",
    "lnc_RNA": "lncRNA",
    "ncRNA": "misc_RNA",
    "transcript": "misc_RNA",
}
# How the biotypes begin that bcftools csq 1.24 knows (its gff.c); it passes over all others.
_KNOWN = (
    *("protein_coding", "pseudogene", "processed_transcript", "processed_pseudogene"),
    *("polymorphic_pseudogene", "artifact", "antisense", "ambiguous_orf", "IG_pseudogene"),
    *("IG_C", "IG_D", "IG_J", "IG_V", "IG_LV", "TR_C", "TR_D", "TR_J", "TR_V", "lincRNA"),
    *("MT_tRNA", "MT_rRNA", "lncRNA", "macro_lncRNA", "misc_RNA", "miRNA", "rRNA", "ribozyme"),
    *("retained_intron", "retrotransposed", "snRNA", "sRNA", "scRNA", "scaRNA", "snoRNA"),
    *("sense_intronic", "sense_overlapping", "tRNA_pseudogene", "transcribed_", "translated_"),
    *("nonsense_mediated_decay", "non_stop_decay", "known_ncrna", "unitary_pseudogene"),
    *("unprocessed_pseudogene", "LRG_gene", "3prime_overlapping_ncRNA", "disrupted_domain"),
    *("vaultRNA", "bidirectional_promoter_lncRNA"),
)


class Part(NamedTuple):
    """A stretch of a message: first and last base (1-based), and the phase of a CDS row."""

    first: int
    last: int
    phase: int = 0


@dataclass
class Message:
    """A transcript: whose it is, where it lies, its exons and coding parts in genome order."""

    id: str
    gene_id: str
    gene: str
    biotype: str
    contig: str
    strand: str
    exons: list[Part] = field(default_factory=list)
    coding: list[Part] = field(default_factory=list)


@dataclass
class Genes:
    """What a GFF3 file holds: messages, other names of contigs, genetic codes it tells.

    `noted` counts what was left out or presumed, by a sentence with a gap for the number.
    """

    messages: list[Message] = field(default_factory=list)
    aliases: dict[str, set[str]] = field(default_factory=dict)
    codes: dict[str, Counter[int]] = field(default_factory=dict)
    noted: Counter[str] = field(default_factory=Counter)

    def notes(self) -> list[str]:
        """Return what was left out or presumed, as sentences."""
        return [told.format(f"{count:,}") for told, count in self.noted.items() if count]


class _Row(NamedTuple):
    contig: str
    kind: str
    first: int
    last: int
    strand: str
    phase: int
    notes: dict[str, str]


def read(path: Path) -> Genes:
    """Read a GFF3 file, plain or compressed. Raises Malformed with the line that is none."""
    reader = _Reader()
    with open_text(path) as file:
        for number, raw in enumerate(file, 1):
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            if line.startswith("##FASTA"):
                break
            if line and not line.startswith("#"):
                reader.take(_parse(line, number))
    return reader.finish()


def _parse(line: str, number: int) -> _Row:
    columns = line.split("\t")
    if len(columns) != 9 or not columns[3].isdigit() or not columns[4].isdigit():
        raise Malformed(f"GFF3, line {number:,}: not nine columns with whole-number positions.")
    contig, _, kind, first, last, _, strand, phase, notes = columns
    if not 1 <= int(first) <= int(last):
        raise Malformed(f"GFF3, line {number:,}: the first base comes after the last.")
    pairs = (pair.strip().partition("=") for pair in notes.split(";"))
    told = {name: unquote(value).strip('"') for name, equals, value in pairs if equals}
    if not told and '"' in notes:
        raise Malformed(
            f"GFF3, line {number:,}: this is GTF. Convert it to GFF3, such as with: "
            "gffread genes.gtf -o genes.gff3"
        )
    offset = int(phase) if phase in ("0", "1", "2") else 0
    return _Row(unquote(contig), kind, int(first), int(last), strand, offset, told)


class _Reader:
    """Gathers rows, which may come in any order, and joins them at the end."""

    def __init__(self) -> None:
        self._genes: dict[str, _Row] = {}
        self._messages: dict[str, _Row] = {}
        self._parts: list[_Row] = []
        self._used: set[str] = set()
        self._found = Genes()

    def take(self, row: _Row) -> None:
        """Note one row."""
        if row.kind in _PARTS:
            self._parts.append(row)
        elif row.kind in _REGIONS:
            self._note_region(row)
        elif row.kind in _PASSED:
            return
        elif row.kind in _GENES or row.notes.get("ID", "").startswith(("gene:", "gene-")):
            self._genes[_key(row)] = row
        elif "ID" in row.notes and ("Parent" in row.notes or row.kind.endswith("RNA")):
            self._messages[row.notes["ID"]] = row

    def _note_region(self, row: _Row) -> None:
        notes = row.notes
        names = {*notes.get("Alias", "").split(",")} - {""}
        if row.first == 1 and notes.get("genome") == "chromosome" and "chromosome" in notes:
            names |= {notes["chromosome"], f"chr{notes['chromosome']}"}
        if row.first == 1 and notes.get("genome") == "mitochondrion":
            names |= {"MT", "chrM", "M", "chrMT"}
        self._found.aliases.setdefault(row.contig, set()).update(names)

    def finish(self) -> Genes:
        """Join parts to messages, and make messages for parts that hang on genes."""
        found = self._found
        made: dict[str, Message] = {}
        if not self._parts and not self._messages:
            self._parts = self._presume()
            found.noted["Read as coding, as nothing but genes is there: {} gene(s)."] = len(
                self._parts
            )
        for row in self._parts:
            parents = row.notes.get("Parent", "").split(",")
            owners = [m for m in (self._find(made, row, p) for p in parents) if m is not None]
            for message in owners:
                parts = message.coding if row.kind == "CDS" else message.exons
                parts.append(Part(row.first, row.last, row.phase))
            if not owners and not any(self._lies_in_another(parent) for parent in parents):
                found.noted[f"Left out: {{}} {row.kind} row(s) whose parent is not there."] += 1
            if row.kind == "CDS" and row.notes.get("transl_table", "").isdigit():
                codes = found.codes.setdefault(row.contig, Counter())
                codes[int(row.notes["transl_table"])] += 1
        self._make_whole(made)
        idle = len(self._genes.keys() - self._used)
        found.noted["Left out: {} gene row(s) without a CDS or a transcript."] = idle
        found.messages = [*_sort_out(made, found.noted)]
        return found

    def _presume(self) -> list[_Row]:
        """Return the genes as CDS rows, but for those of another kind."""
        genes = [row for row in self._genes.values() if row.kind == "gene"]
        coding = [row for row in genes if _biotype(row, row) in ("", "protein_coding")]
        return [row._replace(kind="CDS") for row in coding]

    def _make_whole(self, made: dict[str, Message]) -> None:
        """Make messages of one exon for transcripts that make no protein and list no parts."""
        for key, row in self._messages.items():
            whole = row.kind != "mRNA" and _TRANSCRIPT.search(row.kind)
            if whole and key not in made and not self._lies_in_another(key):
                message = self._make(made, key, row, _gene_of(row))
                message.exons.append(Part(row.first, row.last))

    def _lies_in_another(self, key: str) -> bool:
        """Say whether a message is a part of another, as RefSeq's miRNA is of its precursor."""
        owner = _gene_of(self._messages[key]) if key in self._messages else key
        return owner != key and owner in self._messages

    def _find(self, made: dict[str, Message], row: _Row, parent: str) -> Message | None:
        """Return the message a part belongs to; CDS rows of one ID on a gene are one message."""
        if self._lies_in_another(parent):
            return None
        if parent in self._messages:
            own = self._messages[parent]
            return self._make(made, parent, own, _gene_of(own))
        if parent in self._genes:
            told = (row.notes.get(key) for key in ("protein_id", "ID", "Name"))
            protein = next((name for name in told if name), parent)
            return self._make(made, protein if row.kind == "CDS" else parent, row, parent)
        alone = row.kind == "CDS" and not parent  # rows of one ID are parts of one message
        return self._make(made, _key(row), row, _key(row)) if alone else None

    def _make(self, made: dict[str, Message], key: str, row: _Row, gene_id: str) -> Message:
        """Make a message, or return it; where no row is its gene, its own row stands for it."""
        gene = self._genes.get(gene_id, row)
        self._used.add(gene_id)
        if key not in made:
            name = _name(gene) or _bare(gene_id)
            made[key] = Message(
                id=_safe(row.notes.get("transcript_id") or _bare(key)),
                gene_id=_safe(_bare(gene_id)),
                gene=_safe(name),
                biotype=_biotype(row, gene),
                contig=row.contig,
                strand=row.strand,
            )
        return made[key]


def _gene_of(row: _Row) -> str:
    """Return the ID of a message's gene: its own, where it hangs on nothing."""
    return row.notes.get("Parent", row.notes["ID"]).split(",")[0]


def _key(row: _Row) -> str:
    """Return what tells a row from others: its ID, or else its name and where it begins."""
    return row.notes.get("ID") or f"{_name(row) or row.kind}.{row.first}"


def _name(row: _Row) -> str:
    """Return what a gene is called; a CDS row's own Name may be that of the protein."""
    first = ("gene", "gene_name", "Name") if row.kind == "CDS" else ("Name", "gene", "gene_name")
    return next((row.notes[key] for key in (*first, "locus_tag") if row.notes.get(key)), "")


def _biotype(row: _Row, gene: _Row) -> str:
    """Return what kind of gene a message is of, or nothing where no row tells."""
    told = row.notes.get("biotype") or row.notes.get("gbkey")
    if row.kind in _PARTS or told in (None, "mRNA", "CDS", "Gene"):
        told = gene.notes.get("biotype") or gene.notes.get("gene_biotype") or told
    if told in _KINDS_OF_ROW:
        told = row.kind if row.kind.endswith("RNA") else ""
    return _BIOTYPES.get(told, told)


def _bare(name: str) -> str:
    """Return an id without Ensembl's or RefSeq's word for its kind."""
    for prefix in ("gene:", "transcript:", "CDS:", "gene-", "rna-", "cds-"):
        name = name.removeprefix(prefix)
    return name


def _safe(name: str) -> str:
    return _UNSAFE.sub("_", name)


def _sort_out(made: dict[str, Message], noted: Counter[str]) -> Iterator[Message]:
    """Yield messages whose parts are in genome order; exons may hang on the gene beside CDS."""
    coding_genes = {m.gene_id for m in made.values() if m.coding}
    ids: set[str] = set()
    for key, message in made.items():
        message.exons.sort()
        message.coding.sort()
        if message.strand == ".":
            message.strand = "+"
            noted["Read on the + strand, as they tell none: {} transcript(s)."] += 1
        if not message.biotype.startswith(_KNOWN):
            message.biotype = "protein_coding" if message.coding else "misc_RNA"
        stray = not message.coding and _bare(key) == message.gene_id
        if stray and message.gene_id in coding_genes:
            continue
        if message.id in ids:
            noted["Left out: {} transcript(s) whose id is that of another."] += 1
            continue
        ids.add(message.id)
        yield message
