"""The hosts' user data: small, without secrets, and an installer that does what it says."""

import os
import re
import secrets
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
USER_DATA = ROOT / "deploy" / "cloud-init.yaml"
LIMIT = 16 * 1024
"""Bytes of user data that EC2 takes (EC2 user guide, "Instance user data")."""

TOOLS = {
    "curl": 'case "$*" in *region*) echo eu-west-1;; *) echo token;; esac',
    "aws": """case "$*" in
      *get-caller-identity*) echo 111122223333;;
      *globus-secret*) exit 254;;
      *get-parameter*) echo "value-of-$5";;
    esac""",
    "git": 'mkdir -p "$OPT/.git"',
    "python3": "exit 0",
    "systemctl": 'echo "$*" >> "$CALLS"',
    "setpriv": 'echo "$* key=$DJANGO_SECRET_KEY url=$GAS_URL" >> "$CALLS"',
    "apt-get": 'echo "apt-get $*" >> "$CALLS"',
}


def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(USER_DATA.read_text())
    return loaded


def file_named(path: str) -> str:
    (content,) = [f["content"] for f in document()["write_files"] if f["path"] == path]
    return str(content)


def test_it_is_cloud_config_and_fits_into_user_data() -> None:
    assert USER_DATA.read_text().startswith("#cloud-config\n")
    assert len(USER_DATA.read_bytes()) <= LIMIT
    assert document()["runcmd"] == [["gas-install"]]
    assert {"package_update", "packages", "users", "write_files", "runcmd"} == document().keys()


def test_it_holds_no_secret_and_no_address_of_anybody() -> None:
    text = USER_DATA.read_text()
    assert not re.search(r"AKIA|ASIA|postgres://|PRIVATE KEY|password", text)
    given = set(re.findall(r"\b\w*(?:SECRET|PASSWORD|DATABASE_URL)\w*=(\S*)", text))
    assert given == {"database-url", "secret-key", "globus-secret;"}, "names of files alone"


def test_python_packages_are_installed_by_their_hashes_into_a_venv_outside_home() -> None:
    script = file_named("/usr/local/sbin/gas-install")
    assert "pip install --quiet --require-hashes -r /opt/gas/requirements/base.txt" in script
    assert "python3 -m venv /opt/gas/.venv" in script


def test_every_value_to_fill_in_is_filled_in_by_the_runbook() -> None:
    places = set(re.findall(r"CHANGE-ME-[A-Z-]+", USER_DATA.read_text()))
    runbook = (ROOT / "deploy" / "runbook.md").read_text()
    assert places
    assert places == set(re.findall(r"CHANGE-ME-[A-Z-]+", runbook))


class Host:
    """A folder that stands for a host's disk, where `gas-install` runs with made-up tools."""

    def __init__(self, root: Path, role: str) -> None:
        self.root, self.calls = root, root / "calls"
        for folder in ("bin", "etc/gas", "etc/systemd/system", "etc/caddy", "opt/gas/.venv/bin"):
            (root / folder).mkdir(parents=True)
        (root / "opt/gas/deploy").symlink_to(ROOT / "deploy")
        tools = {f"bin/{name}": body for name, body in TOOLS.items()}
        venv = {f"opt/gas/.venv/bin/{name}": "exit 0" for name in ("python", "pip")}
        for name, body in (tools | venv).items():
            (root / name).write_text(f"#!/bin/sh\n{body}\n")
            (root / name).chmod(0o755)
        host = re.sub(r"GAS_ROLE=\S+", f"GAS_ROLE={role}", file_named("/etc/gas/host.env"))
        host = host.replace("CHANGE-ME-STACK", "gas").replace("CHANGE-ME-DOMAIN", "gas.example.org")
        (root / "etc/gas/host.env").write_text(host)
        (root / "etc/gas/gas.env.in").write_text(file_named("/etc/gas/gas.env.in"))

    def run(self, name: str, *arguments: str) -> None:
        """Run a script of the user data, its paths moved into this folder."""
        script = file_named(f"/usr/local/sbin/{name}")
        script = re.sub(r"(?<![\w.])/(etc|opt)/", rf"{self.root}/\1/", script)
        environment = {
            "PATH": f"{self.root}/bin:{os.environ['PATH']}",
            "CALLS": str(self.calls),
            "OPT": f"{self.root}/opt/gas",
        }
        command = ["bash", "-c", script, name, *arguments]
        subprocess.run(command, env=environment, check=True, timeout=60)

    def install(self) -> None:
        """Install GAS."""
        self.run("gas-install")

    def read(self, path: str) -> str:
        return (self.root / path).read_text()


