""".env.example names every variable that is read, and no other, with its true default."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / ".env.example"
READ_BY_BOTO3 = {"AWS_DEFAULT_REGION", "AWS_CONFIG_FILE", "AWS_PROFILE"}
SET_BY_OTHERS = {"DJANGO_SETTINGS_MODULE", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}
"""Django's own entry points and systemd set these; nobody configures them."""


def documented() -> dict[str, str]:
    return dict(re.findall(r"^#?([A-Z_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))


def reads(path: Path) -> Iterator[str]:
    """Yield the names of the variables that a module reads by `env.…` or `os.environ`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call | ast.Subscript):
            target = ast.unparse(node.func if isinstance(node, ast.Call) else node.value)
            arguments = node.args[:1] if isinstance(node, ast.Call) else [node.slice]
            known = re.fullmatch(r"env\.\w+|os\.environ(\.get|\.setdefault)?|os\.getenv", target)
            for argument in arguments if known else []:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value


def test_the_example_names_exactly_the_variables_that_are_read() -> None:
    apps = ("gas_project", "accounts", "annotations", "archival")
    files = [path for app in apps for path in (ROOT / app).rglob("*.py")]
    found = {name for path in files for name in reads(path)}
    assert {"GAS_STACK", "DATABASE_URL", "AWS_ACCOUNT_ID"} <= found, "the reader sees them"
    assert documented().keys() == (found - SET_BY_OTHERS) | READ_BY_BOTO3


def test_every_variable_is_explained_above_it() -> None:
    lines = EXAMPLE.read_text().splitlines()
    for above, line in pairwise(lines):
        if re.match(r"#?[A-Z_]+=", line):
            assert re.match(r"# |#?[A-Z_]+=", above), line


def test_a_line_without_a_default_is_commented_out_and_no_other() -> None:
    lines = re.findall(r"^#?[A-Z_]+=.*$", EXAMPLE.read_text(), re.MULTILINE)
    assert lines
    assert all(line.startswith("#") == line.endswith("=") for line in lines)


def settings_with(variables: dict[str, str]) -> dict[str, Any]:
    """Return all settings of a fresh process that has these variables and no other of ours."""
    code = (
        "import json; from gas_project import settings as s; "
        "print(json.dumps({n: repr(v) for n, v in vars(s).items() if n.isupper()}))"
    )
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("GAS_", "DJANGO_", "AWS_"))}
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=clean | variables,
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_the_values_shown_are_the_true_defaults() -> None:
    shown = {name: value for name, value in documented().items() if value}
    random = {"SECRET_KEY"}
    first, second = settings_with(shown), settings_with({})
    assert len(shown) > 5
    assert {n: v for n, v in first.items() if n not in random} == {
        n: v for n, v in second.items() if n not in random
    }


@pytest.mark.parametrize("path", ["deploy/cloud-init.yaml", "deploy/runbook.md"])
def test_deployment_sets_no_variable_that_nobody_reads(path: str) -> None:
    text = (ROOT / path).read_text()
    named = set(re.findall(r"\b((?:GAS|DJANGO|GLOBUS)_[A-Z_]+)=", text))
    hosts_own = {"GAS_ROLE", "GAS_REPOSITORY", "GAS_VERSION", "GAS_DOMAIN"}
    assert named <= documented().keys() | hosts_own
