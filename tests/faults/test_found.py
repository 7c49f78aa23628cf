"""What the schedules found: each bug by the smallest test that shows it."""

import pytest

from annotations.safety import margins
from archival import census, reconcile, stores
from deploy.local.run import LocalCloud
from tests.archival.life import archived
from tests.core import DAY, Travel


def test_a_garbled_inventory_is_refused_in_words(cloud: LocalCloud, travel: Travel) -> None:
    archived()
    travel(DAY)
    handle = reconcile.ask()
    travel(margins().standard + 1)
    cloud.faults.update({"flip_byte_in_output": True})
    with pytest.raises(stores.Changed, match="garbled"):
        census.take(handle)
