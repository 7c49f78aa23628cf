"""The S3 Glacier Flexible Retrieval class as a store: an object at a key of our own, asked back.

Everything but asking is the hot store with another bucket and storage class. Rules are those of
the Amazon S3 User Guide, "Restoring an archived object".
"""

import uuid

from botocore.exceptions import ClientError

from annotations import storage
from annotations.locators import Locator, Store
from annotations.storage import NotThere
from archival.stores.protocol import Refused
from gas_project import aws
from gas_project.items import code_of

RESTORE_DAYS = 3
"""How long S3 keeps the readable copy: a thaw that fails has two more days to be tried again."""

ASKED_BEFORE = "RestoreAlreadyInProgress"
NO_CAPACITY = "GlacierExpeditedRetrievalNotAvailable"

held = storage.held
write = storage.write
finish = storage.finish
read = storage.read
remove = storage.remove


def open(*, job_id: str, size: int) -> Locator:
    """Begin a multipart upload of the class GLACIER at a fresh key of the archive bucket."""
    return storage.begin(fresh(Store.S3_GLACIER, job_id), StorageClass="GLACIER")


def fresh(store: Store, job_id: str) -> Locator:
    """Return a fresh key of the archive bucket, which is never used again."""
    return Locator(store, aws.bucket("archive"), f"a/{job_id}/{uuid.uuid4().hex}")


def retrieve(*, copy: Locator, job_id: str, tier: str) -> str:
    """Ask S3 for a readable copy; return the key, which is the handle.

    Asked again while under way (409) or ready (200) counts as asked; asked faster than before, S3
    hastens it. Raises Refused when there is no capacity for Expedited, NotThere when there is no
    such object.
    """
    wish = {"Days": RESTORE_DAYS, "GlacierJobParameters": {"Tier": tier}}
    try:
        aws.s3_once().restore_object(
            Bucket=copy.bucket,
            Key=copy.name,
            RestoreRequest=wish,  # type: ignore[arg-type]
        )
    except ClientError as error:
        code = code_of(error)
        if code == NO_CAPACITY:
            raise Refused("capacity") from error
        if code in ("NoSuchKey", "404"):
            raise NotThere("there is no such object") from error
        if code != ASKED_BEFORE:
            raise
    return copy.name


def ready(*, copy: Locator, retrieval: str) -> bool:
    """Whether the object can be read now; False while S3 restores it.

    Raises NotThere when it is missing, or is not being restored: the readable copy has expired.
    """
    try:
        found = aws.s3().head_object(Bucket=copy.bucket, Key=copy.name)
    except ClientError as error:
        if code_of(error) in storage.GONE_CODES:
            raise NotThere("there is no such object") from error
        raise
    restore = found.get("Restore")
    if not restore:
        raise NotThere("the restored copy has expired")
    return 'ongoing-request="false"' in restore
