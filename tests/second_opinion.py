"""A second, independent emulator under the same tests: `make second-opinion`.

A pytest plugin that puts ministack in the place of the local cloud, so that the tests of the
DynamoDB layers and the HTTP part of the S3 contract run against code that we did not write. Where
the two differ, DIFFERENCES says which of them AWS's documentation bears out.

Signatures, browser forms and CORS are left to the local cloud alone: ministack checks none of them
as it runs here, and what refuses nothing judges nothing. It has no Glacier vault either.
"""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from deploy.local import ACCOUNT, KEY_ID, REGION, SECRET, provision, run
from deploy.local.clock import Clock
from deploy.local.template import Resolver, read
from tests.service import free_pair

COMMAND = os.environ.get("MINISTACK", ".venv-ministack/bin/ministack")
MADE = ("AWS::DynamoDB::Table", "AWS::S3::Bucket")
"""What the stack has that these tests need; ministack has no Glacier vaults."""

KEYS = {"jobs": ["job_id"], "job-events": ["job_id", "at"], "plans": ["user_id"]}

LISTED = Path(__file__).with_name("second_opinion.json")
DIFFERENCES: dict[str, str] = json.loads(LISTED.read_text()) if LISTED.exists() else {}
"""By a test's id: what is different there, and what S3 does by its documentation.

`theirs:` ministack is not as S3 is. `local:` the local cloud says that it has not what S3 has. A
difference in which the local cloud is wrong does not belong here: it is mended.
"""


class SecondCloud:
    """ministack with the manners of `deploy.local.run.LocalCloud`, in a process of its own."""

    def __init__(self, *, data: Path, scale: float = 1.0, **_: Any) -> None:
        self.data, self.scale, self.clock = data, scale, Clock()
        self.url = ""

    def start(self) -> None:
        """Start it on a free port of 127.0.0.1 and make the tables and buckets."""
        port = free_pair()
        self.url = f"http://127.0.0.1:{port}"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.data),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "AWS_ACCESS_KEY_ID": KEY_ID,  # it checks the signature of a link, if of nothing else
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }
        self._log = (self.data / "ministack.log").open("wb")
        self._process = subprocess.Popen(
            [Path(COMMAND).absolute()],
            cwd=self.data,
            env=environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._wait()
        self._connect()
        self._make()

    def _wait(self) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise RuntimeError("ministack did not start; its log is in the test's folder")

    def _connect(self) -> None:
        session = boto3.Session(KEY_ID, SECRET, region_name=REGION)
        config = Config(s3={"addressing_style": "path"})
        names = ("dynamodb", "sns", "sqs", "s3", "glacier")
        self._clients = provision.Clients(
            **{n: session.client(n, endpoint_url=self.url, config=config) for n in names}  # type: ignore[call-overload]
        )

    def _make(self) -> None:
        template = read()
        kept = {n: r for n, r in template["Resources"].items() if r["Type"] in MADE}
        for resource in kept.values():
            resource["Properties"].pop("NotificationConfiguration", None)
            resource.pop("DependsOn", None)
        pseudo = {"AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::StackName": "gas"}
        given = pseudo | {"WebOrigin": "http://127.0.0.1:8000"}
        resolver = Resolver(template | {"Resources": kept}, given)
        for name in resolver.order():
            kind = kept[name]["Type"]
            ignored = provision.WITHOUT_EFFECT.get(kind, set())
            wanted = {k: v for k, v in kept[name]["Properties"].items() if k not in ignored}
            resolver.add(name, provision.MAKERS[kind](self._clients, resolver.value(wanted)))

    def forget(self) -> None:
        """Empty the tables; the tests of S3 make a bucket each, so what is in buckets may stay."""
        dynamodb = self._clients.dynamodb
        for kind, keys in KEYS.items():
            name = f"gas-{kind}"
            for page in dynamodb.get_paginator("scan").paginate(TableName=name):
                for item in page["Items"]:
                    dynamodb.delete_item(TableName=name, Key={key: item[key] for key in keys})
        self.clock.reset()

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(30)
        self._log.close()


run.LocalCloud = SecondCloud  # type: ignore[misc,assignment]


def _difference(test: str) -> str | None:
    return DIFFERENCES.get(test)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """A test on the list must fail: it passes when it does, so that the list stays true."""
    report = yield
    why = _difference(item.nodeid)
    if why and report.when == "call":
        report.outcome = "passed" if report.failed else "failed"
        report.longrepr = None if report.passed else f"on the list, but passes now: {why}"
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the list."""
    terminalreporter.section("where ministack differs")
    local = sum(why.startswith("local: ") for why in DIFFERENCES.values())
    terminalreporter.line(
        f"{len(DIFFERENCES)} differences: {len(DIFFERENCES) - local} of ministack from S3, {local} "
        "that the local cloud says it has not"
    )
    for name, why in DIFFERENCES.items():
        terminalreporter.line(f"{name}\n    {why}")
