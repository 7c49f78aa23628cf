"""The engine: one VCF in, the files of a result out. The seam between GAS and genome code."""

import shutil
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from annotations.genomics import outputs, report
from annotations.genomics.asking import Asker
from annotations.genomics.csq import EngineFailed, Stopped
from annotations.genomics.findings import Finding, Rejected
from annotations.genomics.limits import Limits
from annotations.genomics.order import Unsorted
from annotations.genomics.preflight import Preflight
from annotations.genomics.references import Reference

__all__ = ["EngineFailed", "Limits", "Progress", "Rejected", "Result", "Stopped", "annotate"]


@dataclass(frozen=True)
class Progress:
    """How far a run is: bytes of the input read, its size in bytes, records read."""

    bytes_done: int
    bytes_total: int
    records: int


@dataclass(frozen=True)
class Result:
    """A finished run: records written, files by name, what `summary.json` and `preview.json` hold.

    `findings` are the warnings and notes.
    """

    records: int
    files: dict[str, Path]
    summary: dict[str, Any]
    preview: list[dict[str, Any]]
    findings: tuple[Finding, ...]


def annotate(
    *,
    source: Path,
    reference: Reference,
    out: Path,
    progress: Callable[[Progress], None],
    cancelled: Callable[[], bool],
    limits: Limits | None = None,
) -> Result:
    """Annotate a VCF (plain, gzip or bgzip) into the folder `out`, which is made if needed.

    `progress` and `cancelled` are called from the calling thread alone, several times a second.
    Raises Rejected when the input is at fault, Stopped soon after `cancelled` turned true,
    EngineFailed otherwise; then none of the result's files is left behind. The same input and
    reference give the same bytes.
    """
    scratch = out / ".scratch"
    run = _Run(source, reference, out, progress, cancelled, limits or Limits(), scratch)
    try:
        try:
            return run.attempt(None)
        except Unsorted as unsorted:
            return run.attempt(unsorted)
    except BaseException:
        for name in outputs.FILES:
            (out / name).unlink(missing_ok=True)
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@dataclass
class _Run:
    """One run: what it was asked, and the clock that ends it."""

    source: Path
    reference: Reference
    out: Path
    progress: Callable[[Progress], None]
    cancelled: Callable[[], bool]
    limits: Limits
    scratch: Path

    def __post_init__(self) -> None:
        self._size = self.source.stat().st_size
        self._deadline = time.monotonic() + self.limits.seconds
        self._preflight: Preflight | None = None

    def attempt(self, unsorted: Unsorted | None) -> Result:
        """Read, annotate and write everything once."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True)
        preflight = self._preflight = Preflight(
            self.source, self.reference, limits=self.limits, told=self._tell, unsorted=unsorted
        )
        writer = outputs.Writer(self.scratch, self.reference)
        try:
            self._pass_on(preflight, writer)
            self._look_up()
            own = report.header_lines(self.reference)
            header = preflight.header.render(preflight.checker.used, own)
            writer.finish(self.out, header, look_up=self._look_up)
        except duckdb.Error as error:
            raise EngineFailed("The table of the result could not be made.") from error
        finally:
            writer.close()
        return self._describe(preflight, writer)

    def _pass_on(self, preflight: Preflight, writer: outputs.Writer) -> None:
        """Take the records from the preflight by way of csq to the writer."""
        asker = Asker(
            self.reference, scratch=self.scratch, limits=self.limits, look_up=self._look_up
        )
        with closing(asker):
            for block, answers in asker.answer(preflight.blocks()):
                self._look_up()
                writer.write(block, answers)

    def _tell(self, done: int) -> None:
        self._look_up()
        records = self._preflight.records if self._preflight else 0
        self.progress(Progress(done, self._size, records))

    def _look_up(self) -> None:
        """Stop when somebody asked for it or the time is over."""
        if self.cancelled():
            raise Stopped
        if time.monotonic() > self._deadline:
            raise EngineFailed("The annotation took longer than it may.")

    def _describe(self, preflight: Preflight, writer: outputs.Writer) -> Result:
        findings = tuple(preflight.findings)
        told = report.Told(
            source=self.source,
            reference=self.reference,
            read=preflight.records,
            written=writer.written,
            findings=findings,
            counts=dict(preflight.findings.counts),
            repeated=preflight.findings.repeated(),
            indel_lengths=dict(writer.indel_lengths),
            skipped=dict(preflight.checker.skipped),
        )
        summary, preview = report.write(self.out, told, look_up=self._look_up)
        self._look_up()
        self.progress(Progress(self._size, self._size, preflight.records))
        files = {name: self.out / name for name in outputs.FILES}
        return Result(writer.written, files, summary, preview, findings)
