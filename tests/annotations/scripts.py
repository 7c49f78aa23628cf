"""Scripts in the engine's place, for the tests of an annotator's work."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotations import run, storage
from annotations.genomics import engine
from annotations.states import Job
from tests.core import look, person, queued

Script = Callable[..., Any]


def advance(job: Job, *, stopping: bool = False) -> Job:
    run.advance(job.job_id, stopping=lambda: stopping)
    return look(job)


def finish(out: Path, **_: Any) -> engine.Result:
    """Write what the engine writes, quickly."""
    for name in (storage.RESULT, storage.SUMMARY, storage.PREVIEW, storage.LOG):
        (out / name).write_bytes(name.encode())
    return engine.Result(records=3, files={}, summary={}, preview=[], findings=())


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Callable[[Script], list[dict[str, Any]]]:
    """Put a script in the engine's place; returns the list of what it was asked."""

    def arrange(script: Script) -> list[dict[str, Any]]:
        asked: list[dict[str, Any]] = []

        def annotate(**told: Any) -> engine.Result:
            asked.append({**told, "bytes": told["source"].read_bytes()})
            result: engine.Result = script(**told)
            return result

        monkeypatch.setattr(engine, "annotate", annotate)
        return asked

    return arrange


Runs = Callable[[Script], list[dict[str, Any]]]


@pytest.fixture
def job() -> Job:
    return queued(person(), b"the upload")


def fail(**_: Any) -> engine.Result:
    raise engine.EngineFailed("The annotation took longer than it may.")
