"""What moving a result costs: no byte is hashed or copied more often than it must be."""

import random
from collections.abc import Callable

import pytest

from annotations import storage
from archival import treehash
from tests.archival.life import advance, thawed, upgrade
from tests.core import Travel, hot, person, served

pytestmark = pytest.mark.usefixtures("cloud")
MIB = treehash.MIB
LARGE = random.Random(3).randbytes(17 * MIB + 5)
PARTS = 3


@pytest.fixture
def tree_hashed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of all bytes that are tree-hashed from now on."""
    sizes: list[int] = []
    real: Callable[[bytes], str] = treehash.tree_hash

    def noted(data: bytes) -> str:
        sizes.append(len(data))
        return real(data)

    monkeypatch.setattr(treehash, "tree_hash", noted)
    return sizes


def test_a_part_is_tree_hashed_once_on_its_way_into_a_cold_store(
    store: str, tree_hashed: list[int]
) -> None:
    job = advance("archiver", hot(person(), LARGE))
    assert job.state == "COLD"
    assert tree_hashed == [8 * MIB, 8 * MIB, MIB + 5]
    assert job.tree_hash == treehash.tree_hash(LARGE)


def test_a_thaw_tree_hashes_what_the_vault_promises_a_hash_for_and_nothing_else(
    store: str, tree_hashed: list[int], travel: Travel
) -> None:
    job = advance("archiver", hot(person(), LARGE))
    tree_hashed.clear()
    back = thawed(advance("restorer", upgrade(job)), travel)
    assert len(tree_hashed) == (PARTS if store == "vault" else 0)
    assert back.tree_hash == job.tree_hash
    assert served(back) == LARGE


@pytest.mark.parametrize("part", [1, MIB - 1, MIB, 3 * MIB + 7, 32 * MIB])
def test_parts_are_exact_whatever_pieces_arrive(part: int) -> None:
    job = hot(person(), LARGE[: 5 * MIB + 3] if part > 1 else b"abc")
    assert job.copy is not None
    parts = list(storage.read(copy=job.copy, retrieval=None, size=job.size, part=part))
    assert [len(one) for one in parts[:-1]] == [part] * (len(parts) - 1)
    assert 0 < len(parts[-1]) <= part
    assert b"".join(parts) == served(job)
