"""Each guard of the protocol, taken out of the real code in turn: its scenario must notice."""

from typing import TYPE_CHECKING

import pytest

from deploy.local.run import LocalCloud
from tests.core import Travel
from tests.guards.removals import GUARDS, Guard
from tests.guards.scenarios import SCENARIOS
from tests.guards.stage import Seen, Stage

if TYPE_CHECKING:
    from pytest_django import Settings

every_guard = pytest.mark.parametrize("guard", GUARDS, ids=[guard.name for guard in GUARDS])


@pytest.fixture
def stage(cloud: LocalCloud, travel: Travel, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(cloud, travel, monkeypatch)


def _play(guard: Guard, stage: Stage) -> Seen:
    with stage.patch.context() as patch:
        return SCENARIOS[guard.name](Stage(stage.cloud, stage.travel, patch))


@every_guard
def test_without_a_guard_its_scenario_notices(
    guard: Guard, stage: Stage, settings: "Settings"
) -> None:
    settings.GAS_COLD_STORE = guard.store
    guarded = _play(guard, stage)
    assert guarded.findings == []
    stage.cloud.forget()
    guard.remove(stage.patch)
    bare = _play(guard, stage)
    if guard.noticed in guarded.costs:
        assert bare.costs[guard.noticed] > guarded.costs[guard.noticed]
    else:
        assert guard.noticed in bare.findings


def test_every_guard_has_its_scenario() -> None:
    assert set(SCENARIOS) == {guard.name for guard in GUARDS}
