"""What bcftools csq gets wrong at a few known positions, and the right answer there.

Measured on bcftools 1.24 by comparing every possible SNV with a plain translation:
- in local mode each change of a first codon is called `start_lost`, also where the new codon is a
  start of the same code (`start_retained`), and a first codon turned stop is called both;
- a last codon that lacks bases in the genome (completed by polyadenylation) is called `intron`;
- where a message reads a base twice (ribosomal slippage), and wherever a transcript has no
  introns, `splice_*` and `intron` have no meaning;
- a change that both removes and adds bases is called `feature_elongation` or `feature_truncation`
  besides, or instead of, what it does to the protein: these terms are for symbolic alleles, which
  csq is never asked about;
- of several non-coding genes of one biotype at a place, such as overlapping tRNAs, only one is
  named, and the last base of such a gene is passed over where a coding gene follows at once.
The table is made with the reference (`build`) and applied to csq's answers (`Mender`).
"""

import re
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from itertools import takewhile
from typing import Any

from annotations.genomics import codes


@dataclass(frozen=True)
class Codon:
    """A codon to mend: genome positions in reading order, its bases, its place in the protein."""

    transcript: str
    gene: str
    contig: str
    strand: str
    code: int
    positions: tuple[int, ...]
    bases: str
    number: int


@dataclass(frozen=True)
class Span:
    """A non-coding gene: where it lies, and its biotype as csq writes it."""

    contig: str
    first: int
    last: int
    gene: str
    biotype: str


@dataclass(frozen=True)
class Fixups:
    """One reference's table: first codons, incomplete last ones, transcripts in one piece, and
    the genes that make no protein.
    """

    starts: tuple[Codon, ...] = ()
    stops: tuple[Codon, ...] = ()
    unspliced: tuple[str, ...] = ()
    noncoding: tuple[Span, ...] = ()

    @classmethod
    def load(cls, data: dict[str, Any]) -> "Fixups":
        """Read the table from a reference's card."""
        return cls(
            starts=tuple(_codon(row) for row in data["starts"]),
            stops=tuple(_codon(row) for row in data["stops"]),
            unspliced=tuple(data["unspliced"]),
            noncoding=tuple(Span(**row) for row in data["noncoding"]),
        )


def _codon(row: dict[str, Any]) -> Codon:
    return Codon(**{**row, "positions": tuple(row["positions"])})


@dataclass(frozen=True)
class Entry:
    """One consequence as csq writes it: seven fields between bars, the last three may be absent."""

    terms: str
    gene: str
    transcript: str
    biotype: str
    strand: str = ""
    aa: str = ""
    dna: str = ""

    def __str__(self) -> str:
        return "|".join(astuple(self)).rstrip("|")


_MENDABLE = re.compile("splice_|intron|start_lost|feature_")
_ALWAYS = re.compile("start_lost|feature_")
_FEATURE = ("feature_elongation", "feature_truncation")
# What csq says of the protein when a first codon changes; its other terms tell where that is.
_OF_CODON = frozenset({"start_lost", "start_retained", "stop_gained", "missense", "synonymous"})
_DNA = re.compile(r"(\d+)([ACGTN]+)>([ACGTN]+)")


class Mender:
    """Mends csq's answers on one contig; keeps the contig's table by position."""

    def __init__(self, fixups: Fixups, contig: str) -> None:
        self._unspliced = frozenset(fixups.unspliced)
        self._starts = {
            (position, codon.transcript): codon
            for codon in fixups.starts
            for position in codon.positions
            if codon.contig == contig
        }
        self._stops = {c.gene: c for c in fixups.stops if c.contig == contig}
        self._noncoding = [span for span in fixups.noncoding if span.contig == contig]
        self._genes = {c.gene for c in fixups.starts if c.transcript in self._unspliced}

    @property
    def adds(self) -> bool:
        """Whether a record without an answer may get one."""
        return bool(self._noncoding)

    def minds(self, answer: str) -> bool:
        """Say whether there may be something to mend: `mend` returns other answers as they are."""
        if self.adds or _ALWAYS.search(answer):
            return True
        return _MENDABLE.search(answer) is not None and any(
            gene in self._stops or gene in self._genes or transcript in self._unspliced
            for _, gene, transcript, *_ in (entry.split("|", 3) for entry in answer.split(","))
        )

    def mend(self, answer: str, *, pos: int, ref: str, alts: list[str]) -> str:
        """Return csq's answer (`BCSQ` without its name, or nothing) for one record, mended.

        A record that touches no position of the table comes back as it is.
        """
        touched = [*self._complete(pos=pos, ref=ref, alts=alts)] if self._noncoding else []
        if not touched and not _MENDABLE.search(answer):
            return answer
        given = [Entry(*text.split("|")) for text in answer.split(",") if text]
        entries = _without_features(given) if "feature_" in answer else given
        mended = [m for e in entries for m in self._mend(e, pos=pos, ref=ref, alts=alts)]
        return ",".join(dict.fromkeys(str(entry) for entry in (*mended, *touched)))

    def _complete(self, *, pos: int, ref: str, alts: list[str]) -> Iterator[Entry]:
        """Yield every non-coding gene that a record's changed bases touch."""
        shared = _shared_start([ref, *alts])
        for span in self._noncoding:
            if span.first < pos + len(ref) and pos + shared <= span.last and shared < len(ref):
                yield Entry("non_coding", span.gene, "", span.biotype)

    def _mend(self, entry: Entry, *, pos: int, ref: str, alts: list[str]) -> Iterator[Entry]:
        stop = self._stops.get(entry.gene)
        if entry.terms == "intron" and stop is not None:
            yield from _end(stop, entry, pos=pos, ref=ref, alts=alts)
        elif "start_lost" in entry.terms:
            yield from self._straighten(self._begin(entry))
        else:
            yield from self._straighten(entry)

    def _straighten(self, entry: Entry) -> Iterator[Entry]:
        """Yield an entry without splice terms where there is no intron."""
        if entry.transcript in self._unspliced or entry.gene in self._genes:
            yield from _unsplice(entry)
        else:
            yield entry

    def _begin(self, entry: Entry) -> Entry:
        change = _DNA.fullmatch(entry.dna)
        if change is None:
            return entry
        pos, ref, alt = int(change[1]), change[2], change[3]
        codon = self._starts.get((pos, entry.transcript))
        if codon is None:
            return entry
        bases = _substitute(codon, pos=pos, ref=ref, alt=alt)
        if bases is None:
            return entry
        if codon.bases not in codes.STARTS[codon.code]:
            return _compare(entry, codon, bases)
        if bases in codes.STARTS[codon.code]:
            return _judge(entry, "start_retained", "1M")
        return _judge(entry, "start_lost", f"1M>1{codes.translate(bases, code=codon.code)}")


