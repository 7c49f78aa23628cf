"""The x-amz-* headers that the local S3 understands; any other is refused.

To pass over what a client asks for would be worse than to refuse it.
"""

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Request

from deploy.local.s3_errors import not_implemented

META = "x-amz-meta-"
"""What the names of an object's metadata begin with."""

_FREE = (META, "x-amz-checksum-")
_KNOWN = frozenset(
    f"x-amz-{name}"
    for name in (
        *("algorithm", "content-sha256", "credential", "date", "expires", "security-token"),
        *("signature", "signedheaders", "user-agent", "expected-bucket-owner", "storage-class"),
        *("source-expected-bucket-owner", "metadata-directive", "copy-source", "trailer"),
        *("copy-source-if-match", "copy-source-if-none-match", "copy-source-if-modified-since"),
        *("copy-source-if-unmodified-since", "copy-source-range", "decoded-content-length"),
        *("sdk-checksum-algorithm", "mp-object-size"),
    )
)
_VALUES = {
    "x-amz-server-side-encryption": ("AES256",),
    "x-amz-acl": ("private", "bucket-owner-full-control"),
    "x-amz-object-ownership": ("BucketOwnerEnforced",),
    "x-amz-tagging-directive": ("COPY",),
}
"""Headers understood with these values only: the ones that ask for what is so anyway."""


def read_headers(request: Request) -> Headers:
    """Return a request's headers, with the x-amz-* ones that a presigned URL has in its query.

    Raises S3Error NotImplemented.
    """
    headers = Headers(request.headers)
    for name, value in request.args.items():
        if name.lower().startswith("x-amz-"):
            headers[name] = value
    check_headers(headers)
    return headers


def check_headers(headers: Headers) -> None:
    """Raise S3Error NotImplemented for an x-amz-* header, or value of one, that is not known."""
    for name, value in headers:
        lower = name.lower()
        if not lower.startswith("x-amz-") or lower.startswith(_FREE) or lower in _KNOWN:
            continue
        if value not in _VALUES.get(lower, ()):
            raise not_implemented(f"header {lower}" + (f": {value}" if lower in _VALUES else ""))
