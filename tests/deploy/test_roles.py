"""The roles of deploy/stack.yaml: each worker may do what its steps do, and nothing else."""

from typing import Any

import pytest

from deploy.local.template import read

QUEUES = {
    "annotator": "Annotate",
    "notifier": "Notify",
    "archiver": "Archive",
    "restorer": "Restore",
    "thawer": "Thaw",
    "eraser": "Erase",
}
WORKERS = (*QUEUES, "sweep", "reconciler")

RECORD = {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "sns:Publish"}
EVERY_WORKER = {
    *RECORD,
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:GetQueueUrl",
    "sqs:GetQueueAttributes",
    "sqs:SendMessage",
}
MAIL = {"ses:SendEmail", "ses:SendRawEmail"}
FILL = {"s3:PutObject", "s3:AbortMultipartUpload"}

ALLOWED: dict[str, set[str]] = {
    "web": {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "dynamodb:Query",
        "dynamodb:BatchGetItem",
        "s3:PutObject",
        "s3:GetObject",
        "s3:ListBucket",
        "sns:Publish",
        "ssm:GetParameter",
        *MAIL,
    },
    "workers": {"sts:AssumeRole", "ssm:GetParameter"},
    "annotator": {*EVERY_WORKER, *FILL, "s3:GetObject", "s3:ListBucket"},
    "notifier": {*EVERY_WORKER, *MAIL},
    "archiver": {
        *EVERY_WORKER,
        *FILL,
        "s3:GetObject",
        "s3:ListBucket",
        "s3:ListMultipartUploadParts",
        "glacier:InitiateMultipartUpload",
        "glacier:UploadMultipartPart",
        "glacier:CompleteMultipartUpload",
        "glacier:AbortMultipartUpload",
        "glacier:ListParts",
    },
    "restorer": {
        *EVERY_WORKER,
        "dynamodb:Query",
        "s3:RestoreObject",
        "s3:ListBucket",
        "glacier:InitiateJob",
    },
    "thawer": {
        *EVERY_WORKER,
        *FILL,
        "s3:GetObject",
        "s3:ListBucket",
        "s3:ListMultipartUploadParts",
        "glacier:DescribeJob",
        "glacier:GetJobOutput",
    },
    "eraser": {
        *EVERY_WORKER,
        "dynamodb:Query",
        "dynamodb:DeleteItem",
        "s3:GetObject",
        "s3:DeleteObject",
        "s3:AbortMultipartUpload",
        "s3:ListMultipartUploadParts",
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
        "glacier:DeleteArchive",
        "glacier:AbortMultipartUpload",
    },
    "sweep": {
        *RECORD,
        "dynamodb:Query",
        "sqs:SendMessage",
        "sqs:GetQueueUrl",
        "sqs:GetQueueAttributes",
    },
    "reconciler": {
        "dynamodb:Scan",
        "dynamodb:Query",
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
        "dynamodb:PutItem",
        "s3:GetObject",
        "s3:RestoreObject",
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
        "glacier:InitiateJob",
        "glacier:ListJobs",
        "glacier:DescribeJob",
        "glacier:GetJobOutput",
        "glacier:ListMultipartUploads",
    },
}

RESOURCES: dict[str, dict[str, Any]] = read()["Resources"]


def role(name: str) -> dict[str, Any]:
    found: dict[str, Any] = RESOURCES[f"{name.capitalize()}Role"]["Properties"]
    return found


def statements(name: str) -> list[dict[str, Any]]:
    """Return all of a role's statements: its own, and those of the managed policies it has."""
    found = [s for policy in role(name)["Policies"] for s in policy["PolicyDocument"]["Statement"]]
    for reference in role(name).get("ManagedPolicyArns", []):
        found += RESOURCES[reference["Ref"]]["Properties"]["PolicyDocument"]["Statement"]
    return found


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def actions(name: str) -> set[str]:
    return {action for statement in statements(name) for action in listed(statement["Action"])}


