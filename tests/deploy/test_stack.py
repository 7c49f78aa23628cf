"""deploy/stack.yaml: sound, complete, and under the names that the code computes."""

from typing import Any

import pytest
from cfnlint import lint_file

from deploy.local import ACCOUNT, REGION
from deploy.local.template import STACK, Made, Resolver, read
from gas_project import aws

INLINE_LIMIT = 51_200
"""Bytes of a template that `aws cloudformation deploy` takes without a bucket."""

SUBSCRIPTIONS = {
    ("job-submitted", "annotate"),
    ("job-completed", "notify"),
    ("job-completed", "archive"),
    ("tier-changed", "restore"),
    ("tier-changed", "notify"),
    ("retrieval", "thaw"),
    ("retrieval", "notify"),
    ("job-deleted", "erase"),
}


@pytest.fixture(scope="module")
def resources() -> dict[str, dict[str, Any]]:
    """Every resource, its references resolved to ARNs of a stack called `gas`."""
    template = read()
    given = {"WebOrigin": "https://gas.example.org", "AlarmMail": "ops@example.org"}
    pseudo = {"AWS::StackName": "gas", "AWS::AccountId": ACCOUNT, "AWS::Region": REGION}
    resolver = Resolver(template, given | pseudo)
    found = {}
    for name in resolver.order():
        resource = template["Resources"][name]
        found[name] = resolver.value(resource)
        resolver.add(name, made_on_paper(name, found[name]))
    return found


def made_on_paper(name: str, resource: dict[str, Any]) -> Made:
    """Return what AWS's references to a resource would give."""
    of = resource["Properties"]
    arn = f"arn:aws:{{}}:{REGION}:{ACCOUNT}:{{}}"
    match resource["Type"]:
        case "AWS::DynamoDB::Table":
            table = arn.format("dynamodb", f"table/{of['TableName']}")
            return Made(of["TableName"], {"Arn": table})
        case "AWS::SNS::Topic":
            return Made(arn.format("sns", of["TopicName"]))
        case "AWS::SQS::Queue":
            queue = arn.format("sqs", of["QueueName"])
            return Made(of["QueueName"], {"Arn": queue, "QueueName": of["QueueName"]})
        case "AWS::S3::Bucket":
            return Made(of["BucketName"], {"Arn": f"arn:aws:s3:::{of['BucketName']}"})
        case "AWS::IAM::Role":
            return Made(of["RoleName"], {"Arn": f"arn:aws:iam::{ACCOUNT}:role/{of['RoleName']}"})
        case _:
            return Made(name)


