"""Glacier's vaults, notification settings and retrieval policy; who gets in; the faults."""

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from deploy.local.faults import Faults
from tests.contract.vaults import (
    HOUR,
    MIB,
    TOPIC,
    VAULT,
    archive,
    ask,
    client_of,
    let_pass,
    refusal,
    retrieve,
    some_bytes,
)

if TYPE_CHECKING:
    from types_boto3_glacier import GlacierClient

INVALID = (400, "InvalidParameterValueException")
GONE = (404, "ResourceNotFoundException")
SIGNED = "AWS4-HMAC-SHA256 Credential=local/20261101/us-east-1/glacier/aws4_request"


@pytest.fixture
def glacier(cloud: Any) -> "GlacierClient":
    return client_of(cloud)


def test_making_a_vault_again_changes_nothing(glacier: "GlacierClient", cloud: Any) -> None:
    before = glacier.describe_vault(vaultName=VAULT)["CreationDate"]
    let_pass(cloud, HOUR)
    reply = glacier.create_vault(vaultName=VAULT)
    assert reply["location"] == "/123456789012/vaults/gas"
    found = glacier.describe_vault(vaultName=VAULT)
    assert found["CreationDate"] == before
    assert found["VaultARN"] == "arn:aws:glacier:us-east-1:123456789012:vaults/gas"


@pytest.mark.parametrize("name", ["x" * 256, "with space", "caf\u00e9"])
def test_a_vault_name_of_other_characters_or_too_long_is_refused(
    glacier: "GlacierClient", name: str
) -> None:
    assert refusal(glacier.create_vault, vaultName=name)[:2] == INVALID


def test_an_unknown_vault_is_named_in_the_answer(glacier: "GlacierClient") -> None:
    found = refusal(glacier.describe_vault, vaultName="nothing")
    arn = "arn:aws:glacier:us-east-1:123456789012:vaults/nothing"
    assert found == (*GONE, f"Vault not found for ARN: {arn}")


@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("initiate_multipart_upload", {"partSize": str(MIB)}),
        ("list_multipart_uploads", {}),
        ("list_parts", {"uploadId": "x"}),
        ("list_jobs", {}),
        ("describe_job", {"jobId": "x"}),
        ("get_job_output", {"jobId": "x"}),
        ("initiate_job", {"jobParameters": {"Type": "inventory-retrieval"}}),
        ("delete_archive", {"archiveId": "x"}),
        ("get_vault_notifications", {}),
    ],
)
def test_every_operation_needs_its_vault(
    glacier: "GlacierClient", operation: str, more: dict[str, Any]
) -> None:
    found = refusal(getattr(glacier, operation), vaultName="nothing", **more)
    assert found[:2] == GONE
    assert found[2].startswith("Vault not found")


def test_notifications_are_unset_until_set(glacier: "GlacierClient") -> None:
    name = "told"
    glacier.create_vault(vaultName=name)
    assert refusal(glacier.get_vault_notifications, vaultName=name)[:2] == GONE
    wish: Any = {"SNSTopic": TOPIC, "Events": ["ArchiveRetrievalCompleted"]}
    glacier.set_vault_notifications(vaultName=name, vaultNotificationConfig=wish)
    found = glacier.get_vault_notifications(vaultName=name)["vaultNotificationConfig"]
    assert found == wish


@pytest.mark.parametrize("events", [[], ["SomethingElse"]])
def test_notifications_of_unknown_events_are_refused(
    glacier: "GlacierClient", events: list[str]
) -> None:
    wish = {"SNSTopic": TOPIC, "Events": events}
    found = refusal(glacier.set_vault_notifications, vaultName=VAULT, vaultNotificationConfig=wish)
    assert found[:2] == INVALID


def test_the_policy_is_none_until_one_is_set(glacier: "GlacierClient") -> None:
    [rule] = glacier.get_data_retrieval_policy()["Policy"]["Rules"]
    assert rule["Strategy"] == "None"


