"""Genes from a GFF3 file, as Ensembl or RefSeq write it: messages with exons and coding parts."""

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
    | {"mature_protein_region_of_CDS", "mature_protein_region", "miRNA", "biological_region"}
    | {"signal_peptide_region_of_CDS", "sequence_feature", "cDNA_match", "match"}
)
_REGIONS = frozenset({"region", "chromosome", "supercontig", "scaffold", "contig"})
_UNSAFE = re.compile(r"[^0-9A-Za-z_.:+/()'-]")
# What RefSeq and Ensembl call biotypes, where bcftools csq knows them by another name.
_BIOTYPES = {
    "Mt_tRNA": "MT_tRNA",
    "Mt_rRNA": "MT_rRNA",
    "mRNA": "protein_coding",
    "lnc_RNA": "lncRNA",
    "ncRNA": "misc_RNA",
    "transcript": "misc_RNA",
}


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
    """What a GFF3 file holds: messages, other names of contigs, genetic codes it tells, and what
    was left out, by reason.
    """

    messages: list[Message] = field(default_factory=list)
    aliases: dict[str, set[str]] = field(default_factory=dict)
    codes: dict[str, Counter[int]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)


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
    told = {name: unquote(value) for name, _, value in pairs if name}
    offset = int(phase) if phase in ("0", "1", "2") else 0
    return _Row(unquote(contig), kind, int(first), int(last), strand, offset, told)


class _Reader:
    """Gathers rows, which may come in any order, and joins them at the end."""

    def __init__(self) -> None:
        self._genes: dict[str, _Row] = {}
        self._messages: dict[str, _Row] = {}
        self._parts: list[_Row] = []
        self._found = Genes()

    def take(self, row: _Row) -> None:
        """Note one row."""
        if row.kind in _PARTS:
            self._parts.append(row)
        elif row.kind in _REGIONS:
            self._note_region(row)
        elif row.kind in _PASSED or "ID" not in row.notes:
            return
        elif row.kind in _GENES or row.notes["ID"].startswith(("gene:", "gene-")):
            self._genes[row.notes["ID"]] = row
        elif "Parent" in row.notes:
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
        for row in self._parts:
            for parent in row.notes.get("Parent", "").split(","):
                message = self._find(made, row, parent)
                if message is None:
                    found.left_out[f"{row.kind} row(s) whose parent is not there"] += 1
                    continue
                parts = message.coding if row.kind == "CDS" else message.exons
                parts.append(Part(row.first, row.last, row.phase))
            if row.kind == "CDS" and row.notes.get("transl_table", "").isdigit():
                codes = found.codes.setdefault(row.contig, Counter())
                codes[int(row.notes["transl_table"])] += 1
        self._make_whole(made)
        found.messages = [*_sort_out(made, found.left_out)]
        return found

    def _make_whole(self, made: dict[str, Message]) -> None:
        """Make messages of one exon for transcripts that make no protein and list no parts."""
        for key, row in self._messages.items():
            if key not in made and row.kind != "mRNA":
                message = self._make(made, key, row, row.notes["Parent"].split(",")[0])
                if message is not None:
                    message.exons.append(Part(row.first, row.last))

    def _find(self, made: dict[str, Message], row: _Row, parent: str) -> Message | None:
        """Return the message a part belongs to; CDS rows of one ID on a gene are one message."""
        if parent in self._messages:
            own = self._messages[parent]
            return self._make(made, parent, own, own.notes["Parent"].split(",")[0])
        if parent in self._genes:
            protein = row.notes.get("protein_id") or row.notes.get("ID", parent)
            return self._make(made, protein if row.kind == "CDS" else parent, row, parent)
        return None

    def _make(self, made: dict[str, Message], key: str, row: _Row, gene_id: str) -> Message | None:
        gene = self._genes.get(gene_id)
        if gene is None:
            return None
        if key not in made:
            name = gene.notes.get("Name") or gene.notes.get("gene") or _bare(gene_id)
            made[key] = Message(
                id=_safe(row.notes.get("transcript_id") or _bare(key)),
                gene_id=_safe(_bare(gene_id)),
                gene=_safe(name),
                biotype=_biotype(row, gene),
                contig=row.contig,
                strand=row.strand,
            )
        return made[key]


def _biotype(row: _Row, gene: _Row) -> str:
    told = row.notes.get("biotype") or row.notes.get("gbkey")
    if row.kind in _PARTS or told in (None, "mRNA", "CDS", "Gene"):
        told = gene.notes.get("biotype") or gene.notes.get("gene_biotype") or told or "misc_RNA"
    return _BIOTYPES.get(told, told)


def _bare(name: str) -> str:
    """Return an id without Ensembl's or RefSeq's word for its kind."""
    for prefix in ("gene:", "transcript:", "CDS:", "gene-", "rna-", "cds-"):
        name = name.removeprefix(prefix)
    return name


def _safe(name: str) -> str:
    return _UNSAFE.sub("_", name)


def _sort_out(made: dict[str, Message], left_out: Counter[str]) -> Iterator[Message]:
    """Yield messages whose parts are in genome order; exons may hang on the gene beside CDS."""
    coding_genes = {m.gene_id for m in made.values() if m.coding}
    ids: set[str] = set()
    for key, message in made.items():
        message.exons.sort()
        message.coding.sort()
        stray = not message.coding and _bare(key) == message.gene_id
        if stray and message.gene_id in coding_genes:
            continue
        if message.id in ids:
            left_out["transcript(s) whose id is that of another"] += 1
            continue
        ids.add(message.id)
        yield message
