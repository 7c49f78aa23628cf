"""The product's settings in an environment of the tests' own: no AWS but the local cloud."""

import os
import tempfile

if os.environ.get("TESTS_BEGAN") is None:  # a process that a test starts keeps what it is given
    os.environ.update(
        TESTS_BEGAN="yes",
        AWS_ENDPOINT_URL="http://127.0.0.1:1",
        AWS_ACCESS_KEY_ID="local",
        AWS_SECRET_ACCESS_KEY="local-secret",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ACCOUNT_ID="123456789012",
        AWS_CONFIG_FILE="/dev/null",
        AWS_SHARED_CREDENTIALS_FILE="/dev/null",
        AWS_EC2_METADATA_DISABLED="true",
        GAS_COLD_STORE="vault",
        GAS_DATA=tempfile.mkdtemp(prefix="gas-tests-"),
    )

from gas_project.settings import *  # noqa: F403  (the environment comes first)
