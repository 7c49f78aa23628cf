"""Runs the local cloud: in a process of its own, or inside a test's.

python -m deploy.local.run --port 8001 --data .gas/cloud --scale 360 --origin http://127.0.0.1:8000
"""

import argparse
import logging
import os
import select
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from cheroot import wsgi

from deploy.local import engine
from deploy.local.clock import Clock
from deploy.local.control import Control
from deploy.local.disk import Disk, ForeignData
from deploy.local.door import Door
from deploy.local.dynamodb import Dynamo
from deploy.local.faults import Faults
from deploy.local.glacier import Glacier
from deploy.local.mailbox import Mailbox
from deploy.local.postman import Postman
from deploy.local.provision import ProvisionError, provision
from deploy.local.queues import Queues
from deploy.local.s3 import S3
from deploy.local.template import TemplateError

_THREADS = 60
"""Each long poll holds one: six queues, some processes, and room for the rest."""

_IDLE_SECONDS = 300
"""How long an unused connection stays open: longer than clients pause between calls."""


_only_one = threading.Lock()
"""Held while a local cloud runs: moto keeps its state in the process."""


class _Gateway(wsgi.Gateway_10):
    """Lets the application ask whether its client is still there."""

    def get_environ(self) -> dict[str, Any]:  # type: ignore[override]
        """Return the WSGI environment with `gas.connected`."""
        environ: dict[str, Any] = super().get_environ()  # type: ignore[no-untyped-call]
        environ["gas.connected"] = self._connected
        return environ

    def _connected(self) -> bool:
        # A socket with a timeout waits before it reads, whatever the flags: so ask first.
        client = self.req.conn.socket
        try:
            poll = select.poll()
            poll.register(client, select.POLLIN | select.POLLHUP)
            return not poll.poll(0) or bool(client.recv(1, socket.MSG_PEEK))
        except OSError:
            return False


class LocalCloud:
    """All services on one port of 127.0.0.1, over one folder of data.

    `scale` divides AWS's hours; `origin` is the web site whose pages may post uploads; `port` 0
    takes a free one. moto's state is the process's, so one process runs one at a time.
    """

    def __init__(
        self,
        *,
        data: Path,
        port: int = 0,
        scale: float = 1.0,
        origin: str = "",
        stack: str = "gas",
    ) -> None:
        self.data = data
        self.scale = scale
        self.clock = Clock()
        self.faults = Faults()
        self.url = ""
        self._port = port
        self._origin = origin
        self._stack = stack
        self._lock = threading.RLock()
        self._ready = threading.Event()

    def start(self) -> None:
        """Read the data, listen, and make what the stack describes.

        Raises ForeignData for a folder that another version wrote or another process uses, and
        WrongEngine for another moto, and RuntimeError for a second one in this process.
        """
        engine.check()
        if not _only_one.acquire(blocking=False):
            raise RuntimeError("a local cloud runs in this process already")
        try:
            self._open()
        except BaseException:
            _only_one.release()
            raise
        try:
            provision(url=self.url, stack=self._stack, origin=self._origin)
        except BaseException:
            self.stop()
            raise
        # Not before the topics exist: what fell due while it was off would be told to nobody.
        self._s3.start()
        self._glacier.start()
        self._ready.set()

    def _open(self) -> None:
        self._disk = Disk(self.data)
        self._dynamo = Dynamo(disk=self._disk, clock=self.clock)
        self._queues = Queues(lock=self._lock)
        self._mail = Mailbox(folder=self.data / "outbox", clock=self.clock)
        self._postman = Postman(lock=self._lock, queues=self._queues)
        self._server = _listen(self._door(), self._port)
        self._dynamo.install()
        self._queues.install()
        self.url = f"http://127.0.0.1:{self._server.bind_addr[1]}"
        self._thread = threading.Thread(target=self._server.serve, name="cloud", daemon=True)
        self._thread.start()

    def _door(self) -> Door:
        shared: dict[str, Any] = {
            "disk": self._disk,
            "clock": self.clock,
            "scale": self.scale,
            "emit": self._postman.emit,
            "faults": self.faults,
        }
        self._s3, self._glacier = S3(**shared), Glacier(**shared)
        self._disk.sweep(self._s3.bodies() | self._glacier.bodies())
        return Door(
            lock=self._lock,
            dynamo=self._dynamo,
            queues=self._queues,
            mail=self._mail,
            controls=Control(
                disk=self._disk,
                clock=self.clock,
                scale=self.scale,
                mailbox=self._mail,
                faults=self.faults,
                ready=self._ready,
            ),
            s3=self._s3,
            glacier=self._glacier,
        )

    def forget(self) -> None:
        """Empty every table, queue, bucket, vault and the outbox, and reset clock and faults.

        What was provisioned stays. Long polls under way come back empty.
        """
        self._s3.forget()
        self._glacier.forget()
        with self._lock:
            self._postman.forget()
            self._queues.forget()
            self._dynamo.forget()
            self._mail.forget()
            self.clock.reset()
            self.faults.clear()

    def stop(self) -> None:
        """Stop listening and close the data; nothing that was acknowledged is lost."""
        self._queues.close()
        self._server.stop()
        self._thread.join(timeout=10)
        self._s3.stop()
        self._glacier.stop()
        self._postman.stop()
        self._disk.close()
        _only_one.release()


def _listen(application: Any, port: int) -> Any:
    server = wsgi.Server(
        ("127.0.0.1", port),
        application,
        numthreads=_THREADS,
        request_queue_size=128,
        timeout=_IDLE_SECONDS,
        server_name="local-cloud",
    )
    server.gateway = _Gateway
    server.keep_alive_conn_limit = 500
    server.prepare()
    return server


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or Ctrl-C. Returns 2, having said why, when it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.run", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1")
    parser.add_argument("--data", type=Path, required=True, help="folder of everything kept")
    parser.add_argument("--scale", type=float, default=1.0, help="divides AWS's hours")
    parser.add_argument("--origin", default="", help="web site whose pages may post uploads")
    parser.add_argument("--stack", default=os.environ.get("GAS_STACK", "gas"))
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    cloud = LocalCloud(**vars(options))
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        cloud.start()
    except (ForeignData, engine.WrongEngine, ProvisionError, TemplateError, OSError) as error:
        sys.stderr.write(f"the local cloud cannot start: {error}\n")
        return 2
    sys.stdout.write(f"the local cloud is ready at {cloud.url}\n")
    sys.stdout.flush()
    ended.wait()
    cloud.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
