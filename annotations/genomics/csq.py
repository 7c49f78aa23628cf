"""bcftools csq in a child process: bounded, without an environment, killed with its group.

The child sees sites only (contig, position, REF, ALT and an id of ours): no names, samples or INFO
of the user's file, and no file name that htslib could take for a URL.
"""

import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from annotations.genomics.codes import BCFTOOLS_CODE
from annotations.genomics.limits import Limits
from annotations.genomics.references import Reference

_CHILD = Path(__file__).with_name("csq_child.py")
# -l: every ALT on its own; -s -: genotypes ignored; -B 1: a frameshift does not print the rest of
# the protein; --force: a site that csq dislikes stays without an answer instead of ending the run.
OPTIONS = ("--no-version", "-l", "-s", "-", "-B", "1", "--force")
_WAIT = 0.2
_COMPLAINT = 2000


class Stopped(Exception):
    """The run was cancelled."""


class EngineFailed(Exception):
    """The engine could not answer; the text is fit for a person and holds no file names."""


def ask(
    sites: list[bytes],
    *,
    reference: Reference,
    code: int,
    scratch: Path,
    limits: Limits,
    cancelled: Callable[[], bool],
) -> dict[int, str]:
    """Return csq's answers (the value of BCSQ) by site id; sites outside genes have none.

    `sites` are VCF lines of eight columns whose ID is a number; `code` is NCBI's. Raises Stopped
    within a second of `cancelled`, and EngineFailed when the child fails or exceeds a limit.
    """
    with tempfile.TemporaryDirectory(dir=scratch) as own:
        folder = Path(own)
        question = folder / "sites.vcf"
        with question.open("wb") as file:
            file.write(_header(reference))
            file.writelines(sites)
        text = _run(_command(reference, code, limits), folder, limits=limits, cancelled=cancelled)
    return dict(_answers(text, expected=len(sites)))


def stream(
    question: Path,
    *,
    reference: Reference,
    code: int,
    limits: Limits,
    look_up: Callable[[], None],
) -> Iterator[tuple[int, str]]:
    """Yield csq's answer for every site of a file, empty where it has none; one child for all.

    `question` holds what `begin` and lines of sites wrote; it lies in a folder of its own.
    `look_up` is called several times a second while csq is waited for. Raises EngineFailed.
    """
    complaint = question.parent / "stderr"
    with question.open("rb") as sites, complaint.open("wb") as stderr:
        child = _start(_command(reference, code, limits), question.parent, sites, stderr)
        try:
            for line in _lines(child, look_up):
                fields = line.split("\t", 8)
                yield int(fields[2]), fields[7][5:] if fields[7].startswith("BCSQ=") else ""
            status = child.wait(timeout=limits.child_seconds)
        finally:
            _end(child)
    if status != 0:
        raise EngineFailed(_explain(status, complaint))


def begin(reference: Reference) -> bytes:
    """Return what comes before the sites in csq's input."""
    return _header(reference)


def _lines(child: subprocess.Popen[bytes], look_up: Callable[[], None]) -> Iterator[str]:
    """Yield the child's lines of records as they come."""
    if child.stdout is None:
        raise EngineFailed("The annotation engine could not be started.")
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            look_up()
            if not selector.select(_WAIT):
                continue
            part = os.read(child.stdout.fileno(), 1 << 18)
            *whole, rest = (rest + part).split(b"\n")
            yield from (line.decode() for line in whole if not line.startswith(b"#"))
            if not part:
                return


def _header(reference: Reference) -> bytes:
    contigs = [f"##contig=<ID={c.name},length={c.length}>" for c in reference.contigs]
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    return "\n".join(["##fileformat=VCFv4.2", *contigs, columns, ""]).encode()


def _command(reference: Reference, code: int, limits: Limits) -> list[str]:
    own = [str(limits.child_memory), str(limits.child_seconds)]
    files = ["-f", str(reference.sequence), "-g", str(reference.genes)]
    return [
        *(sys.executable, "-I", str(_CHILD)),
        *own,
        *OPTIONS,
        *("-C", str(BCFTOOLS_CODE[code])),
        *files,
        "-",
    ]


def _run(
    command: list[str], folder: Path, *, limits: Limits, cancelled: Callable[[], bool]
) -> bytes:
    complaint = folder / "stderr"
    with (folder / "sites.vcf").open("rb") as question, complaint.open("wb") as stderr:
        child = _start(command, folder, question, stderr)
        try:
            text = _read(child, limits=limits, cancelled=cancelled)
            status = child.wait(timeout=limits.child_seconds)
        finally:
            _end(child)
    if status != 0:
        raise EngineFailed(_explain(status, complaint))
    return text


def _start(
    command: list[str], folder: Path, question: IO[bytes], stderr: IO[bytes]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=question,
        stdout=subprocess.PIPE,
        stderr=stderr,
        cwd=folder,
        env={"TMPDIR": str(folder), "LC_ALL": "C"},
        start_new_session=True,
        close_fds=True,
    )


def _read(
    child: subprocess.Popen[bytes], *, limits: Limits, cancelled: Callable[[], bool]
) -> bytes:
    """Read the child's output to its end; it may take twice its CPU time by the clock."""
    if child.stdout is None:
        raise EngineFailed("The annotation engine could not be started.")
    deadline = time.monotonic() + 2 * limits.child_seconds
    parts: list[bytes] = []
    size = 0
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            if cancelled():
                raise Stopped
            if time.monotonic() > deadline:
                raise EngineFailed("The annotation engine took too long over a part of the file.")
            if not selector.select(_WAIT):
                continue
            part = os.read(child.stdout.fileno(), 1 << 20)
            if not part:
                return b"".join(parts)
            parts.append(part)
            size += len(part)
            if size > limits.child_answer:
                raise EngineFailed("The annotation engine's answer was too large.")


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    if child.stdout is not None:
        child.stdout.close()


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


def _answers(text: bytes, *, expected: int) -> Iterator[tuple[int, str]]:
    """Yield the answers; raise EngineFailed unless every site came back, in order."""
    count, last = 0, -1
    for line in text.decode().splitlines():
        if line.startswith("#"):
            continue
        fields = line.split("\t", 8)
        place = int(fields[2])
        if place <= last:
            raise EngineFailed("The annotation engine changed the order of the records.")
        count, last = count + 1, place
        if fields[7].startswith("BCSQ="):
            yield place, fields[7][5:]
    if count != expected:
        raise EngineFailed(f"The annotation engine lost {expected - count:,} records.")
