"""The whole service as `make run` starts it, in a folder and on ports of its own."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WELCOME = "Ctrl-C stops everything"


def free_pair() -> int:
    for port in range(18_000, 28_000, 2):
        with socket.socket() as one, socket.socket() as two:
            try:
                one.bind(("127.0.0.1", port))
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise AssertionError("no two free ports")


class Service:
    """One `make run` in a folder of its own; `rules` are its environment variables."""

    def __init__(self, data: Path, **rules: str) -> None:
        self.rules = rules
        self.port = free_pair()
        self.data = data
        self.process: subprocess.Popen[str] | None = None

    def command(self, what: str) -> subprocess.Popen[str]:
        """Start the supervisor with a command of its own."""
        environment = {
            **os.environ,
            "GAS_PORT": str(self.port),
            "GAS_DATA": str(self.data),
            **self.rules,
        }
        return subprocess.Popen(
            [sys.executable, "-m", "deploy.local.supervisor", what],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def start(self) -> str:
        """Start it and return its log up to the welcome."""
        self.process = self.command("run")
        assert self.process.stdout
        log = ""
        for line in self.process.stdout:
            log += line
            if WELCOME in line:
                return log
        raise AssertionError(f"it did not come up:\n{log}")

    def children(self) -> list[int]:
        """Return the processes that belong to this data folder."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            if f"GAS_DATA={self.data}\0".encode() in environment:
                found.append(int(entry.name))
        return found

    def kill(self) -> None:
        """Kill -9 everything at once, as a power cut would."""
        for process_id in self.children():
            try:
                os.kill(process_id, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if self.process:
            self.process.wait()
            if self.process.stdout:
                self.process.stdout.close()
