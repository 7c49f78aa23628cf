"""References: a folder with a genome, its genes and what is known of both, checked and loaded.

A reference folder holds `reference.json` (this module's `Reference`), `sequence.fa` with its index
`sequence.fa.fai`, and `genes.gff3` in Ensembl's shape, as bcftools csq reads it.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from annotations.genomics import codes, fasta
from annotations.genomics.fixups import Fixups

SCHEMA = 1
SEQUENCE, INDEX, GENES, CARD = "sequence.fa", "sequence.fa.fai", "genes.gff3", "reference.json"
EMBEDDED = Path(__file__).parent / "references"


@dataclass(frozen=True)
class Contig:
    """One sequence: its name, length in bases, NCBI genetic code, MD5 of its bases, other names.

    `traps` tells, by length, which other sequence people give the same name, and why it is not
    this one.
    """

    name: str
    length: int
    code: int
    md5: str
    aliases: tuple[str, ...] = ()
    traps: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reference:
    """A reference as its card describes it; `files` maps a file's name to its SHA-256."""

    id: str
    title: str
    organism: str
    assembly: str
    accession: str
    contigs: tuple[Contig, ...]
    files: dict[str, str]
    provenance: str
    licence: str
    fixups: Fixups
    folder: Path

    @property
    def sequence(self) -> Path:
        """The genome, FASTA."""
        return self.folder / SEQUENCE

    @property
    def genes(self) -> Path:
        """The genes, GFF3."""
        return self.folder / GENES

    @cached_property
    def checksum(self) -> str:
        """One SHA-256 over the files and the card: equal means the same annotation.

        Kept, since the card of a genome of 220,000 transcripts takes a second.
        """
        text = json.dumps({**self.files, "card": card_of(self)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def names(self) -> dict[str, Contig]:
        """Return every name a contig of this reference goes by."""
        return {name: contig for contig in self.contigs for name in (contig.name, *contig.aliases)}


def card_of(reference: Reference) -> dict[str, Any]:
    """Return what `reference.json` holds, as plain data."""
    card = asdict(reference)
    del card["folder"]
    for contig in card["contigs"]:
        contig["traps"] = {str(length): why for length, why in contig["traps"].items()}
    return {"schema": SCHEMA, **card}


def load(folder: Path) -> Reference:
    """Read a reference from its folder; raise ValueError for a card of another schema."""
    card = json.loads((folder / CARD).read_text())
    if card.pop("schema") != SCHEMA:
        raise ValueError(f"This reference is of a format that this version does not read: {folder}")
    card["contigs"] = tuple(_contig(row) for row in card["contigs"])
    card["fixups"] = Fixups.load(card["fixups"])
    return Reference(folder=folder, **card)


def _contig(row: dict[str, Any]) -> Contig:
    traps = {int(length): why for length, why in row["traps"].items()}
    return Contig(**{**row, "aliases": tuple(row["aliases"]), "traps": traps})


@cache
def embedded() -> dict[str, Reference]:
    """Return the references that ship with GAS, by id."""
    cards = sorted(EMBEDDED.glob(f"*/{CARD}"))
    return {card.parent.name: load(card.parent) for card in cards}


_shelves: list[Path] = []


def open_shelf(folder: Path) -> None:
    """Let the references in the folders below `folder` be found beside the embedded ones."""
    _shelves[:] = [folder]


def known() -> dict[str, Reference]:
    """Return every reference on this machine, by id: the embedded ones and those added."""
    cards = [card for shelf in _shelves for card in sorted(shelf.glob(f"[!.]*/{CARD}"))]
    return {**embedded(), **{c.parent.name: _load(c.parent, c.stat().st_mtime_ns) for c in cards}}


@cache
def _load(folder: Path, _changed: int) -> Reference:
    return load(folder)


def find(reference_id: str) -> Reference:
    """Return the reference of this id; raise KeyError when there is none on this machine."""
    return known()[reference_id]


read_sequences = fasta.read_all


def check(reference: Reference) -> list[str]:
    """Return what is wrong with a reference on disk; an empty list says that all is as built."""
    problems = [*_wrong_files(reference)]
    return problems or [*_wrong_contigs(reference), *_wrong_genes(reference)]


def _wrong_files(reference: Reference) -> Iterator[str]:
    for name, expected in reference.files.items():
        path = reference.folder / name
        if not path.is_file():
            yield f"{name} is missing"
        elif digest(path) != expected:
            yield f"{name} is not the file that was built: its SHA-256 differs"


def digest(path: Path) -> str:
    """Return a file's SHA-256, reading it in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _wrong_contigs(reference: Reference) -> Iterator[str]:
    found = {one.name: one.bases for one in fasta.read(reference.sequence)}
    for contig in reference.contigs:
        bases = found.pop(contig.name, b"")
        if len(bases) != contig.length:
            yield f"{contig.name} has {len(bases):,} bases, not {contig.length:,}"
        if hashlib.md5(bases, usedforsecurity=False).hexdigest() != contig.md5:
            yield f"{contig.name} has other bases than expected: its MD5 differs"
        if contig.code not in codes.CODONS:
            yield f"{contig.name} uses genetic code {contig.code}, which GAS does not know"


def _wrong_genes(reference: Reference) -> Iterator[str]:
    fetch, names = fasta.fetcher(reference.sequence), reference.names()
    bases = {c.name: fetch(c.name, c.length) for c in reference.contigs}
    for transcript in read_transcripts(reference.genes):
        contig = names[transcript.contig]
        yield from transcript.faults(bases[contig.name], code=contig.code)


@dataclass
class Transcript:
    """A coding transcript of a GFF3 file: the parts of its CDS in file order, and its strand.

    `offset` is the number of bases before its first whole codon, where its start is not known;
    `incomplete` says which ends are not known: `start`, `end`.
    """

    id: str
    gene: str
    contig: str
    strand: str
    parts: list[tuple[int, int]]
    offset: int = 0
    incomplete: frozenset[str] = frozenset()

    def positions(self) -> list[int]:
        """Return the genome position of each base, in the order in which they are read."""
        ordered = [p for first, last in self.parts for p in range(first, last + 1)]
        return (ordered if self.strand == "+" else ordered[::-1])[self.offset :]

    def bases(self, sequence: str) -> str:
        """Return the message: the bases of the CDS on the gene's own strand."""
        forward = "".join(sequence[first - 1 : last] for first, last in self.parts)
        message = forward if self.strand == "+" else codes.reverse_complement(forward)
        return message[self.offset :]

    def faults(self, sequence: str, *, code: int) -> Iterator[str]:
        """Say why the CDS does not translate: its start, a stop inside, or no stop at its end.

        A last codon that lacks bases is completed with A, as polyadenylation does.
        """
        bases = self.bases(sequence)
        protein = codes.translate(bases + "A" * (-len(bases) % 3), code=code)
        if "start" not in self.incomplete and bases[:3] not in codes.STARTS[code]:
            yield f"{self.gene} ({self.id}) starts with {bases[:3]}, no start codon of its code"
        if "*" in protein[:-1]:
            yield f"{self.gene} ({self.id}) has a stop at codon {protein.index('*') + 1}"
        if "end" not in self.incomplete and not protein.endswith("*"):
            yield f"{self.gene} ({self.id}) does not end in a stop codon"


def read_transcripts(path: Path) -> list[Transcript]:
    """Return the coding transcripts of a GFF3 file in Ensembl's shape, in file order."""
    found: dict[str, Transcript] = {}
    for line in path.read_text().splitlines():
        columns = line.split("\t")
        if len(columns) < 9 or columns[2] not in ("mRNA", "CDS"):
            continue
        notes = dict(pair.split("=", 1) for pair in columns[8].split(";"))
        if columns[2] == "mRNA":
            name = notes["ID"].removeprefix("transcript:")
            gene = notes["Parent"].removeprefix("gene:")
            unknown = frozenset(notes.get("incomplete", "").split(",")) - {""}
            found[name] = Transcript(name, gene, columns[0], columns[6], [], 0, unknown)
        else:
            parent = found[notes["Parent"].removeprefix("transcript:")]
            if not parent.parts or parent.strand == "-":
                parent.offset = int(columns[7])
            parent.parts.append((int(columns[3]), int(columns[4])))
    return list(found.values())
