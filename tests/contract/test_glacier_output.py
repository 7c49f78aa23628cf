"""Glacier's GetJobOutput: ranges, and for which of them AWS tells a tree hash."""

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import IncompleteReadError, ResponseStreamingError

from tests.contract.vaults import (
    DAY,
    HOUR,
    MIB,
    VAULT,
    archive,
    client_of,
    let_pass,
    refusal,
    retrieve,
    some_bytes,
    tree_hash,
)

if TYPE_CHECKING:
    from types_boto3_glacier import GlacierClient

INVALID = (400, "InvalidParameterValueException")
GONE = (404, "ResourceNotFoundException")
DATA = some_bytes(6 * MIB + MIB // 2)


@pytest.fixture
def glacier(cloud: Any) -> "GlacierClient":
    return client_of(cloud)


def retrieved(glacier: "GlacierClient", cloud: Any, data: bytes = DATA, **more: str) -> str:
    job = retrieve(glacier, archive(glacier, data), **more)
    let_pass(cloud, 4 * HOUR)
    return job


def test_before_it_is_ready_the_answer_is_that_of_a_wrong_parameter(
    glacier: "GlacierClient",
) -> None:
    job = retrieve(glacier, archive(glacier, b"data"))
    found = refusal(glacier.get_job_output, vaultName=VAULT, jobId=job)
    assert found == (*INVALID, f"The job is not currently available for download: {job}")


def test_the_whole_output_has_size_hash_and_description(
    glacier: "GlacierClient", cloud: Any
) -> None:
    reply = glacier.get_job_output(vaultName=VAULT, jobId=retrieved(glacier, cloud))
    assert reply["body"].read() == DATA
    assert reply["status"] == 200
    assert reply["checksum"] == tree_hash(DATA)
    assert reply["archiveDescription"] == "gas1 j n"
    assert reply["acceptRanges"] == "bytes"
    assert "contentRange" not in reply


@pytest.mark.parametrize(
    ("first", "last"), [(0, 0), (5, 2 * MIB + 5), (MIB, 3 * MIB - 1), (6 * MIB, len(DATA) - 1)]
)
def test_a_range_is_those_bytes(
    glacier: "GlacierClient", cloud: Any, first: int, last: int
) -> None:
    job = retrieved(glacier, cloud)
    reply = glacier.get_job_output(vaultName=VAULT, jobId=job, range=f"bytes={first}-{last}")
    assert reply["body"].read() == DATA[first : last + 1]
    assert reply["status"] == 206
    assert reply["contentRange"] == f"bytes {first}-{last}/{len(DATA)}"


@pytest.mark.parametrize(
    ("first", "end", "told"),
    [
        (0, 2 * MIB, True),
        (2 * MIB, 4 * MIB, True),
        (4 * MIB, len(DATA), True),
        (6 * MIB, len(DATA), True),
        (MIB, 2 * MIB, True),
        (MIB, 3 * MIB, False),
        (2 * MIB, 5 * MIB, False),
        (0, 3 * MIB, False),
        (0, MIB - 1, False),
        (5, 2 * MIB, False),
    ],
)
def test_a_hash_is_told_for_aligned_ranges_only(
    glacier: "GlacierClient", cloud: Any, first: int, end: int, told: bool
) -> None:
    job = retrieved(glacier, cloud)
    reply = glacier.get_job_output(vaultName=VAULT, jobId=job, range=f"bytes={first}-{end - 1}")
    assert reply.get("checksum") == (tree_hash(DATA[first:end]) if told else None)


def test_a_range_counts_within_what_was_retrieved(glacier: "GlacierClient", cloud: Any) -> None:
    job = retrieved(glacier, cloud, RetrievalByteRange=f"{4 * MIB}-{len(DATA) - 1}")
    found = glacier.describe_job(vaultName=VAULT, jobId=job)
    assert found["SHA256TreeHash"] == tree_hash(DATA[4 * MIB :])
    reply = glacier.get_job_output(vaultName=VAULT, jobId=job, range=f"bytes={MIB}-{2 * MIB - 1}")
    assert reply["body"].read() == DATA[5 * MIB : 6 * MIB]
    assert reply["checksum"] == tree_hash(DATA[5 * MIB : 6 * MIB])


def test_of_an_unaligned_retrieval_no_hash_is_told(glacier: "GlacierClient", cloud: Any) -> None:
    job = retrieved(glacier, cloud, RetrievalByteRange=f"{MIB}-{3 * MIB - 1}")
    assert "SHA256TreeHash" not in glacier.describe_job(vaultName=VAULT, jobId=job)
    reply = glacier.get_job_output(vaultName=VAULT, jobId=job, range=f"bytes=0-{MIB - 1}")
    assert reply["body"].read() == DATA[MIB : 2 * MIB]
    assert "checksum" not in reply


@pytest.mark.parametrize("asked", ["bytes=5-4", "bytes=0-4", "bytes=4-9", "bytes=-2", "0-3"])
def test_a_range_outside_the_output_is_refused(
    glacier: "GlacierClient", cloud: Any, asked: str
) -> None:
    job = retrieved(glacier, cloud, b"data")
    found = refusal(glacier.get_job_output, vaultName=VAULT, jobId=job, range=asked)
    assert found[:2] == INVALID


def test_output_is_kept_for_a_day(glacier: "GlacierClient", cloud: Any) -> None:
    job = retrieved(glacier, cloud, b"data")
    let_pass(cloud, DAY / 2)
    assert glacier.get_job_output(vaultName=VAULT, jobId=job)["body"].read() == b"data"
    let_pass(cloud, DAY / 2)
    found = refusal(glacier.get_job_output, vaultName=VAULT, jobId=job)
    assert found == (*GONE, f"The job ID was not found: {job}")


def test_output_that_was_ready_outlives_its_archive(glacier: "GlacierClient", cloud: Any) -> None:
    made = archive(glacier, b"data")
    job = retrieve(glacier, made)
    let_pass(cloud, 4 * HOUR)
    glacier.delete_archive(vaultName=VAULT, archiveId=made)
    assert glacier.get_job_output(vaultName=VAULT, jobId=job)["body"].read() == b"data"


def test_the_flip_fault_sends_wrong_bytes_with_the_right_hash(
    glacier: "GlacierClient", cloud: Any
) -> None:
    job = retrieved(glacier, cloud, b"data")
    cloud.faults.update({"flip_byte_in_output": True})
    reply = glacier.get_job_output(vaultName=VAULT, jobId=job)
    assert reply["body"].read() == b"eata"
    assert reply["checksum"] == tree_hash(b"data")


def test_the_break_fault_ends_a_stream_half_way(glacier: "GlacierClient", cloud: Any) -> None:
    job = retrieved(glacier, cloud)
    cloud.faults.update({"break_output": 1})
    reply = glacier.get_job_output(vaultName=VAULT, jobId=job)
    with pytest.raises((IncompleteReadError, ResponseStreamingError)):
        reply["body"].read()
    assert glacier.get_job_output(vaultName=VAULT, jobId=job)["body"].read() == DATA


def test_the_window_can_end_before_a_read(glacier: "GlacierClient", cloud: Any) -> None:
    first, second = (retrieved(glacier, cloud, b"data") for _ in range(2))
    cloud.faults.update({"end_window": "before"})
    found = refusal(glacier.get_job_output, vaultName=VAULT, jobId=first)
    assert found == (*GONE, f"The job ID was not found: {first}")
    assert refusal(glacier.describe_job, vaultName=VAULT, jobId=first) == found
    assert glacier.get_job_output(vaultName=VAULT, jobId=second)["body"].read() == b"data"


def test_the_window_can_end_during_a_read(glacier: "GlacierClient", cloud: Any) -> None:
    job = retrieved(glacier, cloud)
    cloud.faults.update({"end_window": "during"})
    reply = glacier.get_job_output(vaultName=VAULT, jobId=job)
    with pytest.raises((IncompleteReadError, ResponseStreamingError)):
        reply["body"].read()
    found = refusal(glacier.get_job_output, vaultName=VAULT, jobId=job)
    assert found == (*GONE, f"The job ID was not found: {job}")
