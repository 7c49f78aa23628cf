"""The files of a result: the annotated VCF with its index, the table, and what describes them."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event, Lock
from typing import Any

import duckdb
import pysam

from annotations.genomics import fasta, indexing, rows, table
from annotations.genomics.alignment import Bases, Change
from annotations.genomics.alleles import CALLED, Alleles
from annotations.genomics.asking import Answers
from annotations.genomics.attend import attend, interrupt
from annotations.genomics.blocks import Block
from annotations.genomics.fixups import Mender
from annotations.genomics.packing import Packer
from annotations.genomics.references import Reference
from annotations.genomics.rows import SILENT, Told

VCF, INDEX = "annotated.vcf.gz", "annotated.vcf.gz.csi"
TABLE, CONSEQUENCES = table.VARIANTS, table.CONSEQUENCES
SUMMARY, PREVIEW, LOG, MANIFEST = "summary.json", "preview.json", "log.txt", "manifest.json"
FILES = (VCF, INDEX, TABLE, CONSEQUENCES, SUMMARY, PREVIEW, LOG, MANIFEST)

_END_BLOCK = 28
_PIECE = 1 << 22


class Writer:
    """Writes records as they come: the VCF's body as BGZF, and the rows of the table as text."""

    def __init__(self, scratch: Path, reference: Reference) -> None:
        self._scratch = scratch
        self._reference = reference
        self._text, self._starts = fasta.open_genome(reference.sequence)
        self._menders: dict[str, Mender] = {}
        self._body = Packer(scratch / "body")
        self._rows = (scratch / "rows.tsv").open("wb")
        self._entries = (scratch / "entries.tsv").open("wb")
        self._connections: list[duckdb.DuckDBPyConnection] = []
        self._given_up = Event()
        self._alone = Lock()
        self.written = 0
        self.indel_lengths: Counter[int] = Counter()

    def write(self, block: Block, answers: Answers) -> None:
        """Append a block, each record with what csq answered, mended."""
        known = self._tell(block, answers)
        told = [known.get(site) or SILENT[site[1].kind] for site in block.sites()]
        self._body.write(_annotate(block, told))
        numbers = [b"%d" % idx for idx in range(self.written, self.written + len(told))]
        self._rows.write(_tabulate(block, numbers, told))
        self._entries.write(
            b"".join(
                [n + entry for n, one in zip(numbers, told, strict=True) for entry in one.entries]
            )
        )
        self._measure(block.alleles)
        self.written += len(told)

    def _mender(self, contig: str) -> Mender:
        """Return what mends a contig's answers; it is made when its first records come."""
        if contig not in self._menders:
            bases = Bases(self._text, self._starts[contig] - 1)
            self._menders[contig] = Mender(self._reference.fixups, contig, bases)
        return self._menders[contig]

    def _tell(self, block: Block, answers: Answers) -> dict[tuple[int, Alleles], Told]:
        """Return what is told of each site that has an answer, or gets one here."""
        mender = self._mender(block.contig.name)
        told = {}
        for site in answers if not mender.adds else dict.fromkeys(block.sites()):
            pos, alleles = site
            answer = answers.get(site, "")
            if mender.minds(answer) and alleles.kind == CALLED:
                alts = alleles.alts.split(b",")
                answer = mender.mend(answer, [Change(pos, alleles.ref, alt) for alt in alts])
            if answer:
                told[site] = rows.tell(answer)
        return told

    def _measure(self, alleles: list[Alleles]) -> None:
        """Count by how many bases each ALT is longer, or shorter, than REF."""
        self.indel_lengths.update(
            length for one in alleles if one.lengths for length in one.lengths
        )

    def close(self) -> None:
        """Close the files; may be called again."""
        self._body.end()
        self._rows.close()
        self._entries.close()

    def finish(self, out: Path, header: bytes, *, look_up: Callable[[], None]) -> None:
        """Put header and body together in `out`, and make the index and the tables.

        The VCF and the tables are made side by side; `look_up` is called while they are, and what
        it raises ends them.
        """
        self._body.finish()
        self.close()
        attend(
            partial(self._join, out, header),
            partial(self._tabulate, table.write, "rows.tsv", TABLE),
            partial(self._tabulate, table.write_consequences, "entries.tsv", CONSEQUENCES),
            look_up=look_up,
            stop=self._give_up,
        )
        for name in (TABLE, CONSEQUENCES):
            (self._scratch / name).replace(out / name)

    def _give_up(self) -> None:
        self._given_up.set()
        interrupt(self._connections)

    def _tabulate(self, write: Callable[..., None], text: str, name: str) -> None:
        """Make a table; once more, with more memory, when its rows are wide."""
        files, opened = (self._scratch / text, self._scratch / name), self._connections.append
        if self._given_up.is_set():
            return
        try:
            write(*files, memory=table.SHARED, opened=opened)
        except duckdb.OutOfMemoryException:
            with self._alone:
                write(*files, memory=table.ALONE, opened=opened)

    def _join(self, out: Path, header: bytes) -> None:
        head = self._scratch / "head"
        with pysam.BGZFile(str(head), "wb", None) as file:
            file.write(header)
        with (out / VCF).open("wb") as whole, (self._scratch / "body").open("rb") as body:
            # BGZF files can be joined, once the first one's end marker is gone.
            whole.write(head.read_bytes()[:-_END_BLOCK])
            while not self._given_up.is_set() and (piece := body.read(_PIECE)):
                whole.write(piece)
        if not self._given_up.is_set():
            indexing.index(out / VCF, given_up=self._given_up)


def _annotate(block: Block, told: list[Told]) -> bytes:
    """Return a block's lines with what INFO gets."""
    infos = [
        info if not one.info else one.info if info == b"." else info + b";" + one.info
        for info, one in zip(block.columns[7], told, strict=True)
    ]
    rows = zip(*block.columns[:7], infos, *block.columns[8:], strict=True)
    return b"\n".join([*map(b"\t".join, rows), b""])


def _tabulate(block: Block, numbers: list[bytes], told: list[Told]) -> bytes:
    """Return a block's rows of the table of variants."""
    columns = block.columns
    places = map(rows.cut_all, columns[:5])
    cells = zip(
        numbers,
        *places,
        map(rows.number, columns[5]),
        rows.cut_all(columns[6]),
        [one.shape for one in block.alleles],
        [one.cells for one in told],
        strict=True,
    )
    return b"\n".join([*map(b"\t".join, cells), b""])


def write_json(path: Path, data: Any) -> None:
    """Write plain data as JSON that people can read."""
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def digest(path: Path, *, look_up: Callable[[], None] = lambda: None) -> str:
    """Return a file's SHA-256, reading it in pieces; `look_up` is called after each."""
    whole = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            whole.update(piece)
            look_up()
    return whole.hexdigest()
