"""Glacier's inventories: what a vault held at its last daily count."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.vaults import (
    DAY,
    HOUR,
    VAULT,
    archive,
    begin_day,
    client_of,
    let_pass,
    refusal,
    retrieve,
    take_inventory,
    tree_hash,
)

if TYPE_CHECKING:
    from types_boto3_glacier import GlacierClient

INVALID = (400, "InvalidParameterValueException")


@pytest.fixture
def glacier(cloud: Any) -> "GlacierClient":
    begin_day(cloud)
    return client_of(cloud)


def inventory(glacier: "GlacierClient", cloud: Any, **more: Any) -> tuple[Any, Any]:
    """Return the output of an inventory job and what DescribeJob says of it."""
    job = take_inventory(glacier, **more)
    let_pass(cloud, 4 * HOUR)
    output = glacier.get_job_output(vaultName=VAULT, jobId=job)["body"].read()
    return json.loads(output), glacier.describe_job(vaultName=VAULT, jobId=job)


def listed(found: Any) -> list[str]:
    return [entry["ArchiveId"] for entry in found["ArchiveList"]]


def test_an_inventory_lists_ids_descriptions_sizes_hashes_and_dates(
    glacier: "GlacierClient", cloud: Any
) -> None:
    made = archive(glacier, b"data", description="gas1 job name")
    let_pass(cloud, DAY)
    found, job = inventory(glacier, cloud)
    assert found["VaultARN"] == "arn:aws:glacier:us-east-1:123456789012:vaults/gas"
    [entry] = found["ArchiveList"]
    assert entry.pop("CreationDate") <= found["InventoryDate"]
    assert entry == {
        "ArchiveId": made,
        "ArchiveDescription": "gas1 job name",
        "Size": 4,
        "SHA256TreeHash": tree_hash(b"data"),
    }
    assert (job["Action"], job["StatusCode"]) == ("InventoryRetrieval", "Succeeded")
    assert job["InventorySizeInBytes"] > 0


def test_a_job_for_an_inventory_takes_hours_too(glacier: "GlacierClient", cloud: Any) -> None:
    archive(glacier, b"data")
    let_pass(cloud, DAY)
    job = take_inventory(glacier)
    found = refusal(glacier.get_job_output, vaultName=VAULT, jobId=job)
    assert found == (*INVALID, f"The job is not currently available for download: {job}")


def test_it_lists_what_was_deleted_since_and_omits_what_is_new(
    glacier: "GlacierClient", cloud: Any
) -> None:
    old, older = archive(glacier, b"old"), archive(glacier, b"older")
    let_pass(cloud, DAY)
    glacier.delete_archive(vaultName=VAULT, archiveId=old)
    archive(glacier, b"new")
    found, _ = inventory(glacier, cloud)
    assert sorted(listed(found)) == sorted([old, older])


def test_a_day_later_it_has_caught_up(glacier: "GlacierClient", cloud: Any) -> None:
    old = archive(glacier, b"old")
    let_pass(cloud, DAY)
    glacier.delete_archive(vaultName=VAULT, archiveId=old)
    new = archive(glacier, b"new")
    let_pass(cloud, DAY)
    found, _ = inventory(glacier, cloud)
    assert listed(found) == [new]


def test_before_its_first_inventory_a_vault_has_none(glacier: "GlacierClient", cloud: Any) -> None:
    name = f"young-{cloud.clock.now():.6f}"
    glacier.create_vault(vaultName=name)
    wish = {"Type": "inventory-retrieval"}
    found = refusal(glacier.initiate_job, vaultName=name, jobParameters=wish)
    assert found[:2] == (404, "ResourceNotFoundException")


def test_a_limit_makes_pages_that_a_marker_continues(glacier: "GlacierClient", cloud: Any) -> None:
    made = []
    for number in range(5):
        made.append(archive(glacier, bytes([number])))
        let_pass(cloud, 1)
    let_pass(cloud, DAY)
    pages: list[list[str]] = []
    marker: str | None = None
    while not pages or marker:
        asked = {"Limit": "2"} | ({"Marker": marker} if marker else {})
        found, job = inventory(glacier, cloud, InventoryRetrievalParameters=asked)
        pages.append(listed(found))
        marker = job["InventoryRetrievalParameters"].get("Marker")
    assert pages == [made[:2], made[2:4], made[4:]]


def test_dates_choose_what_is_listed(glacier: "GlacierClient", cloud: Any) -> None:
    old = archive(glacier, b"old")
    let_pass(cloud, 2 * DAY)
    archive(glacier, b"young")
    let_pass(cloud, 2 * DAY)
    everything, _ = inventory(glacier, cloud)
    dates = {entry["ArchiveId"]: entry["CreationDate"] for entry in everything["ArchiveList"]}
    last = max(dates.values())
    until, _ = inventory(glacier, cloud, InventoryRetrievalParameters={"EndDate": last})
    since, _ = inventory(glacier, cloud, InventoryRetrievalParameters={"StartDate": last})
    assert listed(until) == [old]
    assert len(listed(since)) == 1


@pytest.mark.parametrize(
    "asked", [{"Limit": "0"}, {"Marker": "nonsense"}, {"StartDate": "yesterday"}]
)
def test_parameters_that_make_no_sense_are_refused(
    glacier: "GlacierClient", cloud: Any, asked: dict[str, str]
) -> None:
    let_pass(cloud, DAY)
    wish = {"Type": "inventory-retrieval", "InventoryRetrievalParameters": asked}
    assert refusal(glacier.initiate_job, vaultName=VAULT, jobParameters=wish)[:2] == INVALID


def test_inventory_and_archive_jobs_are_listed_together(
    glacier: "GlacierClient", cloud: Any
) -> None:
    made = archive(glacier, b"data")
    let_pass(cloud, DAY)
    take_inventory(glacier)
    retrieve(glacier, made)
    jobs = glacier.list_jobs(vaultName=VAULT)["JobList"]
    assert sorted(job["Action"] for job in jobs) == ["ArchiveRetrieval", "InventoryRetrieval"]


def test_the_vault_counts_what_its_last_inventory_lists(
    glacier: "GlacierClient", cloud: Any
) -> None:
    let_pass(cloud, DAY)
    archive(glacier, b"data")
    before = glacier.describe_vault(vaultName=VAULT)
    assert (before["NumberOfArchives"], before["SizeInBytes"]) == (0, 0)
    let_pass(cloud, DAY)
    after = glacier.describe_vault(vaultName=VAULT)
    assert (after["NumberOfArchives"], after["SizeInBytes"]) == (1, 4)
    assert after["LastInventoryDate"] > before["LastInventoryDate"]
