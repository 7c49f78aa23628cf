"""bcftools csq in a child process: bounded, without an environment, killed with its group.

The child sees sites only (contig, position, REF, ALT and an id of ours): no names, samples or INFO
of the user's file, and no file name that htslib could take for a URL.
"""

import fcntl
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from annotations.genomics.codes import BCFTOOLS_CODE
from annotations.genomics.limits import Limits
from annotations.genomics.references import Reference

_CHILD = Path(__file__).with_name("csq_child.py")
# -l: every ALT on its own; -s -: genotypes ignored; -B 1: a frameshift does not print the rest of
# the protein; --force: a site that csq dislikes stays without an answer instead of ending the run.
OPTIONS = ("--no-version", "-l", "-s", "-", "-B", "1", "--force")
_WAIT = 0.1
_PIPE = 1 << 20
_COMPLAINT = 2000


class Stopped(Exception):
    """The run was cancelled."""


class EngineFailed(Exception):
    """The engine could not answer; the text is fit for a person and holds no file names."""


Site = tuple[bytes, int, bytes, bytes]
"""What csq is asked: contig, position (1-based), REF, and ALTs between commas."""


def ask(sites: list[Site], *, reference: Reference, code: int, limits: Limits) -> list[str]:
    """Return csq's answer (the value of BCSQ, or nothing) for each of some sites, in order."""
    with tempfile.TemporaryDirectory(prefix="gas-csq-") as scratch:
        child = Child(
            reference, code=code, scratch=Path(scratch), limits=limits, look_up=lambda: None
        )
        try:
            child.ask(sites)
            child.close()
            while not child.has(len(sites)):
                time.sleep(_WAIT)
            return child.take(len(sites))
        finally:
            child.end()


