"""Makes the Glacier vault, for which CloudFormation has no type: `manage.py provision_vault`."""

from typing import Any

from botocore.exceptions import ClientError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gas_project import aws
from gas_project.items import code_of

CLOSED = (
    "This AWS account may not have vaults: since December 2025 AWS opens them only to accounts "
    "that already held vault data. Set GAS_COLD_STORE=s3: results then go into the archive bucket, "
    "in the storage class GLACIER, which needs nothing but the stack."
)
NOTICES = (
    "Notices: none are set on the vault, on purpose. Each retrieval names its topic ({topic}) when "
    "it is asked for; a second one on the vault would announce everything twice."
)
DOUBLED = (
    "The vault has notices of its own, to {topic}: every retrieval will be announced twice. "
    "Harmless, since a notice is only a hint. To remove them: "
    "aws glacier delete-vault-notifications --account-id - --vault-name {vault}"
)


class Command(BaseCommand):
    """Makes the vault if it is missing, and checks it; safe to repeat."""

    help = "Make the Glacier vault of this stack if it is missing, and check it. Safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare --dry-run."""
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be done, and change nothing"
        )

    def handle(self, *, dry_run: bool, **_: Any) -> None:
        """Make and check the vault. Raises CommandError for an account without vaults."""
        name = aws.vault()
        try:
            self._provide(name, dry_run=dry_run)
        except ClientError as error:
            raise CommandError(_explain(error, name)) from error

    def _provide(self, name: str, *, dry_run: bool) -> None:
        if (held := _held(name)) is not None:
            self.stdout.write(f"The vault {name} is there; its last inventory held {held}.")
        elif dry_run:
            self.stdout.write(f"The vault {name} is missing and would be made.")
            return
        else:
            aws.glacier().create_vault(vaultName=name)
            self.stdout.write(f"The vault {name} was made.")
        self.stdout.write(_notices(name))


def _held(name: str) -> str | None:
    """Return what a vault's last inventory held, in words; None when there is no such vault."""
    try:
        found = aws.glacier().describe_vault(vaultName=name)
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        return None
    if found.get("LastInventoryDate") is None:
        return "nothing yet (AWS takes one a day)"
    return f"{found['NumberOfArchives']:,} archives, {found['SizeInBytes']:,} bytes"


def _notices(name: str) -> str:
    try:
        found = aws.glacier().get_vault_notifications(vaultName=name)
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        return NOTICES.format(topic=aws.topic_arn("retrieval"))
    topic = found["vaultNotificationConfig"].get("SNSTopic", "no topic")
    return DOUBLED.format(topic=topic, vault=name)


def _explain(error: ClientError, name: str) -> str:
    code = code_of(error)
    if code == "NoLongerSupportedException":
        return CLOSED
    if code == "AccessDeniedException":
        return (
            f"These credentials may not make or see the vault {name}: they need glacier:"
            "CreateVault, DescribeVault and GetVaultNotifications. Run this as the person who "
            "deploys, not as a worker."
        )
    return f"Glacier refused: {error}"
