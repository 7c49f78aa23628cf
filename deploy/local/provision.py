"""Makes on the local cloud what deploy/stack.yaml describes, by API, again at every start.

CloudFormation itself is not simulated. A type is made here, or stands on NOT_LOCAL; anything else
is an error, so that a resource added to the stack cannot be forgotten here.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from deploy.local import ACCOUNT, KEY_ID, REGION, SECRET
from deploy.local.template import Made, Resolver, read

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_glacier import GlacierClient
    from types_boto3_s3 import S3Client
    from types_boto3_sns import SNSClient
    from types_boto3_sqs import SQSClient

NOT_LOCAL = frozenset(
    {
        "AWS::CloudWatch::Alarm",
        "AWS::IAM::InstanceProfile",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Role",
        "AWS::S3::BucketPolicy",
    }
)
"""Types that the local cloud does without: nobody watches, every caller is the owner, no TLS."""

WITHOUT_EFFECT = {
    "AWS::DynamoDB::Table": {"DeletionProtectionEnabled", "PointInTimeRecoverySpecification"},
    "AWS::S3::Bucket": {
        "LifecycleConfiguration",
        "OwnershipControls",
        "PublicAccessBlockConfiguration",
    },
    "AWS::SQS::Queue": {"SqsManagedSseEnabled"},
}
"""Properties that mean nothing to a cloud on one's own machine."""


class ProvisionError(Exception):
    """The stack and the local cloud do not fit together; the message says what to do."""


@dataclass(frozen=True)
class Clients:
    """The clients that provisioning speaks through."""

    dynamodb: "DynamoDBClient"
    sns: "SNSClient"
    sqs: "SQSClient"
    s3: "S3Client"
    glacier: "GlacierClient"


def provision(*, url: str, stack: str, origin: str) -> None:
    """Make the local cloud at `url` hold what the stack describes, under the prefix `stack`.

    Safe to repeat: what exists stays, with its contents, and what differs is set right. `origin`
    is the web site whose pages post uploads; empty = no other site than the cloud itself.
    Raises ProvisionError or TemplateError where the stack cannot be made.
    """
    given = {"WebOrigin": origin or url, "AWS::StackName": stack}
    make_template(read(), clients=connect(url), given=given)


def connect(url: str) -> Clients:
    """Return clients for the local cloud at `url`."""
    session = boto3.Session(KEY_ID, SECRET, region_name=REGION)
    config = Config(
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": 3},
        s3={"addressing_style": "path"},
    )
    s3_config = config.merge(Config(signature_version="s3v4"))
    return Clients(
        dynamodb=session.client("dynamodb", endpoint_url=url, config=config),
        sns=session.client("sns", endpoint_url=url, config=config),
        sqs=session.client("sqs", endpoint_url=url, config=config),
        s3=session.client("s3", endpoint_url=url, config=s3_config),
        glacier=session.client("glacier", endpoint_url=url, config=config),
    )


def make_template(template: dict[str, Any], *, clients: Clients, given: dict[str, str]) -> None:
    """Make every local resource of a template in the order of their needs, then the vault."""
    for kind in {resource["Type"] for resource in template["Resources"].values()}:
        _refuse_unlisted(kind)
    pseudo = {"AWS::AccountId": ACCOUNT, "AWS::Region": REGION}
    resolver = Resolver(template, pseudo | given)
    for name in resolver.order():
        resource = template["Resources"][name]
        if resource["Type"] not in NOT_LOCAL and resolver.wanted(name):
            properties = resolver.value(_with_effect(resource))
            resolver.add(name, MAKERS[resource["Type"]](clients, properties))
    # The vault is outside the stack here as on AWS, where `manage.py provision_vault` makes it.
    clients.glacier.create_vault(vaultName=given["AWS::StackName"])


def _refuse_unlisted(kind: str) -> None:
    if kind not in NOT_LOCAL and kind not in MAKERS:
        raise ProvisionError(
            f"{kind} is not known to deploy/local/provision.py: "
            "add a maker for it, or put it on NOT_LOCAL"
        )


def _with_effect(resource: dict[str, Any]) -> dict[str, Any]:
    ignored = WITHOUT_EFFECT.get(resource["Type"], set())
    return {key: item for key, item in resource["Properties"].items() if key not in ignored}


def _make_table(clients: Clients, properties: dict[str, Any]) -> Made:
    name = properties["TableName"]
    try:
        clients.dynamodb.create_table(**properties)
    except clients.dynamodb.exceptions.ResourceInUseException:
        _check_table(clients.dynamodb.describe_table(TableName=name)["Table"], properties)
    arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"
    return Made(name, {"Arn": arn})