def test_a_policy_of_bytes_per_hour_limits_standard_retrievals(
    glacier: "GlacierClient", cloud: Any
) -> None:
    rule: Any = {"Strategy": "BytesPerHour", "BytesPerHour": 3 * MIB}
    glacier.set_data_retrieval_policy(Policy={"Rules": [rule]})
    assert glacier.get_data_retrieval_policy()["Policy"]["Rules"] == [rule]
    made = archive(glacier, some_bytes(2 * MIB))
    retrieve(glacier, made)
    with pytest.raises(ClientError, match="PolicyEnforcedException"):
        retrieve(glacier, made)
    assert retrieve(glacier, made, Tier="Bulk")
    assert retrieve(glacier, made, Tier="Expedited")
    let_pass(cloud, HOUR)
    assert retrieve(glacier, made)


@pytest.mark.parametrize(
    "rules",
    [
        [],
        [{"Strategy": "None"}, {"Strategy": "FreeTier"}],
        [{"Strategy": "BytesPerHour"}],
        [{"Strategy": "None", "BytesPerHour": 1}],
        [{"Strategy": "Generous"}],
    ],
)
def test_a_policy_is_one_sound_rule(glacier: "GlacierClient", rules: list[dict[str, Any]]) -> None:
    found = refusal(glacier.set_data_retrieval_policy, Policy={"Rules": rules})
    assert found[:2] == INVALID


def test_an_error_has_code_message_type_and_a_request_id(cloud: Any) -> None:
    signed = {"Authorization": SIGNED, "x-amz-glacier-version": "2012-06-01"}
    status, body = ask(cloud, "GET", "/-/vaults/nothing", signed)
    assert status == 404
    assert body == {
        "code": "ResourceNotFoundException",
        "message": "Vault not found for ARN: arn:aws:glacier:us-east-1:123456789012:vaults/nothing",
        "type": "Client",
    }


def test_a_request_without_the_api_version_is_refused(cloud: Any) -> None:
    status, body = ask(cloud, "GET", "/-/vaults/gas", {"Authorization": SIGNED})
    assert (status, body["code"]) == (400, "MissingParameterValueException")


def test_replies_name_their_request(glacier: "GlacierClient") -> None:
    reply = glacier.describe_vault(vaultName=VAULT)
    assert reply["ResponseMetadata"]["RequestId"]


def test_throttling_is_told_and_a_retrying_client_gets_through(
    glacier: "GlacierClient", cloud: Any
) -> None:
    cloud.faults.update({"throttle": 1})
    found = refusal(glacier.describe_vault, vaultName=VAULT)
    assert found == (400, "ThrottlingException", "Rate exceeded")
    cloud.faults.update({"throttle": 1})
    patient = client_of(cloud, attempts=3)
    assert patient.describe_vault(vaultName=VAULT)["VaultName"] == VAULT


def test_a_call_can_be_done_and_its_reply_lost(glacier: "GlacierClient", cloud: Any) -> None:
    cloud.faults.update({"lose_replies": 1})
    with pytest.raises(ConnectionClosedError):
        archive(glacier, b"data")
    (begun,) = glacier.list_multipart_uploads(vaultName=VAULT)["UploadsList"]
    assert begun["ArchiveDescription"] == "gas1 j n"


def test_faults_are_off_until_set_and_off_again_after_clear() -> None:
    faults = Faults()
    off = faults.as_dict()
    assert not any(off.values())
    faults.update({"refuse_expedited": "503", "throttle": 2})
    assert faults.as_dict() == {**off, "refuse_expedited": "503", "throttle": 2}
    faults.clear()
    assert faults.as_dict() == off


@pytest.mark.parametrize(
    "switches",
    [
        {"unknown": True},
        {"throttle": "2"},
        {"throttle": -1},
        {"throttle": True},
        {"drop_notices": 1},
        {"refuse_expedited": "404"},
        {"enforce_policy": True},
        {"end_window": "after"},
        {"throttle": 1, "unknown": 1},
    ],
)
def test_an_unknown_or_wrong_fault_is_refused_and_changes_nothing(
    switches: dict[str, Any],
) -> None:
    faults = Faults()
    with pytest.raises(ValueError, match=r"fault|must"):
        faults.update(switches)
    assert faults == Faults()


def test_a_counted_fault_happens_as_often_as_it_was_set() -> None:
    faults = Faults(throttle=2)
    assert [faults.take("throttle") for _ in range(3)] == [True, True, False]
