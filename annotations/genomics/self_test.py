"""Asks the engine for one site in each transcript of a new reference: does it know them all?"""

from collections.abc import Iterator

from annotations.genomics import csq, fasta
from annotations.genomics.gff import Message
from annotations.genomics.limits import Limits
from annotations.genomics.references import Reference

_AT_ONCE = 40_000
_OTHER = {"A": "G", "C": "T", "G": "A", "T": "C", "N": "A"}


def unanswered(reference: Reference, messages: list[Message]) -> list[str]:
    """Return the transcripts (genes, where no protein is made) that csq's answers do not name."""
    by_code: dict[int, list[Message]] = {}
    order = {contig.name: place for place, contig in enumerate(reference.contigs)}
    names = reference.names()
    for message in sorted(messages, key=lambda m: (order[m.contig], _place(m))):
        by_code.setdefault(names[message.contig].code, []).append(message)
    return [name for code, some in by_code.items() for name in _ask(reference, code, some)]


def _place(message: Message) -> int:
    """Return a base in the middle of the first coding part, or of the first exon."""
    part = (message.coding or message.exons)[0]
    return (part.first + part.last) // 2


def _ask(reference: Reference, code: int, messages: list[Message]) -> Iterator[str]:
    names, fetch = reference.names(), fasta.fetcher(reference.sequence)
    for start in range(0, len(messages), _AT_ONCE):
        some = messages[start : start + _AT_ONCE]
        sites: list[csq.Site] = []
        contig, bases = "", ""
        for message in some:
            if message.contig != contig:
                contig = message.contig
                bases = fetch(contig, names[contig].length)
            pos = _place(message)
            ref = bases[pos - 1]
            sites.append((contig.encode(), pos, ref.encode(), _OTHER[ref].encode()))
        answers = csq.ask(sites, reference=reference, code=code, limits=Limits())
        told = zip(some, answers, strict=True)
        yield from (message.id for message, answer in told if not _named(message, answer))


def _named(message: Message, answer: str) -> bool:
    wanted, column = (message.id, 2) if message.coding else (message.gene, 1)
    return any(text.split("|")[column : column + 1] == [wanted] for text in answer.split(","))