def of_type(resources: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [found["Properties"] for found in resources.values() if found["Type"] == kind]


def test_cfn_lint_finds_nothing() -> None:
    assert [str(match) for match in lint_file(STACK)] == []


def test_the_template_can_be_deployed_without_a_bucket_for_it() -> None:
    assert len(STACK.read_bytes()) < INLINE_LIMIT


def test_the_names_are_those_that_the_code_computes(resources: dict[str, Any]) -> None:
    tables = {table["TableName"] for table in of_type(resources, "AWS::DynamoDB::Table")}
    buckets = {bucket["BucketName"] for bucket in of_type(resources, "AWS::S3::Bucket")}
    topics = {
        f"arn:aws:sns:{REGION}:{ACCOUNT}:{topic['TopicName']}" for topic in topics_of(resources)
    }
    assert tables == {aws.table(kind) for kind in ("jobs", "job-events", "plans")}
    assert buckets == {aws.bucket(kind) for kind in ("uploads", "results", "archive")}
    kinds = {topic for topic, _ in SUBSCRIPTIONS} | {"alarms"}
    assert topics == {aws.topic_arn(kind) for kind in kinds}


def topics_of(resources: dict[str, Any]) -> list[dict[str, Any]]:
    return of_type(resources, "AWS::SNS::Topic")


def test_every_index_that_the_access_layers_read_is_there(resources: dict[str, Any]) -> None:
    indexes = {
        (
            table["TableName"],
            index["IndexName"],
            *(key["AttributeName"] for key in index["KeySchema"]),
        )
        for table in of_type(resources, "AWS::DynamoDB::Table")
        for index in table.get("GlobalSecondaryIndexes", [])
    }
    assert indexes == {
        ("gas-jobs", "by_user", "user_id", "submitted_at"),
        ("gas-jobs", "by_state", "state", "submitted_at"),
        ("gas-jobs", "by_due", "due_shard", "due_at"),
        ("gas-plans", "by_pending", "pending", "user_id"),
    }


def test_no_data_goes_with_the_stack(resources: dict[str, Any]) -> None:
    kept = {"AWS::DynamoDB::Table", "AWS::S3::Bucket"}
    held = [found for found in resources.values() if found["Type"] in kept]
    assert len(held) == 6
    assert all(found["DeletionPolicy"] == "Retain" for found in held)
    assert all(found["UpdateReplacePolicy"] == "Retain" for found in held)


def test_every_queue_has_a_dead_letter_queue_and_keeps_the_figures(
    resources: dict[str, Any],
) -> None:
    queues = {queue["QueueName"]: queue for queue in of_type(resources, "AWS::SQS::Queue")}
    live = {name for name in queues if not name.endswith("-dead")}
    assert live == {f"gas-{queue}" for _, queue in SUBSCRIPTIONS}
    assert {f"{name}-dead" for name in live} == queues.keys() - live
    for name in live:
        redrive = queues[name]["RedrivePolicy"]
        assert redrive["deadLetterTargetArn"].endswith(f":{name}-dead")
        assert redrive["maxReceiveCount"] == 5
        assert queues[name]["VisibilityTimeout"] == 120
        assert queues[name]["ReceiveMessageWaitTimeSeconds"] == 20
        assert queues[f"{name}-dead"]["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_topics_reach_their_queues_raw_and_undeliverable_hints_are_kept(
    resources: dict[str, Any],
) -> None:
    subscriptions = [
        subscription
        for subscription in of_type(resources, "AWS::SNS::Subscription")
        if subscription["Protocol"] == "sqs"
    ]
    ends = {(last(s["TopicArn"]), last(s["Endpoint"])) for s in subscriptions}
    assert ends == {(f"gas-{topic}", f"gas-{queue}") for topic, queue in SUBSCRIPTIONS}
    for subscription in subscriptions:
        assert subscription["RawMessageDelivery"] is True
        dead = subscription["RedrivePolicy"]["deadLetterTargetArn"]
        assert dead == f"{subscription['Endpoint']}-dead"


def last(arn: str) -> str:
    return arn.rsplit(":", 1)[-1]


def test_a_queue_takes_messages_from_its_own_topics_alone(resources: dict[str, Any]) -> None:
    allowed = set()
    for policy in of_type(resources, "AWS::SQS::QueuePolicy"):
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
        assert statement["Action"] == "sqs:SendMessage"
        assert [last(statement["Resource"])] == policy["Queues"]
        sources = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
        allowed |= {(last(source), last(statement["Resource"])) for source in sources}
    pairs = {(f"gas-{topic}", f"gas-{queue}") for topic, queue in SUBSCRIPTIONS}
    assert allowed == pairs | {(topic, f"{queue}-dead") for topic, queue in pairs}


def test_only_the_account_and_its_archive_bucket_announce_retrievals(
    resources: dict[str, Any],
) -> None:
    (policy,) = of_type(resources, "AWS::SNS::TopicPolicy")
    owner, bucket = policy["PolicyDocument"]["Statement"]
    assert owner["Condition"] == {"StringEquals": {"aws:SourceOwner": ACCOUNT}}
    assert bucket["Principal"] == {"Service": "s3.amazonaws.com"}
    source = bucket["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert source == f"arn:aws:s3:::{aws.bucket('archive')}"


def test_buckets_are_private_and_forget_unfinished_uploads(resources: dict[str, Any]) -> None:
    buckets = of_type(resources, "AWS::S3::Bucket")
    for bucket in buckets:
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        (rule,) = bucket["OwnershipControls"]["Rules"]
        assert rule == {"ObjectOwnership": "BucketOwnerEnforced"}
        (expiry,) = bucket["LifecycleConfiguration"]["Rules"]
        assert expiry["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
        assert "VersioningConfiguration" not in bucket, "a deletion would free nothing"
    denied = {
        policy["Bucket"]: policy["PolicyDocument"]["Statement"][0]
        for policy in of_type(resources, "AWS::S3::BucketPolicy")
    }
    assert denied.keys() == {bucket["BucketName"] for bucket in buckets}
    assert all(statement["Effect"] == "Deny" for statement in denied.values())


def test_only_the_uploads_bucket_answers_browsers_and_only_the_web_site_s(
    resources: dict[str, Any],
) -> None:
    rules = {
        bucket["BucketName"]: bucket["CorsConfiguration"]["CorsRules"]
        for bucket in of_type(resources, "AWS::S3::Bucket")
        if "CorsConfiguration" in bucket
    }
    assert rules.keys() == {aws.bucket("uploads")}
    (rule,) = rules[aws.bucket("uploads")]
    assert rule["AllowedOrigins"] == ["https://gas.example.org"]
    assert rule["AllowedMethods"] == ["POST"]


def test_the_archive_bucket_announces_every_step_of_a_restore(resources: dict[str, Any]) -> None:
    (notice,) = resources["ArchiveBucket"]["Properties"]["NotificationConfiguration"][
        "TopicConfigurations"
    ]
    assert notice == {"Event": "s3:ObjectRestore:*", "Topic": aws.topic_arn("retrieval")}


def test_every_queue_has_an_alarm_for_dead_letters_and_one_for_waiting(
    resources: dict[str, Any],
) -> None:
    alarms = [
        alarm
        for alarm in of_type(resources, "AWS::CloudWatch::Alarm")
        if alarm["Namespace"] == "AWS/SQS"
    ]
    watched = {(alarm["MetricName"], alarm["Dimensions"][0]["Value"]) for alarm in alarms}
    queues = {queue["QueueName"] for queue in of_type(resources, "AWS::SQS::Queue")}
    dead = {name for name in queues if name.endswith("-dead")}
    assert watched == {("ApproximateNumberOfMessagesVisible", name) for name in dead} | {
        ("ApproximateAgeOfOldestMessage", name) for name in queues - dead
    }
    firsts = [a for a in alarms if a["MetricName"] == "ApproximateNumberOfMessagesVisible"]
    assert {alarm["Threshold"] for alarm in firsts} == {1}
    assert all(alarm["AlarmActions"] == [aws.topic_arn("alarms")] for alarm in alarms)
