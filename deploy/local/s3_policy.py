"""POST policies: the paper by which a page lets its visitor's browser upload one object.

Source: Amazon S3 API reference, "Creating a POST policy". Every field of the form must be covered
by a condition; the paper is signed; it expires in real time.
"""

import base64
import json
import time
from calendar import timegm
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy.local.s3_auth import ALGORITHM, check_scope, check_signature
from deploy.local.s3_errors import S3Error

FREE = ("policy", "x-amz-signature", "file")
"""Fields that need no condition; nor do those that begin with IGNORED."""
IGNORED = "x-ignore-"


@dataclass(frozen=True)
class Condition:
    """One condition on a field: `operator` is eq or starts-with."""

    operator: str
    field: str
    value: str
    source: Any

    def holds(self, got: str) -> bool:
        """Whether a field's value meets it."""
        return got.startswith(self.value) if self.operator == "starts-with" else got == self.value


@dataclass(frozen=True)
class Policy:
    """A policy that was read: `sizes` are the least and the most bytes of the file, if it says."""

    expires: float
    conditions: tuple[Condition, ...]
    sizes: tuple[int, int] | None


def check_form(fields: Mapping[str, str], *, bucket: str) -> Policy:
    """Check a form's signature, and its fields against its policy; return the policy.

    `fields` have lower-case names, and the key as it will be. Raises S3Error AccessDenied,
    InvalidAccessKeyId, SignatureDoesNotMatch, InvalidPolicyDocument.
    """
    if "policy" not in fields:
        raise S3Error("AccessDenied", "Access Denied: the form has no policy.")
    if fields.get("x-amz-algorithm") != ALGORITHM:
        raise S3Error("InvalidRequest", f"The form must be signed with {ALGORITHM}.")
    day = check_scope(fields.get("x-amz-credential", ""))
    given = fields.get("x-amz-signature", "")
    check_signature(fields["policy"], day=day, given=given)
    policy = read_policy(fields["policy"])
    if time.time() >= policy.expires:
        raise _denied("Policy expired.")
    _check_fields(policy, {**fields, "bucket": bucket})
    return policy


def read_policy(encoded: str) -> Policy:
    """Read a policy from its base64. Raises S3Error InvalidPolicyDocument."""
    try:
        content = json.loads(base64.b64decode(encoded, validate=True))
        expires = _time(content["expiration"])
        listed = content["conditions"]
        ranges = [each for each in listed if _is_range(each)]
        conditions = tuple(
            condition for each in listed if not _is_range(each) for condition in _conditions(each)
        )
        sizes = [(int(low), int(high)) for _, low, high in ranges]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise S3Error("InvalidPolicyDocument", "Invalid Policy: Invalid JSON.") from error
    if not sizes:
        return Policy(expires, conditions, None)
    return Policy(expires, conditions, (max(s[0] for s in sizes), min(s[1] for s in sizes)))


def _is_range(condition: Any) -> bool:
    return isinstance(condition, list) and condition[:1] == ["content-length-range"]


def _conditions(source: Any) -> list[Condition]:
    """A mapping asks for equality; a list is an operator, `$field` and a value."""
    if isinstance(source, dict):
        return [Condition("eq", name.lower(), str(value), source) for name, value in source.items()]
    operator, name, value = source
    if operator not in ("eq", "starts-with") or not name.startswith("$"):
        raise ValueError(f"unknown condition {source}")
    return [Condition(operator, name[1:].lower(), str(value), source)]


def _time(text: str) -> float:
    return timegm(time.strptime(text.partition(".")[0].rstrip("Z"), "%Y-%m-%dT%H:%M:%S"))


def _check_fields(policy: Policy, fields: Mapping[str, str]) -> None:
    for condition in policy.conditions:
        if not condition.holds(fields.get(condition.field, "")):
            raise _denied(f"Policy Condition failed: {json.dumps(condition.source)}")
    covered = {condition.field for condition in policy.conditions} | {"bucket", *FREE}
    extra = sorted(name for name in fields if name not in covered and not name.startswith(IGNORED))
    if extra:
        raise _denied(f"Extra input fields: {', '.join(extra)}")


def _denied(reason: str) -> S3Error:
    return S3Error("AccessDenied", f"Invalid according to Policy: {reason}")
