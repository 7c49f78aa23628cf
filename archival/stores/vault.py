"""The Glacier vault as a store: archives by multipart upload, retrievals by job.

An archive's name is an id that only the reply of CompleteMultipartUpload tells, so a lost reply
leaves an archive that only the vault's inventory can name; its description says whose it is. Rules
are those of the Amazon Glacier Developer Guide and API reference.
"""

import codecs
import json
import re
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

from annotations.locators import GONE, Locator, Store
from annotations.storage import Changed, NotThere
from archival import treehash
from archival.stores.protocol import Refused
from gas_project import aws

READ_TRIES = 3
"""How often one range is asked for before its stream counts as broken for good."""

INVENTORY_BLOCK = treehash.MIB
"""Bytes of an inventory in memory at a time, about 2,500 archives."""

_LIST = re.compile(r'"ArchiveList"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")


@dataclass(frozen=True, slots=True)
class Listed:
    """One archive in an inventory; `created` in epoch seconds (UTC)."""

    archive_id: str
    description: str
    size: int
    tree_hash: str
    created: int


@dataclass(frozen=True, slots=True)
class InventoryJob:
    """An inventory job that AWS still knows; `status` is InProgress, Succeeded or Failed."""

    retrieval: str
    asked_at: int
    status: str


def describe(*, job_id: str, name: str) -> str:
    """Return the description of an archive or retrieval: ids only, since AWS staff can read it."""
    return f"gas1 {job_id} {name}"


def described(description: str) -> tuple[str, str] | None:
    """Return the job id and name that `describe` wrote, None for any other description."""
    match = re.fullmatch(r"gas1 (\S+) (\S+)", description)
    return (match[1], match[2]) if match else None


def open(*, job_id: str, size: int) -> Locator:
    """Open a multipart upload for `size` bytes at a fresh name. Errors of AWS pass through."""
    vault, name = aws.vault(), f"a/{job_id}/{secrets.token_hex(16)}"
    reply = aws.glacier().initiate_multipart_upload(
        vaultName=vault,
        archiveDescription=describe(job_id=job_id, name=name),
        partSize=str(treehash.part_size(size)),
    )
    return Locator(Store.VAULT, vault, name, reply["uploadId"])


def held(*, upload: Locator) -> dict[int, str]:
    """Return the tree hashes of the parts that an open upload has, by number. Raises NotThere."""
    asked = {"accountId": "-", "vaultName": upload.bucket, "uploadId": _open_upload(upload)}
    with _meaning():
        pages = aws.glacier().get_paginator("list_parts").paginate(**asked)  # type: ignore[arg-type]
        return {
            _first(part["RangeInBytes"]) // page["PartSizeInBytes"] + 1: part["SHA256TreeHash"]
            for page in pages
            for part in page["Parts"]
        }


def _first(range_: str) -> int:
    return int(range_.partition("-")[0])


def write(*, upload: Locator, number: int, offset: int, data: bytes, held: str = "") -> str:
    """Send one part; return its tree hash, which AWS has computed too.

    `offset` in bytes names the part here; `number` is for stores that count parts. A part whose
    tree hash is `held` is there already. Raises NotThere when the upload is gone, Changed when AWS
    received something else.
    """
    tree = treehash.tree_hash(data)
    if held == tree:
        return tree
    with _meaning():
        reply = aws.glacier().upload_multipart_part(
            vaultName=upload.bucket,
            uploadId=_open_upload(upload),
            range=f"bytes {offset}-{offset + len(data) - 1}/*",
            checksum=tree,
            body=data,
        )
    if reply["checksum"] != tree:
        raise Changed("the vault computed another tree hash for a part")
    return tree


def finish(*, upload: Locator, size: int, tags: list[str]) -> Locator:
    """Complete the upload from its parts' tree hashes; return the archive.

    AWS repeats its reply "for a short period", so a repeat soon after returns the same archive.
    Raises NotThere when the upload is gone (it may have become an archive), Changed when AWS holds
    other bytes; it then stays open.
    """
    tree = treehash.combine(tags)
    with _meaning():
        reply = aws.glacier().complete_multipart_upload(
            vaultName=upload.bucket,
            uploadId=_open_upload(upload),
            archiveSize=str(size),
            checksum=tree,
        )
    return upload.finished(reply["archiveId"])


def retrieve(*, copy: Locator, job_id: str, tier: str) -> str:
    """Start a retrieval job, whose end the retrieval topic is told; return its id.

    Through the client that never repeats: InitiateJob has no token, and twice is paid twice.
    Raises Refused (capacity, policy) or NotThere (no such archive).
    """
    with _meaning():
        reply = aws.glacier_once().initiate_job(
            vaultName=copy.bucket,
            jobParameters={
                "Type": "archive-retrieval",
                "ArchiveId": copy.name,
                "Description": describe(job_id=job_id, name=copy.name),
                "SNSTopic": aws.topic_arn("retrieval"),
                "Tier": tier,
            },
        )
    return reply["jobId"]


def ready(*, copy: Locator, retrieval: str) -> bool:
    """Whether a retrieval's output can be read now; False while it is in progress.

    Raises NotThere when it failed, has expired, or is of another archive. Of an archive deleted
    lately AWS accepts a retrieval and lets it fail.
    """
    with _meaning():
        job = aws.glacier().describe_job(vaultName=copy.bucket, jobId=retrieval)
    if job["ArchiveId"] != copy.name:
        raise NotThere("the retrieval is of another archive")
    if job["StatusCode"] == "Failed":
        raise NotThere("the retrieval failed")
    return job["StatusCode"] == "Succeeded"


def read(*, copy: Locator, retrieval: str | None, size: int, part: int) -> Iterator[bytes]:
    """Yield an archive's bytes from a ready retrieval, `part` of them at a time.

    Raises NotThere when the output has expired, Changed when a part's hash stays wrong or the
    output is not `size` bytes. Holds one part in memory.
    """
    if retrieval is None:
        raise ValueError("a vault is read through a retrieval")
    for first in range(0, size, part):
        yield _range(copy.bucket, retrieval, first, min(part, size - first), size)


def remove(*, locator: Locator) -> bool:
    """Abort an open upload, or delete an archive; a repeat is harmless.

    Returns False when an upload was gone already: it may have become an archive whose id we never
    learned, and only an inventory can prove that there is none.
    """
    if locator.upload == GONE:
        return False
    try:
        with _meaning():
            if locator.upload:
                aws.glacier().abort_multipart_upload(
                    vaultName=locator.bucket, uploadId=locator.upload
                )
            else:
                aws.glacier().delete_archive(vaultName=locator.bucket, archiveId=locator.name)
    except NotThere:
        return locator.upload is None
    return True


def start_inventory() -> str:
    """Ask for the vault's last inventory, hours away; return the job's id.

    Raises NotThere when the vault is too young to have one. It tells no topic: nobody waits for it.
    """
    with _meaning():
        reply = aws.glacier_once().initiate_job(
            vaultName=aws.vault(),
            jobParameters={
                "Type": "inventory-retrieval",
                "Format": "JSON",
                "Description": "gas1 inventory",
            },
        )
    return reply["jobId"]


def inventories() -> list[InventoryJob]:
    """Return the inventory jobs that AWS still knows, the oldest first."""
    pages = aws.glacier().get_paginator("list_jobs").paginate(accountId="-", vaultName=aws.vault())
    return [
        InventoryJob(job["JobId"], _epoch(job["CreationDate"]), job["StatusCode"])
        for page in pages
        for job in page["JobList"]
        if job["Action"] == "InventoryRetrieval"
    ]


def inventory(*, retrieval: str) -> tuple[int, Iterator[Listed]]:
    """Return when an inventory was taken (epoch seconds) and the archives it lists.

    It knows nothing younger and lists what was deleted since. Raises NotThere unless the job has
    succeeded and is still kept; the iterator raises it too, and Changed for output that breaks off.
    """
    with _meaning():
        job = aws.glacier().describe_job(vaultName=aws.vault(), jobId=retrieval)
    if job["StatusCode"] != "Succeeded":
        raise NotThere(f"the inventory job is {job['StatusCode']}")
    text = codecs.iterdecode(_inventory_bytes(retrieval, job["InventorySizeInBytes"]), "utf-8")
    head, rest = _inventory_head(text)
    return _epoch(head["InventoryDate"]), _listed(rest, text)


def _inventory_bytes(retrieval: str, size: int) -> Iterator[bytes]:
    for first in range(0, size, INVENTORY_BLOCK):
        yield _range(aws.vault(), retrieval, first, min(INVENTORY_BLOCK, size - first), size)


def _inventory_head(blocks: Iterator[str]) -> tuple[dict[str, Any], str]:
    """Return the fields that stand before the list of archives, and the text read after them."""
    text = ""
    while not (found := _LIST.search(text)):
        more = next(blocks, "")
        if not more:
            raise Changed("the inventory has no list of archives")
        text += more
    try:
        return json.loads(text[: found.end()] + "]}"), text[found.end() :]
    except json.JSONDecodeError as error:
        raise Changed("the inventory's head is garbled") from error  # it carries no checksum


def _listed(text: str, blocks: Iterator[str]) -> Iterator[Listed]:
    decode, at = json.JSONDecoder().raw_decode, 0
    while True:
        at = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]
        if text.startswith("]", at):
            return
        try:
            archive, at = decode(text, at)
        except json.JSONDecodeError as error:
            more = next(blocks, "")
            if not more:
                raise Changed("the inventory breaks off") from error
            text, at = text[at:] + more, 0
        else:
            yield _entry(archive)


