"""A genome as a file that can be read anywhere in it: FASTA with one line a sequence, and an index.

htslib's faidx needs lines of one length, and a sequence in one line lets REF be compared in the
mapped file, so that a large genome is never held in memory.
"""

import gzip
import mmap
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import IO, NamedTuple, cast

_GZIP = b"\x1f\x8b"
_NAME = re.compile(r"[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*")
_AMBIGUOUS = bytes.maketrans(b"RYKMSWBDHVU", b"NNNNNNNNNNT")
_ALPHABET = b"ACGTN"


class Malformed(ValueError):
    """The file is not what its kind must be; the text says where and why."""


class Genome(NamedTuple):
    """Bases of all sequences in one buffer, and where in it each begins (0-based)."""

    text: bytes | mmap.mmap
    starts: dict[str, int]


class Sequence(NamedTuple):
    """One sequence as read: its name, its bases in capitals, how many were ambiguous (now N)."""

    name: str
    bases: bytes
    ambiguous: int


def open_text(path: Path) -> IO[bytes]:
    """Open a file for reading, through gzip when it is compressed (bgzip is gzip)."""
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    return cast("IO[bytes]", gzip.open(path, "rb")) if packed else path.open("rb")


def read(path: Path) -> Iterator[Sequence]:
    """Yield the sequences of a FASTA file, plain or compressed, one at a time.

    Raises Malformed for a name that VCF does not allow, a second sequence of a name, or letters
    that are no bases.
    """
    seen: set[str] = set()
    name, lines = "", list[bytes]()
    with open_text(path) as file:
        for number, line in enumerate(file, 1):
            if not line.startswith(b">"):
                lines.append(line.strip())
                continue
            if name:
                yield _finish(name, lines)
            name, lines = _take_name(line, number, seen), []
    if not name:
        raise Malformed("The FASTA file holds no sequence.")
    yield _finish(name, lines)


def _take_name(line: bytes, number: int, seen: set[str]) -> str:
    words = line[1:].split()
    name = words[0].decode("utf-8", "replace") if words else ""
    if not _NAME.fullmatch(name):
        raise Malformed(f"FASTA, line {number:,}: {name[:60]!r} is no name that VCF allows.")
    if name in seen:
        raise Malformed(f"FASTA, line {number:,}: there is a second sequence {name}.")
    seen.add(name)
    return name


def _finish(name: str, lines: list[bytes]) -> Sequence:
    raw = b"".join(lines).upper()
    bases = raw.translate(_AMBIGUOUS)
    wrong = bases.translate(None, _ALPHABET)
    if wrong or not bases:
        told = f"holds the letter {chr(wrong[0])!r}" if wrong else "is empty"
        raise Malformed(f"FASTA: the sequence {name} {told}.")
    return Sequence(name, bases, bases.count(b"N") - raw.count(b"N"))


def write(folder: Path, sequences: Iterator[Sequence], *, sequence: str, index: str) -> None:
    """Write sequences in one line each, and the index that faidx would make of them."""
    place = 0
    with (folder / sequence).open("wb") as bases, (folder / index).open("w") as table:
        for one in sequences:
            place += bases.write(b">%b\n" % one.name.encode())
            size = len(one.bases)
            table.write(f"{one.name}\t{size}\t{place}\t{size}\t{size + 1}\n")
            place += bases.write(one.bases + b"\n")


@cache
def read_all(path: Path) -> dict[str, bytes]:
    """Return a small FASTA file's sequences in upper case, by name."""
    sequences = {}
    for entry in path.read_bytes().split(b">")[1:]:
        name, _, bases = entry.partition(b"\n")
        sequences[name.split()[0].decode()] = bases.replace(b"\n", b"").upper()
    return sequences


@cache
def open_genome(path: Path) -> Genome:
    """Open an indexed FASTA file: mapped when each sequence is one line, else read whole."""
    rows = [line.split("\t") for line in Path(f"{path}.fai").read_text().splitlines()]
    if all(int(size) == int(width) for _, size, _, width, _ in rows):
        with path.open("rb") as file:
            text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return Genome(text, {name: int(place) for name, _, place, _, _ in rows})
    return _join(read_all(path))


def _join(sequences: dict[str, bytes]) -> Genome:
    starts, place = {}, 0
    for name, bases in sequences.items():
        starts[name] = place
        place += len(bases) + 1
    return Genome(b"\n".join([*sequences.values(), b""]), starts)


def fetcher(path: Path) -> Callable[[str, int], str]:
    """Return a function that gives a sequence's bases by its name and length."""
    genome = open_genome(path)

    def fetch(name: str, length: int) -> str:
        start = genome.starts[name]
        return genome.text[start : start + length].decode()

    return fetch
