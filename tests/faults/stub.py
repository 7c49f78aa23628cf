"""A stand-in for the engine: a tiny result that says whose, of which upload and run it is."""

import hashlib
import random
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from annotations import storage
from annotations.genomics import engine
from annotations.genomics.findings import Findings
from tests.faults.tasks import RESULT, current

MIB = 1024 * 1024
BLOCK = random.Random(1).randbytes(MIB)


class Size:
    """Whether the results are larger than one part."""

    large = False


def upload(user_id: str, kind: str) -> bytes:
    """Return a person's file to upload; of a `bad` one no result can be made."""
    return f"vcf of {user_id}, {kind}".encode()


def annotate(
    *,
    source: Path,
    reference: object,
    out: Path,
    progress: Callable[[engine.Progress], None],
    cancelled: Callable[[], bool],
    limits: object,
) -> engine.Result:
    """Do as engine.annotate does. Two runs of one file make different bytes, as two engines may."""
    data = source.read_bytes()
    for done in range(3):
        if task := current():
            task.pause()
        progress(engine.Progress(done, 3, done))
        if cancelled():
            raise engine.Stopped
    if b"bad" in data:
        raise _rejected()
    etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
    run = uuid.uuid4()
    text = f"of {etag} by {run.hex}: {data.decode()}"
    files: dict[str, Any] = {storage.RESULT: RESULT + text.encode() + _more(run)}
    files |= {storage.LOG: text.encode(), storage.SUMMARY: b"{}"}
    for name, content in files.items():
        (out / name).write_bytes(content)
    return engine.Result(records=1, files={}, summary={}, preview=[], findings=())


def _more(run: uuid.UUID) -> bytes:
    """Return what makes a result two or three parts long, other bytes in each part and run."""
    if not Size.large:
        return b""
    start, size = run.int % MIB, MIB + (run.int >> 40) % (5 * MIB // 4)
    return (BLOCK[start:] + BLOCK[:start] + BLOCK[start // 2 :] + BLOCK)[:size]


def _rejected() -> engine.Rejected:
    found = Findings()
    found.add("empty-file")
    return engine.Rejected(found)
