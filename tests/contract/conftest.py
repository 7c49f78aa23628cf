"""Plain boto3 clients of the local cloud; the contract speaks through nothing else."""

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from deploy.local.run import LocalCloud

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_sesv2 import SESV2Client
    from types_boto3_sns import SNSClient
    from types_boto3_sqs import SQSClient
    from types_boto3_sts import STSClient


@cache
def _client(service: str, url: str) -> Any:
    session = boto3.Session("local", "local-secret", region_name="us-east-1")
    return session.client(service, endpoint_url=url)  # type: ignore[call-overload]


@pytest.fixture
def dynamodb(cloud: LocalCloud) -> "DynamoDBClient":
    made: DynamoDBClient = _client("dynamodb", cloud.url)
    return made


@pytest.fixture
def sqs(cloud: LocalCloud) -> "SQSClient":
    made: SQSClient = _client("sqs", cloud.url)
    return made


@pytest.fixture
def sns(cloud: LocalCloud) -> "SNSClient":
    made: SNSClient = _client("sns", cloud.url)
    return made


@pytest.fixture
def ses(cloud: LocalCloud) -> "SESV2Client":
    made: SESV2Client = _client("sesv2", cloud.url)
    return made


@pytest.fixture
def sts(cloud: LocalCloud) -> "STSClient":
    made: STSClient = _client("sts", cloud.url)
    return made
