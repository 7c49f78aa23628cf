"""Checksums of bodies: what a request declares, what arrives, and the two compared.

Source: Amazon S3 user guide, "Checking object integrity". CRC-32C and CRC-64/NVME have no fast
form in Python's library, so the local S3 refuses them rather than let them pass unchecked.
"""

import base64
import hashlib
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from werkzeug.datastructures import Headers

from deploy.local.s3_errors import S3Error, not_implemented

ALGORITHMS = ("CRC32", "SHA1", "SHA256")
PREFIX = "x-amz-checksum-"
CONTROLS = ("x-amz-checksum-mode", "x-amz-checksum-algorithm", "x-amz-checksum-type")

Kind = Literal["FULL_OBJECT", "COMPOSITE"]


class Hash(Protocol):
    """What all of Python's hashes can do."""

    def update(self, data: bytes, /) -> None:
        """Take in more bytes."""

    def digest(self) -> bytes:
        """Return the digest of all bytes so far."""


class Crc32:
    """CRC-32 with the manners of a hash; its digest is 4 bytes, big-endian."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        """Take in more bytes."""
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        """Return the digest of all bytes so far."""
        return self._value.to_bytes(4, "big")


@dataclass(frozen=True)
class Checksum:
    """One of S3's checksums: its value is base64, of a composite one with `-N` behind."""

    algorithm: str
    value: str
    kind: Kind = "FULL_OBJECT"

    def headers(self) -> dict[str, str]:
        """Return the headers by which S3 reports it."""
        return {PREFIX + self.algorithm.lower(): self.value, "x-amz-checksum-type": self.kind}

    def fields(self) -> list[tuple[str, str]]:
        """Return the elements by which S3 reports it."""
        return [(f"Checksum{self.algorithm}", self.value), ("ChecksumType", self.kind)]


@dataclass(frozen=True)
class Declared:
    """What a request says of its body: digests in bytes, None where it says nothing.

    `checksum` is None while `algorithm` is not when the value follows the body, as a trailer.
    """

    md5: bytes | None = None
    sha256: bytes | None = None
    algorithm: str = ""
    checksum: bytes | None = None


def declared(headers: Headers, *, payload: str = "", default: str = "") -> Declared:
    """Read what a request's headers (or form fields) declare; `default` is an algorithm or "".

    Raises S3Error InvalidDigest, InvalidRequest, NotImplemented.
    """
    given = given_checksum(headers)
    algorithm, value = given or (_announced(headers) or default, None)
    return Declared(
        md5=_md5(headers.get("Content-MD5")),
        sha256=_sha256(payload),
        algorithm=algorithm,
        checksum=_decoded(algorithm, value) if value is not None else None,
    )


def given_checksum(headers: Headers) -> tuple[str, str] | None:
    """Return the (algorithm, value) that headers carry. Raises InvalidRequest if more than one."""
    names = [name.lower() for name, _ in headers if name.lower().startswith(PREFIX)]
    values = [name for name in names if name not in CONTROLS]
    if len(values) > 1:
        raise S3Error(
            "InvalidRequest",
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        )
    if not values:
        return None
    return known_algorithm(values[0].removeprefix(PREFIX)), headers[values[0]].strip()


def known_algorithm(name: str) -> str:
    """Return an algorithm's name in capitals; "" stays "". Raises S3Error NotImplemented."""
    if name.upper() not in ("", *ALGORITHMS):
        raise not_implemented(f"{name} checksum: use {', '.join(ALGORITHMS)}")
    return name.upper()


class Digests:
    """The digests of one body on its way in, and at its end the judgement."""

    def __init__(self, wanted: Declared) -> None:
        self.size = 0
        self._wanted = wanted
        self._hashes: dict[str, Hash] = {"MD5": hashlib.md5(usedforsecurity=False)}
        if wanted.sha256 is not None:
            self._hashes["SHA256"] = hashlib.sha256()
        if wanted.algorithm:
            self._hashes.setdefault(wanted.algorithm, _hash(wanted.algorithm))

    def update(self, piece: bytes) -> None:
        """Take in more of the body."""
        self.size += len(piece)
        for each in self._hashes.values():
            each.update(piece)

    @property
    def md5(self) -> str:
        """The MD5 so far, in hex: the ETag of an object put at once."""
        return self._hashes["MD5"].digest().hex()

    def checksum(self) -> Checksum | None:
        """Return the checksum of the declared algorithm, if one was declared."""
        name = self._wanted.algorithm
        return Checksum(name, encoded(self._hashes[name].digest())) if name else None

    def check(self, trailer: Mapping[str, str]) -> None:
        """Compare what was declared, in headers or trailer, with what came.

        Raises S3Error BadDigest, XAmzContentSHA256Mismatch, InvalidRequest.
        """
        if self._wanted.sha256 not in (None, self._digest("SHA256")):
            raise S3Error(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )
        if self._wanted.md5 not in (None, self._digest("MD5")):
            raise S3Error(
                "BadDigest", "The Content-MD5 you specified did not match what we received."
            )
        name = self._wanted.algorithm
        value = trailer.get(PREFIX + name.lower())
        wanted = _decoded(name, value) if value is not None else self._wanted.checksum
        if wanted not in (None, self._digest(name)):
            raise S3Error(
                "BadDigest", f"The {name} you specified did not match the calculated checksum."
            )

    def _digest(self, name: str) -> bytes | None:
        return self._hashes[name].digest() if name in self._hashes else None


def composite(parts: Iterable[Checksum]) -> Checksum:
    """Return the checksum of the parts' checksums, which all have one algorithm."""
    every = list(parts)
    total = _hash(every[0].algorithm)
    for part in every:
        total.update(base64.b64decode(part.value))
    value = f"{encoded(total.digest())}-{len(every)}"
    return Checksum(every[0].algorithm, value, "COMPOSITE")


def encoded(digest: bytes) -> str:
    """Return a digest in base64."""
    return base64.b64encode(digest).decode()


def _hash(algorithm: str) -> Hash:
    return Crc32() if algorithm == "CRC32" else hashlib.new(algorithm.lower())


def _announced(headers: Headers) -> str:
    """The algorithm of a value that comes as a trailer, or that S3 is asked to compute."""
    trailer = headers.get("x-amz-trailer", "").strip().lower()
    if trailer and not trailer.startswith(PREFIX):
        raise S3Error("InvalidRequest", "The value specified in x-amz-trailer is not supported.")
    return known_algorithm(
        trailer.removeprefix(PREFIX) or headers.get("x-amz-sdk-checksum-algorithm", "")
    )


def _md5(value: str | None) -> bytes | None:
    if value is None:
        return None
    try:
        digest = base64.b64decode(value, validate=True)
    except ValueError:
        digest = b""
    if len(digest) != 16:
        raise S3Error("InvalidDigest", "The Content-MD5 you specified was invalid.")
    return digest


def _sha256(payload: str) -> bytes | None:
    try:
        return bytes.fromhex(payload) if len(payload) == 64 else None
    except ValueError as error:
        raise S3Error("InvalidArgument", "x-amz-content-sha256 is not a SHA-256 in hex.") from error


def _decoded(algorithm: str, value: str) -> bytes:
    try:
        digest = base64.b64decode(value, validate=True)
    except ValueError:
        digest = b""
    if len(digest) != len(_hash(algorithm).digest()):
        raise S3Error("InvalidRequest", f"Value for {PREFIX}{algorithm.lower()} header is invalid.")
    return digest
