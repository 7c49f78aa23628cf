"""A stand-in for the engine: a tiny result that says whose, of which upload and run it is."""

import hashlib
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from annotations import storage
from annotations.genomics import engine
from annotations.genomics.findings import Findings
from tests.faults.tasks import RESULT, current


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
    text = f"of {etag} by {uuid.uuid4().hex}: {data.decode()}"
    files: dict[str, Any] = {storage.RESULT: RESULT + text.encode()}
    files |= {storage.LOG: text.encode(), storage.SUMMARY: b"{}"}
    for name, content in files.items():
        (out / name).write_bytes(content)
    return engine.Result(records=1, files={}, summary={}, preview=[], findings=())


def _rejected() -> engine.Rejected:
    found = Findings()
    found.add("empty-file")
    return engine.Rejected(found)
