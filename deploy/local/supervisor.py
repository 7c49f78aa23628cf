"""`make run`: the whole service on this machine, under one supervisor with one readable log.

python -m deploy.local.supervisor run | demo | reset
"""

import argparse
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from deploy.local import ACCOUNT, KEY_ID, REGION, SECRET

ROOT = Path(__file__).resolve().parents[2]
WORKERS = ("annotator", "notifier", "archiver", "restorer", "thawer", "eraser")
COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
STOP_SECONDS = 20
"""What the children get to end by themselves: more than their long poll and a part in flight."""
RESTART_SECONDS = 3
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Setup:
    """Where one local service lives and how fast AWS's hours pass in it."""

    data: Path
    port: int
    scale: float
    grace: int

    @property
    def cloud_port(self) -> int:
        """The local cloud's port, the one after the web's."""
        return self.port + 1

    @property
    def url(self) -> str:
        """The web site's address."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """Return the children's environment: AWS is the local cloud and nothing else."""
        theirs = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "GAS_"))}
        return {
            **theirs,
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "gas_project.settings",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.cloud_port}",
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCOUNT_ID": ACCOUNT,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "GAS_PORT": str(self.port),
            "GAS_DATA": str(self.data),
            "GAS_TIME_SCALE": str(self.scale),
            "GAS_GRACE": str(self.grace),
            "GAS_COLD_STORE": os.environ.get("GAS_COLD_STORE", "vault"),
        }


@dataclass
class Child:
    """One process of ours and how its lines look in the log."""

    name: str
    command: list[str]
    colour: int
    process: subprocess.Popen[str] | None = None
    starts: int = 0
    started_at: float = field(default=0.0)


def _die_with_parent() -> None:
    """Ask Linux to end this child when the supervisor is killed; elsewhere it may stay."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Supervisor:
    """Starts the children, shows their lines, starts again what dies, stops them all."""

    def __init__(self, setup: Setup, log: TextIO = sys.stdout) -> None:
        self.setup = setup
        self._log = log
        self.children: list[Child] = []
        self._environment = setup.environment()
        self._stopping = threading.Event()
        self._colour = log.isatty() or bool(os.environ.get("FORCE_COLOR"))

    # --- one log -----------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Print a line of the supervisor's own."""
        self._line("gas", 1, text)

    def _line(self, name: str, colour: int, text: str) -> None:
        head = f"{name:>9} │"
        shown = f"\x1b[{colour}m{head}\x1b[0m" if self._colour else head
        print(f"{shown} {text}", file=self._log, flush=True)

    def _read(self, child: Child) -> None:
        process = child.process
        if process is None or process.stdout is None:
            return
        for line in process.stdout:
            self._line(child.name, child.colour, line.rstrip())

    # --- children ----------------------------------------------------------------------------

    def start(self, name: str, *command: str) -> Child:
        """Start a child that is kept running until the end."""
        child = Child(name, list(command), COLOURS[len(self.children) % len(COLOURS)])
        self.children.append(child)
        self._spawn(child)
        return child

    def _spawn(self, child: Child) -> None:
        child.started_at = time.monotonic()
        child.starts += 1
        child.process = subprocess.Popen(
            child.command,
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # Its own session: Ctrl-C reaches the supervisor alone, which stops all in order.
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 (before any thread touches it)
        )
        threading.Thread(target=self._read, args=(child,), daemon=True).start()

    def run(self, *command: str) -> int:
        """Run a command to its end with the children's environment; return its exit code."""
        return subprocess.run(command, cwd=ROOT, env=self._environment, check=False).returncode

    def watch(self) -> None:
        """Start again what dies, until told to stop."""
        while not self._stopping.wait(0.5):
            for child in self.children:
                code = child.process.poll() if child.process else None
                if code is not None and time.monotonic() - child.started_at > RESTART_SECONDS:
                    self.say(f"{child.name} ended with code {code}; it is started again")
                    self._spawn(child)

    def end(self) -> None:
        """Let `watch` return. Safe in a signal handler."""
        self._stopping.set()

    def stop(self) -> None:
        """Stop all children: the last one started first, so that the cloud outlives its clients."""
        clients, cloud = self.children[1:], self.children[:1]
        for group in (clients, cloud):
            _signal(group, signal.SIGTERM)
            _wait(group, STOP_SECONDS)
            _signal(group, signal.SIGKILL)


def _signal(children: list[Child], number: signal.Signals) -> None:
    for child in children:
        if child.process and child.process.poll() is None:
            child.process.send_signal(number)


def _wait(children: list[Child], seconds: float) -> None:
    until = time.monotonic() + seconds
    for child in children:
        try:
            if child.process:
                child.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            return


