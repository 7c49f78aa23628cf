"""The S3 Glacier classes as stores, against the local cloud: what comes back is what went in."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from annotations import jobs, storage
from annotations.locators import Locator, Store
from annotations.safety import margins
from archival import services, treehash
from archival.stores import Changed, ColdStore, NotThere, Refused, cold, cold_of, deep, of, s3
from archival.treehash import MIB
from gas_project import aws, clock
from tests.archival.life import advance, archived, restoring, steps_of, upgrade
from tests.contract.vaults import DAY, HOUR, let_pass, some_bytes
from tests.core import (
    RESULT,
    Counted,
    Travel,
    hot,
    look,
    lose_messages,
    objects,
    person,
    replies_lost,
    served,
    settle,
    work,
)

pytestmark = pytest.mark.usefixtures("cloud")

JOB = "0b9c"
PART = treehash.SMALLEST_PART
DATA = some_bytes(PART + MIB + 3)
STORES: dict[str, Any] = {"s3": s3, "s3-deep": deep}
CLASS = {"s3": "GLACIER", "s3-deep": "DEEP_ARCHIVE"}
SLOWEST = 48 * HOUR + 1


@pytest.fixture(params=STORES)
def name(request: pytest.FixtureRequest, settings: Any) -> str:
    """Return the class that archives go to; the test runs with each."""
    settings.GAS_COLD_STORE = request.param
    return str(request.param)


@pytest.fixture
def flexible(settings: Any) -> None:
    settings.GAS_COLD_STORE = "s3"


def pour(data: bytes = DATA, into: Any = s3) -> tuple[Locator, list[str]]:
    upload = into.open(job_id=JOB, size=len(data))
    starts = range(0, len(data), PART)
    tags = [
        into.write(upload=upload, number=number, offset=at, data=data[at : at + PART])
        for number, at in enumerate(starts, 1)
    ]
    return upload, tags


def stored(data: bytes = DATA, into: Any = s3) -> Locator:
    upload, tags = pour(data, into)
    return Locator(*_plain(into.finish(upload=upload, size=len(data), tags=tags)))


def _plain(locator: Locator) -> tuple[Store, str, str]:
    assert locator.upload is None
    return locator.store, locator.bucket, locator.name


def read(copy: Locator, size: int = len(DATA)) -> Iterator[bytes]:
    return s3.read(copy=copy, retrieval=copy.name, size=size, part=PART)


# --- the verbs ---------------------------------------------------------------------------------


def test_each_class_has_the_verbs_of_a_cold_store(name: str) -> None:
    copy = stored(b"x", STORES[name])
    found: ColdStore = cold_of(copy)
    assert found is of(copy) is cold() is STORES[name]
    held = aws.s3().head_object(Bucket=copy.bucket, Key=copy.name)
    assert held["StorageClass"] == CLASS[name]


def test_what_comes_back_is_what_went_in_part_by_part(cloud: Any, name: str) -> None:
    store = STORES[name]
    copy = stored(into=store)
    handle = store.retrieve(copy=copy, job_id=JOB, tier="Standard")
    assert not store.ready(copy=copy, retrieval=handle)
    let_pass(cloud, 12 * HOUR + 1)
    assert store.ready(copy=copy, retrieval=handle)
    assert list(read(copy)) == [DATA[:PART], DATA[PART:]]


def test_an_upload_is_at_a_fresh_key_that_names_its_job(name: str) -> None:
    first, second = (STORES[name].open(job_id=JOB, size=1) for _ in range(2))
    assert first.name != second.name
    assert first.name.startswith(f"a/{JOB}/")
    assert first.bucket == aws.bucket("archive")


def test_finish_again_is_told_by_the_object() -> None:
    upload, tags = pour()
    first = s3.finish(upload=upload, size=len(DATA), tags=tags)
    assert s3.finish(upload=upload, size=len(DATA), tags=tags) == first


def test_finish_whose_reply_was_lost_is_found_done() -> None:
    upload, tags = pour()
    with (
        replies_lost(aws.s3(), "CompleteMultipartUpload"),
        pytest.raises(Exception, match="CompleteMultipartUpload"),
    ):
        s3.finish(upload=upload, size=len(DATA), tags=tags)
    copy = s3.finish(upload=upload, size=len(DATA), tags=tags)
    assert storage.head(copy).size == len(DATA)


def test_finish_of_what_was_aborted_or_became_something_else_is_not_there() -> None:
    upload, tags = pour()
    s3.remove(locator=upload)
    with pytest.raises(NotThere):
        s3.finish(upload=upload, size=len(DATA), tags=tags)
    upload, tags = pour()
    s3.finish(upload=upload, size=len(DATA), tags=tags)
    with pytest.raises(NotThere):
        s3.finish(upload=upload, size=len(DATA) + 1, tags=tags)


def test_finish_with_parts_that_are_not_those_sent_is_refused_and_the_upload_stays() -> None:
    upload, tags = pour()
    with pytest.raises(Changed):
        s3.finish(upload=upload, size=len(DATA), tags=[tags[1], tags[0]])
    assert s3.finish(upload=upload, size=len(DATA), tags=tags).name == upload.name


def test_every_part_is_named_with_its_checksum() -> None:
    upload, tags = pour()
    copy = s3.finish(upload=upload, size=len(DATA), tags=tags)
    assert all(len(tag.split()) == 2 for tag in tags)
    found = aws.s3().head_object(Bucket=copy.bucket, Key=copy.name, ChecksumMode="ENABLED")
    assert found["ChecksumCRC32"].endswith("-2")


def test_removed_twice_is_removed(name: str) -> None:
    copy, upload = stored(into=STORES[name]), pour(into=STORES[name])[0]
    for _ in range(2):
        assert s3.remove(locator=copy)
        assert s3.remove(locator=upload)
    assert objects() == set()


# --- asking ------------------------------------------------------------------------------------


def test_asked_again_is_asked_once_under_way_or_ready(cloud: Any) -> None:
    copy = stored(b"data")
    handles = {s3.retrieve(copy=copy, job_id=JOB, tier="Standard") for _ in range(2)}  # 202, 409
    let_pass(cloud, 5 * HOUR + 1)
    handles.add(s3.retrieve(copy=copy, job_id=JOB, tier="Standard"))  # 200
    assert handles == {copy.name}
    assert s3.ready(copy=copy, retrieval=copy.name)


def test_a_faster_wish_hastens_what_is_under_way(cloud: Any) -> None:
    copy = stored(b"data")
    s3.retrieve(copy=copy, job_id=JOB, tier="Bulk")
    s3.retrieve(copy=copy, job_id=JOB, tier="Expedited")
    let_pass(cloud, 301)
    assert s3.ready(copy=copy, retrieval=copy.name)


def test_asked_again_while_ready_keeps_it_longer(cloud: Any) -> None:
    copy = stored(b"data")
    s3.retrieve(copy=copy, job_id=JOB, tier="Standard")
    let_pass(cloud, 5 * HOUR + 2 * DAY)
    s3.retrieve(copy=copy, job_id=JOB, tier="Standard")
    let_pass(cloud, 2.9 * DAY)
    assert s3.ready(copy=copy, retrieval=copy.name)


def test_without_capacity_it_is_refused_in_one_call(cloud: Any) -> None:
    copy = stored(b"data")
    cloud.faults.update({"refuse_expedited": "503"})
    with Counted(aws.s3_once(), ("RestoreObject",)) as asked, pytest.raises(Refused) as refused:
        s3.retrieve(copy=copy, job_id=JOB, tier="Expedited")
    assert (refused.value.kind, asked.seen) == ("capacity", ["RestoreObject"])
    s3.retrieve(copy=copy, job_id=JOB, tier="Standard")


def test_deep_archive_has_nothing_fast_and_is_not_asked_for_it() -> None:
    copy = stored(b"data", deep)
    with Counted(aws.s3_once(), ()) as asked, pytest.raises(Refused):
        deep.retrieve(copy=copy, job_id=JOB, tier="Expedited")
    assert asked.seen == []


def test_what_is_not_there_cannot_be_asked_for_nor_be_ready(name: str) -> None:
    store, lost = STORES[name], Locator(Store.S3_GLACIER, aws.bucket("archive"), "a/0b9c/x")
    with pytest.raises(NotThere):
        store.retrieve(copy=lost, job_id=JOB, tier="Standard")
    with pytest.raises(NotThere):
        store.ready(copy=lost, retrieval=lost.name)


def test_a_missing_bucket_is_no_missing_object() -> None:
    lost = Locator(Store.S3_GLACIER, "gas-no-such-bucket", "a/0b9c/x")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3.retrieve(copy=lost, job_id=JOB, tier="Standard")


def test_a_cold_object_is_not_there_to_be_read() -> None:
    copy = stored(b"data")
    with pytest.raises(NotThere):
        list(read(copy, 4))


def test_what_was_not_asked_for_is_not_becoming_ready() -> None:
    copy = stored(b"data")
    with pytest.raises(NotThere, match="expired"):
        s3.ready(copy=copy, retrieval=copy.name)


# --- reading -----------------------------------------------------------------------------------


def breaks(monkeypatch: pytest.MonkeyPatch, times: int, then: Any = None) -> list[int]:
    """Let streams break after their first MiB; return where each stream began."""
    real, began = storage.stream, []

    def stream(locator: Locator, **asked: Any) -> Iterator[bytes]:
        began.append(asked.get("start", 0))
        chunks = real(locator, **asked)
        if len(began) <= times:
            yield next(chunks)[:MIB]
            if then:
                then()
            raise HTTPClientError(error="the stream broke")
        yield from chunks

    monkeypatch.setattr(storage, "stream", stream)
    return began


def ready_copy(cloud: Any) -> Locator:
    copy = stored()
    s3.retrieve(copy=copy, job_id=JOB, tier="Standard")
    let_pass(cloud, 5 * HOUR + 1)
    return copy


def test_a_stream_that_breaks_is_taken_up_where_it_broke(
    cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = ready_copy(cloud)
    began = breaks(monkeypatch, 2)
    assert b"".join(read(copy)) == DATA
    assert began == [0, MIB, 2 * MIB]


def test_a_stream_that_always_breaks_is_an_error(
    cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = ready_copy(cloud)
    breaks(monkeypatch, 3)
    with pytest.raises(HTTPClientError):
        list(read(copy))


def test_a_copy_that_expires_while_it_is_read_starts_over(
    travel: Travel, cloud: Any, flexible: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = advance("archiver", hot(person(), DATA))
    job = advance("restorer", upgrade(job))
    travel(job.ready_at - clock.now() + 1)
    began = breaks(monkeypatch, 1, lambda: let_pass(cloud, 5 * DAY))
    failed = advance("thawer", job)
    assert began == [0, MIB]
    assert (failed.state, failed.retrieval, failed.upload, failed.tries) == ("COLD", None, None, 1)
    assert not {key for key in objects() if key.startswith("t/")}


def test_a_copy_that_expired_after_the_upload_was_opened_starts_over(
    travel: Travel, cloud: Any, flexible: None
) -> None:
    job = restoring()
    travel(job.ready_at - clock.now() + 1)
    stops = iter([False, True])
    services.advance(role="thawer", job_id=job.job_id, stopping=lambda: next(stops))
    assert look(job).state == "THAWING"
    let_pass(cloud, 5 * DAY)
    failed = advance("thawer", job)
    assert (failed.state, failed.retrieval, failed.tries) == ("COLD", None, 1)
    settle(travel, margins().back_off * 2 + 1, margins().standard + 1)
    assert served(job) == RESULT


# --- the whole way -----------------------------------------------------------------------------


def test_s3s_own_event_wakes_the_thawer(travel: Travel, cloud: Any, flexible: None) -> None:
    job = restoring()
    lose_messages()
    travel(job.ready_at - clock.now() + 1)
    for _ in range(100):
        if work():
            break
        time.sleep(0.05)
    assert look(job).state == "HOT"  # without any sweep, and without any message of our own
    assert served(job) == RESULT


def test_deep_archive_is_asked_at_the_usual_speed_and_takes_its_time(
    travel: Travel, settings: Any
) -> None:
    settings.GAS_COLD_STORE = "s3-deep"
    job = restoring()
    assert job.copy is not None
    assert job.copy.store is Store.S3_DEEP
    assert 0 < job.ready_at - clock.now() <= margins().deep_standard
    assert margins().deep_standard > 2 * margins().standard
    travel(margins().standard + 1)
    assert advance("thawer", job).state == "RESTORING"
    travel(margins().deep_standard)
    back = advance("thawer", job)
    assert served(back) == RESULT
    spare = next(g for g in back.garbage if g.locator == job.copy)
    assert spare.after == job.copied_at + margins().keep_deep


def test_stores_live_side_by_side(travel: Travel, settings: Any) -> None:
    user, made = person(), []
    for choice in ("vault", "s3", "s3-deep"):
        settings.GAS_COLD_STORE = choice
        made.append(archived(user))
    assert len({job.copy.store for job in made if job.copy}) == 3
    services.change_tier(user_id=user, tier="premium")
    settle(travel, margins().expedited + 1, margins().deep_standard + 1)
    assert [look(job).state for job in made] == ["HOT"] * 3
    assert [served(job) for job in made] == [RESULT] * 3


def test_a_store_that_changes_between_open_and_fill_is_the_one_that_was_opened(
    settings: Any,
) -> None:
    settings.GAS_COLD_STORE = "s3"
    job = hot(person())
    stops = iter([False, True])
    services.advance(role="archiver", job_id=job.job_id, stopping=lambda: next(stops))
    settings.GAS_COLD_STORE = "vault"
    job = advance("archiver", job)
    assert job.copy is not None
    assert job.copy.store is Store.S3_GLACIER
    assert [step for step, _ in steps_of(job)] == ["open", "fill"]
    assert jobs.get(job.job_id) == job