def test_there_is_a_role_for_every_worker_and_every_kind_of_host_and_no_other() -> None:
    names = {
        found["Properties"]["RoleName"]["Fn::Sub"]
        for found in RESOURCES.values()
        if found["Type"] == "AWS::IAM::Role"
    }
    assert names == {f"${{AWS::StackName}}-{name}" for name in ALLOWED}


@pytest.mark.parametrize("name", ALLOWED)
def test_a_role_allows_exactly_its_actions(name: str) -> None:
    assert actions(name) == ALLOWED[name]


@pytest.mark.parametrize("name", ALLOWED)
def test_no_role_has_a_wildcard_action_or_a_resource_of_everything(name: str) -> None:
    for statement in statements(name):
        assert statement["Effect"] == "Allow"
        assert not any("*" in action for action in listed(statement["Action"]))
        assert "*" not in listed(statement["Resource"])


def test_nobody_but_the_eraser_may_delete_an_object_or_an_archive() -> None:
    deleting = {"s3:DeleteObject", "s3:DeleteObjectVersion", "glacier:DeleteArchive"}
    assert {name for name in ALLOWED if actions(name) & deleting} == {"eraser"}


def test_no_policy_outside_the_roles_gives_a_right_to_delete() -> None:
    for found in RESOURCES.values():
        if found["Type"] == "AWS::IAM::ManagedPolicy":
            given = found["Properties"]["PolicyDocument"]["Statement"]
            assert not any("Delete" in a for s in given for a in listed(s["Action"]))


@pytest.mark.parametrize(("name", "queue"), list(QUEUES.items()))
def test_a_worker_reads_its_own_queue_alone_and_parks_in_its_own_dead_letter_queue(
    name: str, queue: str
) -> None:
    by_action = {
        action: statement["Resource"]
        for statement in statements(name)
        for action in listed(statement["Action"])
        if action in {"sqs:ReceiveMessage", "sqs:SendMessage"}
    }
    assert by_action == {
        "sqs:ReceiveMessage": {"Fn::GetAtt": [queue, "Arn"]},
        "sqs:SendMessage": {"Fn::GetAtt": [f"{queue}Dead", "Arn"]},
    }


@pytest.mark.parametrize("name", ["web", "notifier"])
def test_mail_leaves_from_the_one_address_alone(name: str) -> None:
    mail = [s for s in statements(name) if MAIL & set(listed(s["Action"]))]
    assert [s["Condition"] for s in mail] == [
        {"StringEquals": {"ses:FromAddress": {"Ref": "MailFrom"}}}
    ]


def test_the_archiver_may_name_no_other_storage_class() -> None:
    (put,) = [s for s in statements("archiver") if "s3:PutObject" in listed(s["Action"])]
    assert put["Resource"] == {"Fn::Sub": "${ArchiveBucket.Arn}/a/*"}
    classes = ["GLACIER", "DEEP_ARCHIVE"]
    assert put["Condition"] == {"StringEqualsIfExists": {"s3:x-amz-storage-class": classes}}


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_s_role_is_assumed_by_a_workers_host_alone(name: str) -> None:
    (trust,) = role(name)["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"AWS": {"Fn::GetAtt": ["WorkersRole", "Arn"]}}


def test_a_workers_host_may_become_each_worker_and_never_the_web_site() -> None:
    become = statements("workers")[0]
    assert become["Action"] == "sts:AssumeRole"
    names = {resource["Fn::Sub"].rsplit("-", 1)[-1] for resource in become["Resource"]}
    assert names == set(WORKERS)


def test_only_the_hosts_have_instance_profiles() -> None:
    profiles = [
        found["Properties"]["Roles"]
        for found in RESOURCES.values()
        if found["Type"] == "AWS::IAM::InstanceProfile"
    ]
    assert profiles == [[{"Ref": "WebRole"}], [{"Ref": "WorkersRole"}]]
