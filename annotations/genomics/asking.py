"""Blocks of records go to csq, and come back with its answers, in their order.

Each site is asked once however many records are there, only where genes are, and in a form that
csq reads rightly. A child is asked on and on; when too much waits for it, it is told that no more
comes, and answers what it holds back while the next child is asked. So a genome with long
transcripts, such as a virus, is asked in chunks, and a large one whose genes csq needs long to
read is asked of one child.
"""

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

from annotations.genomics import fasta, genes
from annotations.genomics.alignment import Bases, Change, reword, settle
from annotations.genomics.alleles import CALLED, judge
from annotations.genomics.blocks import Block, Site
from annotations.genomics.csq import Child
from annotations.genomics.limits import Limits
from annotations.genomics.references import Contig, Reference

Answers = dict[Site, str]
"""What csq says of sites; those that it says nothing of are not there."""
_WAIT = 0.02
_ROUNDS = 2
_LANES = 2


@dataclass(slots=True)
class _Waiting:
    """A block whose answers are awaited, and what it weighs.

    `parts` are children with the sites that each was asked about; `meant` tells, of those in
    another form, which site they are of, and which allele.
    """

    block: Block
    parts: list[tuple[Child, list[Site]]]
    meant: dict[Site, tuple[Site, bytes]]
    round: int
    text: int
    alts: int


class Asker:
    """The children that run, and the blocks that wait for them."""

    def __init__(
        self, reference: Reference, *, scratch: Path, limits: Limits, look_up: Callable[[], None]
    ) -> None:
        self._reference = reference
        self._scratch = scratch
        self._limits = limits
        self._look_up = look_up
        self._spans = genes.spans(reference)
        self._text, self._starts = fasta.open_genome(reference.sequence)
        self._waiting: deque[_Waiting] = deque()
        self._children: dict[tuple[int, int], Child] = {}
        self._closed: list[Child] = []
        self._round = 0

    def answer(self, blocks: Iterable[Block]) -> Iterator[tuple[Block, Answers]]:
        """Yield blocks with their answers as soon as these are there. Raises EngineFailed."""
        for block in blocks:
            self._put(block)
            yield from self._ready()
            if self._weigh(self._round) >= 1 or self._have_said_much():
                self._end_round()
            while self._weigh() >= _ROUNDS:
                self._pause()
                yield from self._ready()
        self._end_round()
        while self._waiting:
            yield from self._ready()
            if self._waiting:
                self._pause()
        for child in self._closed:
            child.finish()

    def close(self) -> None:
        """End all children."""
        for child in (*self._children.values(), *self._closed):
            child.end()

    def _put(self, block: Block) -> None:
        sites = self._choose(block)
        asked, meant = self._word(block.contig, sites)
        parts = self._ask(block.contig, asked) if asked else []
        alts = sum(alleles.alts.count(b",") + 1 for _, alleles in sites)
        text = sum(map(len, block.lines))
        self._waiting.append(_Waiting(block, parts, meant, self._round, text, alts))

    def _choose(self, block: Block) -> list[Site]:
        """Return the sites that csq may have something to say of, each once, in order."""
        stretches = self._spans.get(block.contig.name, ([], []))
        longest = max(len(alleles.ref) for alleles in set(block.alleles))
        chosen: dict[Site, None] = {}
        for part in genes.near(stretches, block.positions, longest):
            chosen.update(dict.fromkeys(zip(block.positions[part], block.alleles[part])))  # noqa: B905
        return [site for site in chosen if site[1].kind == CALLED]

    def _word(
        self, contig: Contig, sites: list[Site]
    ) -> tuple[list[Site], dict[Site, tuple[Site, bytes]]]:
        """Return what to ask instead of some sites, in order, and what is meant by it."""
        meant: dict[Site, tuple[Site, bytes]] = {}
        bases = Bases(self._text, self._starts[contig.name] - 1)
        for site in [site for site in sites if not site[1].settled]:
            for alt in site[1].alts.split(b","):
                pos, *alleles = settle(Change(site[0], site[1].ref, alt), bases)
                meant[pos, judge(*alleles, most=1)] = site, alt
        plain = [site for site in sites if site[1].settled] if meant else sites
        return sorted([*plain, *meant], key=itemgetter(0)) if meant else plain, meant

    def _ask(
        self, contig: Contig, sites: list[Site], lane: int = 0
    ) -> list[tuple[Child, list[Site]]]:
        """Ask about sites, which are in order; return which child was asked about which.

        A site that was moved to the left may come too late for a child, which wants them in order:
        such ones are asked of a second child.
        """
        if lane == _LANES:
            self._end_round()
            return self._ask(contig, sites)
        name, key = contig.name.encode(), (contig.code, lane)
        child = self._children.get(key) or self._start(key)
        late = bisect_left(sites, child.last[1], key=itemgetter(0)) if child.last[0] == name else 0
        due = sites[late:]
        if due:
            child.ask([(name, pos, alleles.ref, alleles.alts) for pos, alleles in due])
        return [(child, due), *(self._ask(contig, sites[:late], lane + 1) if late else [])]

    def _start(self, key: tuple[int, int]) -> Child:
        child = self._children[key] = Child(
            self._reference,
            code=key[0],
            scratch=self._scratch,
            limits=self._limits,
            look_up=self._look_up,
        )
        return child

    def _ready(self) -> Iterator[tuple[Block, Answers]]:
        """Yield the first blocks as long as all of their answers are there."""
        while self._waiting:
            first = self._waiting[0]
            if not all(child.has(len(asked)) for child, asked in first.parts):
                return
            self._waiting.popleft()
            answers: Answers = {}
            for child, asked in first.parts:
                told = zip(asked, child.take(len(asked)), strict=True)
                answers |= {site: answer for site, answer in told if answer}
            yield first.block, _read_back(answers, first.meant) if first.meant else answers

    def _weigh(self, number: int | None = None) -> float:
        """Return how much waits, of a round or in all: 1 is what one round may hold."""
        some = [one for one in self._waiting if number in (None, one.round)]
        return max(
            sum(len(one.block.lines) for one in some) / self._limits.chunk_records,
            sum(one.text for one in some) / self._limits.chunk_text,
            sum(one.alts for one in some) / self._limits.chunk_alts,
        )

    def _have_said_much(self) -> bool:
        heard = max((child.received for child in self._children.values()), default=0)
        return heard > self._limits.child_answer // 2

    def _end_round(self) -> None:
        """Tell the children that no more comes, and ask others from now on."""
        awaited = {id(child) for one in self._waiting for child, _ in one.parts}
        for child in [child for child in self._closed if id(child) not in awaited]:
            child.finish()
            self._closed.remove(child)
        for child in self._children.values():
            child.close()
            self._closed.append(child)
        self._children = {}
        self._round += 1

    def _pause(self) -> None:
        self._look_up()
        time.sleep(_WAIT)


def _read_back(answers: Answers, meant: dict[Site, tuple[Site, bytes]]) -> Answers:
    """Return answers by the sites that were meant, those of a site's alleles after each other."""
    parts: dict[Site, dict[str, None]] = {}
    for asked, (site, alt) in meant.items():
        if answer := answers.pop(asked, ""):
            pos, alleles = site
            told = reword(answer, Change(pos, alleles.ref, alt)).split(",")
            parts.setdefault(site, {}).update(dict.fromkeys(told))
    return answers | {site: ",".join(told) for site, told in parts.items()}
