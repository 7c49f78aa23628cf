"""The S3 Glacier Deep Archive class as a store: the Flexible one, but cheaper, slower, never fast.

Rules are those of the Amazon S3 User Guide, "Archive retrieval options".
"""

from annotations import storage
from annotations.locators import Locator, Store
from archival.stores import s3
from archival.stores.protocol import Refused

held = s3.held
write = s3.write
finish = s3.finish
read = s3.read
remove = s3.remove
ready = s3.ready


def open(*, job_id: str, size: int) -> Locator:
    """Begin a multipart upload of the class DEEP_ARCHIVE at a fresh key of the archive bucket."""
    return storage.begin(s3.fresh(Store.S3_DEEP, job_id), StorageClass="DEEP_ARCHIVE")


def retrieve(*, copy: Locator, job_id: str, tier: str) -> str:
    """Ask S3 for a readable copy; return the key, which is the handle.

    Raises Refused for Expedited, which this class does not have, without a call; NotThere when
    there is no such object.
    """
    if tier == "Expedited":
        raise Refused("capacity")
    return s3.retrieve(copy=copy, job_id=job_id, tier=tier)
