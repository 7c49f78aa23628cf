"""The control endpoints under `/_gas/`: health, mail, vault, clock and faults, as JSON."""

import json
import threading
from typing import TYPE_CHECKING, Any

from deploy.local.clock import Clock
from deploy.local.disk import Disk
from deploy.local.faults import Faults
from deploy.local.mailbox import Mailbox
from deploy.local.reply import Reply, as_json, read_body

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

PREFIX = "/_gas/"

_PATIENCE = 30.0
"""Real seconds for which a question after our health waits for the start to be over."""

HELD = """
SELECT id, description FROM glacier_archives WHERE deleted IS NULL
UNION ALL SELECT '', description FROM glacier_uploads WHERE ended IS NULL AND archive IS NULL
"""
"""Archives, and open uploads without an id: what a judge may see and a client may not."""


class Control:
    """What tests, the demonstration and the mailbox page ask of the local cloud itself."""

    def __init__(
        self,
        *,
        disk: Disk,
        clock: Clock,
        scale: float,
        mailbox: Mailbox,
        faults: Faults,
        ready: threading.Event,
    ) -> None:
        self._disk = disk
        self._clock = clock
        self._scale = scale
        self._mailbox = mailbox
        self._faults = faults
        self._ready = ready

    def answer(self, environ: "WSGIEnvironment") -> Reply:
        """Answer one request. A page of another site is refused: it would come by another name."""
        if environ.get("HTTP_HOST", "").rpartition(":")[0] not in ("127.0.0.1", "localhost"):
            return _problem(403, "the control endpoints answer to this machine's own name only")
        name, _, rest = environ["PATH_INFO"].removeprefix(PREFIX).partition("/")
        if environ["REQUEST_METHOD"] == "POST":
            return self._change(name, environ)
        return self._show(name, rest)

    def _show(self, name: str, rest: str) -> Reply:
        if name == "mail" and rest:
            raw = self._mailbox.raw(rest)
            if raw is None:
                return _problem(404, "there is no such mail")
            return Reply(200, raw, [("Content-Type", "message/rfc822")])
        if name == "health":
            return self._health()
        shown: dict[str, Any] = {
            "mail": self._mailbox.latest() if name == "mail" else None,
            "vault": self._held() if name == "vault" else None,
            "clock": self._time(),
            "faults": self._faults.as_dict(),
        }
        return as_json(shown[name]) if name in shown else _problem(404, "there is nothing here")

    def _change(self, name: str, environ: "WSGIEnvironment") -> Reply:
        # A form or a script of another site cannot send this type without asking first.
        if environ.get("CONTENT_TYPE", "").partition(";")[0] != "application/json":
            return _problem(415, "send JSON, with Content-Type: application/json")
        try:
            wish = json.loads(read_body(environ))
            if name == "faults":
                self._faults.update(wish)
                return as_json(self._faults.as_dict())
            if name == "clock":
                self._clock.advance(float(wish["advance"]))
                return as_json(self._time())
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return _problem(400, f"this is not understood: {error}")
        return _problem(404, "there is nothing here")

    def _health(self) -> Reply:
        """Answer once all is provisioned: whoever asks wants to wait for that."""
        ready = self._ready.wait(_PATIENCE)
        return as_json({"ok": ready}, status=200 if ready else 503)

    def _held(self) -> list[dict[str, Any]]:
        rows = self._disk.rows(HELD)
        return [{"archive_id": row[0], "description": row[1]} for row in rows]

    def _time(self) -> dict[str, float]:
        return {"now": self._clock.now(), "offset": self._clock.offset, "scale": self._scale}


def _problem(status: int, message: str) -> Reply:
    return as_json({"message": message}, status=status)
