"""The baseline: what the usual scripts of this kind do, one message at a time, written anew.

Archive, restore and thaw as public implementations of such a service have them: the whole file in
memory, no claim, no verification, one AWS call after the other, and a role looked up in SQL over a
new connection whose password comes from Secrets Manager.

The local cloud has neither Secrets Manager nor UploadArchive, since GAS uses neither. Both answer
from a hook inside boto3: they cost a call's CPU and any injected delay, the archive being made
beforehand. SQLite stands for PostgreSQL, which is dearer to connect to.
"""

import contextlib
import json
import sqlite3
import uuid
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from gas_project import aws

TABLE = "usual-annotations"
BY_USER = "user_id_index"


class _Body:
    """A canned answer's bytes, as botocore reads them."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def stream(self, **_: Any) -> Any:
        yield self._data

    def read(self, *_: Any, **__: Any) -> bytes:
        return self._data


def _secret(request: Any, **_: Any) -> AWSResponse:
    body = json.dumps({"Name": "rds", "SecretString": '{"password":"x"}'}).encode()
    headers: Any = {"content-type": "application/x-amz-json-1.1"}
    return AWSResponse(request.url, 200, headers, _Body(body))


def archived(data: bytes) -> str:
    """Put an archive of one part into the vault and return its id."""
    glacier, vault = aws.glacier(), aws.vault()
    of = {"vaultName": vault}
    of["uploadId"] = glacier.initiate_multipart_upload(**of, partSize=str(2**20))["uploadId"]
    last = len(data) - 1
    tree = glacier.upload_multipart_part(**of, range=f"bytes 0-{last}/*", body=data)["checksum"]
    made = glacier.complete_multipart_upload(**of, archiveSize=str(len(data)), checksum=tree)
    return made["archiveId"]


class Usual:
    """The scripts' clients, made once each, their queue and their table."""

    def __init__(self) -> None:
        self.secrets = boto3.client("secretsmanager", endpoint_url="http://127.0.0.1:1")
        self.secrets.meta.events.register_last("before-send.*", _secret)
        self._archives: list[str] = []
        self._glacier = boto3.client("glacier", endpoint_url="http://127.0.0.1:1")
        events: Any = self._glacier.meta.events
        events.register_last("before-send.*.UploadArchive", self._uploaded)
        self.clients = (self.secrets, self._glacier)
        self.queue = aws.sqs().create_queue(QueueName="usual-scripts")["QueueUrl"]
        with contextlib.suppress(ClientError):
            _create_table()

    # --- what the benchmark prepares ---------------------------------------------------------

    def finished(self, data: bytes, user_id: str) -> str:
        """Put a finished job with its result and the message that it may be archived."""
        job_id = str(uuid.uuid4())
        key = f"usual/{user_id}/{job_id}.annot.vcf"
        aws.s3().put_object(Bucket=aws.bucket("results"), Key=key, Body=data)
        item = {"job_id": {"S": job_id}, "user_id": {"S": user_id}, "key": {"S": key}}
        aws.dynamodb().put_item(TableName=TABLE, Item=item)
        self.send(job_id=job_id, user_id=user_id, key=key)
        self._archives.append(archived(data))
        return job_id

    def _uploaded(self, request: Any, **_: Any) -> AWSResponse:
        headers: Any = {"x-amz-archive-id": self._archives.pop(), "location": "/"}
        return AWSResponse(request.url, 201, headers, _Body(b""))

    def send(self, **message: str) -> None:
        """Put a message into the scripts' queue."""
        aws.sqs().send_message(QueueUrl=self.queue, MessageBody=json.dumps(message))

    # --- the scripts -------------------------------------------------------------------------

    def archive(self) -> None:
        """Archive one result: seven AWS calls and one SQL connection."""
        message, body = self._receive()
        self._role(body["user_id"])
        where = {"Bucket": aws.bucket("results"), "Key": body["key"]}
        data = aws.s3().get_object(**where)["Body"].read()  # type: ignore[arg-type]
        made = self._glacier.upload_archive(vaultName=aws.vault(), body=data)
        self._update(body["job_id"], archive=made["archiveId"])
        aws.s3().delete_object(**where)  # type: ignore[arg-type]
        self._delete(message)

    def restore(self) -> list[tuple[str, str]]:
        """Ask for all of a person's archives; return each job's id and its retrieval's."""
        message, body = self._receive()
        self._role(body["user_id"])
        found = aws.dynamodb().query(
            TableName=TABLE,
            IndexName=BY_USER,
            KeyConditionExpression="user_id = :u",
            ExpressionAttributeValues={":u": {"S": body["user_id"]}},
        )
        asked = [self._ask(item) for item in found["Items"] if "archive" in item]
        self._delete(message)
        return asked

    def _ask(self, item: dict[str, Any]) -> tuple[str, str]:
        job = aws.glacier().initiate_job(
            vaultName=aws.vault(),
            jobParameters={
                "Type": "archive-retrieval",
                "ArchiveId": item["archive"]["S"],
                "Tier": "Expedited",
            },
        )
        self._update(item["job_id"]["S"], retrieval=job["jobId"])
        return item["job_id"]["S"], job["jobId"]

    def thaw(self) -> None:
        """Put one restored result back: seven AWS calls."""
        message, body = self._receive()
        glacier, vault = aws.glacier(), aws.vault()
        data = glacier.get_job_output(vaultName=vault, jobId=body["retrieval"])["body"].read()
        key = {"job_id": {"S": body["job_id"]}}
        item = aws.dynamodb().get_item(TableName=TABLE, Key=key)["Item"]
        aws.s3().put_object(Bucket=aws.bucket("results"), Key=item["key"]["S"], Body=data)
        self._update(body["job_id"], thawed="yes")
        glacier.delete_archive(vaultName=vault, archiveId=item["archive"]["S"])
        self._delete(message)

    def _receive(self) -> tuple[str, dict[str, str]]:
        found = aws.sqs().receive_message(QueueUrl=self.queue, WaitTimeSeconds=5)["Messages"][0]
        return found["ReceiptHandle"], json.loads(found["Body"])

    def _delete(self, receipt: str) -> None:
        aws.sqs().delete_message(QueueUrl=self.queue, ReceiptHandle=receipt)

    def _role(self, user_id: str) -> str:
        self.secrets.get_secret_value(SecretId="rds")
        with contextlib.closing(sqlite3.connect(":memory:")) as people:
            return str(people.execute("SELECT 'free_user' WHERE ? <> ''", (user_id,)).fetchone()[0])

    def _update(self, job_id: str, **values: str) -> None:
        aws.dynamodb().update_item(
            TableName=TABLE,
            Key={"job_id": {"S": job_id}},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ExpressionAttributeNames={f"#{name}": name for name in values},
            ExpressionAttributeValues={f":{name}": {"S": v} for name, v in values.items()},
        )


def _create_table() -> None:
    aws.dynamodb().create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "job_id", "AttributeType": "S"},
            {"AttributeName": "user_id", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "job_id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": BY_USER,
                "KeySchema": [{"AttributeName": "user_id", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
