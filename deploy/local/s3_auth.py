"""Who asks? AWS Signature Version 4, in the header of a request or in the query of its URL.

Source: Amazon S3 API reference, "Authenticating Requests (AWS Signature Version 4)". Signatures
live in real time, never in the local cloud's own clock: clients sign with theirs.
"""

import hashlib
import hmac
import time
from calendar import timegm
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, unquote

from werkzeug.wrappers import Request

from deploy.local import KEY_ID, REGION, SECRET
from deploy.local.s3_errors import S3Error

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
STREAMING = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

MAX_SKEW = 15 * 60
"""Seconds by which a request's date may differ from ours (same source, "Common headers")."""
MAX_EXPIRES = 7 * 24 * 3600
"""Seconds that a presigned URL may live at most (same source, "Using Query Parameters")."""


@dataclass(frozen=True)
class Claim:
    """What a request says about its own signature, wherever it says so."""

    credential: str
    date: str
    signed: tuple[str, ...]
    signature: str
    payload: str


def authenticate(request: Request) -> str:
    """Check who signed this request; return what it says its payload is.

    That is a SHA-256 in hex, UNSIGNED or STREAMING. Raises S3Error: AccessDenied,
    InvalidAccessKeyId, SignatureDoesNotMatch, RequestTimeTooSkewed and the codes of malformed
    claims.
    """
    now = time.time()
    if "Authorization" in request.headers:
        claim = _header_claim(request)
        _check_skew(claim.date, now)
        return _verified(request, claim)
    if "X-Amz-Algorithm" in request.args:
        claim = _query_claim(request)
        _check_expiry(request, claim.date, now)
        return _verified(request, claim)
    if "Signature" in request.args:
        raise _other_mechanism()
    raise S3Error("AccessDenied", "Access Denied: this request is not signed.")


def check_scope(credential: str) -> str:
    """Check the access key and scope of a credential; return its signing day, as YYYYMMDD.

    Raises S3Error InvalidAccessKeyId or AuthorizationHeaderMalformed.
    """
    key_id, _, scope = credential.partition("/")
    if key_id != KEY_ID:
        raise S3Error(
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
        )
    day, _, rest = scope.partition("/")
    if rest != f"{REGION}/s3/aws4_request" or len(day) != 8:
        raise S3Error(
            "AuthorizationHeaderMalformed",
            f"The credential's scope is wrong; expecting YYYYMMDD/{REGION}/s3/aws4_request.",
        )
    return day


def sign(text: str, *, day: str) -> str:
    """Return the signature, in hex, of a string to sign or of a base64 policy."""
    key = f"AWS4{SECRET}".encode()
    for part in (day, REGION, "s3", "aws4_request", text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex()


def check_signature(text: str, *, day: str, given: str) -> None:
    """Compare a signature with the one we make. Raises S3Error SignatureDoesNotMatch."""
    if not hmac.compare_digest(sign(text, day=day).encode(), given.encode()):
        raise S3Error(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
        )


def _other_mechanism() -> S3Error:
    return S3Error(
        "InvalidRequest",
        f"The authorization mechanism you have provided is not supported. Please use {ALGORITHM}.",
    )


def _header_claim(request: Request) -> Claim:
    algorithm, _, rest = request.headers["Authorization"].partition(" ")
    if algorithm != ALGORITHM:
        raise _other_mechanism()
    pairs = (part.strip().partition("=") for part in rest.split(","))
    fields = {name: value for name, _, value in pairs}
    if not {"Credential", "SignedHeaders", "Signature"} <= fields.keys():
        raise S3Error("AuthorizationHeaderMalformed", "The authorization header is malformed.")
    payload = request.headers.get("X-Amz-Content-SHA256", "")
    if not payload:
        raise S3Error("MissingSecurityHeader", "The header x-amz-content-sha256 is missing.")
    return Claim(
        credential=fields["Credential"],
        date=request.headers.get("X-Amz-Date", ""),
        signed=tuple(fields["SignedHeaders"].lower().split(";")),
        signature=fields["Signature"],
        payload=payload,
    )


def _query_claim(request: Request) -> Claim:
    names = ("Credential", "Date", "SignedHeaders", "Signature", "Expires")
    missing = [f"X-Amz-{name}" for name in names if f"X-Amz-{name}" not in request.args]
    if missing or request.args["X-Amz-Algorithm"] != ALGORITHM:
        raise S3Error(
            "AuthorizationQueryParametersError",
            f"Query-string authentication needs X-Amz-Algorithm={ALGORITHM} and "
            + ", ".join(f"X-Amz-{name}" for name in names),
        )
    return Claim(
        credential=request.args["X-Amz-Credential"],
        date=request.args["X-Amz-Date"],
        signed=tuple(request.args["X-Amz-SignedHeaders"].lower().split(";")),
        signature=request.args["X-Amz-Signature"],
        payload=UNSIGNED,
    )


def _seconds(date: str) -> int:
    try:
        return timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))
    except ValueError as error:
        raise S3Error(
            "AccessDenied", "A signed request needs a valid x-amz-date (YYYYMMDDTHHMMSSZ)."
        ) from error


