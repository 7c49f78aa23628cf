"""What the code calls on AWS, somebody's role allows: a new call needs a new right."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.deploy.test_roles import ALLOWED, actions

ROOT = Path(__file__).resolve().parents[2]
APPS = ("gas_project", "accounts", "annotations", "archival")
OPERATORS = {"provision_vault.py", "redrive.py", "status.py", "freeze.py"}
"""Commands that people run with credentials of their own."""

PREFIX = {"sesv2": "ses", "s3_once": "s3", "glacier_once": "glacier"}
OTHER_NAMES = {
    "s3:HeadObject": "s3:GetObject",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:UploadPart": "s3:PutObject",
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "s3:CopyObject": "s3:PutObject",
    "s3:GeneratePresignedPost": "s3:PutObject",
    "s3:GeneratePresignedUrl": "s3:GetObject",
    "s3:ListParts": "s3:ListMultipartUploadParts",
    "s3:ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "s3:ListObjectsV2": "s3:ListBucket",
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sns:PublishBatch": "sns:Publish",
    "dynamodb:TransactWriteItems": "dynamodb:UpdateItem",
}
"""Calls whose right has another name (IAM's service authorization reference)."""

BY_OPERATORS_ALONE = {"dynamodb:DeleteItem"}
"""The freeze switch is lifted, and a plan removed, by people."""


def calls(source: str) -> Iterator[str]:
    """Yield `service:Operation` for each call of a client in a module's source."""
    found = re.findall(r"aws\s*\.(\w+)\(\)\s*\.(\w+)\(\s*(?:\"(\w+)\")?", source)
    for service, method, name in found:
        verb = name if method == "get_paginator" else method
        operation = "".join(part.capitalize() for part in verb.split("_"))
        yield f"{PREFIX.get(service, service)}:{operation}"


def test_every_call_that_the_code_makes_is_allowed_to_some_role() -> None:
    files = [path for app in APPS for path in (ROOT / app).rglob("*.py")]
    made = {
        OTHER_NAMES.get(call, call)
        for path in files
        if path.name not in OPERATORS
        for call in calls(path.read_text())
    }
    assert {"dynamodb:UpdateItem", "s3:GetObject", "glacier:InitiateJob"} <= made, "it sees calls"
    allowed = {action for name in ALLOWED for action in actions(name)}
    assert made - BY_OPERATORS_ALONE <= allowed
