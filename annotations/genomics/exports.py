"""Exports of the rows that pass a filter, as streams: TSV, and VCF.gz cut from the whole one."""

import struct
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

# A spreadsheet takes a cell that begins like this for a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_CONTROL = dict.fromkeys((*range(32), 127), " ")
_PIECE = 1 << 16
# BGZF (SAM specification, section 4.1): gzip members of at most 64 KiB with their size in an extra
# field, and an empty one at the end.
BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_BGZF_HEAD = BGZF_END[:16]
_BLOCK = 0xFF00


# --- TSV -----------------------------------------------------------------------------------------


def tsv(rows: Iterable[tuple[Any, ...]]) -> Iterator[bytes]:
    """Yield rows as tab-separated UTF-8 in pieces, safe to open in a spreadsheet.

    The first row is the header. An empty cell is unknown.
    """
    piece: list[str] = []
    size = 0
    for row in rows:
        line = "\t".join(map(cell, row)) + "\n"
        piece.append(line)
        size += len(line)
        if size > _PIECE:
            yield "".join(piece).encode()
            piece, size = [], 0
    yield "".join(piece).encode()


def cell(value: Any) -> str:
    """Return a value as the text of a cell: never a formula, and one line without tabs."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return f"{value:g}" if isinstance(value, float) else str(value)
    text = value if value.isprintable() else value.translate(_CONTROL)
    return f"'{text}" if value.startswith(_FORMULA) else text


# --- VCF -----------------------------------------------------------------------------------------


def vcf(source: Iterable[bytes], wanted: Sequence[int], *, note: str) -> Iterator[bytes]:
    """Yield a BGZF file with the header and the records of `source` whose index is wanted.

    `source` is an annotated VCF as BGZF or gzip, in pieces; `wanted` ascends, from 0; `note`
    becomes a line of the header. Raises ValueError when the source is broken or has fewer records.
    """
    return _deflate(_chosen(_lines(_inflate(source)), wanted, note))


def _inflate(source: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the text of gzip members that follow each other."""
    member = zlib.decompressobj(31)
    for piece in source:
        data, texts = piece, []
        while data:
            if member.eof:
                member = zlib.decompressobj(31)
            try:
                texts.append(member.decompress(data))
            except zlib.error as error:
                raise ValueError("The annotated VCF is broken.") from error
            data = member.unused_data
        yield b"".join(texts)
    if not member.eof:
        raise ValueError("The annotated VCF is cut off.")


def _lines(texts: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield lists of whole lines without their newlines."""
    rest = b""
    for text in texts:
        *lines, rest = (rest + text).split(b"\n")
        if lines:
            yield lines
    if rest:
        yield [rest]


def _chosen(lines: Iterable[list[bytes]], wanted: Sequence[int], note: str) -> Iterator[bytes]:
    """Yield the header with the note before its last line, then the wanted records."""
    seen = taken = 0
    for some in lines:
        records = some
        if some[0].startswith(b"#"):
            head = sum(line.startswith(b"#") for line in some)
            records = some[head:]
            yield _head(some[:head], note)
        end = bisect_left(wanted, seen + len(records), taken)
        chosen = [records[wanted[i] - seen] for i in range(taken, end)]
        seen, taken = seen + len(records), end
        if chosen:
            yield b"\n".join(chosen) + b"\n"
        if taken == len(wanted) and records:
            break
    if taken < len(wanted):
        raise ValueError("The annotated VCF has fewer records than its table.")


def _head(lines: list[bytes], note: str) -> bytes:
    place = len(lines) - lines[-1].startswith(b"#CHROM")
    told = [f"##GAS_filter={note}".encode()] if place < len(lines) else []
    return b"\n".join([*lines[:place], *told, *lines[place:], b""])


def _deflate(texts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield BGZF blocks of a text, then the end marker."""
    waiting = bytearray()
    for text in texts:
        waiting += text
        while len(waiting) >= _BLOCK:
            yield _block(bytes(waiting[:_BLOCK]))
            del waiting[:_BLOCK]
    if waiting:
        yield _block(bytes(waiting))
    yield BGZF_END


def _block(data: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = packer.compress(data) + packer.flush()
    size = len(_BGZF_HEAD) + 2 + len(body) + 8 - 1
    return b"".join(
        (_BGZF_HEAD, struct.pack("<H", size), body, struct.pack("<II", zlib.crc32(data), len(data)))
    )