def _check_skew(date: str, now: float) -> None:
    if abs(_seconds(date) - now) > MAX_SKEW:
        raise S3Error(
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
            RequestTime=date,
            MaxAllowedSkewMilliseconds=MAX_SKEW * 1000,
        )


def _check_expiry(request: Request, date: str, now: float) -> None:
    given = request.args["X-Amz-Expires"]
    if not (given.isascii() and given.isdigit() and 1 <= int(given) <= MAX_EXPIRES):
        raise S3Error(
            "AuthorizationQueryParametersError",
            f"X-Amz-Expires must be a number of seconds from 1 to {MAX_EXPIRES}.",
        )
    if now >= _seconds(date) + int(given):
        raise S3Error("AccessDenied", "Request has expired", **{"X-Amz-Expires": given})
    if _seconds(date) > now + MAX_SKEW:
        raise S3Error("AccessDenied", "Request is not yet valid")


def _verified(request: Request, claim: Claim) -> str:
    day = check_scope(claim.credential)
    if not claim.date.startswith(day):
        raise S3Error("SignatureDoesNotMatch", "The credential's day is not that of x-amz-date.")
    _check_all_signed(request, claim.signed)
    canonical = hashlib.sha256(_canonical(request, claim).encode()).hexdigest()
    scope = claim.credential.partition("/")[2]
    text = f"{ALGORITHM}\n{claim.date}\n{scope}\n{canonical}"
    check_signature(text, day=day, given=claim.signature)
    return claim.payload


def _check_all_signed(request: Request, signed: tuple[str, ...]) -> None:
    """`host` and every x-amz-* header must be signed, or a bystander could add some."""
    present = {name.lower() for name, _ in request.headers}
    needed = {name for name in present if name.startswith("x-amz-")} | {"host"}
    loose = sorted(needed - set(signed))
    if loose:
        raise S3Error(
            "AccessDenied",
            "There were headers present in the request which were not signed",
            HeadersNotSigned=", ".join(loose),
        )


def _canonical(request: Request, claim: Claim) -> str:
    values = ((name, request.headers.get(name, "")) for name in claim.signed)
    headers = "".join(f"{name}:{' '.join(value.split())}\n" for name, value in values)
    path = request.environ["PATH_INFO"].encode("latin-1")
    return "\n".join(
        (
            request.method,
            quote(path, safe="/-_.~"),
            _canonical_query(request.query_string.decode("latin-1").split("&")),
            headers,
            ";".join(claim.signed),
            claim.payload,
        )
    )


def _canonical_query(pairs: Iterable[str]) -> str:
    split = (pair.partition("=") for pair in pairs if pair)
    coded = sorted((_recode(name), _recode(value)) for name, _, value in split)
    return "&".join(f"{name}={value}" for name, value in coded if name != "X-Amz-Signature")


def _recode(part: str) -> str:
    return quote(
        unquote(part, errors="surrogateescape").encode(errors="surrogateescape"), safe="-_.~"
    )
