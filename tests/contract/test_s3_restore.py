"""S3's cold storage classes: nothing is read before its restore, and a restore takes its time."""

import json
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deploy.local import s3 as s3_service
from deploy.local.run import LocalCloud
from tests.contract.buckets import DAY, HOUR, Shop, client_of, new_bucket, open_shop, refusal

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

COLD = (403, "InvalidObjectState")
BUSY = (409, "RestoreAlreadyInProgress")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path) as opened:
        opened.service.start()
        yield opened
        opened.service.stop()


@pytest.fixture
def s3(shop: Shop) -> "S3Client":
    return client_of(shop)


@pytest.fixture
def bucket(s3: "S3Client") -> str:
    return new_bucket(s3)


def freeze(s3: "S3Client", bucket: str, storage_class: Any = "GLACIER", key: str = "k") -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=b"hello", StorageClass=storage_class)


def wish(tier: str = "Standard", days: int = 1) -> Any:
    return {"Days": days, "GlacierJobParameters": {"Tier": tier}}


def restore(s3: "S3Client", bucket: str, tier: str = "Standard", days: int = 1) -> int:
    reply = s3.restore_object(Bucket=bucket, Key="k", RestoreRequest=wish(tier, days))
    return reply["ResponseMetadata"]["HTTPStatusCode"]


def state(s3: "S3Client", bucket: str) -> str | None:
    head: dict[str, Any] = {**s3.head_object(Bucket=bucket, Key="k")}
    return head.get("Restore")


def expiry(s3: "S3Client", bucket: str) -> float:
    date = str(state(s3, bucket)).partition('expiry-date="')[2].rstrip('"')
    return parsedate_to_datetime(date).timestamp()


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_a_cold_object_cannot_be_read(s3: "S3Client", bucket: str, storage_class: str) -> None:
    freeze(s3, bucket, storage_class)
    at: Any = {"Bucket": bucket, "Key": "k"}
    head: Any = s3.head_object(**at)
    assert (head["StorageClass"], head["ContentLength"]) == (storage_class, 5)
    assert "Restore" not in head
    assert refusal(s3.get_object, **at) == COLD
    assert refusal(s3.get_object, **at, Range="bytes=0-1") == COLD
    assert refusal(s3.copy_object, Bucket=bucket, Key="b", CopySource=at) == COLD
    upload = s3.create_multipart_upload(Bucket=bucket, Key="b")["UploadId"]
    part: Any = {"Bucket": bucket, "Key": "b", "UploadId": upload, "PartNumber": 1}
    assert refusal(s3.upload_part_copy, **part, CopySource=at) == COLD


@pytest.mark.parametrize("storage_class", ["STANDARD_IA", "GLACIER_IR", "INTELLIGENT_TIERING"])
def test_a_warm_object_needs_no_restore(s3: "S3Client", bucket: str, storage_class: str) -> None:
    freeze(s3, bucket, storage_class)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"
    refused = refusal(s3.restore_object, Bucket=bucket, Key="k", RestoreRequest=wish())
    assert refused == COLD


@pytest.mark.parametrize(
    ("storage_class", "tier", "hours"),
    [
        ("GLACIER", "Expedited", 5 / 60),
        ("GLACIER", "Standard", 5),
        ("GLACIER", "Bulk", 12),
        ("DEEP_ARCHIVE", "Standard", 12),
        ("DEEP_ARCHIVE", "Bulk", 48),
    ],
)
def test_each_tier_takes_its_time(
    s3: "S3Client", shop: Shop, storage_class: str, tier: str, hours: float
) -> None:
    bucket = new_bucket(s3)
    freeze(s3, bucket, storage_class)
    assert restore(s3, bucket, tier) == 202
    assert state(s3, bucket) == 'ongoing-request="true"'
    shop.clock.advance(hours * HOUR - 30)
    assert refusal(s3.get_object, Bucket=bucket, Key="k") == COLD
    shop.clock.advance(31)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["Restore"].startswith('ongoing-request="false", expiry-date="')
    assert head["StorageClass"] == storage_class


def test_deep_archive_knows_no_expedited(s3: "S3Client", bucket: str) -> None:
    freeze(s3, bucket, "DEEP_ARCHIVE")
    refused = refusal(s3.restore_object, Bucket=bucket, Key="k", RestoreRequest=wish("Expedited"))
    assert refused == (400, "InvalidArgument")


