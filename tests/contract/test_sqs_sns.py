"""What GAS relies on in SQS and SNS: raw delivery, prompt polls, receipts, dead letters."""

import socket
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from deploy.local.run import LocalCloud

if TYPE_CHECKING:
    from types_boto3_sns import SNSClient
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import MessageTypeDef
    from types_boto3_sts import STSClient

TOPICS = "arn:aws:sns:us-east-1:123456789012:gas-"


def url_of(sqs: "SQSClient", kind: str) -> str:
    return sqs.get_queue_url(QueueName=f"gas-{kind}")["QueueUrl"]


def receive(
    sqs: "SQSClient", kind: str, *, wait: int = 0, most: int = 10, hidden: int = 120
) -> "list[MessageTypeDef]":
    got = sqs.receive_message(
        QueueUrl=url_of(sqs, kind),
        MaxNumberOfMessages=most,
        WaitTimeSeconds=wait,
        VisibilityTimeout=hidden,
        MessageSystemAttributeNames=["ApproximateReceiveCount"],
    )
    return got.get("Messages", [])


def send(sqs: "SQSClient", kind: str, *bodies: str) -> None:
    for body in bodies:
        sqs.send_message(QueueUrl=url_of(sqs, kind), MessageBody=body)


def test_a_queue_that_is_not_there_is_named_so(sqs: "SQSClient") -> None:
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName="gas-nothing")


def test_a_published_body_arrives_raw_in_every_subscribed_queue(
    sqs: "SQSClient", sns: "SNSClient"
) -> None:
    sns.publish(TopicArn=f"{TOPICS}job-completed", Message='{"version":1}')
    for kind in ("notify", "archive"):
        assert [m["Body"] for m in receive(sqs, kind)] == ['{"version":1}']
    assert receive(sqs, "annotate") == []


def test_a_long_poll_wakes_when_a_message_is_published(sqs: "SQSClient", sns: "SNSClient") -> None:
    got: list[MessageTypeDef] = []
    poll = threading.Thread(target=lambda: got.extend(receive(sqs, "annotate", wait=20)))
    poll.start()
    time.sleep(0.2)
    sns.publish(TopicArn=f"{TOPICS}job-submitted", Message="now")
    poll.join(timeout=10)
    assert [m["Body"] for m in got] == ["now"]


def test_a_long_poll_wakes_when_a_hidden_message_returns(sqs: "SQSClient") -> None:
    send(sqs, "annotate", "again")
    receive(sqs, "annotate", hidden=1)
    assert [m["Body"] for m in receive(sqs, "annotate", wait=20)] == ["again"]


def test_a_long_poll_wakes_when_a_delayed_message_matures(sqs: "SQSClient") -> None:
    sqs.send_message(QueueUrl=url_of(sqs, "annotate"), MessageBody="late", DelaySeconds=1)
    assert receive(sqs, "annotate") == []
    assert [m["Body"] for m in receive(sqs, "annotate", wait=20)] == ["late"]


def test_a_long_poll_wakes_when_a_message_is_let_go(sqs: "SQSClient") -> None:
    send(sqs, "annotate", "let go")
    (held,) = receive(sqs, "annotate")
    got: list[MessageTypeDef] = []
    poll = threading.Thread(target=lambda: got.extend(receive(sqs, "annotate", wait=20)))
    poll.start()
    time.sleep(0.2)
    sqs.change_message_visibility(
        QueueUrl=url_of(sqs, "annotate"), ReceiptHandle=held["ReceiptHandle"], VisibilityTimeout=0
    )
    poll.join()
    assert [m["Body"] for m in got] == ["let go"]


def test_an_empty_poll_has_no_messages_key(sqs: "SQSClient") -> None:
    got = sqs.receive_message(QueueUrl=url_of(sqs, "annotate"), WaitTimeSeconds=1)
    assert "Messages" not in got


