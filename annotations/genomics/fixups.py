"""What bcftools csq gets wrong at a few known positions, and the right answer there.

Measured on bcftools 1.24 by comparing every possible SNV with a plain translation:
- in local mode each change of a first codon is called `start_lost`, also where the new codon is a
  start of the same code (`start_retained`), and a first codon turned stop is called both;
- each indel that touches a first codon is called `start_lost`, also where a start is still there,
  as in ATG|G that loses a G; one that reaches beyond the CDS is only called `coding_sequence`;
- a last codon that lacks bases in the genome (completed by polyadenylation) is called `intron`;
- where a message reads a base twice (ribosomal slippage), and wherever a transcript has no
  introns, `splice_*` and `intron` have no meaning;
- a change that both removes and adds bases is called `feature_elongation` or `feature_truncation`
  besides, or instead of, what it does to the protein: these terms are for symbolic alleles, which
  csq is never asked about;
- of several non-coding genes of one biotype at a place, such as overlapping tRNAs, only one is
  named, and the last base of such a gene is passed over where a coding gene follows at once.
Left as it is: an indel beside a last codon may be called `stop_lost` though the same stop is read.
The table is made with the reference (`build`) and applied to csq's answers (`Mender`).
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from functools import cached_property
from itertools import takewhile
from typing import Any, TypeVar

from annotations.genomics import codes
from annotations.genomics.alignment import Bases, Change
from annotations.genomics.codons import Codon, Fate, foresee, substitute


@dataclass(frozen=True)
class Span:
    """A non-coding gene: where it lies, and its biotype as csq writes it."""

    contig: str
    first: int
    last: int
    gene: str
    biotype: str


_Row = TypeVar("_Row", Codon, Span)


@dataclass(frozen=True)
class Fixups:
    """One reference's table: first codons, incomplete last ones, transcripts in one piece, and
    the genes that make no protein.
    """

    starts: tuple[Codon, ...] = ()
    stops: tuple[Codon, ...] = ()
    unspliced: tuple[str, ...] = ()
    noncoding: tuple[Span, ...] = ()

    @cached_property
    def whole(self) -> frozenset[str]:
        """Transcripts in one piece."""
        return frozenset(self.unspliced)

    @cached_property
    def by_contig(self) -> "dict[str, Fixups]":
        """The table of each contig that has one, but for the transcripts in one piece."""
        starts, stops = _by_contig(self.starts), _by_contig(self.stops)
        noncoding = _by_contig(self.noncoding)
        return {
            name: Fixups(tuple(starts[name]), tuple(stops[name]), (), tuple(noncoding[name]))
            for name in {*starts, *stops, *noncoding}
        }

    @classmethod
    def load(cls, data: dict[str, Any]) -> "Fixups":
        """Read the table from a reference's card."""
        return cls(
            starts=tuple(_codon(row) for row in data["starts"]),
            stops=tuple(_codon(row) for row in data["stops"]),
            unspliced=tuple(data["unspliced"]),
            noncoding=tuple(Span(**row) for row in data["noncoding"]),
        )


def _by_contig(rows: tuple[_Row, ...]) -> dict[str, list[_Row]]:
    found: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        found[row.contig].append(row)
    return found


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


_OF_START = ("start_lost", "coding_sequence")
_ALWAYS = (*_OF_START, "feature_")
_MENDABLE = (*_ALWAYS, "splice_", "intron")
_FEATURE = ("feature_elongation", "feature_truncation")
# What csq says of the protein when a first codon changes; its other terms tell where that is.
_OF_CODON = frozenset({"start_lost", "start_retained", "stop_gained", "missense", "synonymous"})
_OF_INDEL = frozenset({"frameshift", "inframe_insertion", "inframe_deletion", "inframe_altering"})
_DNA = re.compile(r"(\d+)([ACGTN]+)>([ACGTN]+)")


