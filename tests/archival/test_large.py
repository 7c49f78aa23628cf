"""A large result streams through archive and thaw: memory holds some parts, never the whole."""

import tracemalloc
from collections.abc import Callable

import pytest

from archival import treehash
from archival.treehash import MIB
from tests.archival.life import advance, thawed, upgrade
from tests.core import Travel, hot, person, served

pytestmark = pytest.mark.usefixtures("cloud")
SIZE = 72 * MIB + 5
MOST = 5 * treehash.SMALLEST_PART
"""Bytes at the peak: a part that is read, sent and hashed, and the cloud's own in this process."""


def _peak(act: Callable[[], object]) -> int:
    tracemalloc.start()
    act()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_stays_bounded_on_the_way_there_and_back(travel: Travel, store: str) -> None:
    job = hot(person(), bytes(SIZE))
    assert _peak(lambda: advance("archiver", job)) < MOST
    asked = advance("restorer", upgrade(job))
    assert asked.state == "RESTORING"
    assert _peak(lambda: thawed(asked, travel)) < MOST
    assert served(job) == bytes(SIZE)