def _check_table(table: Any, properties: dict[str, Any]) -> None:
    """Raise ProvisionError where a table's keys or indexes differ: they cannot be changed."""
    if _shape(table) != _shape(properties):
        raise ProvisionError(
            f"the table {properties['TableName']} has other keys or indexes than the stack: "
            "`make reset` makes it anew, and forgets all local data"
        )


def _shape(table: Any) -> tuple[Any, Any]:
    indexes = table.get("GlobalSecondaryIndexes", [])
    return _keys(table), {index["IndexName"]: _keys(index) for index in indexes}


def _keys(part: Any) -> list[tuple[str, str]]:
    return [(key["AttributeName"], key["KeyType"]) for key in part["KeySchema"]]


def _make_topic(clients: Clients, properties: dict[str, Any]) -> Made:
    arn = clients.sns.create_topic(Name=properties["TopicName"])["TopicArn"]
    return Made(arn, {"TopicArn": arn, "TopicName": properties["TopicName"]})


def _make_topic_policy(clients: Clients, properties: dict[str, Any]) -> Made:
    policy = json.dumps(properties["PolicyDocument"])
    for arn in properties["Topics"]:
        clients.sns.set_topic_attributes(
            TopicArn=arn, AttributeName="Policy", AttributeValue=policy
        )
    return Made("policy")


def _make_queue(clients: Clients, properties: dict[str, Any]) -> Made:
    name = properties["QueueName"]
    rest = {key: item for key, item in properties.items() if key != "QueueName"}
    attributes = {key: _text(item) for key, item in rest.items()}
    try:
        url = clients.sqs.get_queue_url(QueueName=name)["QueueUrl"]
    except clients.sqs.exceptions.QueueDoesNotExist:
        url = clients.sqs.create_queue(QueueName=name)["QueueUrl"]
    clients.sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)  # type: ignore[arg-type]
    return Made(url, {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", "QueueName": name})


def _make_queue_policy(clients: Clients, properties: dict[str, Any]) -> Made:
    policy = json.dumps(properties["PolicyDocument"])
    for url in properties["Queues"]:
        clients.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return Made("policy")


def _make_subscription(clients: Clients, properties: dict[str, Any]) -> Made:
    keys = ("TopicArn", "Protocol", "Endpoint")
    arn = clients.sns.subscribe(
        **{key: properties[key] for key in keys}, ReturnSubscriptionArn=True
    )["SubscriptionArn"]
    for key in properties.keys() - set(keys):
        clients.sns.set_subscription_attributes(
            SubscriptionArn=arn, AttributeName=key, AttributeValue=_text(properties[key])
        )
    return Made(arn)


def _make_bucket(clients: Clients, properties: dict[str, Any]) -> Made:
    name = properties["BucketName"]
    try:
        clients.s3.create_bucket(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
            raise
    _set_cors(clients.s3, name, properties.get("CorsConfiguration"))
    if notify := properties.get("NotificationConfiguration"):
        _set_notifications(clients.s3, name, notify)
    return Made(name, {"Arn": f"arn:aws:s3:::{name}"})


def _set_cors(s3: "S3Client", bucket: str, cors: dict[str, Any] | None) -> None:
    if not cors:
        return
    rules = [_cors_rule(rule) for rule in cors["CorsRules"]]
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})  # type: ignore[typeddict-item]


def _cors_rule(rule: dict[str, Any]) -> dict[str, Any]:
    names = {"ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds"}
    return {names.get(key, key): item for key, item in rule.items()}


def _set_notifications(s3: "S3Client", bucket: str, notify: dict[str, Any]) -> None:
    topics = [
        {"TopicArn": topic["Topic"], "Events": [topic["Event"]]}
        for topic in notify["TopicConfigurations"]
    ]
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"TopicConfigurations": topics},  # type: ignore[typeddict-item]
    )


def _text(value: Any) -> str:
    """Return an SQS or SNS attribute as the API wants it: JSON, and strings as they are."""
    return value if isinstance(value, str) else json.dumps(value)


MAKERS: dict[str, Callable[[Clients, dict[str, Any]], Made]] = {
    "AWS::DynamoDB::Table": _make_table,
    "AWS::S3::Bucket": _make_bucket,
    "AWS::SNS::Subscription": _make_subscription,
    "AWS::SNS::Topic": _make_topic,
    "AWS::SNS::TopicPolicy": _make_topic_policy,
    "AWS::SQS::Queue": _make_queue,
    "AWS::SQS::QueuePolicy": _make_queue_policy,
}
