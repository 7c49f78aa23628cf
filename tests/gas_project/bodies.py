"""Queue bodies as AWS writes them, for the tests of the decoder and of the worker."""

import json
from typing import Any

JOB = "0b9c4e5d6f708192a3b4c5d6e7f80912"
DASHED = "0b9c4e5d-6f70-8192-a3b4-c5d6e7f80912"
HINT = json.dumps({"version": 1, "job_id": JOB})


def envelope(message: str) -> str:
    return json.dumps(
        {
            "Type": "Notification",
            "MessageId": "5f",
            "TopicArn": "arn:aws:sns:us-east-1:111122223333:gas-retrieval",
            "Message": message,
            "Timestamp": "2026-11-01T10:00:00.000Z",
            "SignatureVersion": "1",
            "Signature": "c2ln",
            "MessageAttributes": {"kind": {"Type": "String", "Value": "thaw"}},
        }
    )


def glacier_notice(**changes: Any) -> str:
    notice = {
        "Action": "ArchiveRetrieval",
        "ArchiveId": "Nk",
        "ArchiveSizeInBytes": 5242880,
        "Completed": True,
        "InventoryRetrievalParameters": None,
        "JobDescription": f"gas1 {JOB} r7",
        "JobId": "Hk-_9",
        "StatusCode": "Succeeded",
        "Tier": "Standard",
        "VaultARN": "arn:aws:glacier:us-east-1:111122223333:vaults/gas",
    }
    return json.dumps(notice | changes)


def s3_record(key: str, **changes: Any) -> dict[str, Any]:
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectRestore:Completed",
        "s3": {"bucket": {"name": "gas-archive-1"}, "object": {"key": key, "size": 5}},
        "glacierEventData": {"restoreEventData": {"lifecycleRestoreStorageClass": "GLACIER"}},
    }
    return record | changes


def s3_event(*keys: str) -> str:
    return json.dumps({"Records": [s3_record(key) for key in keys]})


def eventbridge(key: str, **changes: Any) -> str:
    event = {
        "version": "0",
        "detail-type": "Object Restore Completed",
        "source": "aws.s3",
        "detail": {"version": "0", "bucket": {"name": "gas-archive-1"}, "object": {"key": key}},
    }
    return json.dumps(event | changes)


TEST_EVENT = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "gas-archive"})