def test_a_client_that_left_takes_no_message_with_it(sqs: "SQSClient", cloud: LocalCloud) -> None:
    url = url_of(sqs, "annotate")
    body = f'{{"QueueUrl": "{url}", "WaitTimeSeconds": 20}}'
    head = (
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Amz-Target: AmazonSQS.ReceiveMessage\r\n"
        "Authorization: AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/sqs/aws4_request\r\n"
        f"Content-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    gone = socket.create_connection(("127.0.0.1", urlsplit(cloud.url).port or 0))
    gone.sendall((head + body).encode())
    time.sleep(0.3)
    gone.close()
    send(sqs, "annotate", "for the living")
    assert [m["Body"] for m in receive(sqs, "annotate", wait=5)] == ["for the living"]


def test_forgetting_sends_a_long_poll_away(sqs: "SQSClient", cloud: LocalCloud) -> None:
    got: list[MessageTypeDef] = []
    poll = threading.Thread(target=lambda: got.extend(receive(sqs, "annotate", wait=20)))
    poll.start()
    time.sleep(0.2)
    cloud.forget()
    poll.join(timeout=10)
    assert not poll.is_alive()
    assert got == []


def test_a_message_is_hidden_while_it_is_worked_on(sqs: "SQSClient") -> None:
    send(sqs, "annotate", "one")
    assert len(receive(sqs, "annotate")) == 1
    assert receive(sqs, "annotate") == []


def test_each_receive_is_counted(sqs: "SQSClient") -> None:
    send(sqs, "annotate", "one")
    counts = [
        receive(sqs, "annotate", hidden=0)[0]["Attributes"]["ApproximateReceiveCount"]
        for _ in range(3)
    ]
    assert counts == ["1", "2", "3"]


def test_a_message_received_too_often_goes_to_the_dead(sqs: "SQSClient") -> None:
    send(sqs, "annotate", "poison")
    for _ in range(5):
        assert len(receive(sqs, "annotate", hidden=0)) == 1
    assert receive(sqs, "annotate") == []
    assert [m["Body"] for m in receive(sqs, "annotate-dead")] == ["poison"]


def test_a_stale_receipt_deletes_nothing_and_is_no_error(sqs: "SQSClient") -> None:
    send(sqs, "annotate", "one")
    (first,) = receive(sqs, "annotate", hidden=0)
    (second,) = receive(sqs, "annotate", hidden=1)
    sqs.delete_message(QueueUrl=url_of(sqs, "annotate"), ReceiptHandle=first["ReceiptHandle"])
    (third,) = receive(sqs, "annotate", wait=20)
    assert third["MessageId"] == second["MessageId"]
    sqs.delete_message(QueueUrl=url_of(sqs, "annotate"), ReceiptHandle=third["ReceiptHandle"])
    attributes = sqs.get_queue_attributes(QueueUrl=url_of(sqs, "annotate"), AttributeNames=["All"])[
        "Attributes"
    ]
    assert attributes["ApproximateNumberOfMessages"] == "0"
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_a_receipt_of_a_message_that_is_gone_deletes_nothing_quietly(sqs: "SQSClient") -> None:
    send(sqs, "annotate", "one")
    (held,) = receive(sqs, "annotate")
    for _ in range(2):
        sqs.delete_message(QueueUrl=url_of(sqs, "annotate"), ReceiptHandle=held["ReceiptHandle"])
    assert receive(sqs, "annotate") == []


def test_a_stale_receipt_cannot_hide_a_message_longer(sqs: "SQSClient") -> None:
    send(sqs, "annotate", "one")
    (first,) = receive(sqs, "annotate", hidden=0)
    receive(sqs, "annotate")
    with pytest.raises(ClientError) as caught:
        sqs.change_message_visibility(
            QueueUrl=url_of(sqs, "annotate"),
            ReceiptHandle=first["ReceiptHandle"],
            VisibilityTimeout=60,
        )
    assert caught.value.response["Error"]["Code"] == "InvalidParameterValue"


def test_what_was_never_a_receipt_is_refused(sqs: "SQSClient") -> None:
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.delete_message(QueueUrl=url_of(sqs, "annotate"), ReceiptHandle="nonsense")


def test_a_batch_deletes_what_it_names(sqs: "SQSClient") -> None:
    send(sqs, "annotate", *"abc")
    held = receive(sqs, "annotate", hidden=1)
    answer = sqs.delete_message_batch(
        QueueUrl=url_of(sqs, "annotate"),
        Entries=[
            {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
            for n, message in enumerate(held)
            if message["Body"] != "b"
        ],
    )
    assert len(answer["Successful"]) == 2
    assert [m["Body"] for m in receive(sqs, "annotate", wait=20)] == ["b"]


def test_eight_receivers_share_two_hundred_messages(sqs: "SQSClient") -> None:
    for start in range(0, 200, 10):
        sqs.send_message_batch(
            QueueUrl=url_of(sqs, "annotate"),
            Entries=[{"Id": str(n), "MessageBody": str(n)} for n in range(start, start + 10)],
        )
    got: list[str] = []

    def drain() -> None:
        while messages := receive(sqs, "annotate", most=3):
            got.extend(m["Body"] for m in messages)

    threads = [threading.Thread(target=drain) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got, key=int) == [str(n) for n in range(200)]


def test_another_region_is_refused(cloud: LocalCloud) -> None:
    import boto3

    elsewhere = boto3.Session("local", "local-secret", region_name="eu-west-1")
    with pytest.raises(ClientError) as caught:
        elsewhere.client("dynamodb", endpoint_url=cloud.url).list_tables()
    assert "us-east-1" in caught.value.response["Error"]["Message"]


def test_the_caller_is_of_the_local_account(sts: "STSClient") -> None:
    assert sts.get_caller_identity()["Account"] == "123456789012"