class Child:
    """One csq: sites go in, answers come out in the same order, each when csq is sure of it.

    csq holds answers back until the transcripts around them end; it tells all when `close` says
    that no site comes any more. Its answers go into a file, so that it never waits for us.
    """

    def __init__(
        self,
        reference: Reference,
        *,
        code: int,
        scratch: Path,
        limits: Limits,
        look_up: Callable[[], None],
    ) -> None:
        """Start csq with a genetic code of NCBI's.

        `look_up` is called several times a second while csq is waited for; what it raises is
        passed on.
        """
        self._limits = limits
        self._look_up = look_up
        self._folder = tempfile.TemporaryDirectory(dir=scratch)
        folder = Path(self._folder.name)
        self._complaint = folder / "stderr"
        self._number = self._told = 0
        self._lines: list[str] = []
        self._rest = b""
        self.received = 0
        self.last = (b"", 0)
        with (folder / "answers").open("wb") as answers, self._complaint.open("wb") as complaint:
            self._child = subprocess.Popen(
                _command(reference, code, limits),
                stdin=subprocess.PIPE,
                stdout=answers,
                stderr=complaint,
                cwd=folder,
                env={"TMPDIR": str(folder), "LC_ALL": "C"},
                start_new_session=True,
                close_fds=True,
                bufsize=0,
            )
        self._answers = (folder / "answers").open("rb", buffering=0)
        if self._child.stdin is None:
            raise EngineFailed("The annotation engine could not be started.")
        self._sink = self._child.stdin
        os.set_blocking(self._sink.fileno(), False)
        fcntl.fcntl(self._sink, fcntl.F_SETPIPE_SZ, _PIPE)
        self._header = _header(reference)

    def ask(self, sites: list[Site]) -> None:
        """Ask about sites, which follow those asked before: `last` is the last one's place."""
        self.last = sites[-1][:2]
        head = b"" if self._number else self._header
        numbered = enumerate(sites, self._number)
        self._number += len(sites)
        lines = [
            b"%b\t%d\t%d\t%b\t%b\t.\t.\t.\n" % (contig, pos, number, ref, alts)
            for number, (contig, pos, ref, alts) in numbered
        ]
        self._send(head + b"".join(lines))

    def _send(self, text: bytes) -> None:
        rest = memoryview(text)
        while rest:
            self._look_up()
            _, writable, _ = select.select([], [self._sink], [], _WAIT)
            try:
                rest = rest[(self._sink.write(rest) or 0) if writable else 0 :]
            except BrokenPipeError:
                raise EngineFailed(self._explain()) from None

    def close(self) -> None:
        """Say that no more sites come."""
        self._sink.close()

    def has(self, count: int) -> bool:
        """Say whether so many answers are there to take.

        Raises EngineFailed when csq ended in another way than it should.
        """
        ended = self._child.poll()
        self._read()
        if ended is not None and ended != 0:
            raise EngineFailed(self._explain())
        if len(self._lines) < count and ended is not None:
            lost = count - len(self._lines)
            raise EngineFailed(f"The annotation engine lost {lost:,} records.")
        return len(self._lines) >= count

    def take(self, count: int) -> list[str]:
        """Return the next answers (the value of BCSQ, or nothing), of those that are there."""
        taken, self._lines = self._lines[:count], self._lines[count:]
        fields = [line.split("\t", 7) for line in taken]
        if [row[2] for row in fields] != [*map(str, range(self._told, self._told + count))]:
            raise EngineFailed("The annotation engine changed the order of the records.")
        self._told += count
        return [row[7][5:] if row[7].startswith("BCSQ=") else "" for row in fields]

    def _read(self) -> None:
        while part := self._answers.read(_PIPE):
            self.received += len(part)
            whole, newline, self._rest = (self._rest + part).rpartition(b"\n")
            lines = whole.decode().split("\n") if newline else []
            self._lines += lines if self._told or self._lines else _without_header(lines)

    def finish(self) -> None:
        """Wait until csq ends, after its last answer. Raises EngineFailed unless it ends well."""
        while self._child.poll() is None:
            self._look_up()
            time.sleep(_WAIT / 10)
        self.has(0)
        if self._lines:
            raise EngineFailed("The annotation engine added records.")
        self.end()

    def end(self) -> None:
        """End csq, if it runs, and what it left."""
        if self._child.poll() is None:
            os.killpg(self._child.pid, signal.SIGKILL)
        self._sink.close()
        self._child.wait()
        self._answers.close()
        self._folder.cleanup()

    def _explain(self) -> str:
        status = self._child.wait(timeout=self._limits.child_seconds)
        if Path(self._answers.name).stat().st_size >= self._limits.child_answer:
            return "The annotation engine's answer was too large."
        return _explain(status, self._complaint)


def _without_header(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.startswith("#")]


def _header(reference: Reference) -> bytes:
    contigs = [f"##contig=<ID={c.name},length={c.length}>" for c in reference.contigs]
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    return "\n".join(["##fileformat=VCFv4.2", *contigs, columns, ""]).encode()


def _command(reference: Reference, code: int, limits: Limits) -> list[str]:
    own = [limits.child_memory, limits.child_seconds, limits.child_answer]
    files = ["-f", str(reference.sequence), "-g", str(reference.genes)]
    return [
        *(sys.executable, "-I", str(_CHILD)),
        *map(str, own),
        *OPTIONS,
        *("-C", str(BCFTOOLS_CODE[code])),
        *files,
        "-",
    ]


def _explain(status: int, complaint: Path) -> str:
    """Say why the child failed: by its signal; csq's own words name files, so they stay here."""
    if status in (-signal.SIGXCPU, -signal.SIGKILL):
        return "The annotation engine used more processor time than it may have."
    if status < 0:
        return f"The annotation engine broke off (signal {-status})."
    words = complaint.read_bytes()[-_COMPLAINT:]
    if b"allocat" in words or b"emory" in words:
        return "The annotation engine used more memory than it may have."
    return f"The annotation engine refused a part of the file (status {status})."
