"""Makes a reference of a FASTA file and a GFF3 file: checked, normalised, indexed, self-tested."""

import hashlib
import itertools
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from annotations.genomics import codes, fasta, features, gff, mitochondrion, naming, references
from annotations.genomics.codons import Codon
from annotations.genomics.fasta import Malformed, Sequence
from annotations.genomics.fixups import Fixups, Span
from annotations.genomics.gff import Message
from annotations.genomics.references import Contig, Reference, Transcript
from annotations.genomics.self_test import unanswered

REPORT = "report.txt"
_MOST_LISTED = 50
_MOST_DROPPED = 0.5
# A donor and an acceptor site take four bases: a shorter gap tells of a shifted frame (PA-X, GP).
_NO_INTRON = 3


@dataclass(frozen=True)
class Asked:
    """What the operator says of a new reference.

    `codes` are NCBI's genetic codes by contig, `aliases` other names of contigs, which the GFF3
    may use; `fragments` says that proteins may begin anywhere, as mature peptides do.
    """

    id: str
    title: str
    genome: Path
    genes: Path
    codes: dict[str, int] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    fragments: bool = False


@dataclass
class Report:
    """What became of the files: counts, messages that were dropped and why, what was mended."""

    kept: int = 0
    coding: int = 0
    incomplete: int = 0
    unstarted: int = 0
    dropped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return the report as text; a long list of dropped transcripts is cut."""
        more = len(self.dropped) - _MOST_LISTED
        return [
            f"Transcripts kept: {self.kept:,}, of which {self.coding:,} make proteins; "
            f"{self.incomplete:,} of these lack a start or an end in the annotation.",
            f"Every kept coding sequence translates. Transcripts dropped: {len(self.dropped):,}.",
            *(f"  dropped: {why}" for why in self.dropped[:_MOST_LISTED]),
            *([f"  and {more:,} more"] if more > 0 else []),
            *self.notes,
        ]


@dataclass
class _Built:
    """What is gathered contig by contig."""

    contigs: list[Contig] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    starts: list[Codon] = field(default_factory=list)
    stops: list[Codon] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    unspliced: list[str] = field(default_factory=list)


def add(asked: Asked, shelf: Path) -> tuple[Reference, Report]:
    """Make the reference `asked` describes, in a folder of its id on the shelf.

    Raises Malformed, saying why, when the files are unsound or do not belong together, and
    FileExistsError when there is a reference of this id. Nothing is left behind then.
    """
    if asked.id in references.known() or (shelf / asked.id).exists():
        raise FileExistsError(f"There is a reference {asked.id} already.")
    shelf.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".new-", dir=shelf))
    try:
        report = Report()
        _make(asked, folder, report)
        (folder / REPORT).write_text("\n".join([*report.lines(), ""]))
        folder.chmod(0o755)
        folder.replace(shelf / asked.id)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return references.load(shelf / asked.id), report


def _make(asked: Asked, folder: Path, report: Report) -> None:
    genes = gff.read(asked.genes)
    by_contig: dict[str, list[Message]] = {}
    for message in genes.messages:
        by_contig.setdefault(message.contig, []).append(message)
    told = dict(asked.codes)
    for contig, counts in genes.codes.items():
        told.setdefault(contig, counts.most_common(1)[0][0])
    others = {c: genes.aliases.get(c, set()) | {asked.aliases.get(c, c)} for c in by_contig}
    built, meant = _Built(), naming.meanings(others)

    def pass_on() -> Iterator[Sequence]:
        for sequence in fasta.read(asked.genome):
            name, theirs = sequence.name, meant.get(sequence.name, sequence.name)
            if theirs in told:
                told.setdefault(name, told[theirs])
            genes.aliases[name] = {theirs, *genes.aliases.get(theirs, ())}
            _take(built, sequence, by_contig.pop(theirs, []), told, report)
            yield sequence

    names = {"sequence": references.SEQUENCE, "index": references.INDEX}
    fasta.write(folder, pass_on(), **names)
    report.notes += genes.notes()
    _refuse_twins([contig.name for contig in built.contigs], meant)
    _conclude(built, by_contig, report, fragments=asked.fragments)
    _name_contigs(built, genes.aliases, asked.aliases)
    text = "\n".join(["##gff-version 3", *built.rows, ""])
    (folder / references.GENES).write_text(text)
    reference = _describe(asked, built, folder)
    card = json.dumps(references.card_of(reference), indent=1, ensure_ascii=False)
    (folder / references.CARD).write_text(card + "\n")
    _self_test(reference, built, report)


def _take(
    built: _Built, one: Sequence, messages: list[Message], told: dict[str, int], report: Report
) -> None:
    """Add one contig and those of its messages that are sound, under its own name."""
    for message in messages:
        message.contig = one.name
    md5 = hashlib.md5(one.bases, usedforsecurity=False).hexdigest()
    coding = any(message.coding for message in messages)
    mitochondrion.check(one, md5=md5, told=one.name in told or not coding)
    code = told.get(one.name, mitochondrion.VERTEBRATE if md5 == mitochondrion.RCRS else 1)
    if code not in codes.CODONS:
        known = ", ".join(map(str, codes.CODONS))
        raise Malformed(f"{one.name}: genetic code {code} is not one that GAS knows ({known}).")
    built.contigs.append(Contig(one.name, len(one.bases), code, md5))
    if one.ambiguous:
        report.notes.append(f"{one.name}: {one.ambiguous:,} ambiguous bases became N.")
    text = one.bases.decode()
    kept = [*_sound(messages, text, code, report)]
    _fix_up(built, kept, text, code)
    built.rows += features.of_genes([message for message, _ in kept])
    for message, transcript in kept:
        built.rows += features.of_message(message, transcript)
        built.messages.append(message)
    report.kept += len(kept)
    report.coding += sum(1 for _, transcript in kept if transcript)
    report.unstarted += sum(1 for _, t in kept if t and not t.offset and "start" in t.incomplete)
    report.incomplete += sum(1 for _, transcript in kept if transcript and transcript.incomplete)
    unread = [t.id for _, t in kept if t and "N" in t.bases(text)]
    if unread:
        # csq 1.24 reads such a codon as a stop.
        report.notes.append(
            f"{one.name}: do not trust what is said of codons with an N; the CDS has one in "
            f"{len(unread):,} transcript(s), such as {unread[0]}."
        )


def _sound(
    messages: list[Message], bases: str, code: int, report: Report
) -> Iterator[tuple[Message, Transcript | None]]:
    for message in messages:
        transcript = _transcript(message, bases, code) if message.coding else None
        fault = next(_faults(message, transcript, bases, code), None)
        if fault:
            report.dropped.append(f"{message.gene} ({message.id}): {fault}")
        else:
            yield message, transcript


def _transcript(message: Message, bases: str, code: int) -> Transcript:
    """Return the coding transcript, told where it is incomplete."""
    first = message.coding[0 if message.strand == "+" else -1]
    parts = [(part.first, part.last) for part in message.coding]
    made = Transcript(
        message.id, message.gene, message.contig, message.strand, parts, offset=first.phase
    )
    text = made.bases(bases)
    protein = codes.translate(text + "A" * (-len(text) % 3), code=code)
    unknown = {"start"} if first.phase or text[:3] not in codes.STARTS[code] else set()
    made.incomplete = frozenset(unknown | (set() if protein.endswith("*") else {"end"}))
    return made


def _faults(
    message: Message, transcript: Transcript | None, bases: str, code: int
) -> Iterator[str]:
    parts = [*message.exons, *message.coding]
    if message.strand not in ("+", "-"):
        yield f"its strand is {message.strand!r}"
    if any(part.last > len(bases) for part in parts):
        yield f"it lies beyond the {len(bases):,} bases of {message.contig}"
    if any(b.first <= a.last for a, b in zip(message.exons, message.exons[1:], strict=False)):
        yield "its exons overlap"
    if message.exons and not all(_inside(part, message.exons) for part in message.coding):
        yield "a part of its CDS is outside its exons"
    if transcript is not None:
        if len(transcript.positions()) < 3:
            yield "its CDS is shorter than a codon"
        yield from transcript.faults(bases, code=code)


def _inside(part: gff.Part, exons: list[gff.Part]) -> bool:
    return any(exon.first <= part.first and part.last <= exon.last for exon in exons)


def _fix_up(
    built: _Built, kept: list[tuple[Message, Transcript | None]], bases: str, code: int
) -> None:
    """Gather the fix-up table of a contig: see `fixups`.

    csq tells introns by the gene's name alone, so a gene counts as unspliced when all are.
    """
    spliced = {message.gene for message, _ in kept if not _in_one_piece(message)}
    mitochondrial = code in codes.MITOCHONDRIAL
    for message, transcript in kept:
        whole = message.gene not in spliced
        if transcript is not None:
            built.starts += [_codon(transcript, bases, slice(0, 3), code)] * (not transcript.offset)
            built.unspliced += [transcript.id] * whole
            rest = len(transcript.positions()) % 3
            if rest and whole and mitochondrial and "end" not in transcript.incomplete:
                built.stops.append(_codon(transcript, bases, slice(-rest, None), code))
        elif whole and mitochondrial:
            exon = message.exons[0]
            place = (message.contig, exon.first, exon.last)
            built.spans.append(Span(*place, message.gene, message.biotype))


def _in_one_piece(message: Message) -> bool:
    pairs = itertools.pairwise(message.exons or message.coding)
    return all(after.first - before.last - 1 <= _NO_INTRON for before, after in pairs)


def _codon(transcript: Transcript, bases: str, part: slice, code: int) -> Codon:
    text, positions = transcript.bases(bases), transcript.positions()
    return Codon(
        transcript=transcript.id,
        gene=transcript.gene,
        contig=transcript.contig,
        strand=transcript.strand,
        code=code,
        positions=tuple(positions[part]),
        bases=text[part],
        number=1 if part.start == 0 else len(text) // 3 + 1,
    )


def _refuse_twins(names: list[str], meant: dict[str, str]) -> None:
    """Refuse a genome with two sequences that the genes of one contig could lie on."""
    for name in names:
        if meant.get(name, name) != name and meant[name] in names:
            raise Malformed(f"The FASTA file has both {name} and {meant[name]}: leave one out.")


def _conclude(
    built: _Built, strangers: dict[str, list[Message]], report: Report, *, fragments: bool
) -> None:
    """Refuse files that do not belong together; tell of genes on contigs that are not there."""
    lost = sum(map(len, strangers.values()))
    if not built.messages and lost:
        there, here = next(iter(strangers)), built.contigs[0].name
        raise Malformed(
            f"No gene lies on a sequence of the FASTA file: the genes are on {there}, the "
            f"sequences are {here}… Take both files from one source, or say that these are two "
            f"names of one sequence (--alias {there}={here})."
        )
    if not built.messages:
        first = [f"The first dropped: {why}." for why in report.dropped[:1]]
        raise Malformed(
            " ".join(["The GFF3 file holds no gene that can be used.", *first, *report.notes])
            + " GAS translates CDS rows: is there one for each protein?"
        )
    if len(report.dropped) > _MOST_DROPPED * (report.kept + len(report.dropped)):
        raise Malformed(
            f"{len(report.dropped):,} transcripts do not translate, most of them. The first: "
            f"{report.dropped[0]}. Are the files of one assembly, and the genetic codes right "
            "(--code CONTIG=NUMBER)?"
        )
    if report.unstarted > _MOST_DROPPED * report.coding and not fragments:
        raise Malformed(
            f"{report.unstarted:,} of {report.coding:,} proteins do not begin with a start codon. "
            "Are the files of one assembly, and the genetic codes right (--code CONTIG=NUMBER)? "
            "If these are mature peptides or parts of proteins, say so (--fragments)."
        )
    if lost:
        report.notes.append(f"Left out: {lost:,} transcript(s) on sequences that are not there.")


def _name_contigs(built: _Built, told: dict[str, set[str]], asked: dict[str, str]) -> None:
    """Give each contig its other names; a name that two contigs could have, none gets."""
    wanted: dict[str, set[str]] = {}
    for contig in built.contigs:
        names = {*told.get(contig.name, ()), *naming.usual(contig.name)}
        names |= {alias for alias, name in asked.items() if name == contig.name}
        wanted[contig.name] = {name for name in names if name and not set(name) & set(" \t,<>;")}
    taken = Counter(name for names in wanted.values() for name in names)
    own = {contig.name for contig in built.contigs}
    for place, contig in enumerate(built.contigs):
        aliases = sorted(n for n in wanted[contig.name] - own if taken[n] == 1)
        traps = mitochondrion.TRAPS if contig.md5 == mitochondrion.RCRS else {}
        size = (contig.name, contig.length, contig.code, contig.md5)
        built.contigs[place] = Contig(*size, aliases=tuple(aliases), traps=traps)


def _describe(asked: Asked, built: _Built, folder: Path) -> Reference:
    files = (references.SEQUENCE, references.INDEX, references.GENES)
    told = [f"{p.name}, SHA-256 {references.digest(p)}" for p in (asked.genome, asked.genes)]
    return Reference(
        id=asked.id,
        title=asked.title,
        organism="",
        assembly="",
        accession=asked.id,
        contigs=tuple(built.contigs),
        files={name: references.digest(folder / name) for name in files},
        provenance=f"Added by the operator from {'; '.join(told)}.",
        licence="As its source says.",
        fixups=Fixups(
            starts=tuple(built.starts),
            stops=tuple(built.stops),
            unspliced=tuple(built.unspliced),
            noncoding=tuple(built.spans),
        ),
        folder=folder,
    )


def _self_test(reference: Reference, built: _Built, report: Report) -> None:
    """Check the written files as `references check` does, and ask the engine for each message."""
    problems = references.check(reference)
    if problems:
        raise Malformed("The reference fails its own check: " + "; ".join(problems[:5]))
    silent = unanswered(reference, built.messages)
    if len(silent) > _MOST_DROPPED * len(built.messages):
        raise Malformed(f"The engine knows none of most transcripts, such as {silent[0]}.")
    if silent:
        shown = ", ".join(silent[:_MOST_LISTED])
        report.notes.append(f"The engine says nothing of {len(silent):,} transcript(s): {shown}")