def test_a_restored_object_may_be_copied(s3: "S3Client", shop: Shop, bucket: str) -> None:
    freeze(s3, bucket)
    restore(s3, bucket)
    shop.clock.advance(5 * HOUR)
    s3.copy_object(Bucket=bucket, Key="warm", CopySource=f"{bucket}/k")
    assert s3.get_object(Bucket=bucket, Key="warm")["Body"].read() == b"hello"
    assert "StorageClass" not in s3.head_object(Bucket=bucket, Key="warm")
    assert "Restore" not in s3.head_object(Bucket=bucket, Key="warm")


def test_a_second_request_waits_for_the_first(s3: "S3Client", shop: Shop, bucket: str) -> None:
    freeze(s3, bucket)
    assert restore(s3, bucket) == 202
    for tier in ("Standard", "Bulk"):
        refused = refusal(s3.restore_object, Bucket=bucket, Key="k", RestoreRequest=wish(tier))
        assert refused == BUSY
    shop.clock.advance(5 * HOUR)
    assert restore(s3, bucket) == 200


def test_a_faster_tier_overtakes(s3: "S3Client", shop: Shop, bucket: str) -> None:
    freeze(s3, bucket)
    restore(s3, bucket, "Bulk")
    assert restore(s3, bucket, "Expedited") == 202
    shop.clock.advance(5 * 60)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"


def test_a_warm_copys_life_can_be_prolonged(s3: "S3Client", shop: Shop, bucket: str) -> None:
    freeze(s3, bucket)
    restore(s3, bucket, days=1)
    shop.clock.advance(5 * HOUR)
    before = expiry(s3, bucket)
    assert restore(s3, bucket, days=10) == 200
    assert expiry(s3, bucket) - before in (9 * DAY, 10 * DAY)


def test_a_warm_copy_ends_at_a_midnight(s3: "S3Client", shop: Shop, bucket: str) -> None:
    freeze(s3, bucket)
    restore(s3, bucket, days=2)
    shop.clock.advance(5 * HOUR)
    until = expiry(s3, bucket)
    assert 2 * DAY - HOUR <= until - shop.clock.now() <= 3 * DAY
    assert until % DAY == 0
    shop.clock.advance(until - shop.clock.now() + 1)
    assert refusal(s3.get_object, Bucket=bucket, Key="k") == COLD
    assert state(s3, bucket) is None
    assert restore(s3, bucket) == 202


def test_an_overwritten_object_begins_anew(s3: "S3Client", shop: Shop, bucket: str) -> None:
    freeze(s3, bucket)
    restore(s3, bucket)
    shop.clock.advance(5 * HOUR)
    freeze(s3, bucket)
    assert state(s3, bucket) is None
    assert refusal(s3.get_object, Bucket=bucket, Key="k") == COLD


def test_a_restore_request_is_checked(s3: "S3Client", bucket: str) -> None:
    freeze(s3, bucket)
    at: Any = {"Bucket": bucket, "Key": "k"}
    top: Any = {"Days": 1, "Tier": "Bulk", "GlacierJobParameters": {"Tier": "Bulk"}}
    assert refusal(s3.restore_object, **at, RestoreRequest=top) == (400, "MalformedXML")
    none: Any = {"GlacierJobParameters": {"Tier": "Bulk"}}
    assert refusal(s3.restore_object, **at, RestoreRequest=none) == (400, "MalformedXML")
    odd = wish("Hasty")
    assert refusal(s3.restore_object, **at, RestoreRequest=odd) == (400, "MalformedXML")
    never = wish(days=0)
    assert refusal(s3.restore_object, **at, RestoreRequest=never) == (400, "InvalidArgument")
    missing = {"Bucket": bucket, "Key": "none"}
    assert refusal(s3.restore_object, **missing, RestoreRequest=wish()) == (404, "NoSuchKey")


