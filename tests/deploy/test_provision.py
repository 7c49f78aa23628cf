"""The local cloud is what deploy/stack.yaml says, however often it is made."""

import json
from typing import Any

import pytest

from deploy.local import ACCOUNT, REGION
from deploy.local.provision import (
    MAKERS,
    NOT_LOCAL,
    Clients,
    ProvisionError,
    connect,
    make_template,
    provision,
)
from deploy.local.run import LocalCloud
from deploy.local.template import read


@pytest.fixture
def clients(cloud: LocalCloud) -> Clients:
    return connect(cloud.url)


def queue_attributes(clients: Clients, name: str) -> dict[str, Any]:
    url = clients.sqs.get_queue_url(QueueName=name)["QueueUrl"]
    found = clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    times = {"CreatedTimestamp", "LastModifiedTimestamp"}
    return {key: item for key, item in found.items() if key not in times}


def state(clients: Clients) -> dict[str, Any]:
    """Return all that provisioning makes, as the APIs describe it."""
    tables = clients.dynamodb.list_tables()["TableNames"]
    urls = clients.sqs.list_queues().get("QueueUrls", [])
    topics = [topic["TopicArn"] for topic in clients.sns.list_topics()["Topics"]]
    buckets = [bucket["Name"] for bucket in clients.s3.list_buckets()["Buckets"]]
    arns = [one["SubscriptionArn"] for one in clients.sns.list_subscriptions()["Subscriptions"]]
    uploads, archive = f"gas-uploads-{ACCOUNT}", f"gas-archive-{ACCOUNT}"
    return {
        "tables": {
            name: clients.dynamodb.describe_table(TableName=name)["Table"] for name in tables
        },
        "queues": {url: queue_attributes(clients, url.rsplit("/", 1)[-1]) for url in urls},
        "topics": {
            arn: clients.sns.get_topic_attributes(TopicArn=arn)["Attributes"] for arn in topics
        },
        "subscriptions": {
            arn: clients.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
            for arn in arns
        },
        "buckets": buckets,
        "cors": clients.s3.get_bucket_cors(Bucket=uploads)["CORSRules"],
        "notices": clients.s3.get_bucket_notification_configuration(Bucket=archive)[
            "TopicConfigurations"
        ][0]["TopicArn"],
        "vault": clients.glacier.describe_vault(vaultName="gas")["CreationDate"],
    }


def test_a_started_cloud_has_every_local_resource_of_the_stack(
    cloud: LocalCloud, clients: Clients
) -> None:
    found = state(clients)
    assert set(found["tables"]) == {"gas-jobs", "gas-job-events", "gas-plans"}
    assert len(found["queues"]) == 12
    assert len(found["topics"]) == 6
    assert len(found["subscriptions"]) == 8
    ours = {name for name in found["buckets"] if name.startswith("gas-")}
    assert ours == {f"gas-{k}-{ACCOUNT}" for k in ("uploads", "results", "archive")}
    assert found["vault"]
    assert found["notices"] == f"arn:aws:sns:{REGION}:{ACCOUNT}:gas-retrieval"
    assert found["cors"][0]["AllowedOrigins"] == [cloud.url], "nobody but the cloud itself"


def test_a_second_time_changes_nothing(cloud: LocalCloud, clients: Clients) -> None:
    before = state(clients)
    provision(url=cloud.url, stack="gas", origin="")
    assert state(clients) == before


def test_what_is_kept_in_it_stays(cloud: LocalCloud, clients: Clients) -> None:
    item = {"user_id": {"S": "u1"}, "tier": {"S": "free"}}
    clients.dynamodb.put_item(TableName="gas-plans", Item=item)
    clients.s3.put_object(Bucket=f"gas-results-{ACCOUNT}", Key="r/1", Body=b"kept")
    provision(url=cloud.url, stack="gas", origin="")
    found = clients.dynamodb.get_item(TableName="gas-plans", Key={"user_id": {"S": "u1"}})
    assert found["Item"] == item
    body = clients.s3.get_object(Bucket=f"gas-results-{ACCOUNT}", Key="r/1")["Body"]
    assert body.read() == b"kept"


def test_another_origin_and_a_changed_queue_are_set_right(
    cloud: LocalCloud, clients: Clients
) -> None:
    url = clients.sqs.get_queue_url(QueueName="gas-thaw")["QueueUrl"]
    clients.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "3"})
    provision(url=cloud.url, stack="gas", origin="http://127.0.0.1:9999")
    rules = clients.s3.get_bucket_cors(Bucket=f"gas-uploads-{ACCOUNT}")["CORSRules"]
    assert rules[0]["AllowedOrigins"] == ["http://127.0.0.1:9999"]
    assert queue_attributes(clients, "gas-thaw")["VisibilityTimeout"] == "120"
    provision(url=cloud.url, stack="gas", origin="")


def test_a_hint_published_to_a_topic_reaches_its_queue_as_it_was_sent(clients: Clients) -> None:
    body = json.dumps({"version": 1, "job_id": "j1"})
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:gas-job-deleted"
    clients.sns.publish(TopicArn=topic, Message=body)
    url = clients.sqs.get_queue_url(QueueName="gas-erase")["QueueUrl"]
    (message,) = clients.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert message["Body"] == body


def test_an_unlisted_type_is_refused_before_anything_is_made(clients: Clients) -> None:
    template = read()
    template["Resources"]["Clock"] = {"Type": "AWS::Events::Rule", "Properties": {}}
    given = {"WebOrigin": "http://127.0.0.1", "AWS::StackName": "other"}
    with pytest.raises(ProvisionError, match="AWS::Events::Rule is not known"):
        make_template(template, clients=clients, given=given)
    assert not [name for name in state(clients)["tables"] if name.startswith("other")]


def test_a_table_with_other_keys_is_said_and_left_alone(
    cloud: LocalCloud, clients: Clients
) -> None:
    template = read()
    keys = template["Resources"]["JobEvents"]["Properties"]
    keys["KeySchema"] = keys["KeySchema"][:1]
    keys["AttributeDefinitions"] = keys["AttributeDefinitions"][:1]
    before = state(clients)
    given = {"WebOrigin": cloud.url, "AWS::StackName": "gas"}
    with pytest.raises(ProvisionError, match="the table gas-job-events has other keys"):
        make_template(template, clients=clients, given=given)
    assert state(clients)["tables"] == before["tables"]


def test_the_stack_uses_every_listed_type() -> None:
    used = {resource["Type"] for resource in read()["Resources"].values()}
    assert used == MAKERS.keys() | NOT_LOCAL
