"""The units of deploy/systemd: systemd takes them, and they keep the promises workers rely on."""

import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

UNITS = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
WORKER = UNITS / "gas-worker@.service"
SERVICES = sorted(UNITS.glob("*.service"))
TIMERS = sorted(UNITS.glob("*.timer"))
ANALYZE = shutil.which("systemd-analyze")

HARDENED = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "PrivateUsers": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "RestrictNamespaces": "yes",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
    "SystemCallArchitectures": "native",
    "UMask": "0077",
    "User": "gas",
    "Slice": "gas.slice",
    "StateDirectory": "gas",
    "EnvironmentFile": "/etc/gas/gas.env",
}
BREAKING = {"MemoryDenyWriteExecute", "IPAddressDeny", "PrivateNetwork", "DynamicUser"}


def settings(path: Path) -> dict[str, list[str]]:
    """Return a unit's settings; a setting may be given several times."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in path.read_text().replace("\\\n", " ").splitlines():
        if "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found[name].append(value)
    return found


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_a_service_is_hardened_and_nothing_that_breaks_it_is_set(path: Path) -> None:
    found = settings(path)
    assert {name: found[name][-1] for name in HARDENED} == HARDENED
    assert not BREAKING & found.keys()
    assert found["RestrictAddressFamilies"] == ["AF_UNIX AF_INET AF_INET6"]
    assert found["SystemCallFilter"] == ["@system-service", "~@privileged"]


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_a_service_keeps_its_secrets_out_of_its_environment(path: Path) -> None:
    for line in settings(path)["Environment"]:
        for name, value in re.findall(r"(\w+)=(\S+)", line):
            secret = re.search("SECRET|PASSWORD|DATABASE_URL|TOKEN", name)
            assert not secret or (name.endswith("_FILE") and value.startswith("%d/"))


def test_a_worker_is_watched_and_has_time_to_finish() -> None:
    found = settings(WORKER)
    assert found["Type"] == ["notify"]
    assert found["NotifyAccess"] == ["main"]
    assert int(found["WatchdogSec"][0]) > 20, "longer than one long poll"
    assert found["KillMode"] == ["mixed"]
    assert int(found["TimeoutStopSec"][0]) > 20 + 30, "a long poll, then the drain"
    assert found["OOMPolicy"] == ["continue"]
    assert found["Restart"] == ["always"]
    assert found["StartLimitIntervalSec"] == ["0"]
    assert found["PartOf"] == ["gas.target"]


def test_a_worker_s_instance_name_is_its_command_and_its_role() -> None:
    found = settings(WORKER)
    assert found["ExecStart"][0].endswith("manage.py run_%i")
    assert any("AWS_PROFILE=%i" in line for line in found["Environment"])


def test_of_all_workers_the_notifier_alone_opens_the_database() -> None:
    openers = {
        path.relative_to(UNITS).as_posix()
        for path in UNITS.rglob("*")
        if path.is_file() and "DATABASE_URL_FILE" in path.read_text()
    }
    assert openers == {
        "gas-web.service",
        "gas-migrate.service",
        "gas-worker@notifier.service.d/database.conf",
    }


def test_the_web_site_waits_for_its_migrations() -> None:
    found = settings(UNITS / "gas-web.service")
    assert found["Requires"] == ["gas-migrate.service"]
    assert "gas-migrate.service" in found["After"][0].split()


@pytest.mark.parametrize(
    ("name", "when"), [("sweep", "minutely"), ("reconcile", "*-*-* 03:17:00 UTC")]
)
def test_a_timer_starts_the_one_shot_of_its_name(name: str, when: str) -> None:
    assert settings(UNITS / f"gas-{name}.timer")["OnCalendar"] == [when]
    assert settings(UNITS / f"gas-{name}.service")["Type"] == ["oneshot"]


def test_the_reconciler_writes_since_some_deletions_end_only_with_it() -> None:
    (command,) = settings(UNITS / "gas-reconcile.service")["ExecStart"]
    assert command == "/opt/gas/.venv/bin/python manage.py reconcile_archives --apply"


def test_all_that_starts_at_boot_belongs_to_the_target() -> None:
    boot = [path for path in (*SERVICES, *TIMERS) if "[Install]" in path.read_text()]
    assert [settings(path)["WantedBy"] for path in boot] == [["gas.target"]] * len(boot)
    assert settings(UNITS / "gas.target")["WantedBy"] == ["multi-user.target"]


def units_for(folder: Path) -> list[Path]:
    """Copy the units, with a program that exists here in place of GAS's own."""
    shutil.copytree(UNITS, folder)
    worker = folder / "gas-worker@.service"
    worker.rename(folder / "gas-worker@notifier.service")
    paths = [path for path in folder.iterdir() if path.is_file()]
    for path in paths:
        path.write_text(re.sub(r"/opt/gas/\.venv/bin/\w+", "/bin/true", path.read_text()))
    return paths


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    assert ANALYZE
    command = [ANALYZE, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


if ANALYZE:

    def test_systemd_itself_finds_no_fault(tmp_path: Path) -> None:
        result = analyze("verify", *units_for(tmp_path / "units"))
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")

    def test_systemd_rates_every_service_as_well_protected(tmp_path: Path) -> None:
        services = [p for p in units_for(tmp_path / "units") if p.suffix == ".service"]
        assert services
        for service in services:
            result = analyze("security", "--offline=true", "--threshold=15", service)
            assert result.returncode == 0, result.stdout[-500:]
