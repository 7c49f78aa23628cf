"""The only maker of AWS clients and of resource names.

Clients are shared between threads; boto3 *resources* are not safe to share and are never used.
Where AWS is comes from AWS's own variables: AWS_ENDPOINT_URL, AWS_DEFAULT_REGION, the profile.
"""

import os
import threading
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError, NoCredentialsError
from botocore.exceptions import ConnectionError as BotoConnectionError
from django.conf import settings

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_glacier import GlacierClient
    from types_boto3_s3 import S3Client
    from types_boto3_sesv2 import SESV2Client
    from types_boto3_sns import SNSClient
    from types_boto3_sqs import SQSClient

_making = threading.RLock()


def _config(*, attempts: int = 3, read_timeout: int = 30) -> Config:
    return Config(
        connect_timeout=5,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=64,
    )


@cache
def _session() -> boto3.Session:
    return boto3.Session()


@cache
def _client(service: str, **config: int) -> Any:
    made = _config(**config)
    if service == "s3":
        # In us-east-1 boto3 would still sign a browser's post the old way.
        path: Literal["path", "virtual"] = "path" if settings.AWS_ENDPOINT_URL else "virtual"
        made = made.merge(Config(signature_version="s3v4", s3={"addressing_style": path}))
    with _making:  # boto3's loader is not safe while two threads make clients
        return _session().client(service, config=made)  # type: ignore[call-overload]


def dynamodb() -> "DynamoDBClient":
    """Return the DynamoDB client."""
    client: DynamoDBClient = _client("dynamodb", read_timeout=10)
    return client


def sqs() -> "SQSClient":
    """Return the SQS client; its read timeout is above the longest poll of 20 s."""
    client: SQSClient = _client("sqs", read_timeout=40)
    return client


def sns() -> "SNSClient":
    """Return the SNS client."""
    client: SNSClient = _client("sns")
    return client


def s3() -> "S3Client":
    """Return the S3 client."""
    client: S3Client = _client("s3", read_timeout=60)
    return client


def s3_once() -> "S3Client":
    """Return the S3 client that never repeats: RestoreObject's 503 means "not now"."""
    client: S3Client = _client("s3", attempts=1)
    return client


def glacier() -> "GlacierClient":
    """Return the Glacier client."""
    client: GlacierClient = _client("glacier", read_timeout=60)
    return client


def glacier_once() -> "GlacierClient":
    """Return the Glacier client that never repeats a call.

    InitiateJob has no token: a repeat after a lost reply starts, and bills, a second retrieval.
    """
    client: GlacierClient = _client("glacier", attempts=1)
    return client


def sesv2() -> "SESV2Client":
    """Return the SES v2 client."""
    client: SESV2Client = _client("sesv2")
    return client


@cache
def account() -> str:
    """Return the twelve digits of the AWS account: AWS_ACCOUNT_ID, else what STS answers."""
    found = os.environ.get("AWS_ACCOUNT_ID")
    return found or str(_client("sts").get_caller_identity()["Account"])


def region() -> str:
    """Return the AWS region. Raises RuntimeError when none is configured."""
    found = _session().region_name
    if not found:
        raise RuntimeError("no AWS region: set AWS_DEFAULT_REGION")
    return str(found)


def table(kind: str) -> str:
    """Return a table's name: `jobs`, `job-events` or `plans` behind the stack's prefix."""
    return f"{settings.GAS_STACK}-{kind}"


def bucket(kind: str) -> str:
    """Return a bucket's name: `uploads`, `results` or `archive`; the account makes it unique."""
    return f"{settings.GAS_STACK}-{kind}-{account()}"


def vault() -> str:
    """Return the Glacier vault's name."""
    return str(settings.GAS_STACK)


def topic_arn(kind: str) -> str:
    """Return a topic's ARN, for example of `job-completed`."""
    return f"arn:aws:sns:{region()}:{account()}:{settings.GAS_STACK}-{kind}"


@cache
def queue_url(kind: str) -> str:
    """Return a queue's URL, for example of `archive` or `archive-dead`, as SQS itself names it."""
    return sqs().get_queue_url(QueueName=f"{settings.GAS_STACK}-{kind}")["QueueUrl"]


AWAY_CODES = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "InternalError",
        "InternalServerError",
        "KMSDisabledException",
        "KmsAccessDenied",
        "NoLongerSupportedException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "UnrecognizedClientException",
    }
)


def away(error: BaseException) -> bool:
    """Return whether an error says that AWS, or our right to use it, is away for now.

    It is no fault of the job that met it: no connection, a time-out, throttling, a 5xx, a denial.
    """
    if isinstance(error, ClientError):
        answer = error.response
        status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        return answer.get("Error", {}).get("Code", "") in AWAY_CODES or status >= 500
    return isinstance(error, HTTPClientError | BotoConnectionError | NoCredentialsError)


def forget_clients() -> None:
    """Drop all that is cached, so that the next call reads the environment again."""
    for cached in (_session, _client, account, queue_url):
        cached.cache_clear()
