"""Messages as rows of GFF3, in the one form that GAS gives to csq."""

from collections.abc import Iterator

from annotations.genomics import gff
from annotations.genomics.gff import Message
from annotations.genomics.references import Transcript


def _row(message: Message, kind: str, part: tuple[int, int], notes: str, phase: str = ".") -> str:
    columns = (message.contig, "GAS", kind, *part, ".", message.strand, phase, notes)
    return "\t".join(map(str, columns))


def of_genes(messages: list[Message]) -> Iterator[str]:
    """Yield a row for each gene, as long as its messages reach."""
    genes: dict[str, list[Message]] = {}
    for message in messages:
        genes.setdefault(message.gene_id, []).append(message)
    for gene_id, own in genes.items():
        spans = [_extent(message) for message in own]
        notes = f"ID=gene:{gene_id};Name={own[0].gene};biotype={own[0].biotype}"
        extent = (min(first for first, _ in spans), max(last for _, last in spans))
        yield _row(own[0], "gene", extent, notes)


def _extent(message: Message) -> tuple[int, int]:
    parts = [*message.exons, *message.coding]
    return min(part.first for part in parts), max(part.last for part in parts)


def of_message(message: Message, transcript: Transcript | None) -> Iterator[str]:
    """Yield a message as csq reads it: transcript, exons, untranslated parts, CDS."""
    own = f"transcript:{message.id}"
    parent = f"Parent={own}"
    unknown = f";incomplete={','.join(sorted(transcript.incomplete))}" if transcript else ""
    notes = f"ID={own};Parent=gene:{message.gene_id};biotype={message.biotype}{unknown}"
    yield _row(message, "mRNA" if transcript else "transcript", _extent(message), notes)
    for exon in message.exons:
        yield _row(message, "exon", exon[:2], parent)
    if transcript is not None:
        for name, *span in _untranslated(message):
            yield _row(message, name, (span[0], span[1]), parent)
        for part, phase in _phased(message, transcript.offset):
            yield _row(message, "CDS", part[:2], f"ID=CDS:{message.id};{parent}", str(phase))


def _untranslated(message: Message) -> Iterator[tuple[str, int, int]]:
    first, last = message.coding[0].first, message.coding[-1].last
    names = ("five_prime_UTR", "three_prime_UTR")
    before, after = names if message.strand == "+" else names[::-1]
    for exon in message.exons:
        if exon.first < first:
            yield before, exon.first, min(exon.last, first - 1)
        if exon.last > last:
            yield after, max(exon.first, last + 1), exon.last


def _phased(message: Message, offset: int) -> list[tuple[gff.Part, int]]:
    """Return the CDS parts in genome order with their phases, counted from the lengths."""
    step = 1 if message.strand == "+" else -1
    read, phased = -offset, []
    for part in message.coding[::step]:
        phased.append((part, -read % 3))
        read += part.last - part.first + 1
    return phased[::step]
