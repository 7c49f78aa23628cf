"""The local Glacier: routes requests to the operations, and keeps time.

It has what GAS calls, with the rules that matter to it; `faults.py` has the switches that make it
refuse, fail or lie.
"""

import errno
import logging
import secrets
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from deploy.local import glacier_archives as archives
from deploy.local import glacier_jobs as jobs
from deploy.local import glacier_output as output
from deploy.local import glacier_uploads as uploads
from deploy.local import glacier_vaults as vaults
from deploy.local.clock import Clock
from deploy.local.disk import Disk
from deploy.local.faults import Faults
from deploy.local.glacier_store import SCHEMA, TABLES, Refusal, Shelf

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)

VAULT = "/<account>/vaults/<vault>"
UPLOADS = f"{VAULT}/multipart-uploads"
POLICY = "/<account>/policies/data-retrieval"

ROUTES = Map(
    [
        Rule(VAULT, methods=["PUT"], endpoint=vaults.create),
        Rule(VAULT, methods=["GET"], endpoint=vaults.describe),
        Rule(
            f"{VAULT}/notification-configuration",
            methods=["PUT"],
            endpoint=vaults.set_notifications,
        ),
        Rule(
            f"{VAULT}/notification-configuration",
            methods=["GET"],
            endpoint=vaults.get_notifications,
        ),
        Rule(POLICY, methods=["PUT"], endpoint=vaults.set_policy),
        Rule(POLICY, methods=["GET"], endpoint=vaults.get_policy),
        Rule(UPLOADS, methods=["POST"], endpoint=uploads.initiate),
        Rule(UPLOADS, methods=["GET"], endpoint=uploads.list_uploads),
        Rule(f"{UPLOADS}/<upload>", methods=["PUT"], endpoint=uploads.send_part),
        Rule(f"{UPLOADS}/<upload>", methods=["GET"], endpoint=uploads.list_parts),
        Rule(f"{UPLOADS}/<upload>", methods=["POST"], endpoint=uploads.complete),
        Rule(f"{UPLOADS}/<upload>", methods=["DELETE"], endpoint=uploads.abort),
        Rule(f"{VAULT}/archives/<archive>", methods=["DELETE"], endpoint=archives.delete),
        Rule(f"{VAULT}/jobs", methods=["POST"], endpoint=jobs.initiate),
        Rule(f"{VAULT}/jobs", methods=["GET"], endpoint=jobs.list_jobs),
        Rule(f"{VAULT}/jobs/<job>", methods=["GET"], endpoint=jobs.describe),
        Rule(f"{VAULT}/jobs/<job>/output", methods=["GET"], endpoint=output.get),
    ]
)

TICK = 0.2
"""Real seconds between two looks for finished jobs and notices to send."""

CLEANING = 60.0
"""Real seconds between two removals of what AWS no longer keeps."""


class Glacier:
    """The WSGI application, and a thread that finishes jobs and sends their notices.

    `scale` divides AWS's hours. `emit(topic_arn, text)` publishes to a topic.
    """

    def __init__(
        self,
        *,
        disk: Disk,
        clock: Clock,
        scale: float,
        emit: Callable[[str, str], None],
        faults: Faults,
    ) -> None:
        self._shelf = Shelf(disk, clock, scale, faults)
        self._emit = emit
        self._stopped = threading.Event()
        self._looking = threading.Lock()
        self._thread: threading.Thread | None = None
        disk.script(SCHEMA)

    def start(self) -> None:
        """Begin to finish jobs and to send notices, those left from an earlier run included."""
        self._thread = threading.Thread(target=self._keep_time, name="glacier", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a notice that was not sent is sent after the next start."""
        self._stopped.set()
        if self._thread:
            self._thread.join()

    def forget(self) -> None:
        """Empty the vaults: no archive, upload, job or policy is left. The vaults stay.

        Call it without holding what `emit` waits for.
        """
        disk = self._shelf.disk
        # Not while a notice is on its way: it would reach whoever comes after.
        with self._looking, disk.transaction():
            bodies = self.bodies()
            for table in TABLES:
                disk.run(f"DELETE FROM {table}")  # noqa: S608
            disk.run("DELETE FROM glacier_policy")
        for body in bodies:
            disk.find(body).unlink(missing_ok=True)

    def bodies(self) -> set[str]:
        """Return the names of all body files that are still needed."""
        rows = self._shelf.disk.rows(
            "SELECT body FROM glacier_parts UNION SELECT body FROM glacier_jobs WHERE body<>''"
        )
        return {row[0] for row in rows}

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request."""
        try:
            response = self._answer(Request(environ))
        except Refusal as refusal:
            response = refusal.reply()
        response.headers["x-amzn-RequestId"] = secrets.token_urlsafe(36)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        self._admit(request)
        try:
            operation, names = ROUTES.bind_to_environ(request.environ).match()
        except HTTPException as error:
            raise Refusal("UnknownOperation", f"No such operation: {request.path}", 404) from error
        given = {name: value for name, value in names.items() if name != "account"}
        response: Response = operation(self._shelf, request, **given)
        if self._shelf.faults.take("lose_replies"):
            # The server closes the connection upon it, without a word in its log.
            raise ConnectionResetError(errno.ECONNRESET, "lost by the fault lose_replies")
        return response

    def _admit(self, request: Request) -> None:
        if not request.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 "):
            raise Refusal("MissingAuthenticationToken", "Request is missing Authorization", 403)
        if "x-amz-glacier-version" not in request.headers:
            raise Refusal("MissingParameterValue", "Required parameter missing: API version")
        if self._shelf.faults.take("throttle"):
            raise Refusal("Throttling", "Rate exceeded")

    def _keep_time(self) -> None:
        looks = 0
        while not self._stopped.wait(TICK):
            self._look(clean=looks % int(CLEANING / TICK) == 0)
            looks += 1

    def _look(self, *, clean: bool) -> None:
        try:
            with self._looking:
                jobs.settle(self._shelf)
                jobs.tell(self._shelf, self._emit)
            if clean:
                self.clean()
        except Exception:
            log.exception("the local Glacier could not finish its jobs; it tries again")

    def clean(self) -> None:
        """Remove what AWS no longer keeps: idle uploads, old output, bytes of deleted archives."""
        uploads.forget_idle(self._shelf)
        jobs.forget_expired(self._shelf)
        archives.forget_deleted(self._shelf)
