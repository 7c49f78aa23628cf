"""What the schedules leave out because nobody looks at it: it would be a third of their time."""

import io
from functools import lru_cache
from typing import Any

import moto.core.responses
from botocore import auth
from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from moto.core.utils import camelcase_to_underscores, method_names_from_class
from moto.dynamodb.responses import DynamoHandler
from moto.moto_server.werkzeug_app import BackendRequest

from deploy.local.engine import Engine
from deploy.local.reply import Reply


def install() -> None:
    """Take the short ways in this process, which is good for nothing else from then on.

    Only S3 of the local cloud checks signatures, so only calls of S3 are signed; others say what
    they would be signed for. Calls of DynamoDB go to moto's handler without a web framework.
    """
    sign, answer = SigV4Auth.add_auth, Engine.answer

    def add_auth(self: Any, request: Any) -> None:
        if self._service_name == "s3":
            sign(self, request)
            return
        request.context["timestamp"] = vars(auth)["get_current_datetime"]().strftime(
            SIGV4_TIMESTAMP
        )
        del request.headers["Authorization"]
        claim = f"Credential={self.scope(request)}, SignedHeaders=host, Signature=0"
        request.headers["Authorization"] = f"AWS4-HMAC-SHA256 {claim}"

    def answered(self: Any, service: str, environ: Any, body: bytes) -> Reply:
        if service == "dynamodb":
            return _dynamodb(environ, body)
        return answer(self, service, environ, body)

    _replace(SigV4Auth, "add_auth", add_auth)
    _replace(Engine, "answer", answered)
    for pure in (method_names_from_class, camelcase_to_underscores):
        _replace(moto.core.responses, pure.__name__, lru_cache(pure))


def _dynamodb(environ: Any, body: bytes) -> Reply:
    call = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    request: Any = BackendRequest(call)
    found: Any = DynamoHandler.dispatch(request, request.raw_url, dict(request.headers))
    status, headers, content = found
    data = content.encode() if isinstance(content, str) else content
    return Reply(status, data, [(name, str(value)) for name, value in headers.items()])


def _replace(owner: Any, name: str, new: Any) -> None:
    setattr(owner, name, new)
