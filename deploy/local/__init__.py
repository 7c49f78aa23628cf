"""The local cloud: the AWS services that GAS uses, in one process on one port of this machine."""

from typing import Final

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"
KEY_ID: Final = "local"
SECRET: Final = "local-secret"  # noqa: S105 -- of a cloud on this machine only
"""The one key pair there is: S3 checks signatures against it; the other services check none."""
