"""Tree hashes against botocore's own, and the grid on which parts combine to the whole."""

import hashlib
import io
import random

import pytest
from botocore.utils import calculate_tree_hash

from archival.treehash import (
    LARGEST_PART,
    MIB,
    MOST_PARTS,
    SMALLEST_PART,
    TreeHash,
    combine,
    part_size,
    tree_hash,
)

SEED = 20_260


def some_bytes(size: int) -> bytes:
    return random.Random(SEED + size).randbytes(size)


def reference(data: bytes) -> str:
    return str(calculate_tree_hash(io.BytesIO(data)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "size",
    [0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB, 3 * MIB + 7, 5 * MIB, 7 * MIB + 1, 8 * MIB],
)
def test_the_hash_is_the_one_botocore_computes(size: int) -> None:
    data = some_bytes(size)
    assert tree_hash(data) == reference(data)


def test_up_to_one_mebibyte_it_is_the_plain_sha256() -> None:
    for data in (b"", b"x", some_bytes(MIB)):
        assert tree_hash(data) == hashlib.sha256(data).hexdigest()


def test_it_does_not_matter_in_which_pieces_the_bytes_arrive() -> None:
    data, pieces = some_bytes(5 * MIB + 123), random.Random(SEED)
    whole, at = TreeHash(), 0
    while at < len(data):
        step = pieces.randrange(1, 2 * MIB)
        whole.update(data[at : at + step])
        at += step
    assert whole.digest() == reference(data), f"seed {SEED}"


def test_a_digest_may_be_asked_for_on_the_way() -> None:
    data, whole = some_bytes(3 * MIB), TreeHash()
    for end in (MIB, 2 * MIB, 3 * MIB):
        whole.update(data[end - MIB : end])
        assert whole.digest() == whole.digest() == reference(data[:end])


@pytest.mark.parametrize("part", [1, 2, 4])
@pytest.mark.parametrize("size", [1, MIB, 4 * MIB, 4 * MIB + 1, 9 * MIB - 1, 13 * MIB + 5])
def test_parts_on_a_power_of_two_grid_combine_to_the_whole(part: int, size: int) -> None:
    data, step = some_bytes(size), part * MIB
    parts = [tree_hash(data[at : at + step]) for at in range(0, size, step)]
    assert combine(parts) == reference(data)


def test_parts_of_three_mebibytes_do_not_combine() -> None:
    data = some_bytes(9 * MIB)
    parts = [tree_hash(data[at : at + 3 * MIB]) for at in range(0, len(data), 3 * MIB)]
    assert combine(parts) != reference(data)


def test_no_parts_have_no_hash() -> None:
    with pytest.raises(ValueError, match="at least one part"):
        combine([])


@pytest.mark.parametrize(
    ("size", "part"),
    [
        (0, SMALLEST_PART),
        (1, SMALLEST_PART),
        (SMALLEST_PART * MOST_PARTS, SMALLEST_PART),
        (SMALLEST_PART * MOST_PARTS + 1, 2 * SMALLEST_PART),
        (5 * 1024**4, 1024 * MIB),
        (LARGEST_PART * MOST_PARTS, LARGEST_PART),
    ],
)
def test_a_part_is_the_smallest_that_needs_no_more_than_ten_thousand(size: int, part: int) -> None:
    assert part_size(size) == part


def test_every_part_size_is_a_power_of_two_mebibytes_that_is_enough() -> None:
    sizes = random.Random(SEED)
    for _ in range(2_000):
        size = sizes.randrange(LARGEST_PART * MOST_PARTS)
        part = part_size(size)
        assert part % MIB == 0
        assert (part // MIB).bit_count() == 1
        assert -(-size // part) <= MOST_PARTS, f"seed {SEED}, size {size}"


def test_more_than_the_largest_archive_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 10000 parts"):
        part_size(LARGEST_PART * MOST_PARTS + 1)
