"""What the tests of the storage life share: each cold store in turn."""

from typing import TYPE_CHECKING

import pytest

from deploy.local.run import LocalCloud

if TYPE_CHECKING:
    from pytest_django import Settings


@pytest.fixture(params=["vault", "s3"])
def store(cloud: LocalCloud, request: pytest.FixtureRequest, settings: "Settings") -> str:
    """Return the cold store that new archives go to; the test runs with each."""
    settings.GAS_COLD_STORE = request.param
    return str(request.param)