class Mender:
    """Mends csq's answers on one contig; keeps the contig's table by position."""

    def __init__(self, fixups: Fixups, contig: str, bases: Bases) -> None:
        self._bases = bases
        self._unspliced = fixups.whole
        own = fixups.by_contig.get(contig, Fixups())
        self._starts = {codon.transcript: codon for codon in own.starts}
        self._stops = {codon.gene: codon for codon in own.stops}
        self._noncoding = own.noncoding
        self._genes = {c.gene for c in own.starts if c.transcript in self._unspliced}

    @property
    def adds(self) -> bool:
        """Whether a record without an answer may get one."""
        return bool(self._noncoding)

    def minds(self, answer: str) -> bool:
        """Say whether there may be something to mend: `mend` returns other answers as they are."""
        if self.adds or _holds(answer, _ALWAYS):
            return True
        return _holds(answer, _MENDABLE) and any(
            gene in self._stops or gene in self._genes or transcript in self._unspliced
            for _, gene, transcript, *_ in (entry.split("|", 3) for entry in answer.split(","))
        )

    def mend(self, answer: str, changes: Sequence[Change]) -> str:
        """Return csq's answer (`BCSQ` without its name, or nothing) for one record, mended.

        `changes` are those of its ALTs that csq was asked about. A record that touches no position
        of the table comes back as it is.
        """
        touched = [*self._complete(changes)] if self._noncoding else []
        if not touched and not _holds(answer, _MENDABLE):
            return answer
        given = [Entry(*text.split("|")) for text in answer.split(",") if text]
        entries = _without_features(given) if "feature_" in answer else given
        mended = [m for e in entries for m in self._mend(e, changes)]
        return ",".join(dict.fromkeys(str(entry) for entry in (*mended, *touched)))

    def _complete(self, changes: Sequence[Change]) -> Iterator[Entry]:
        """Yield every non-coding gene that a record's changed bases touch."""
        pos, ref, _ = changes[0]
        shared = _shared_start([ref, *(change.alt for change in changes)])
        for span in self._noncoding:
            if span.first < pos + len(ref) and pos + shared <= span.last and shared < len(ref):
                yield Entry("non_coding", span.gene, "", span.biotype)

    def _mend(self, entry: Entry, changes: Sequence[Change]) -> Iterator[Entry]:
        stop = self._stops.get(entry.gene)
        if entry.terms == "intron" and stop is not None:
            yield from _end(stop, entry, changes)
        else:
            yield from self._straighten(self._begin(entry, changes))

    def _straighten(self, entry: Entry) -> Iterator[Entry]:
        """Yield an entry without splice terms where there is no intron."""
        if entry.transcript in self._unspliced or entry.gene in self._genes:
            yield from _unsplice(entry)
        else:
            yield entry

    def _begin(self, entry: Entry, changes: Sequence[Change]) -> Entry:
        """Mend what is said of a first codon, unless ALTs differ in it and csq tells them not."""
        codon = self._starts.get(entry.transcript)
        if codon is None or not _holds(entry.terms, _OF_START):
            return entry
        told = [change for change in changes if str(change) == entry.dna] or changes
        mended = {self._restart(entry, codon, change) for change in told}
        return mended.pop() if len(mended) == 1 else entry

    def _restart(self, entry: Entry, codon: Codon, change: Change) -> Entry:
        bases = substitute(codon, change) if entry.dna else None
        if bases is None:
            return _refate(entry, change, foresee(codon, change, self._bases))
        if not codon.starts:
            return _compare(entry, codon, bases)
        if bases in codes.STARTS[codon.code]:
            return _judge(entry, "start_retained", "1M")
        return _judge(entry, "start_lost", f"1M>1{codes.translate(bases, code=codon.code)}")


def _holds(text: str, words: tuple[str, ...]) -> bool:
    return any(map(text.__contains__, words))


def _refate(entry: Entry, change: Change, fate: Fate | None) -> Entry:
    """Say of a change that is no substitution in the first codon whether the start is lost."""
    terms = entry.terms.split("&")
    if fate is Fate.LOST:
        terms = ["start_lost" if term == "coding_sequence" else term for term in terms]
    elif fate is not None and "start_lost" in terms:
        terms = [term for term in terms if term != "start_lost"]
        if not _OF_INDEL.intersection(terms):
            terms.insert(0, _word(change) if fate is Fate.KEPT else "5_prime_utr")
    return _rewrite(entry, "&".join(dict.fromkeys(terms)), entry.aa)


def _word(change: Change) -> str:
    growth = len(change.alt) - len(change.ref)
    if growth % 3:
        return "frameshift"
    word = "inframe_insertion" if growth > 0 else "inframe_deletion"
    return word if growth else "coding_sequence"


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


def _end(stop: Codon, entry: Entry, changes: Sequence[Change]) -> Iterator[Entry]:
    for change in changes:
        bases = substitute(stop, change)
        if bases is None:
            yield Entry("coding_sequence", stop.gene, stop.transcript, entry.biotype)
            continue
        amino = codes.translate(bases.ljust(3, "A"), code=stop.code)
        n = stop.number
        terms, aa = (
            ("stop_retained", f"{n}*") if amino == "*" else ("stop_lost", f"{n}*>{n}{amino}")
        )
        own = (stop.gene, stop.transcript, entry.biotype, stop.strand)
        yield Entry(terms, *own, aa, str(change))


def _shared_start(alleles: list[bytes]) -> int:
    """Return how many first bases all alleles have in common."""
    columns = zip(*alleles, strict=False)
    return sum(1 for _ in takewhile(lambda bases: len(set(bases)) == 1, columns))
