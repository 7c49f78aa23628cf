"""Exactness under many writers, and proof that the canary would see its absence."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from deploy.local.run import LocalCloud
from tests.contract.canary import find_trouble
from tests.contract.processes import free_port, until_answers

STOCK = """
import sys
from moto.server import main
sys.setswitchinterval(1e-6)  # threads change places as often as they can
main(["-H", "127.0.0.1", "-p", sys.argv[1]])
"""


@pytest.fixture
def stock_moto() -> Iterator[str]:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-c", STOCK, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until_answers(port, server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def test_sixteen_writers_lose_nothing_and_tear_nothing(cloud: LocalCloud) -> None:
    assert find_trouble(cloud.url, rounds=500, few=30) == []


def test_the_canary_sees_what_a_server_without_our_lock_does(stock_moto: str) -> None:
    seen = ""
    for _ in range(20):
        seen += "; ".join(find_trouble(stock_moto, rounds=25, few=10)) + "; "
        if "increments gave" in seen and "transactions gave" in seen:
            break
    assert "increments gave" in seen, seen
    assert "transactions gave" in seen, seen
