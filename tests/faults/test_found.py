"""What the schedules found: each bug by the smallest test that shows it."""

from typing import TYPE_CHECKING

import pytest

from annotations import jobs, storage
from annotations.safety import margins
from annotations.states import Dated
from archival import census, reconcile, stores
from deploy.local.run import LocalCloud
from gas_project import clock
from tests.archival.life import advance, archived
from tests.core import DAY, Travel

if TYPE_CHECKING:
    from pytest_django import Settings


def test_a_garbled_inventory_is_refused_in_words(cloud: LocalCloud, travel: Travel) -> None:
    archived()
    travel(DAY)
    handle = reconcile.ask()
    travel(margins().standard + 1)
    cloud.faults.update({"flip_byte_in_output": True})
    with pytest.raises(stores.Changed, match="garbled"):
        census.take(handle)


def test_an_upload_that_was_begun_twice_does_not_take_the_copy_with_it(
    cloud: LocalCloud, travel: Travel, settings: "Settings"
) -> None:
    """The reply to CreateMultipartUpload was lost, the SDK asked again: two uploads of one key."""
    settings.GAS_COLD_STORE = "s3"
    job = archived()
    assert job.copy
    storage.begin(job.copy)
    travel(2 * DAY)
    reconcile.apply(census.take(None), accept=True)
    advance("eraser", job)
    assert storage.head(job.copy).size == job.size


def test_the_good_copy_is_not_removed_though_the_garbage_says_so(
    cloud: LocalCloud, travel: Travel, settings: "Settings"
) -> None:
    settings.GAS_COLD_STORE = "s3"
    job = archived()
    assert job.copy
    now, twin = clock.now(), storage.begin(job.copy)
    jobs.record(job, now=now, step="x", actor="x", garbage=(Dated(twin, now),))
    assert advance("eraser", job).garbage == ()
    assert storage.head(job.copy).size == job.size
