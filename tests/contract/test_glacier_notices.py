"""Glacier's completion notices, on their way through SNS to a queue with raw delivery."""

import json
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.contract.vaults import (
    DAY,
    HOUR,
    TOPIC,
    VAULT,
    archive,
    client_of,
    let_pass,
    retrieve,
    take_inventory,
    tree_hash,
)

if TYPE_CHECKING:
    from types_boto3_glacier import GlacierClient
    from types_boto3_sqs import SQSClient

QUEUE = "gas-thaw"
QUIET = 2
"""Seconds after which we take it that no further notice comes."""


@pytest.fixture
def glacier(cloud: Any) -> "GlacierClient":
    return client_of(cloud)


@pytest.fixture
def sqs(cloud: Any) -> "SQSClient":
    return boto3.client(
        "sqs",
        endpoint_url=cloud.url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local-secret",
    )


def received(sqs: "SQSClient", wait: int = QUIET) -> list[dict[str, Any]]:
    """Return the notices that come until there is silence."""
    url, found = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"], []
    while messages := sqs.receive_message(
        QueueUrl=url, WaitTimeSeconds=wait, MaxNumberOfMessages=10
    ).get("Messages"):
        for message in messages:
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_a_notice_is_what_describe_job_says(
    glacier: "GlacierClient", sqs: "SQSClient", cloud: Any
) -> None:
    made = archive(glacier, b"data")
    job = retrieve(glacier, made, SNSTopic=TOPIC, Description="gas1 0b9c r7")
    let_pass(cloud, 4 * HOUR)
    [notice] = received(sqs)
    assert notice.pop("CompletionDate") > notice.pop("CreationDate")
    assert notice == {
        "Action": "ArchiveRetrieval",
        "ArchiveId": made,
        "ArchiveSHA256TreeHash": tree_hash(b"data"),
        "ArchiveSizeInBytes": 4,
        "Completed": True,
        "InventoryRetrievalParameters": None,
        "InventorySizeInBytes": None,
        "JobDescription": "gas1 0b9c r7",
        "JobId": job,
        "JobOutputPath": None,
        "OutputLocation": None,
        "RetrievalByteRange": "0-3",
        "SelectParameters": None,
        "SHA256TreeHash": tree_hash(b"data"),
        "SNSTopic": TOPIC,
        "StatusCode": "Succeeded",
        "StatusMessage": "Succeeded",
        "Tier": "Standard",
        "VaultARN": "arn:aws:glacier:us-east-1:123456789012:vaults/gas",
    }


def test_no_notice_comes_before_the_job_is_done(
    glacier: "GlacierClient", sqs: "SQSClient", cloud: Any
) -> None:
    retrieve(glacier, archive(glacier, b"data"), SNSTopic=TOPIC)
    let_pass(cloud, 3 * HOUR)
    assert received(sqs, wait=1) == []
    let_pass(cloud, HOUR)
    assert len(received(sqs)) == 1


def test_a_failed_job_is_told_too(glacier: "GlacierClient", sqs: "SQSClient", cloud: Any) -> None:
    cloud.faults.update({"fail_next_jobs": 1})
    retrieve(glacier, archive(glacier, b"data"), SNSTopic=TOPIC)
    let_pass(cloud, 4 * HOUR)
    [notice] = received(sqs)
    assert (notice["StatusCode"], notice["Completed"]) == ("Failed", True)


def test_a_job_without_a_topic_tells_nobody(
    glacier: "GlacierClient", sqs: "SQSClient", cloud: Any
) -> None:
    retrieve(glacier, archive(glacier, b"data"))
    let_pass(cloud, 4 * HOUR)
    assert received(sqs) == []


def test_an_inventory_is_told_with_its_size(
    glacier: "GlacierClient", sqs: "SQSClient", cloud: Any
) -> None:
    archive(glacier, b"data")
    let_pass(cloud, DAY)
    take_inventory(glacier, SNSTopic=TOPIC)
    let_pass(cloud, 4 * HOUR)
    [notice] = received(sqs)
    assert (notice["Action"], notice["ArchiveId"]) == ("InventoryRetrieval", None)
    assert notice["InventorySizeInBytes"] > 0


def test_the_vaults_own_notification_comes_on_top_and_only_for_its_events(
    glacier: "GlacierClient", sqs: "SQSClient", cloud: Any
) -> None:
    name = "watched"
    glacier.create_vault(vaultName=name)
    wish: Any = {"SNSTopic": TOPIC, "Events": ["InventoryRetrievalCompleted"]}
    glacier.set_vault_notifications(vaultName=name, vaultNotificationConfig=wish)
    let_pass(cloud, DAY)
    job: Any = {"Type": "inventory-retrieval", "SNSTopic": TOPIC}
    glacier.initiate_job(vaultName=name, jobParameters=job)
    let_pass(cloud, 4 * HOUR)
    notices = received(sqs)
    assert len(notices) == 2
    assert notices[0] == notices[1]


def test_notices_can_be_lost_or_doubled(
    glacier: "GlacierClient", sqs: "SQSClient", cloud: Any
) -> None:
    made = archive(glacier, b"data")
    cloud.faults.update({"drop_notices": True})
    job = retrieve(glacier, made, SNSTopic=TOPIC)
    let_pass(cloud, 4 * HOUR)
    assert glacier.describe_job(vaultName=VAULT, jobId=job)["Completed"]
    assert received(sqs) == []
    cloud.faults.update({"drop_notices": False, "double_notices": True})
    retrieve(glacier, made, SNSTopic=TOPIC)
    let_pass(cloud, 4 * HOUR)
    assert len(received(sqs)) == 2


def test_each_of_many_jobs_is_told_once(
    glacier: "GlacierClient", sqs: "SQSClient", cloud: Any
) -> None:
    made = archive(glacier, b"data")
    begun = {retrieve(glacier, made, SNSTopic=TOPIC, Tier="Expedited") for _ in range(25)}
    let_pass(cloud, 300)
    notices, until = received(sqs), time.monotonic() + 20
    while len(notices) < len(begun) and time.monotonic() < until:
        notices += received(sqs)
    assert sorted(notice["JobId"] for notice in notices) == sorted(begun)


def test_notices_can_be_late(glacier: "GlacierClient", sqs: "SQSClient", cloud: Any) -> None:
    made = archive(glacier, b"data")
    cloud.faults.update({"delay_notices": 12 * HOUR})
    job = retrieve(glacier, made, SNSTopic=TOPIC, Tier="Expedited")
    let_pass(cloud, 300)
    assert glacier.describe_job(vaultName=VAULT, jobId=job)["Completed"]
    assert received(sqs) == []
    let_pass(cloud, 12 * HOUR)
    assert [notice["JobId"] for notice in received(sqs)] == [job]
