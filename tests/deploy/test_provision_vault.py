"""`manage.py provision_vault`: repeatable, careful, and clear where vaults are closed."""

import uuid
from io import StringIO
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from django.core.management import CommandError, call_command

from deploy.local.run import LocalCloud
from gas_project import aws


@pytest.fixture
def vault(cloud: LocalCloud, settings: Any) -> str:
    """Return the name of a vault that does not exist yet."""
    name = f"fresh-{uuid.uuid4().hex}"
    settings.GAS_STACK = name
    return name


def run(**options: bool) -> str:
    out = StringIO()
    call_command("provision_vault", stdout=out, **options)
    return out.getvalue()


def made_at(vault: str) -> str | None:
    try:
        return aws.glacier().describe_vault(vaultName=vault)["CreationDate"]
    except aws.glacier().exceptions.ResourceNotFoundException:
        return None


def test_it_makes_the_vault_and_sets_no_notices(vault: str) -> None:
    said = run()
    assert made_at(vault)
    assert f"The vault {vault} was made." in said
    assert "none are set on the vault, on purpose" in said
    assert aws.topic_arn("retrieval") in said
    with pytest.raises(aws.glacier().exceptions.ResourceNotFoundException):
        aws.glacier().get_vault_notifications(vaultName=vault)


def test_a_second_time_changes_nothing(vault: str) -> None:
    run()
    first = made_at(vault)
    assert f"The vault {vault} is there" in run()
    assert made_at(vault) == first


def test_a_dry_run_only_says_what_it_would_do(vault: str) -> None:
    assert run(dry_run=True) == f"The vault {vault} is missing and would be made.\n"
    assert made_at(vault) is None


def test_notices_on_the_vault_are_found_and_left_alone(vault: str) -> None:
    run()
    topic = aws.topic_arn("retrieval")
    notices = {"SNSTopic": topic, "Events": ["ArchiveRetrievalCompleted"]}
    aws.glacier().set_vault_notifications(vaultName=vault, vaultNotificationConfig=notices)  # type: ignore[arg-type]
    assert "announced twice" in run()
    kept = aws.glacier().get_vault_notifications(vaultName=vault)
    assert kept["vaultNotificationConfig"]["SNSTopic"] == topic


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("NoLongerSupportedException", "Set GAS_COLD_STORE=s3"),
        ("AccessDeniedException", "glacier:CreateVault, DescribeVault"),
        ("ServiceUnavailableException", "Glacier refused"),
    ],
)
def test_a_refusal_says_what_to_do(
    code: str, advice: str, vault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = boto3.client("glacier")
    monkeypatch.setattr(aws, "glacier", lambda: client)
    with Stubber(client) as stub:
        stub.add_client_error("describe_vault", service_error_code=code)
        with pytest.raises(CommandError, match=advice):
            run()
