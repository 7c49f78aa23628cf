"""The local cloud's S3: one WSGI application that tells operations apart and answers refusals.

Small and exact rather than complete: what it does it does as AWS documents, and whatever else a
request asks for, by method, sub-resource or header, is refused as NotImplemented. The operations
live in the modules beside this one, named `s3_*`.
"""

import logging
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from deploy.local import ACCOUNT
from deploy.local import s3_buckets as buckets
from deploy.local import s3_configs as configs
from deploy.local import s3_cors as cors
from deploy.local import s3_multipart as multipart
from deploy.local import s3_objects as objects
from deploy.local import s3_uploads as uploads
from deploy.local.clock import Clock
from deploy.local.disk import Disk
from deploy.local.faults import Faults
from deploy.local.s3_auth import authenticate
from deploy.local.s3_body import cut_short, drain
from deploy.local.s3_call import Call, Emit, Handler, Site, empty_response
from deploy.local.s3_errors import NotModified, S3Error, error_response, not_implemented
from deploy.local.s3_form import post_object
from deploy.local.s3_headers import read_headers
from deploy.local.s3_reads import OVERRIDES, get_object, head_object
from deploy.local.s3_restore import restore_object, tick
from deploy.local.s3_writes import delete_object, delete_objects, put_object

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)

TICK = 0.2
"""Real seconds between two looks for finished restores."""

ROUTES: dict[tuple[str, str, str], Handler] = {
    ("service", "GET", ""): buckets.list_buckets,
    ("bucket", "PUT", ""): buckets.create_bucket,
    ("bucket", "HEAD", ""): buckets.head_bucket,
    ("bucket", "GET", ""): buckets.list_objects,
    ("bucket", "DELETE", ""): buckets.delete_bucket,
    ("bucket", "GET", "location"): buckets.get_location,
    ("bucket", "GET", "uploads"): multipart.list_uploads,
    ("bucket", "POST", "delete"): delete_objects,
    ("object", "PUT", ""): put_object,
    ("object", "GET", ""): get_object,
    ("object", "HEAD", ""): head_object,
    ("object", "DELETE", ""): delete_object,
    ("object", "POST", "restore"): restore_object,
    ("object", "POST", "uploads"): multipart.create_upload,
    ("object", "PUT", "uploadId"): multipart.put_part,
    ("object", "GET", "uploadId"): multipart.list_parts,
    ("object", "POST", "uploadId"): multipart.complete_upload,
    ("object", "DELETE", "uploadId"): multipart.abort_upload,
    **configs.routes(),
}
"""The operations by (level, method, sub-resource)."""

PARAMETERS = frozenset(OVERRIDES) | {
    *("list-type", "prefix", "delimiter", "max-keys", "encoding-type", "fetch-owner", "marker"),
    *("start-after", "continuation-token", "key-marker", "upload-id-marker", "max-uploads"),
    *("max-parts", "part-number-marker", "partNumber", "x-id"),
}
"""Query parameters that choose no operation. Any other that no route knows is refused."""


class S3:
    """The WSGI application, and a thread that tells of finished restores.

    `scale` divides the hours and days of restores. `emit(arn, body)` sends to a topic or queue.
    """

    def __init__(
        self,
        *,
        disk: Disk,
        clock: Clock,
        scale: float,
        emit: Emit,
        faults: Faults | None = None,
    ) -> None:
        self._site = Site(disk, clock, scale, emit, faults or Faults())
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        disk.script(objects.SCHEMA + uploads.SCHEMA)

    def start(self) -> None:
        """Begin to tell of restores, those finished since an earlier run included."""
        self._thread = threading.Thread(target=self._keep_time, name="s3", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        if self._thread:
            self._thread.join()

    def forget(self) -> None:
        """Remove all objects and uploads; buckets and their configurations stay."""
        gone = self.bodies()
        with self._site.disk.transaction():
            for table in ("s3_objects", "s3_uploads", "s3_parts"):
                self._site.disk.run(f"DELETE FROM {table}")  # noqa: S608
        for name in gone:
            self._site.disk.find(name).unlink(missing_ok=True)

    def bodies(self) -> set[str]:
        """Return the names of all body files that a row names."""
        rows = self._site.disk.rows("SELECT body FROM s3_objects UNION SELECT body FROM s3_parts")
        return {name for (name,) in rows}

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        response = self._answer(request)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        bucket = ""
        try:
            bucket, key = _names(request)
            response = self._serve(request, bucket, key)
        except NotModified as unchanged:
            response = empty_response(304, {"ETag": f'"{unchanged.etag}"'})
        except S3Error as error:
            response = error_response(error, resource=request.path, method=request.method)
        except ConnectionError:  # the client is gone, so nobody reads this, and nothing is left
            return error_response(cut_short(), resource=request.path, method=request.method)
        except Exception:
            log.exception("the local S3 failed at a %s", request.method)
            failure = S3Error("InternalError", "We encountered an internal error. Try again.")
            response = error_response(failure, resource=request.path, method=request.method)
        drain(request)
        cors.decorate(self._site.disk, request, response, bucket)
        return response

    def _serve(self, request: Request, bucket: str, key: str) -> Response:
        if request.method == "OPTIONS":
            return cors.preflight(self._site.disk, request, bucket)
        form = request.headers.get("Content-Type", "").startswith("multipart/form-data")
        if request.method == "POST" and form and bucket and not key:
            return post_object(self._site, request, bucket)
        payload = authenticate(request)
        call = Call(self._site, request, read_headers(request), bucket, key, payload)
        handler = _route(call)
        if call.headers.get("x-amz-expected-bucket-owner", ACCOUNT) != ACCOUNT:
            raise S3Error("AccessDenied", "Access Denied: the bucket belongs to another account.")
        if bucket and handler is not buckets.create_bucket:
            objects.check_bucket(self._site.disk, bucket)
        return handler(call)

    def _keep_time(self) -> None:
        while not self._stopped.wait(TICK):
            try:
                tick(self._site)
            except Exception:
                log.exception("the local S3 could not tell of finished restores")


def _names(request: Request) -> tuple[str, str]:
    """Return bucket and key of a path-style URL; either may be empty."""
    try:
        path = request.environ["PATH_INFO"].encode("latin-1").decode()
    except UnicodeDecodeError as error:
        raise S3Error("InvalidURI", "Couldn't parse the specified URI.") from error
    bucket, _, key = path.removeprefix("/").partition("/")
    return bucket, key


def _route(call: Call) -> Handler:
    level = "object" if call.key else "bucket" if call.bucket else "service"
    asked = [name for name in call.request.args if not name.lower().startswith("x-amz-")]
    chosen = [name for name in asked if name not in PARAMETERS] or [""]
    handler = ROUTES.get((level, call.request.method, chosen[0])) if len(chosen) == 1 else None
    if handler is None:
        raise not_implemented(f"{call.request.method} of {level} {' '.join(chosen)}".strip())
    return handler
