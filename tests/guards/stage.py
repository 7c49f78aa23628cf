"""What the guards' scenarios share: a stage, a moment in a worker's calls, a judge."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from annotations import run, storage
from annotations.genomics import engine
from annotations.states import Job, place
from archival import services
from deploy.local.run import LocalCloud
from gas_project import aws
from tests.core import (
    RESULT,
    Travel,
    archives,
    converge,
    filled_uploads,
    look,
    objects,
    served,
    strays,
)


class Crash(Exception):
    """The worker is gone."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a scenario plays: the cloud, its clock, and a patch that is undone afterwards."""

    cloud: LocalCloud
    travel: Travel
    patch: pytest.MonkeyPatch


@dataclass(slots=True)
class Seen:
    """What a scenario came to: findings by kind, such as LOST, and what it cost."""

    findings: list[str] = field(default_factory=list)
    costs: dict[str, int] = field(default_factory=dict)


def clients() -> list[Any]:
    return [
        aws.dynamodb(),
        aws.s3(),
        aws.s3_once(),
        aws.glacier(),
        aws.glacier_once(),
        aws.sns(),
        aws.sqs(),
    ]


@contextmanager
def listening(event: str, hear: Callable[..., None]) -> Iterator[None]:
    """Hear an event of botocore on every client."""
    for client in clients():
        client.meta.events.register_first(event, hear)
    try:
        yield
    finally:
        for client in clients():
            client.meta.events.unregister(event, hear)


@contextmanager
def at(operation: str, act: Callable[[], Any], *, turn: int = 1) -> Iterator[list[str]]:
    """Let something happen once, right before the `turn`-th call of an operation."""
    seen: list[str] = []

    def hear(model: Any, **_: Any) -> None:
        if model.name != operation:
            return
        seen.append(operation)
        if len(seen) == turn:
            act()

    with listening("before-call.*", hear):
        yield seen


@contextmanager
def counting(costs: dict[str, int], *operations: str) -> Iterator[None]:
    """Count the calls of some operations."""

    def hear(model: Any, **_: Any) -> None:
        if model.name in operations:
            costs[model.name] = costs.get(model.name, 0) + 1

    for operation in operations:
        costs.setdefault(operation, 0)
    with listening("before-call.*", hear):
        yield


def crash() -> None:
    raise Crash


def work(role: str, job: Job) -> Job:
    """Let a worker look at a job; a crash ends the worker and nothing else."""
    with suppress(Crash):
        if role == "annotator":
            run.advance(job.job_id, stopping=lambda: False)
        else:
            services.advance(role=role, job_id=job.job_id)
    return look(job)


def settle(stage: Stage, job: Job) -> list[str]:
    """Let all that is still to come happen, messages lost; a job that never rests is BUSY."""
    try:
        converge(stage.cloud, stage.travel, job)
    except AssertionError:
        return ["BUSY"]
    return []


def judge(stage: Stage, job: Job, want: str, data: bytes = RESULT) -> list[str]:
    """Return what is wrong with the only job there is, when it should be in the state `want`."""
    now, there = look(job), objects() | archives(stage.cloud)
    found = ["ORPHAN"] if strays(stage.cloud, now) or filled_uploads() else []
    if want == "DELETED":
        return found + (["UNDELETED"] if now.state != "DELETED" or there else [])
    if now.copy is None:
        return found + ([] if now.state == want else ["STUCK"])
    if now.copy.name not in there:
        return [*found, "LOST"]
    if place(now.copy) == "HOT" and served(now) != data:
        found.append("WRONG")
    return found + ([] if now.state == want else ["STUCK"])


def change(job: Job, tier: str) -> None:
    services.change_tier(user_id=job.user_id, tier=tier)


def ended(stage: Stage, job: Job, want: str) -> Seen:
    busy = settle(stage, job)
    return Seen(busy + judge(stage, job, want))


def quick_engine(stage: Stage) -> None:
    """Put an engine in place whose result is the bytes that it read."""

    def annotate(*, source: Path, out: Path, **_: Any) -> engine.Result:
        for name in (storage.LOG, storage.RESULT, storage.SUMMARY):
            (out / name).write_bytes(source.read_bytes())
        return engine.Result(records=1, files={}, summary={}, preview=[], findings=())

    stage.patch.setattr(engine, "annotate", annotate)
