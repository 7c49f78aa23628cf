"""deploy/runbook.md: every command in it is real, and every name in it exists."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name
from django.core.management import get_commands, load_command_class

from deploy.local.template import read

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = (ROOT / "deploy" / "runbook.md").read_text()
GLOBAL = {"query", "output", "region"}
CLI_S_OWN = {
    ("cloudformation", "deploy"): {
        "stack-name",
        "template-file",
        "capabilities",
        "parameter-overrides",
        "no-execute-changeset",
    }
}
"""Commands that the AWS CLI has and the API has not."""


def blocks() -> str:
    """Return all shell of the runbook, continued lines joined."""
    text = "\n".join(re.findall(r"```sh\n(.*?)```", RUNBOOK, re.DOTALL))
    lines = text.replace("\\\n", " ").splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def commands(program: str) -> list[list[str]]:
    """Return the arguments of each call of a program, in the order of the runbook."""
    found = []
    for call in re.findall(rf"(?:^|\$\(|sudo |\s){re.escape(program)} (.*)", blocks()):
        found.append([word.rstrip(")") for word in split(call)])
    return found


def split(line: str) -> list[str]:
    """Split one command as a shell would, up to a pipe; substitutions count as one word."""
    line = re.sub(r"\$\([^()]*\)", "SUBSTITUTED", line)
    if line.count('"') % 2:
        line += '"'
    words = shlex.split(line)
    return words[: words.index("|")] if "|" in words else words


AWS_CALLS = commands("aws")
MANAGE_CALLS = commands("manage.py") + commands("gas-manage")


@cache
def model(service: str) -> "botocore.model.ServiceModel":
    return botocore.session.Session().get_service_model(service)


def options(service: str, verb: str) -> set[str]:
    """Return the option names that an AWS CLI command takes. Raises KeyError for no command."""
    if (service, verb) in CLI_S_OWN:
        return CLI_S_OWN[service, verb]
    operations = {xform_name(name, "-"): name for name in model(service).operation_names}
    shape = model(service).operation_model(operations[verb]).input_shape
    names = {xform_name(member, "-") for member in shape.members} if shape else set()
    return names | {f"no-{name}" for name in names}


def flags(words: list[str]) -> Iterator[str]:
    yield from (word[2:].split("=")[0] for word in words if word.startswith("--"))


@pytest.mark.parametrize("words", AWS_CALLS, ids=" ".join)
def test_an_aws_command_and_its_options_exist(words: list[str]) -> None:
    service, verb = words[:2]
    if verb == "wait":
        waiters = botocore.session.Session().get_waiter_model(service).waiter_names
        assert words[2] in {xform_name(name, "-") for name in waiters}
    else:
        assert set(flags(words)) <= options(service, verb) | GLOBAL


@pytest.mark.parametrize("words", MANAGE_CALLS, ids=" ".join)
def test_a_management_command_and_its_options_exist(words: list[str]) -> None:
    name, *arguments = words
    command = load_command_class(get_commands()[name], name)
    parsed = command.create_parser("manage.py", name).parse_args(arguments)
    assert parsed is not None


def test_the_runbook_was_read() -> None:
    assert len(AWS_CALLS) > 25
    assert {words[0] for words in MANAGE_CALLS} >= {
        "provision_vault",
        "createsuperuser",
        "status",
        "redrive",
        "freeze",
        "reconcile_archives",
    }


def test_every_unit_it_names_exists() -> None:
    folder = ROOT / "deploy" / "systemd"
    units = {path.name.removesuffix(".service") for path in folder.iterdir()}
    workers = ("annotator", "notifier", "archiver", "restorer", "thawer", "eraser")
    known = units | {f"gas-worker@{worker}" for worker in workers} | {"gas-worker@*", "gas*"}
    named = re.findall(r"(?:systemctl \w+|journalctl -u) '?([\w.@*-]+)'?", blocks())
    calls = {name for name in named if name.startswith("gas")}
    assert {"gas-sweep", "gas.target", "gas-worker@archiver"} <= calls
    assert calls <= known


def test_every_alarm_is_explained() -> None:
    resources = read()["Resources"].values()
    alarms = [r["Properties"] for r in resources if r["Type"] == "AWS::CloudWatch::Alarm"]
    chapters = {re.findall(r'Runbook, "([^"]+)"', alarm["AlarmDescription"])[0] for alarm in alarms}
    assert chapters
    assert all(f"**{chapter}.**" in RUNBOOK for chapter in chapters)


def test_its_parameters_are_the_stack_s() -> None:
    named = set(re.findall(r"\b([A-Z]\w+)=\S*\$(?:DOMAIN|MAIL|OPS)", RUNBOOK))
    assert {"WebOrigin", "MailFrom", "AlarmMail"} == named & read()["Parameters"].keys()
    assert read()["Parameters"].keys() <= named
