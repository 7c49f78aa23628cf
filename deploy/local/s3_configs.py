"""A bucket's configurations: checked, kept word for word, given back.

CORS and notifications take effect. The rest is kept for whoever asks: lifecycle rules expire
nothing here, policies allow and deny nothing, and blocks have nothing public to block.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from werkzeug.wrappers import Response

from deploy.local.s3_call import Call, Handler, empty_response, xml_response
from deploy.local.s3_cors import check_rules
from deploy.local.s3_errors import S3Error, not_implemented
from deploy.local.s3_events import check_configuration
from deploy.local.s3_objects import config, drop_config, set_config
from deploy.local.s3_xml import parse, text


@dataclass(frozen=True)
class Kind:
    """One sub-resource of a bucket: `missing` is the error where none is; `check` judges a new one.

    removable: whether DELETE exists for it.
    """

    check: Callable[[Call, bytes], object]
    missing: str = ""
    removable: bool = True


def _rooted(root: str) -> Callable[[Call, bytes], object]:
    return lambda call, document: parse(document, root=root)


def _check_versioning(call: Call, document: bytes) -> None:
    if text(parse(document, root="VersioningConfiguration"), "Status") == "Enabled":
        raise not_implemented("versions of objects")


def _check_encryption(call: Call, document: bytes) -> None:
    root = parse(document, root="ServerSideEncryptionConfiguration")
    if any(node.text != "AES256" for node in root.iter("SSEAlgorithm")):
        raise not_implemented("encryption other than AES256")


def _check_policy(call: Call, document: bytes) -> None:
    try:
        valid = isinstance(json.loads(document), dict)
    except ValueError:
        valid = False
    if not valid:
        raise S3Error(
            "MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'"
        )


def _check_notification(call: Call, document: bytes) -> None:
    """The same configuration again, as every start of the local cloud puts it, is no change."""
    if document != config(call.site.disk, call.bucket, "notification"):
        check_configuration(call.site, call.bucket, document)


KINDS = {
    "cors": Kind(lambda call, document: check_rules(document), "NoSuchCORSConfiguration"),
    "encryption": Kind(_check_encryption, "ServerSideEncryptionConfigurationNotFoundError"),
    "lifecycle": Kind(_rooted("LifecycleConfiguration"), "NoSuchLifecycleConfiguration"),
    "notification": Kind(_check_notification, removable=False),
    "ownershipControls": Kind(_rooted("OwnershipControls"), "OwnershipControlsNotFoundError"),
    "policy": Kind(_check_policy, "NoSuchBucketPolicy"),
    "publicAccessBlock": Kind(
        _rooted("PublicAccessBlockConfiguration"), "NoSuchPublicAccessBlockConfiguration"
    ),
    "tagging": Kind(_rooted("Tagging"), "NoSuchTagSet"),
    "versioning": Kind(_check_versioning, removable=False),
}


def routes() -> dict[tuple[str, str, str], Handler]:
    """Return the handlers of all configurations, by (level, method, sub-resource)."""
    found: dict[tuple[str, str, str], Handler] = {}
    for name, kind in KINDS.items():
        found["bucket", "GET", name] = _getter(name, kind)
        found["bucket", "PUT", name] = _putter(name, kind)
        if kind.removable:
            found["bucket", "DELETE", name] = _remover(name)
    return found


def _getter(name: str, kind: Kind) -> Handler:
    def get(call: Call) -> Response:
        document = config(call.site.disk, call.bucket, name)
        if document is None:
            raise S3Error(kind.missing, f"The bucket has no {name}.", BucketName=call.bucket)
        if name == "policy":
            return Response(document, content_type="application/json")
        return xml_response(document)

    return get


def _putter(name: str, kind: Kind) -> Handler:
    def put(call: Call) -> Response:
        document = call.document()
        kind.check(call, document)
        set_config(call.site.disk, call.bucket, name, document)
        return empty_response(204 if name in ("policy", "tagging") else 200)

    return put


def _remover(name: str) -> Handler:
    def remove(call: Call) -> Response:
        drop_config(call.site.disk, call.bucket, name)
        return empty_response(204)

    return remove
