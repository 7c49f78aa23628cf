"""The files of a result: the annotated VCF with its index, the table, and what describes them."""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from threading import Event
from typing import Any

import duckdb
import pysam

from annotations.genomics import consequences, indexing, table
from annotations.genomics.attend import attend, interrupt
from annotations.genomics.fixups import Mender
from annotations.genomics.preflight import Chunk
from annotations.genomics.records import CALLED, UNCHANGED, Record
from annotations.genomics.references import Reference

VCF, INDEX = "annotated.vcf.gz", "annotated.vcf.gz.csi"
TABLE, CONSEQUENCES = table.VARIANTS, table.CONSEQUENCES
SUMMARY, PREVIEW, LOG, MANIFEST = "summary.json", "preview.json", "log.txt", "manifest.json"
FILES = (VCF, INDEX, TABLE, CONSEQUENCES, SUMMARY, PREVIEW, LOG, MANIFEST)

_END_BLOCK = 28
_PIECE = 1 << 22
_CELL = 256


class Writer:
    """Writes records as they come: the VCF's body as BGZF, and the rows of the table as text."""

    def __init__(self, scratch: Path, reference: Reference) -> None:
        self._scratch = scratch
        self._menders = {c.name: Mender(reference.fixups, c.name) for c in reference.contigs}
        self._body = pysam.BGZFile(str(scratch / "body"), "wb", None)
        self._rows = (scratch / "rows.tsv").open("w", encoding="utf-8", newline="\n")
        self._entries = (scratch / "entries.tsv").open("w", encoding="utf-8", newline="\n")
        self._connections: list[duckdb.DuckDBPyConnection] = []
        self._given_up = Event()
        self.written = 0
        self.indel_lengths: Counter[int] = Counter()

    def write(self, chunk: Chunk, answers: dict[int, str]) -> None:
        """Append a chunk, each record with its answer where csq gave one."""
        lines, rows, entries = [], [], []
        for place, record in enumerate(chunk.records):
            answer = self._mend(record, answers.get(place, ""))
            fields = record.line.split(b"\t", 8)
            row, told = _tell(self.written + place, record, fields, answer)
            rows.append(row)
            entries.append(told)
            if answer:
                known, own = fields[7], b"BCSQ=" + answer.encode()
                fields[7] = own if known == b"." else known + b";" + own
                lines.append(b"\t".join(fields))
            else:
                lines.append(record.line)
            if len(record.alts) > 1 or len(record.ref) > 1:
                self._measure(record)
        lines.append(b"")
        self._body.write(b"\n".join(lines))
        self._rows.writelines(rows)
        self._entries.writelines(entries)
        self.written += len(chunk.records)

    def _mend(self, record: Record, answer: str) -> str:
        if record.kind != CALLED or record.contig is None:
            return ""
        mender = self._menders[record.contig.name]
        if not mender.minds(answer):
            return answer
        ref, alts = record.ref.decode(), record.alts.decode().split(",")
        return mender.mend(answer, pos=record.pos, ref=ref, alts=alts)

    def _measure(self, record: Record) -> None:
        """Count by how many bases each ALT is longer, or shorter, than REF."""
        if record.kind == CALLED:
            size = len(record.ref)
            lengths = (len(allele) - size for allele in record.alts.split(b","))
            self.indel_lengths.update(length for length in lengths if length)

    def close(self) -> None:
        """Close the files; may be called again."""
        self._body.close()
        self._rows.close()
        self._entries.close()

    def finish(self, out: Path, header: bytes, *, look_up: Callable[[], None]) -> None:
        """Put header and body together in `out`, and make the index and the tables.

        The VCF and the tables are made side by side; `look_up` is called while they are, and what
        it raises ends them.
        """
        self.close()
        attend(
            lambda: self._join(out, header),
            self._tabulate,
            look_up=look_up,
            stop=self._give_up,
        )
        for name in (TABLE, CONSEQUENCES):
            (self._scratch / name).replace(out / name)

    def _give_up(self) -> None:
        self._given_up.set()
        interrupt(self._connections)

    def _tabulate(self) -> None:
        for write, rows, name in (
            (table.write, "rows.tsv", TABLE),
            (table.write_consequences, "entries.tsv", CONSEQUENCES),
        ):
            if not self._given_up.is_set():
                write(self._scratch / rows, self._scratch / name, opened=self._connections.append)

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


