"""Glacier's retrieval jobs: what is accepted, how long they take, how they end."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.vaults import (
    DAY,
    HOUR,
    MIB,
    TOPIC,
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
MISSING = (400, "MissingParameterValueException")


@pytest.fixture
def glacier(cloud: Any) -> "GlacierClient":
    return client_of(cloud)


def refused(glacier: "GlacierClient", **wish: Any) -> tuple[int, str, str]:
    return refusal(glacier.initiate_job, vaultName=VAULT, jobParameters=wish)


def status(glacier: "GlacierClient", job: str) -> str:
    return glacier.describe_job(vaultName=VAULT, jobId=job)["StatusCode"]


@pytest.mark.parametrize(
    ("tier", "seconds"), [("Expedited", 300), ("Standard", 4 * HOUR), ("Bulk", 8 * HOUR)]
)
def test_each_tier_takes_its_time(
    glacier: "GlacierClient", cloud: Any, tier: str, seconds: int
) -> None:
    job = retrieve(glacier, archive(glacier, b"data"), Tier=tier)
    let_pass(cloud, seconds)
    found = glacier.describe_job(vaultName=VAULT, jobId=job)
    begun, done = (
        datetime.fromisoformat(found[date]).timestamp()
        for date in ("CreationDate", "CompletionDate")
    )
    assert done - begun == pytest.approx(seconds / cloud.scale, abs=0.01)


def test_a_job_is_described_before_and_after(glacier: "GlacierClient", cloud: Any) -> None:
    data = some_bytes(2 * MIB)
    made = archive(glacier, data)
    job = retrieve(glacier, made, Description="gas1 j n", SNSTopic=TOPIC)
    before: Any = glacier.describe_job(vaultName=VAULT, jobId=job)
    facts = {
        "Action": "ArchiveRetrieval",
        "ArchiveId": made,
        "ArchiveSHA256TreeHash": tree_hash(data),
        "ArchiveSizeInBytes": 2 * MIB,
        "Completed": False,
        "JobDescription": "gas1 j n",
        "JobId": job,
        "RetrievalByteRange": "0-2097151",
        "SNSTopic": TOPIC,
        "StatusCode": "InProgress",
        "Tier": "Standard",
        "VaultARN": "arn:aws:glacier:us-east-1:123456789012:vaults/gas",
    }
    assert before.items() >= facts.items()
    assert "SHA256TreeHash" not in before
    assert "CompletionDate" not in before
    let_pass(cloud, 4 * HOUR)
    after = glacier.describe_job(vaultName=VAULT, jobId=job)
    done = {
        "Completed": True,
        "SHA256TreeHash": tree_hash(data),
        "StatusCode": "Succeeded",
        "StatusMessage": "Succeeded",
    }
    assert after.items() >= {**facts, **done}.items()
    assert after["CompletionDate"].endswith("Z")


def test_the_same_request_twice_is_two_jobs(glacier: "GlacierClient") -> None:
    made = archive(glacier, b"data")
    assert retrieve(glacier, made) != retrieve(glacier, made)


@pytest.mark.parametrize(
    ("wish", "answer"),
    [
        ({}, MISSING),
        ({"Type": "select"}, INVALID),
        ({"Type": "archive-retrieval"}, MISSING),
        ({"Type": "archive-retrieval", "ArchiveId": "x", "Tier": "Fast"}, INVALID),
        ({"Type": "archive-retrieval", "ArchiveId": "x", "SNSTopic": "gas"}, INVALID),
        ({"Type": "archive-retrieval", "ArchiveId": "x" * 138}, GONE),
        ({"Type": "inventory-retrieval", "ArchiveId": "x"}, INVALID),
    ],
)
def test_a_job_that_makes_no_sense_is_refused(
    glacier: "GlacierClient", wish: dict[str, str], answer: tuple[int, str]
) -> None:
    assert refused(glacier, **wish)[:2] == answer


def test_an_unknown_archive_is_named_in_the_answer(glacier: "GlacierClient") -> None:
    found = refused(glacier, Type="archive-retrieval", ArchiveId="nothing")
    assert found[2] == "The archive ID was not found: nothing"


def test_an_archive_belongs_to_its_vault(glacier: "GlacierClient") -> None:
    glacier.create_vault(vaultName="other")
    wish = {"Type": "archive-retrieval", "ArchiveId": archive(glacier, b"data")}
    found = refusal(glacier.initiate_job, vaultName="other", jobParameters=wish)
    assert found[:2] == GONE


@pytest.mark.parametrize("text", ["x" * 1025, "new\nline"])
def test_a_description_that_is_too_long_or_not_printable_is_refused(
    glacier: "GlacierClient", text: str
) -> None:
    made = archive(glacier, b"data")
    wish = {"Type": "archive-retrieval", "ArchiveId": made, "Description": text}
    assert refused(glacier, **wish)[:2] == INVALID


@pytest.mark.parametrize(
    "byte_range",
    ["1-1048575", "0-1048576", "0-5", "1048576-1048575", "0-3145728", "3145728-4194303", "all"],
)
def test_a_range_that_is_not_on_whole_mebibytes_is_refused(
    glacier: "GlacierClient", byte_range: str
) -> None:
    made = archive(glacier, some_bytes(3 * MIB))
    wish = {"Type": "archive-retrieval", "ArchiveId": made, "RetrievalByteRange": byte_range}
    assert refused(glacier, **wish)[:2] == INVALID


@pytest.mark.parametrize("byte_range", ["0-1048575", "1048576-3145727", "2097152-3145730"])
def test_a_range_on_whole_mebibytes_or_up_to_the_end_is_accepted(
    glacier: "GlacierClient", byte_range: str
) -> None:
    job = retrieve(
        glacier, archive(glacier, some_bytes(3 * MIB + 3)), RetrievalByteRange=byte_range
    )
    found = glacier.describe_job(vaultName=VAULT, jobId=job)
    assert found["RetrievalByteRange"] == byte_range


@pytest.mark.parametrize(("fault", "http"), [("503", 503), ("400", 400)])
def test_expedited_can_be_refused_for_lack_of_capacity(
    glacier: "GlacierClient", cloud: Any, fault: str, http: int
) -> None:
    made = archive(glacier, b"data")
    cloud.faults.update({"refuse_expedited": fault})
    found = refused(glacier, Type="archive-retrieval", ArchiveId=made, Tier="Expedited")
    assert found[:2] == (http, "InsufficientCapacityException")
    assert retrieve(glacier, made, Tier="Standard")
    assert retrieve(glacier, made, Tier="Bulk")


@pytest.mark.parametrize(("fault", "http"), [("400", 400), ("503", 503)])
def test_a_policy_refuses_standard_only(
    glacier: "GlacierClient", cloud: Any, fault: str, http: int
) -> None:
    made = archive(glacier, b"data")
    cloud.faults.update({"enforce_policy": fault})
    found = refused(glacier, Type="archive-retrieval", ArchiveId=made)
    assert found[:2] == (http, "PolicyEnforcedException")
    assert retrieve(glacier, made, Tier="Expedited")
    assert retrieve(glacier, made, Tier="Bulk")


def test_a_job_can_fail(glacier: "GlacierClient", cloud: Any) -> None:
    made = archive(glacier, b"data")
    cloud.faults.update({"fail_next_jobs": 1})
    first = retrieve(glacier, made)
    let_pass(cloud, 1)
    second = retrieve(glacier, made)
    let_pass(cloud, 4 * HOUR)
    found: Any = glacier.describe_job(vaultName=VAULT, jobId=first)
    assert (found["StatusCode"], found["Completed"]) == ("Failed", True)
    assert "SHA256TreeHash" not in found
    assert status(glacier, second) == "Succeeded"
    output = refusal(glacier.get_job_output, vaultName=VAULT, jobId=first)
    assert output[:2] == INVALID


def test_deleting_an_archive_makes_a_running_retrieval_fail(
    glacier: "GlacierClient", cloud: Any
) -> None:
    made = archive(glacier, b"data")
    job = retrieve(glacier, made)
    glacier.delete_archive(vaultName=VAULT, archiveId=made)
    let_pass(cloud, 4 * HOUR)
    assert status(glacier, job) == "Failed"


def test_a_retrieval_of_an_archive_deleted_lately_is_accepted_and_fails(
    glacier: "GlacierClient", cloud: Any
) -> None:
    made = archive(glacier, b"data")
    glacier.delete_archive(vaultName=VAULT, archiveId=made)
    job = retrieve(glacier, made)
    let_pass(cloud, 4 * HOUR)
    assert status(glacier, job) == "Failed"


def test_an_archive_deleted_a_day_ago_is_not_found(glacier: "GlacierClient", cloud: Any) -> None:
    made = archive(glacier, b"data")
    glacier.delete_archive(vaultName=VAULT, archiveId=made)
    let_pass(cloud, DAY)
    assert refused(glacier, Type="archive-retrieval", ArchiveId=made)[:2] == GONE


def test_deleting_an_archive_again_or_one_that_never_was_is_fine(glacier: "GlacierClient") -> None:
    made = archive(glacier, b"data")
    for name in (made, made, "x" * 138):
        reply = glacier.delete_archive(vaultName=VAULT, archiveId=name)
        assert reply["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_a_job_is_gone_a_day_after_it_finished(glacier: "GlacierClient", cloud: Any) -> None:
    job = retrieve(glacier, archive(glacier, b"data"))
    let_pass(cloud, 4 * HOUR + DAY / 2)
    assert status(glacier, job) == "Succeeded"
    let_pass(cloud, DAY / 2)
    found = refusal(glacier.describe_job, vaultName=VAULT, jobId=job)
    assert found == (*GONE, f"The job ID was not found: {job}")
    assert glacier.list_jobs(vaultName=VAULT)["JobList"] == []


def test_jobs_are_listed_oldest_first_page_by_page(glacier: "GlacierClient", cloud: Any) -> None:
    made, begun = archive(glacier, b"data"), []
    for _ in range(3):
        begun.append(retrieve(glacier, made))
        let_pass(cloud, 1)
    first = glacier.list_jobs(vaultName=VAULT, limit="2")
    rest = glacier.list_jobs(vaultName=VAULT, marker=first["Marker"])
    assert [job["JobId"] for job in first["JobList"] + rest["JobList"]] == begun
    assert rest.get("Marker") is None


def test_jobs_are_listed_by_status(glacier: "GlacierClient", cloud: Any) -> None:
    made = archive(glacier, b"data")
    quick, slow = retrieve(glacier, made, Tier="Expedited"), retrieve(glacier, made)
    let_pass(cloud, HOUR)

    def listed(**which: str) -> list[str]:
        return [job["JobId"] for job in glacier.list_jobs(vaultName=VAULT, **which)["JobList"]]

    assert listed(statuscode="Succeeded") == listed(completed="true") == [quick]
    assert listed(statuscode="InProgress") == listed(completed="false") == [slow]
    assert listed(statuscode="Failed") == []