def receive(sqs: "SQSClient", url: str, wanted: str) -> dict[str, Any]:
    """Receive until an event of a name comes; return its record."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        got = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2, MaxNumberOfMessages=10)
        for message in got.get("Messages", ()):
            for record in json.loads(message["Body"]).get("Records", ()):
                if record["eventName"] == wanted:
                    return dict(record)
    raise AssertionError(f"no {wanted} came")


def test_a_queue_hears_of_a_restore(cloud: LocalCloud, sqs: "SQSClient") -> None:
    s3 = client_of(cloud)
    bucket = new_bucket(s3)
    url = sqs.create_queue(QueueName=bucket)["QueueUrl"]
    listen(s3, bucket, f"arn:aws:sqs:us-east-1:123456789012:{bucket}")
    freeze(s3, bucket)
    restore(s3, bucket)
    assert receive(sqs, url, "ObjectRestore:Post")["s3"]["object"]["key"] == "k"
    cloud.clock.advance(5 * HOUR / cloud.scale)
    done = receive(sqs, url, "ObjectRestore:Completed")
    assert done["s3"]["bucket"]["name"] == bucket
    assert done["glacierEventData"]["restoreEventData"]["lifecycleRestoreStorageClass"] == "GLACIER"
    sqs.delete_queue(QueueUrl=url)


BRIDGE = '{"EventBridgeConfiguration": {}}'
TOPIC = "arn:aws:sns:us-east-1:123456789012:gas-retrieval"


def listen(s3: "S3Client", bucket: str, arn: str, *, events: Any = ("s3:ObjectRestore:*",)) -> None:
    kind = "Topic" if ":sns:" in arn else "Queue"
    target: Any = {"Id": "thaw", f"{kind}Arn": arn, "Events": list(events)}
    configuration: Any = {f"{kind}Configurations": [target]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)


def heard(shop: Shop, count: int) -> list[str]:
    """Wait for so many events and return their names."""
    until = time.monotonic() + 20
    while len(shop.emitted) < count and time.monotonic() < until:
        time.sleep(0.05)
    records = [body.get("Records", [{"eventName": body.get("Event")}]) for _, body in shop.emitted]
    return [record["eventName"] for each in records for record in each]


def test_a_restore_is_told_of_from_begin_to_end(shop: Shop) -> None:
    s3 = client_of(shop)
    bucket = new_bucket(s3)
    listen(s3, bucket, TOPIC)
    s3.put_object(Bucket=bucket, Key="a b+é/k", Body=b"hello", StorageClass="GLACIER")
    s3.restore_object(Bucket=bucket, Key="a b+é/k", RestoreRequest=wish())
    assert heard(shop, 2) == ["s3:TestEvent", "ObjectRestore:Post"]
    shop.clock.advance(5 * HOUR)
    assert heard(shop, 3)[2:] == ["ObjectRestore:Completed"]
    shop.clock.advance(2 * DAY)
    assert heard(shop, 4)[3:] == ["ObjectRestore:Delete"]
    arn, body = shop.emitted[2]
    assert arn == TOPIC
    record = body["Records"][0]
    assert record["s3"]["configurationId"] == "thaw"
    assert record["s3"]["object"] == {
        "key": "a+b%2B%C3%A9/k",
        "size": 5,
        "eTag": "5d41402abc4b2a76b9719d911017c592",
    }
    assert record["eventVersion"] == "2.1"
    assert set(record["glacierEventData"]["restoreEventData"]) == {
        "lifecycleRestorationExpiryTime",
        "lifecycleRestoreStorageClass",
    }


def test_the_end_of_a_restore_is_told_after_a_restart(tmp_path: Path) -> None:
    with open_shop(tmp_path) as first:
        s3 = client_of(first)
        bucket = new_bucket(s3)
        listen(s3, bucket, TOPIC)
        freeze(s3, bucket)
        restore(s3, bucket)
    with open_shop(tmp_path) as second:
        second.clock.advance(5 * HOUR)
        second.service.start()
        assert heard(second, 1) == ["ObjectRestore:Completed"]
        second.service.stop()


def test_a_prolonged_copy_is_told_of_once(shop: Shop) -> None:
    s3 = client_of(shop)
    bucket = new_bucket(s3)
    listen(s3, bucket, TOPIC, events=["s3:ObjectRestore:Completed"])
    freeze(s3, bucket)
    restore(s3, bucket)
    shop.clock.advance(5 * HOUR)
    restore(s3, bucket)
    assert heard(shop, 2)[1:] == ["ObjectRestore:Completed"]
    shop.service.stop()
    assert len(shop.emitted) == 2


def test_the_end_of_a_restore_can_be_told_late_twice_or_never(shop: Shop) -> None:
    s3 = client_of(shop)
    bucket = new_bucket(s3)
    listen(s3, bucket, TOPIC, events=["s3:ObjectRestore:Completed"])
    freeze(s3, bucket)
    shop.faults.update({"double_notices": True, "delay_notices": 2 * HOUR})
    restore(s3, bucket)
    shop.clock.advance(5 * HOUR)
    time.sleep(5 * s3_service.TICK)
    assert heard(shop, 1) == ["s3:TestEvent"]
    shop.clock.advance(2 * HOUR)
    assert heard(shop, 3)[1:] == ["ObjectRestore:Completed"] * 2
    shop.faults.update({"drop_notices": True, "delay_notices": 0})
    shop.clock.advance(10 * DAY)
    restore(s3, bucket)
    shop.clock.advance(5 * HOUR)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"
    time.sleep(5 * s3_service.TICK)
    assert len(heard(shop, 3)) == 3


def test_writes_are_told_of_too(shop: Shop) -> None:
    s3 = client_of(shop)
    bucket = new_bucket(s3)
    listen(s3, bucket, TOPIC, events=["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"])
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/k")
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_object(Bucket=bucket, Key="none")
    assert heard(shop, 4)[1:] == [
        "ObjectCreated:Put",
        "ObjectCreated:Copy",
        "ObjectRemoved:Delete",
    ]
    removed = shop.emitted[3][1]["Records"][0]["s3"]["object"]
    created = shop.emitted[1][1]["Records"][0]["s3"]["object"]
    assert removed["sequencer"] > created["sequencer"]
    assert "eTag" not in removed


def test_listeners_hear_the_keys_they_asked_for(shop: Shop) -> None:
    s3 = client_of(shop)
    bucket = new_bucket(s3)
    rules: Any = [{"Name": "prefix", "Value": "a/"}, {"Name": "suffix", "Value": ".gz"}]
    target: Any = {
        "TopicArn": TOPIC,
        "Events": ["s3:ObjectCreated:Put"],
        "Filter": {"Key": {"FilterRules": rules}},
    }
    configuration: Any = {"TopicConfigurations": [target]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
    for key in ("a/1.gz", "a/1.vcf", "b/1.gz"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    keys = [body["Records"][0]["s3"]["object"]["key"] for _, body in shop.emitted[1:]]
    assert keys == ["a/1.gz"]


def test_the_same_configuration_again_is_no_change(shop: Shop) -> None:
    s3 = client_of(shop)
    bucket = new_bucket(s3)
    listen(s3, bucket, TOPIC)
    listen(s3, bucket, TOPIC)
    assert heard(shop, 1) == ["s3:TestEvent"]
    told = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert told["TopicConfigurations"][0]["TopicArn"] == TOPIC


def test_a_listener_must_be_a_topic_or_a_queue(shop: Shop) -> None:
    s3 = client_of(shop)
    bucket = new_bucket(s3)
    put, bridge = s3.put_bucket_notification_configuration, json.loads(BRIDGE)
    refused = refusal(put, Bucket=bucket, NotificationConfiguration=bridge)
    assert refused == (501, "NotImplemented")
    nowhere: Any = {"TopicConfigurations": [{"TopicArn": "here", "Events": ["s3:TestEvent"]}]}
    refused = refusal(put, Bucket=bucket, NotificationConfiguration=nowhere)
    assert refused == (400, "InvalidArgument")


def test_expedited_may_be_away(shop: Shop) -> None:
    s3 = client_of(shop)
    bucket = new_bucket(s3)
    freeze(s3, bucket)
    shop.faults.update({"refuse_expedited": "503"})
    refused = refusal(s3.restore_object, Bucket=bucket, Key="k", RestoreRequest=wish("Expedited"))
    assert refused == (503, "GlacierExpeditedRetrievalNotAvailable")
    assert restore(s3, bucket, "Standard") == 202


@pytest.mark.parametrize("scale", [1.0, 360.0, 3600.0])
def test_time_is_scaled(tmp_path: Path, scale: float) -> None:
    with open_shop(tmp_path, scale=scale) as shop:
        s3 = client_of(shop)
        bucket = new_bucket(s3)
        freeze(s3, bucket)
        restore(s3, bucket, days=7)
        shop.clock.advance(5 * HOUR / scale)
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"
        shop.clock.advance(6.5 * DAY / scale - 1)
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"
        shop.clock.advance(2 * DAY / scale + 1)
        assert refusal(s3.get_object, Bucket=bucket, Key="k") == COLD
