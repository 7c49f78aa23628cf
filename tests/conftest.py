"""What every test may use: Django on a scratch database, and the local cloud as its AWS."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from deploy.local.run import LocalCloud
from gas_project import aws, clock
from tests.chromium import browser

__all__ = ["browser"]  # a fixture for all

if TYPE_CHECKING:
    from pytest_django import Settings

SCALE = 360
"""An hour of AWS takes ten seconds, unless a test puts the cloud's clock forward."""


@pytest.fixture(scope="session")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """One local cloud for all tests of this process; a test asks for `cloud`."""
    running = LocalCloud(data=tmp_path_factory.mktemp("cloud"), scale=SCALE)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def cloud(
    local_cloud: LocalCloud, settings: "Settings", monkeypatch: pytest.MonkeyPatch
) -> Iterator[LocalCloud]:
    """The local cloud, empty but provisioned, and everything in GAS pointed at it."""
    local_cloud.forget()
    monkeypatch.setenv("AWS_ENDPOINT_URL", local_cloud.url)
    settings.AWS_ENDPOINT_URL = local_cloud.url
    settings.GAS_LOCAL = True
    settings.GAS_TIME_SCALE = SCALE
    aws.forget_clients()
    yield local_cloud
    aws.forget_clients()


@pytest.fixture
def travel(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Put the cloud's clock and ours forward together: `travel(seconds)`.

    Ours stands still in between: no test depends on where in a second it ran.
    """
    began = int(cloud.clock.now() - cloud.clock.offset)
    monkeypatch.setattr(clock, "now", lambda: began + int(cloud.clock.offset))
    return cloud.clock.advance
