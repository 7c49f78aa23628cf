"""A local cloud for the tests of what is made on it: a process of its own, as `make run` has it."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from gas_project import aws

ORIGIN = "http://127.0.0.1:8000"


@pytest.fixture(scope="package")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a running local cloud, which provisions itself at its start."""
    data = tmp_path_factory.mktemp("cloud")
    command = [sys.executable, "-m", "deploy.local.run", "--port", "0", "--data", str(data)]
    with subprocess.Popen(
        [*command, "--origin", ORIGIN], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        yield process.stdout.readline().split()[-1]
        process.terminate()
    assert process.returncode == 0


@pytest.fixture
def at_the_cloud(cloud: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Let the project's own clients speak to the local cloud."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud)
    aws.forget_clients()
    yield cloud
    aws.forget_clients()
