"""What every test may use: Django on a scratch database, and the local cloud as its AWS."""

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

os.environ.update(
    AWS_ENDPOINT_URL="http://127.0.0.1:1",
    AWS_ACCESS_KEY_ID="local",
    AWS_SECRET_ACCESS_KEY="local-secret",
    AWS_REGION="us-east-1",
    AWS_DEFAULT_REGION="us-east-1",
    AWS_ACCOUNT_ID="123456789012",
    AWS_CONFIG_FILE="/dev/null",
    AWS_SHARED_CREDENTIALS_FILE="/dev/null",
    AWS_EC2_METADATA_DISABLED="true",
    GAS_COLD_STORE="vault",
)

import pytest

from deploy.local.run import LocalCloud
from gas_project import aws, clock

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
    """Put the cloud's clock and ours forward together: `travel(seconds)`."""
    monkeypatch.setattr(clock, "now", lambda: int(cloud.clock.now()))
    return cloud.clock.advance