@pytest.mark.parametrize(
    ("role", "starts", "never"),
    [
        ("web", {"gas-web.service", "gas-migrate.service"}, "gas-worker@"),
        ("workers", {"gas-worker@annotator.service", "gas-worker@eraser.service"}, "gas-sweep"),
        ("first-workers", {"gas-worker@thawer.service", "gas-sweep.timer"}, "gas-web"),
    ],
)
def test_the_installer_starts_what_the_host_s_role_needs(
    tmp_path: Path, role: str, starts: set[str], never: str
) -> None:
    host = Host(tmp_path, role)
    host.install()
    calls = host.read("calls")
    assert starts <= set(calls.split())
    assert never not in calls


@pytest.mark.parametrize("store", ["vault", "s3", "s3-deep"])
def test_every_store_is_reconciled_on_the_first_workers(tmp_path: Path, store: str) -> None:
    host = Host(tmp_path, "first-workers")
    template = tmp_path / "etc/gas/gas.env.in"
    template.write_text(template.read_text().replace("CHANGE-ME-COLD-STORE", store))
    host.install()
    assert "gas-reconcile.timer" in host.read("calls")


def test_the_installer_writes_settings_of_its_region_and_account(tmp_path: Path) -> None:
    host = Host(tmp_path, "workers")
    host.install()
    settings = host.read("etc/gas/gas.env")
    assert "@" not in re.sub(r"CHANGE-ME\S+", "", settings)
    assert "AWS_DEFAULT_REGION=eu-west-1\n" in settings
    assert "DJANGO_CSRF_TRUSTED_ORIGINS=https://gas.example.org\n" in settings
    profiles = host.read("etc/gas/aws.ini")
    assert "[profile eraser]\nrole_arn = arn:aws:iam::111122223333:role/gas-eraser\n" in profiles
    assert profiles.count("credential_source = Ec2InstanceMetadata") == 8


def test_secrets_come_from_the_parameter_store_into_files_of_root_alone(tmp_path: Path) -> None:
    host = Host(tmp_path, "web")
    host.install()
    secret = tmp_path / "etc/gas/secrets/secret-key"
    assert secret.read_text() == "value-of-/gas/secret-key"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert host.read("etc/gas/secrets/globus-secret") == "", "the one that may be missing"


def test_a_workers_host_never_sees_the_web_site_s_secrets(tmp_path: Path) -> None:
    host = Host(tmp_path, "workers")
    host.install()
    kept = {path.name for path in (tmp_path / "etc/gas/secrets").iterdir()}
    assert kept == {"database-url"}


def test_the_installer_may_run_again(tmp_path: Path) -> None:
    host = Host(tmp_path, "first-workers")
    host.install()
    first = host.read("etc/gas/aws.ini"), host.read("etc/gas/gas.env")
    host.install()
    assert (host.read("etc/gas/aws.ini"), host.read("etc/gas/gas.env")) == first


def test_a_person_runs_a_command_as_the_web_site_would(tmp_path: Path) -> None:
    host = Host(tmp_path, "web")
    host.install()
    host.run("gas-manage", "createsuperuser", "--email", "me@example.org")
    line = host.read("calls").splitlines()[-1]
    assert line.startswith("--reuid=gas --regid=gas --init-groups ")
    assert "manage.py createsuperuser --email me@example.org" in line
    assert line.endswith("key=value-of-/gas/secret-key url=https://gas.example.org")


def test_django_finds_nothing_to_say_about_the_settings_written(tmp_path: Path) -> None:
    host = Host(tmp_path, "web")
    template = tmp_path / "etc/gas/gas.env.in"
    text = template.read_text().replace("CHANGE-ME-COLD-STORE", "s3")
    template.write_text(text.replace("CHANGE-ME-MAIL-FROM", "no-reply@gas.example.org"))
    host.install()
    written = dict(line.split("=", 1) for line in shlex.split(host.read("etc/gas/gas.env"), True))
    key = {"DJANGO_SECRET_KEY": secrets.token_urlsafe(48), "GAS_DATA": str(tmp_path)}
    database = {"DATABASE_URL": "postgres://gas:secret@127.0.0.1/gas"}
    result = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        env={"PATH": os.environ["PATH"], **written, **key, **database},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (result.returncode, result.stderr) == (0, "")
