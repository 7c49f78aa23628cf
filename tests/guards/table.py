"""`make guards`: every scenario is played without each guard in turn; the table says who noticed.

It is no test file by its name, so that only `make guards` plays the whole table.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from deploy.local.run import LocalCloud
from tests.core import Travel
from tests.guards.removals import GUARDS, Guard
from tests.guards.scenarios import SCENARIOS
from tests.guards.stage import Seen, Stage, listening

if TYPE_CHECKING:
    from pytest_django import Settings

MOST_CALLS = 3000
"""No scenario needs as many AWS calls: a worker that makes more never comes to rest."""


class Endless(Exception):
    """A worker that never comes to rest."""


@contextmanager
def _bounded() -> Iterator[None]:
    calls = [0]

    def hear(**_: Any) -> None:
        calls[0] += 1
        if calls[0] > MOST_CALLS:
            raise Endless

    with listening("before-call.*", hear):
        yield


def _play(name: str, store: str, stage: Stage, settings: "Settings") -> Seen:
    stage.cloud.forget()
    stage.cloud.faults.clear()
    settings.GAS_COLD_STORE = store
    with stage.patch.context() as patch, _bounded():
        try:
            return SCENARIOS[name](Stage(stage.cloud, stage.travel, patch))
        except Endless:
            return Seen(["BUSY"])
        except Exception as error:
            return Seen([type(error).__name__])


def _noticed(guarded: Seen, bare: Seen) -> set[str]:
    more = {f"more {name}" for name, n in bare.costs.items() if n > guarded.costs.get(name, n)}
    return set(bare.findings) | more


def _row(guard: Guard, noticed: dict[str, set[str]]) -> str:
    kinds = sorted(set().union(*noticed.values()))
    others = len([name for name in noticed if name != guard.name])
    return f"{guard.name:36} {', '.join(kinds):40} and {others} other scenarios"


@pytest.mark.timeout(7200)
def test_every_guard_taken_out_is_noticed(
    cloud: LocalCloud,
    travel: Travel,
    monkeypatch: pytest.MonkeyPatch,
    settings: "Settings",
    capsys: pytest.CaptureFixture[str],
) -> None:
    stage = Stage(cloud, travel, monkeypatch)
    wanted = os.environ.get("GUARD", "")
    stores = {guard.name: guard.store for guard in GUARDS}
    guarded = {name: _play(name, stores[name], stage, settings) for name in SCENARIOS}
    assert {name: seen.findings for name, seen in guarded.items() if seen.findings} == {}
    missed = []
    for guard in [guard for guard in GUARDS if wanted in guard.name]:
        noticed = {}
        for name in SCENARIOS:
            with monkeypatch.context() as patch:
                guard.remove(patch)
                bare = _play(name, stores[name], stage, settings)
            if found := _noticed(guarded[name], bare):
                noticed[name] = found
        with capsys.disabled():
            sys.stdout.write(_row(guard, noticed) + "\n")
            sys.stdout.flush()
        missed += [] if guard.name in noticed else [guard.name]
    assert missed == []
