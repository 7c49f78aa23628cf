"""The files of a result: the annotated VCF with its index, the table, and what describes them."""

import hashlib
import json
import math
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pysam

from annotations.genomics import consequences, table
from annotations.genomics.fixups import Mender
from annotations.genomics.preflight import Chunk
from annotations.genomics.records import CALLED, UNCHANGED, Record
from annotations.genomics.references import Reference

VCF, INDEX = "annotated.vcf.gz", "annotated.vcf.gz.csi"
TABLE, CONSEQUENCES = table.VARIANTS, table.CONSEQUENCES
SUMMARY, PREVIEW, LOG, MANIFEST = "summary.json", "preview.json", "log.txt", "manifest.json"
FILES = (VCF, INDEX, TABLE, CONSEQUENCES, SUMMARY, PREVIEW, LOG, MANIFEST)

_END_BLOCK = 28
_CELL = 256


class Writer:
    """Writes records as they come: the VCF's body as BGZF, and the rows of the table as text."""

    def __init__(self, scratch: Path, reference: Reference) -> None:
        self._scratch = scratch
        self._menders = {c.name: Mender(reference.fixups, c.name) for c in reference.contigs}
        self._body = pysam.BGZFile(str(scratch / "body"), "wb", None)
        self._rows = (scratch / "rows.tsv").open("w", encoding="utf-8", newline="\n")
        self._entries = (scratch / "entries.tsv").open("w", encoding="utf-8", newline="\n")
        self.written = 0
        self.indel_lengths: Counter[int] = Counter()

    def write(self, chunk: Chunk, answers: dict[int, str]) -> None:
        """Append a chunk, each record with its answer where csq gave one."""
        lines, rows, entries = [], [], []
        for place, record in enumerate(chunk.records):
            answer = self._mend(record, answers.get(place, ""))
            lines.append(_annotate(record.line, answer))
            idx = self.written + place
            told, hits = _entries(idx, record, answer)
            rows.append(_row(idx, record, answer, hits))
            entries.append(told)
            if record.kind == CALLED:
                self._measure(record)
        self._body.write(b"".join(lines))
        self._rows.writelines(rows)
        self._entries.writelines(entries)
        self.written += len(lines)

    def _mend(self, record: Record, answer: str) -> str:
        if record.kind != CALLED or record.contig is None:
            return ""
        ref, alts = record.ref.decode(), record.alts.decode().split(",")
        return self._menders[record.contig.name].mend(answer, pos=record.pos, ref=ref, alts=alts)

    def _measure(self, record: Record) -> None:
        """Count by how many bases each ALT is longer, or shorter, than REF."""
        if len(record.alts) != 1 or len(record.ref) != 1:
            size = len(record.ref)
            lengths = (len(allele) - size for allele in record.alts.split(b","))
            self.indel_lengths.update(length for length in lengths if length)

    def close(self) -> None:
        """Close the files; may be called again."""
        self._body.close()
        self._rows.close()
        self._entries.close()

    def finish(self, out: Path, header: bytes) -> None:
        """Put header and body together in `out`, and make the index and the table."""
        self.close()
        head = self._scratch / "head"
        with pysam.BGZFile(str(head), "wb", None) as file:
            file.write(header)
        with (out / VCF).open("wb") as whole, (self._scratch / "body").open("rb") as body:
            # BGZF files can be joined, once the first one's end marker is gone.
            whole.write(head.read_bytes()[:-_END_BLOCK])
            shutil.copyfileobj(body, whole)
        pysam.tabix_index(str(out / VCF), preset="vcf", csi=True, force=True)
        table.write(self._scratch / "rows.tsv", self._scratch / TABLE)
        table.write_consequences(self._scratch / "entries.tsv", self._scratch / CONSEQUENCES)
        for name in (TABLE, CONSEQUENCES):
            (self._scratch / name).replace(out / name)


def _annotate(line: bytes, answer: str) -> bytes:
    if not answer:
        return line + b"\n"
    fields = line.split(b"\t", 8)
    told = b"BCSQ=" + answer.encode()
    fields[7] = told if fields[7] == b"." else fields[7] + b";" + told
    return b"\t".join(fields) + b"\n"


def _row(idx: int, record: Record, answer: str, hits: str) -> str:
    fields = record.line.split(b"\t", 7)[:7]
    chrom, pos, name, ref, alt, qual, filters = (field.decode() for field in fields)
    found = consequences.lead(answer) if answer else consequences.without(_silence(record))
    kind = _kind(record, alt)
    told = (*found[:-1], str(found.entries))
    cells = [str(idx), chrom, pos, name, ref, alt, _number(qual), filters, kind, *told]
    if len(record.line) + len(answer) > _CELL:
        cells = [_cut(cell) for cell in cells]
    return "\t".join((*cells, hits)) + "\n"


def _entries(idx: int, record: Record, answer: str) -> tuple[str, str]:
    """Return a record's consequences as rows of text, and its different hits."""
    if not answer:
        term = _silence(record)
        impact = consequences.IMPACTS[term]
        return f"{idx}\t0\t{term}\t{impact}\t{term}\t\n", f"{term}|{impact}|"
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


def _number(qual: str) -> str:
    """Return QUAL as a plain number, or nothing where it is missing, infinite or NaN."""
    number = math.inf if qual == "." else float(qual)
    return repr(number) if math.isfinite(number) else ""


def _cut(text: str) -> str:
    return text if len(text) <= _CELL else f"{text[:_CELL]}… ({len(text):,} characters)"


def _silence(record: Record) -> str:
    if record.kind == CALLED:
        return "intergenic"
    return "unchanged" if record.kind == UNCHANGED else "not_interpreted"


def _kind(record: Record, alt: str) -> str:
    """Return snv (one base for one, in every ALT), indel (some ALT of another length) or other."""
    if record.kind != CALLED or record.alts.count(b",") != alt.count(","):
        return "other"
    sizes, size = {len(allele) for allele in record.alts.split(b",")}, len(record.ref)
    if sizes != {size}:
        return "indel"
    return "snv" if size == 1 else "other"


def write_json(path: Path, data: Any) -> None:
    """Write plain data as JSON that people can read."""
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def digest(path: Path) -> str:
    """Return a file's SHA-256, reading it in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