def _without_features(entries: list[Entry]) -> Iterator[Entry]:
    """Yield entries without feature terms; one that has nothing else stays if it stands alone."""
    told = {e.transcript for e in entries if e.aa or not e.terms.startswith("feature_")}
    for entry in entries:
        terms = [term for term in entry.terms.split("&") if term not in _FEATURE]
        if not terms and entry.aa:
            terms = [_length_change(entry)]
        if terms:
            yield _rewrite(entry, "&".join(terms), entry.aa)
        elif entry.transcript not in told:
            yield entry


def _length_change(entry: Entry) -> str:
    """Name an in-frame change by whether bases are added or removed."""
    change = _DNA.fullmatch(entry.dna)
    if change is None:
        return "coding_sequence"
    word = "inframe_insertion" if len(change[3]) > len(change[2]) else "inframe_deletion"
    old, _, new = entry.aa.partition(">")
    return f"stop_gained&{word}" if "*" in new and "*" not in old else word


def _compare(entry: Entry, codon: Codon, bases: str) -> Entry:
    """Return the plain answer for a first codon that starts nothing: its start is not known."""
    old, new = (codes.translate(text, code=codon.code) for text in (codon.bases, bases))
    if old == new:
        return _judge(entry, "synonymous", f"1{old}")
    return _judge(entry, "stop_gained" if new == "*" else "missense", f"1{old}>1{new}")


def _judge(entry: Entry, term: str, aa: str) -> Entry:
    """Return the entry with another word for what becomes of its codon."""
    others = (other for other in entry.terms.split("&") if other not in _OF_CODON)
    return _rewrite(entry, "&".join([term, *others]), aa)


def _rewrite(entry: Entry, terms: str, aa: str) -> Entry:
    return Entry(terms, entry.gene, entry.transcript, entry.biotype, entry.strand, aa, entry.dna)


def _unsplice(entry: Entry) -> Iterator[Entry]:
    terms = [t for t in entry.terms.split("&") if t != "intron" and not t.startswith("splice_")]
    if terms:
        yield _rewrite(entry, "&".join(terms), entry.aa)


def _end(stop: Codon, entry: Entry, *, pos: int, ref: str, alts: list[str]) -> Iterator[Entry]:
    for alt in alts:
        bases = _substitute(stop, pos=pos, ref=ref, alt=alt)
        if bases is None:
            yield Entry("coding_sequence", stop.gene, stop.transcript, entry.biotype)
            continue
        amino = codes.translate(bases.ljust(3, "A"), code=stop.code)
        n, dna = stop.number, f"{pos}{ref}>{alt}"
        terms, aa = (
            ("stop_retained", f"{n}*") if amino == "*" else ("stop_lost", f"{n}*>{n}{amino}")
        )
        yield Entry(terms, stop.gene, stop.transcript, entry.biotype, stop.strand, aa, dna)


def _substitute(codon: Codon, *, pos: int, ref: str, alt: str) -> str | None:
    """Return the codon's bases after a change, or None unless it is a substitution inside it."""
    places = range(pos, pos + len(ref))
    if len(ref) != len(alt) or not all(place in codon.positions for place in places):
        return None
    bases = list(codon.bases)
    for place, base in zip(places, alt, strict=True):
        own = base if codon.strand == "+" else codes.reverse_complement(base)
        bases[codon.positions.index(place)] = own
    return "".join(bases)


def _shared_start(alleles: list[str]) -> int:
    """Return how many first bases all alleles have in common."""
    columns = zip(*alleles, strict=False)
    return sum(1 for _ in takewhile(lambda bases: len(set(bases)) == 1, columns))
