"""The input as lines: decompressed within limits, whatever was uploaded.

Reads plain, gzip and bgzip files with Python's own zlib; the file's name and type are never
trusted, and htslib never sees it.
"""

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from annotations.genomics.findings import Findings
from annotations.genomics.limits import Limits

_READ = 1 << 18
_PIECE = 1 << 20
_GZIP = b"\x1f\x8b"
BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")

# What people upload by mistake: how it starts, what it is called, what to do instead.
_BINARY = (
    (b"BCF\2", "BCF", "Convert it: bcftools view file.bcf -Oz -o file.vcf.gz"),
    (b"BAM\1", "a BAM file of aligned reads", "Call variants first, and upload the VCF."),
    (b"CRAM", "a CRAM file of aligned reads", "Call variants first, and upload the VCF."),
    (b"%PDF", "a PDF document", "Upload the VCF itself."),
    (b"\x89PNG", "an image", "Upload the VCF itself."),
    (b"TBI\1", "a tabix index", "Upload the .vcf.gz file beside it."),
    (b"CSI\1", "a CSI index", "Upload the .vcf.gz file beside it."),
)
_PACKED = (
    (b"PK\3\4", "zip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"7z\xbc\xaf", "7-Zip"),
)
_TEXT = (
    (b"<!doctype", "a web page", "Perhaps a log-in page was saved. Download the file again."),
    (b"<html", "a web page", "Perhaps a log-in page was saved. Download the file again."),
    (b"<?xml", "XML", "Upload the VCF itself."),
    (b"{", "JSON", "Upload the VCF itself."),
    (b">", "FASTA sequence", "Call variants first, and upload the VCF."),
    (b"@", "sequencing reads (FASTQ or SAM)", "Call variants first, and upload the VCF."),
    (b"##gff", "a GFF annotation", "Upload the VCF itself."),
    (b"##maf", "a MAF file", "Convert it to VCF first."),
)


def kinds() -> Iterator[tuple[bytes, str, str, str]]:
    """Yield what is told by its first bytes: these, the finding's code, the kind, the advice.

    Text is told after blanks, in capitals or not; packed files before all else.
    """
    yield from ((magic, "compression", kind, "") for magic, kind in _PACKED)
    yield from ((magic, "not-vcf", kind, advice) for magic, kind, advice in (*_BINARY, *_TEXT))


class Cut(Exception):
    """The compressed stream ends or breaks too early; `code` is the finding to report."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def read_lines(
    path: Path, *, limits: Limits, findings: Findings, told: Callable[[int], None]
) -> Iterator[tuple[list[bytes], bool]]:
    """Yield lists of lines without their newline; the flag says that the last one had none.

    `told` is given the bytes of the file read so far. Raises Rejected when the file is no text
    within `limits`, and Cut when its compressed stream is damaged (the caller counts records).
    """
    rest, count, first, ended = b"", 0, True, True
    for block in _text_blocks(path, limits=limits, findings=findings, told=told):
        if not block:
            ended = False
            continue
        text = rest + (_check_start(block, findings) if first else block)
        first = False
        if b"\0" in block:
            place = text.index(b"\0")
            line = count + text.count(b"\n", 0, place) + 1
            raise findings.refuse("binary", line=line, raw=text[max(0, place - 20) : place + 20])
        *lines, rest = text.split(b"\n")
        _check_lengths([*lines, rest], count, limits=limits, findings=findings)
        count += len(lines)
        yield lines, False
    if first:
        raise findings.refuse("empty-file")
    if rest and not ended:
        raise Cut("truncated-bgzf")
    if not ended:
        findings.add("no-end-marker")
    if rest:
        yield [rest], True


def _check_lengths(lines: list[bytes], before: int, *, limits: Limits, findings: Findings) -> None:
    if max(map(len, lines)) <= limits.line:
        return
    for number, line in enumerate(lines, before + 1):
        if len(line) > limits.line:
            raise findings.refuse("line-length", line=number, raw=line, limit=limits.line)


def _check_start(block: bytes, findings: Findings) -> bytes:
    """Refuse what is no VCF by its first bytes; return the block without a byte order mark."""
    if block.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise findings.refuse("encoding", line=1)
    if block.startswith(_GZIP):
        raise findings.refuse("double-gzip")
    _refuse_kinds(block, (*_BINARY, *_TEXT), findings)
    if block.startswith(b"\xef\xbb\xbf"):
        findings.add("bom", line=1)
        block = block[3:]
    if b"\r" in block and b"\n" not in block:
        raise findings.refuse("old-mac", line=1)
    return block


def _refuse_kinds(
    block: bytes, kinds: tuple[tuple[bytes, str, str], ...], findings: Findings
) -> None:
    start = block[:64].lstrip().lower()
    for magic, kind, advice in kinds:
        if block.startswith(magic) or start.startswith(magic.lower()):
            raise findings.refuse("not-vcf", line=1, raw=block[:40], kind=kind, advice=advice)


def _text_blocks(
    path: Path, *, limits: Limits, findings: Findings, told: Callable[[int], None]
) -> Iterator[bytes]:
    """Yield the text in blocks; an empty one last says that bgzip's end marker is missing."""
    with path.open("rb") as file:
        start = file.read(64)
        for magic, kind in _PACKED:
            if start.startswith(magic):
                raise findings.refuse("compression", kind=kind)
        file.seek(0)
        if not start.startswith(_GZIP):
            yield from _plain_blocks(file, limits=limits, findings=findings, told=told)
            return
        size = path.stat().st_size
        total = 0
        for block in _gzip_blocks(file, findings=findings, told=told):
            total += len(block)
            _check_growth(total, size, limits=limits, findings=findings)
            yield block
        if _is_bgzip(start) and not _ends_well(file, size):
            yield b""


def _plain_blocks(
    file: IO[bytes], *, limits: Limits, findings: Findings, told: Callable[[int], None]
) -> Iterator[bytes]:
    total = 0
    while block := file.read(_READ):
        total += len(block)
        _check_growth(total, total, limits=limits, findings=findings)
        told(total)
        yield block


def _gzip_blocks(
    file: IO[bytes], *, findings: Findings, told: Callable[[int], None]
) -> Iterator[bytes]:
    """Decompress every member of a gzip file (bgzip is many small members), in bounded pieces."""
    member = zlib.decompressobj(wbits=31)
    while data := file.read(_READ):
        told(file.tell())
        while data:
            if member.eof:
                data += file.read(_READ) if len(data) < len(_GZIP) else b""
                if not data.startswith(_GZIP):
                    _note_trailing(data, findings)
                    return
                member = zlib.decompressobj(wbits=31)
            try:
                block = member.decompress(data, _PIECE)
            except zlib.error as error:
                raise Cut("corrupt-gzip") from error
            data = member.unused_data if member.eof else member.unconsumed_tail
            if block:
                told(file.tell())  # a small piece may grow a thousandfold
                yield block
    if not member.eof:
        raise Cut("truncated-gzip")


def _note_trailing(data: bytes, findings: Findings) -> None:
    if data.strip(b"\0"):
        findings.add("trailing-data", raw=data)


def _check_growth(total: int, size: int, *, limits: Limits, findings: Findings) -> None:
    if total > limits.text:
        raise findings.refuse("expansion", limit=f"{limits.text >> 20:,} MiB")
    if total > limits.expansion_from and total > size * limits.expansion:
        raise findings.refuse("expansion", limit=f"{limits.expansion} times its size")


def _is_bgzip(start: bytes) -> bool:
    return start[3:4] == b"\4" and start[12:14] == b"BC"


def _ends_well(file: IO[bytes], size: int) -> bool:
    file.seek(max(0, size - len(BGZF_END)))
    return file.read() == BGZF_END


def peek(path: Path, *, size: int = 1 << 20) -> bytes:
    """Return the first decompressed bytes of a file, as far as it can be read; raises nothing."""
    with path.open("rb") as file:
        data = file.read(size)
    if not data.startswith(_GZIP):
        return data
    return peek_gzip(data, size=size)


def peek_gzip(data: bytes, *, size: int) -> bytes:
    """Return up to `size` decompressed bytes of the start of a gzip or bgzip file."""
    text = b""
    while data.startswith(_GZIP) and len(text) < size:
        member = zlib.decompressobj(wbits=31)
        try:
            text += member.decompress(data, size - len(text))
        except zlib.error:
            break
        data = member.unused_data
    return text