def _tell(idx: int, record: Record, fields: list[bytes], answer: str) -> tuple[str, str]:
    """Return a record's row, and the rows of its consequences, as text."""
    long = len(record.line) + len(answer) > _CELL
    if not answer:
        term = _silence(record)
        impact = consequences.IMPACTS[term]
        found, hits = f"{term}\t{impact}\t\t\t\t\t0", f"{term}|{impact}|"
        told = f"{idx}\t0\t{term}\t{impact}\t{term}\t\n"
    elif long or "," in answer:
        found = "\t".join(map(_cut, map(str, consequences.lead(answer))))
        told, hits = _entries(idx, answer)
    else:
        found, hits, told = _single(idx, answer)
    place = b"\t".join(fields[:5]).decode()
    if long:
        place = "\t".join(map(_cut, place.split("\t")))
    filters = fields[6].decode()
    kind = _kind(record, fields[4])
    cells = f"{idx}\t{place}\t{_number(fields[5])}\t{_cut(filters)}\t{kind}"
    return f"{cells}\t{found}\t{hits}\n", told


def _single(idx: int, answer: str) -> tuple[str, str, str]:
    """Return what `consequences.lead` and `_entries` say of an answer with one entry, faster."""
    terms, _, rest = answer.partition("|")
    own = rest.split("|")
    leading, hit = consequences.leading_term(terms)
    top, impact, _ = leading.split("\t")
    aa, dna = (consequences.name_change(own[4]), own[5]) if len(own) == 6 else ("", "")
    found = f"{top}\t{impact}\t{own[0]}\t{own[1]}\t{aa}\t{dna}\t1"
    return found, f"{hit}|{own[0]}", f"{idx}\t0\t{leading}\t{rest}\n"


def _entries(idx: int, answer: str) -> tuple[str, str]:
    """Return a record's consequences as rows of text, and its different hits."""
    rows: list[str] = []
    hits: dict[str, None] = {}
    for place, entry in enumerate(answer.split(",")):
        terms, _, rest = (entry if len(entry) <= _CELL else _cut_entry(entry)).partition("|")
        leading, hit = consequences.leading_term(terms)
        rows.append(f"{idx}\t{place}\t{leading}\t{rest}\n")
        hits[f"{hit}|{rest.partition('|')[0]}"] = None
    return "".join(rows), ";".join(hits)


def _cut_entry(entry: str) -> str:
    return entry if len(entry) <= _CELL else "|".join(map(_cut, entry.split("|")))


@lru_cache(maxsize=10_000)
def _number(qual: bytes) -> str:
    """Return QUAL as a plain number, or nothing where it is missing, infinite or NaN."""
    number = math.inf if qual == b"." else float(qual)
    return repr(number) if math.isfinite(number) else ""


def _cut(text: str) -> str:
    return text if len(text) <= _CELL else f"{text[:_CELL]}… ({len(text):,} characters)"


def _silence(record: Record) -> str:
    if record.kind == CALLED:
        return "intergenic"
    return "unchanged" if record.kind == UNCHANGED else "not_interpreted"


def _kind(record: Record, alt: bytes) -> str:
    """Return snv (one base for one, in every ALT), indel (some ALT of another length) or other."""
    if record.kind != CALLED or record.alts.count(b",") != alt.count(b","):
        return "other"
    size = len(record.ref)
    if size == len(record.alts) == 1:
        return "snv"
    if {len(allele) for allele in record.alts.split(b",")} != {size}:
        return "indel"
    return "snv" if size == 1 else "other"


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