# --- what is started --------------------------------------------------------------------------


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _answers(url: str, *, seconds: float, child: Child) -> bool:
    """Wait until an address answers; False when it does not, or its process has ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if child.process and child.process.poll() is not None:
            return False
        try:
            with urllib.request.urlopen(url, timeout=5):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            time.sleep(0.1)
    return False


def start_cloud(supervisor: Supervisor) -> bool:
    """Start the local cloud and wait until it is provisioned."""
    setup = supervisor.setup
    child = supervisor.start(
        "cloud",
        *(sys.executable, "-m", "deploy.local.run", "--port", str(setup.cloud_port)),
        *("--data", str(setup.data / "cloud"), "--scale", str(setup.scale), "--origin", setup.url),
    )
    return _answers(f"http://127.0.0.1:{setup.cloud_port}/_gas/health", seconds=60, child=child)


def start_people(supervisor: Supervisor) -> bool:
    """Migrate, collect static files, make the demo people."""
    return supervisor.run(sys.executable, "manage.py", "setup_local") == 0


def start_web(supervisor: Supervisor) -> bool:
    """Start the web process and wait until it answers."""
    setup = supervisor.setup
    child = supervisor.start(
        "web",
        *(sys.executable, "-m", "gunicorn", "gas_project.wsgi", "--threads", "8"),
        *("--bind", f"127.0.0.1:{setup.port}", "--graceful-timeout", "5"),
        *("--log-level", "warning", "--worker-tmp-dir", str(setup.data)),
    )
    return _answers(f"{setup.url}/healthz", seconds=60, child=child)


def start_workers(supervisor: Supervisor) -> bool:
    """Start the six workers and the sweep."""
    for role in WORKERS:
        supervisor.start(role, sys.executable, "manage.py", f"run_{role}", "--wait", "3")
    supervisor.start("sweep", sys.executable, "manage.py", "sweep_jobs", "--every", "5")
    return True


STEPS = (
    ("the local cloud: S3, DynamoDB, SQS, SNS, SES and Glacier on one port", start_cloud),
    ("people: database, static files, three demo people", start_people),
    ("the web site", start_web),
    ("six workers and the sweep", start_workers),
)


def _start(supervisor: Supervisor) -> bool:
    for number, (what, step) in enumerate(STEPS, 1):
        supervisor.say(f"{number}/{len(STEPS)} {what} …")
        if not step(supervisor):
            supervisor.say(f"{what.partition(':')[0]} did not start; its lines above say why")
            return False
    return True


WELCOME = """
GAS is at {url}   (mailbox: {url}/mailbox/, admin: {url}/staff/)

  free@gas.invalid      Free      results are archived {grace} minutes after they are made
  premium@gas.invalid   Premium   results stay; upgrade the first one to see a restore
  staff@gas.invalid     staff     the admin: jobs, archive states, people
  password: gas-demo-2026

Sign in, press "Try the example", or upload
  annotations/genomics/examples/  (real VCFs of SARS-CoV-2 and the human mitochondrion)
One AWS hour lasts {hour:.0f} seconds here. Ctrl-C stops everything; the data stays in {data}.
"""


def run(setup: Setup) -> int:
    """Start everything and keep it running until Ctrl-C."""
    for port in (setup.port, setup.cloud_port):
        if not _free(port):
            print(  # noqa: T201
                f"Port {port} is taken, perhaps by another `make run`. Stop that one, or choose "
                f"two other ports: GAS_PORT={setup.port + 10} make run",
                file=sys.stderr,
            )
            return 2
    setup.data.mkdir(parents=True, exist_ok=True)
    supervisor = Supervisor(setup)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: supervisor.end())
    began = time.monotonic()
    try:
        if not _start(supervisor):
            return 1
        supervisor.say(f"up after {time.monotonic() - began:.1f} s")
        where = os.path.relpath(setup.data, ROOT)
        print(  # noqa: T201
            WELCOME.format(
                url=setup.url, grace=setup.grace // 60, hour=3600 / setup.scale, data=where
            ),
            flush=True,
        )
        supervisor.watch()
    finally:
        supervisor.say("stopping …")
        supervisor.stop()
        supervisor.say("stopped")
    return 0


def demo(setup: Setup) -> int:
    """Run one life of a result against the real workers, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="gas-demo-") as folder:
        mine = Setup(Path(folder), setup.port, scale=3600, grace=12)
        log = Path(folder) / "log"
        with log.open("w") as quiet:
            supervisor = Supervisor(mine, log=quiet)
            try:
                parts = (start_cloud, start_people, start_workers)
                started = all(part(supervisor) for part in parts)
                code = supervisor.run(sys.executable, "manage.py", "demo") if started else 1
            finally:
                supervisor.stop()
        if code:
            print(log.read_text()[-20_000:], file=sys.stderr)  # noqa: T201
        return code


def reset(setup: Setup) -> int:
    """Forget everything that `make run` keeps."""
    if not _free(setup.port) or not _free(setup.cloud_port):
        print("GAS is running; stop it first (Ctrl-C).", file=sys.stderr)  # noqa: T201
        return 2
    shutil.rmtree(setup.data, ignore_errors=True)
    print("All local jobs, results, archives and people are forgotten.")  # noqa: T201
    return 0


def _free_pair() -> int:
    """Return a free port whose successor is free too."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port < 65535 and _free(port) and _free(port + 1):
            return port


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.supervisor", description=__doc__)
    parser.add_argument("what", choices=["run", "demo", "reset"])
    what = parser.parse_args().what
    setup = Setup(
        data=Path(os.environ.get("GAS_DATA") or ROOT / ".gas" / "local"),
        port=_free_pair() if what == "demo" else int(os.environ.get("GAS_PORT") or 8000),
        scale=float(os.environ.get("GAS_TIME_SCALE") or 360),
        grace=int(os.environ.get("GAS_GRACE") or 300),
    )
    return {"run": run, "demo": demo, "reset": reset}[what](setup)


if __name__ == "__main__":
    sys.exit(main())