def _entry(archive: dict[str, Any]) -> Listed:
    return Listed(
        archive_id=archive["ArchiveId"],
        description=archive["ArchiveDescription"],
        size=archive["Size"],
        tree_hash=archive["SHA256TreeHash"],
        created=_epoch(archive["CreationDate"]),
    )


def _range(vault: str, retrieval: str, first: int, size: int, whole: int) -> bytes:
    """Return one range of a job's output, asked for again when its stream breaks or is wrong."""
    for tries_left in reversed(range(READ_TRIES)):
        try:
            return _range_once(vault, retrieval, first, size, whole)
        except (HTTPClientError, IncompleteReadError, Changed):
            if not tries_left:
                raise
    raise AssertionError("unreachable: the last try returns or raises")


def _range_once(vault: str, retrieval: str, first: int, size: int, whole: int) -> bytes:
    last = first + size - 1
    with _meaning():
        reply = aws.glacier().get_job_output(
            vaultName=vault, jobId=retrieval, range=f"bytes={first}-{last}"
        )
    # Not as `with reply["body"]`: that hands out the raw stream, which checks no length.
    with closing(reply["body"]) as body:
        data = body.read()
    if len(data) != size or reply.get("contentRange") != f"bytes {first}-{last}/{whole}":
        raise Changed("the output of a job is not as long as recorded")
    # AWS promises the hash for some ranges only; the whole is checked by whoever writes it.
    if reply.get("checksum") not in (None, treehash.tree_hash(data)):
        raise Changed("the output of a job does not have its tree hash")
    return data


def _open_upload(upload: Locator) -> str:
    if not upload.upload or upload.upload == GONE:
        raise NotThere("there is no open upload")
    return upload.upload


def _epoch(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


@contextmanager
def _meaning() -> Iterator[None]:
    """Turn AWS's refusals into the store's errors; all others pass.

    A missing *vault* passes too: that is a mistake of the configuration, not a lost archive.
    """
    try:
        yield
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
        if code == "ResourceNotFoundException" and not message.startswith("Vault not found"):
            raise NotThere(message) from error
        if code == "InsufficientCapacityException":
            raise Refused("capacity") from error
        if code == "PolicyEnforcedException":
            raise Refused("policy") from error
        if code == "InvalidParameterValueException":
            raise Changed(message) from error
        raise
