"""The delays protect what they say, on AWS and at every scale of the local cloud; locators read."""

import pytest

from annotations import locators
from annotations.locators import Locator, Store
from annotations.safety import DAY, HOUR, MINUTE, REAL, Safety, local

EVERY = {"AWS": REAL} | {f"local {scale}": local(scale) for scale in (1, 10, 360, 1000, 5000)}


@pytest.mark.parametrize("name", EVERY)
def test_each_delay_outlasts_what_it_waits_for(name: str) -> None:
    safety: Safety = EVERY[name]
    assert 2 * safety.heartbeat <= safety.lease
    assert safety.policy < safety.posts_end
    assert 2 * safety.signed + 2 * safety.skew < safety.posts_end
    assert safety.confirm_poll < safety.posts_end
    assert safety.posts_end < safety.abandoned
    assert safety.link < safety.links_end
    assert safety.links_end < safety.keep
    assert safety.expedited <= safety.standard <= safety.bulk
    assert all(safety.eta(tier) > 0 for tier in ("Expedited", "Standard", "Bulk"))


def test_awss_own_figures_are_kept() -> None:
    assert (REAL.signed, REAL.keep, REAL.skew) == (15 * MINUTE, 90 * DAY, 10 * MINUTE)
    assert (REAL.expedited, REAL.standard, REAL.bulk) == (5 * MINUTE, 5 * HOUR, 12 * HOUR)


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket/key/with/parts",
        "s3://bucket/r/a/prefix/",
        "s3-glacier://bucket/a/b?upload=id-._~1",
        "glacier-vault://gas/an-archive-id_1",
        "glacier-vault://gas/a/b/c?upload=gone",
    ],
)
def test_a_locator_is_read_as_it_was_written(uri: str) -> None:
    assert str(locators.parse(uri)) == uri


@pytest.mark.parametrize("uri", ["", "key", "s3://", "s3://bucket", "s3:///key", "ftp://a/b"])
def test_what_is_no_locator_is_told_apart(uri: str) -> None:
    with pytest.raises(ValueError, match=r"locator|Store"):
        locators.parse(uri)


def test_an_upload_becomes_its_key_or_the_archive_it_is_told() -> None:
    upload = Locator(Store.VAULT, "gas", "a/n", "id")
    assert upload.finished("archive") == Locator(Store.VAULT, "gas", "archive")
    assert Locator(Store.HOT, "b", "k", "id").finished() == Locator(Store.HOT, "b", "k")
    assert Locator(Store.HOT, "b", "p/").is_prefix
    assert not upload.is_prefix
