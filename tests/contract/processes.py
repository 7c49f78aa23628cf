"""Servers in processes of their own, for tests that kill them."""

import socket
import subprocess
import time


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on at the moment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def until_answers(port: int, server: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> None:
    """Wait until a server takes connections. Raises RuntimeError if it ends first."""
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the server ended with {server.returncode}")
