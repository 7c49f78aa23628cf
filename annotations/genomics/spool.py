"""A checked file set aside on disk: its records in chunks, and the sites for each genetic code."""

import pickle
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import IO, Self

from annotations.genomics.csq import EngineFailed
from annotations.genomics.preflight import Chunk


class Spool:
    """Chunks in the order they came; `questions` is the file of sites by genetic code.

    The files are this run's own, below its scratch folder: nobody else can write them.
    """

    def __init__(self, scratch: Path, header: bytes) -> None:
        self._scratch = scratch
        self._header = header
        self._stack = ExitStack()
        self._sites: dict[int, IO[bytes]] = {}
        self._records = self._stack.enter_context((scratch / "records").open("wb"))
        self.questions: dict[int, Path] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, chunk: Chunk) -> None:
        """Set a chunk aside."""
        if chunk.sites:
            if chunk.code not in self._sites:
                self._open(chunk.code)
            self._sites[chunk.code].writelines(chunk.sites)
        asked, chunk.sites = len(chunk.sites), []
        pickle.dump((chunk, asked), self._records, protocol=pickle.HIGHEST_PROTOCOL)

    def _open(self, code: int) -> None:
        folder = self._scratch / f"code-{code}"
        folder.mkdir()
        path = self.questions[code] = folder / "sites.vcf"
        self._sites[code] = self._stack.enter_context(path.open("wb"))
        self._sites[code].write(self._header)

    def chunks(self) -> Iterator[tuple[Chunk, int]]:
        """Yield the chunks again, each with how many sites it has."""
        with (self._scratch / "records").open("rb") as file:
            while file.peek(1):
                yield pickle.load(file)  # noqa: S301 (our own file)


def take(stream: Iterator[tuple[int, str]], asked: int) -> dict[int, str]:
    """Return the next answers of csq's, by site; raise EngineFailed unless all are there."""
    answers: dict[int, str] = {}
    last, count = -1, 0
    for place, answer in islice(stream, asked):
        if place <= last:
            raise EngineFailed("The annotation engine changed the order of the records.")
        last, count = place, count + 1
        if answer:
            answers[place] = answer
    if count != asked:
        raise EngineFailed(f"The annotation engine lost {asked - count:,} records.")
    return answers
