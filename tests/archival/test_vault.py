"""The vault as a store, against the local cloud: what comes back is what went in, or an error."""

import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

from annotations.locators import GONE, Locator, Store
from archival import treehash
from archival.stores import Changed, ColdStore, NotThere, Refused, cold, cold_of, of, vault
from archival.treehash import MIB
from gas_project import aws
from tests.contract.vaults import DAY, HOUR, begin_day, let_pass, some_bytes

pytestmark = pytest.mark.usefixtures("cloud")

JOB = "0b9c"
PART = treehash.SMALLEST_PART
DATA = some_bytes(2 * PART + MIB + 3)


def parts(data: bytes) -> list[tuple[int, int, bytes]]:
    starts = range(0, len(data), PART)
    return [(number, at, data[at : at + PART]) for number, at in enumerate(starts, 1)]


def pour(data: bytes) -> tuple[Locator, list[str]]:
    upload = vault.open(job_id=JOB, size=len(data))
    tags = [
        vault.write(upload=upload, number=number, offset=at, data=piece)
        for number, at, piece in parts(data)
    ]
    return upload, tags


def stored(data: bytes = DATA) -> Locator:
    upload, tags = pour(data)
    return vault.finish(upload=upload, size=len(data), tags=tags)


def retrieved(cloud: Any, copy: Locator) -> str:
    handle = vault.retrieve(copy=copy, job_id=JOB, tier="Standard")
    let_pass(cloud, 4 * HOUR)
    return handle


def read(copy: Locator, handle: str, size: int = len(DATA)) -> Iterator[bytes]:
    return vault.read(copy=copy, retrieval=handle, size=size, part=PART)


def test_the_vault_has_the_verbs_of_a_cold_store(settings: Any) -> None:
    settings.GAS_COLD_STORE = "vault"
    copy = Locator(Store.VAULT, aws.vault(), "id")
    found: ColdStore = cold_of(copy)
    assert found is of(copy) is cold() is vault


def test_what_comes_back_is_what_went_in_part_by_part(cloud: Any) -> None:
    copy = stored()
    pieces = list(read(copy, retrieved(cloud, copy)))
    assert pieces == [piece for _, _, piece in parts(DATA)]


def test_an_upload_has_a_fresh_name_and_its_archive_says_whose_it_is() -> None:
    first, second = vault.open(job_id=JOB, size=1), vault.open(job_id=JOB, size=1)
    assert first.name != second.name
    assert first.name.startswith(f"a/{JOB}/")
    found = aws.glacier().list_parts(vaultName=first.bucket, uploadId=first.upload or "")
    assert vault.described(found["ArchiveDescription"]) == (JOB, first.name)
    assert found["PartSizeInBytes"] == PART


def test_a_foreign_description_is_nobodys() -> None:
    assert vault.described("holiday pictures") is None
    assert vault.described("gas1 only-one") is None


def test_an_archive_is_named_by_its_id() -> None:
    copy = stored()
    assert (copy.store, copy.bucket, copy.upload) == (Store.VAULT, aws.vault(), None)
    assert len(copy.name) == 138


def test_finish_again_soon_is_the_same_archive() -> None:
    upload, tags = pour(DATA)
    first = vault.finish(upload=upload, size=len(DATA), tags=tags)
    assert vault.finish(upload=upload, size=len(DATA), tags=tags) == first


def test_finish_again_late_is_not_there(cloud: Any) -> None:
    upload, tags = pour(DATA)
    vault.finish(upload=upload, size=len(DATA), tags=tags)
    let_pass(cloud, 2 * HOUR)
    with pytest.raises(NotThere):
        vault.finish(upload=upload, size=len(DATA), tags=tags)


def test_finish_with_another_order_of_parts_is_refused_and_the_upload_stays_open() -> None:
    upload, tags = pour(DATA)
    with pytest.raises(Changed):
        vault.finish(upload=upload, size=len(DATA), tags=[tags[1], tags[0], tags[2]])
    assert vault.finish(upload=upload, size=len(DATA), tags=tags).name


def test_an_idle_upload_that_vanished_takes_no_part_and_does_not_finish(cloud: Any) -> None:
    upload, tags = pour(DATA)
    let_pass(cloud, DAY)
    with pytest.raises(NotThere):
        vault.write(upload=upload, number=1, offset=0, data=DATA[:PART])
    with pytest.raises(NotThere):
        vault.finish(upload=upload, size=len(DATA), tags=tags)


def test_a_locator_without_an_open_upload_takes_no_part() -> None:
    for locator in (stored(b"x"), Locator(Store.VAULT, aws.vault(), "a/0b9c/x", GONE)):
        with pytest.raises(NotThere):
            vault.write(upload=locator, number=1, offset=0, data=b"x")


def test_a_retrieval_is_asked_once_even_when_the_reply_is_lost(cloud: Any) -> None:
    def lose(**_: Any) -> None:
        raise HTTPClientError(error="the reply is lost")

    copy, events = stored(b"data"), aws.glacier_once().meta.events
    events.register("after-call.glacier.InitiateJob", lose)
    with pytest.raises(HTTPClientError):
        vault.retrieve(copy=copy, job_id=JOB, tier="Standard")
    events.unregister("after-call.glacier.InitiateJob", lose)
    assert len(aws.glacier().list_jobs(vaultName=aws.vault())["JobList"]) == 1


def test_a_retrieval_names_its_job_and_tells_the_retrieval_topic() -> None:
    copy = stored(b"data")
    handle = vault.retrieve(copy=copy, job_id=JOB, tier="Bulk")
    found = aws.glacier().describe_job(vaultName=aws.vault(), jobId=handle)
    assert vault.described(found["JobDescription"]) == (JOB, copy.name)
    assert found["SNSTopic"] == aws.topic_arn("retrieval")
    assert found["Tier"] == "Bulk"


@pytest.mark.parametrize("status", ["400", "503"])
def test_expedited_refused_for_capacity_says_so(cloud: Any, status: str) -> None:
    copy = stored(b"data")
    cloud.faults.update({"refuse_expedited": status})
    with pytest.raises(Refused) as caught:
        vault.retrieve(copy=copy, job_id=JOB, tier="Expedited")
    assert caught.value.kind == "capacity"


@pytest.mark.parametrize("status", ["400", "503"])
def test_standard_refused_by_the_policy_says_so(cloud: Any, status: str) -> None:
    copy = stored(b"data")
    cloud.faults.update({"enforce_policy": status})
    with pytest.raises(Refused) as caught:
        vault.retrieve(copy=copy, job_id=JOB, tier="Standard")
    assert caught.value.kind == "policy"


def test_a_retrieval_of_an_archive_that_is_not_there() -> None:
    with pytest.raises(NotThere):
        vault.retrieve(
            copy=Locator(Store.VAULT, aws.vault(), "x" * 138), job_id=JOB, tier="Standard"
        )


def test_a_missing_vault_is_a_mistake_of_the_configuration_not_a_lost_archive() -> None:
    lost = Locator(Store.VAULT, "no-such-vault", "x" * 138)
    with pytest.raises(ClientError, match="Vault not found"):
        vault.retrieve(copy=lost, job_id=JOB, tier="Standard")
    with pytest.raises(ClientError, match="Vault not found"):
        vault.remove(locator=lost)


def test_a_retrieval_is_not_ready_until_it_is(cloud: Any) -> None:
    copy = stored(b"data")
    handle = vault.retrieve(copy=copy, job_id=JOB, tier="Standard")
    assert not vault.ready(copy=copy, retrieval=handle)
    let_pass(cloud, 4 * HOUR)
    assert vault.ready(copy=copy, retrieval=handle)


def test_a_failed_an_expired_or_a_strange_retrieval_is_not_there(cloud: Any) -> None:
    copy, other = stored(b"data"), stored(b"other")
    handle = retrieved(cloud, copy)
    with pytest.raises(NotThere, match="another archive"):
        vault.ready(copy=other, retrieval=handle)
    let_pass(cloud, DAY + 1)
    with pytest.raises(NotThere):
        vault.ready(copy=copy, retrieval=handle)
    cloud.faults.update({"fail_next_jobs": 1})
    failed = retrieved(cloud, copy)
    with pytest.raises(NotThere, match="failed"):
        vault.ready(copy=copy, retrieval=failed)


def test_a_retrieval_of_a_deleted_archive_ends_as_not_there(cloud: Any) -> None:
    copy = stored(b"data")
    handle = vault.retrieve(copy=copy, job_id=JOB, tier="Standard")
    vault.remove(locator=copy)
    let_pass(cloud, 4 * HOUR)
    with pytest.raises(NotThere):
        vault.ready(copy=copy, retrieval=handle)


def test_output_that_expires_while_it_is_read_is_not_there(cloud: Any) -> None:
    copy = stored()
    chunks = read(copy, retrieved(cloud, copy))
    assert next(chunks) == DATA[:PART]
    let_pass(cloud, DAY + 1)
    with pytest.raises(NotThere):
        next(chunks)


def test_a_stream_that_breaks_twice_is_read_again(cloud: Any) -> None:
    copy = stored()
    handle = retrieved(cloud, copy)
    cloud.faults.update({"break_output": 2})
    assert b"".join(read(copy, handle)) == DATA


def test_a_stream_that_breaks_every_time_is_given_up(cloud: Any) -> None:
    copy = stored()
    handle = retrieved(cloud, copy)
    cloud.faults.update({"break_output": 3})
    with pytest.raises((IncompleteReadError, HTTPClientError)):
        list(read(copy, handle))


def test_a_wrong_byte_never_passes(cloud: Any) -> None:
    copy = stored()
    handle = retrieved(cloud, copy)
    cloud.faults.update({"flip_byte_in_output": True})
    with pytest.raises(Changed):
        next(read(copy, handle))


@pytest.mark.parametrize("size", [len(DATA) - 1, len(DATA) + 1])
def test_output_of_another_size_than_recorded_is_changed(cloud: Any, size: int) -> None:
    copy = stored()
    handle = retrieved(cloud, copy)
    with pytest.raises(Changed):
        list(read(copy, handle, size))


def test_reading_without_a_retrieval_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="retrieval"):
        list(vault.read(copy=stored(b"x"), retrieval=None, size=1, part=PART))


def test_reading_holds_a_few_parts_not_the_whole(cloud: Any) -> None:
    data = some_bytes(8 * PART)
    copy = stored(data)
    handle = retrieved(cloud, copy)
    tracemalloc.start()
    try:
        for piece in read(copy, handle, len(data)):
            del piece
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * PART


def test_removing_an_archive_again_is_fine() -> None:
    copy = stored(b"data")
    assert vault.remove(locator=copy)
    assert vault.remove(locator=copy)


def test_an_aborted_upload_never_finishes() -> None:
    upload, tags = pour(DATA)
    assert vault.remove(locator=upload)
    with pytest.raises(NotThere):
        vault.finish(upload=upload, size=len(DATA), tags=tags)


def test_removing_an_upload_that_was_gone_proves_nothing(cloud: Any) -> None:
    upload, tags = pour(b"data")
    vault.finish(upload=upload, size=4, tags=tags)
    assert not vault.remove(locator=upload)
    idle = vault.open(job_id=JOB, size=1)
    let_pass(cloud, DAY)
    assert not vault.remove(locator=idle)


def test_an_upload_known_to_be_gone_is_not_asked_about() -> None:
    assert not vault.remove(locator=Locator(Store.VAULT, "no-such-vault", "a/0b9c/x", GONE))


def test_a_refused_write_is_not_taken_for_success() -> None:
    upload = vault.open(job_id=JOB, size=len(DATA))
    with pytest.raises(Changed):
        vault.write(upload=upload, number=1, offset=1, data=DATA[:PART])


def take_inventory(cloud: Any) -> str:
    job = vault.start_inventory()
    let_pass(cloud, 4 * HOUR)
    return job


def test_an_inventory_lists_archives_as_of_its_date(cloud: Any) -> None:
    begin_day(cloud)
    copy = stored(b"data")
    let_pass(cloud, DAY)
    stored(b"newer")
    taken, listed = vault.inventory(retrieval=take_inventory(cloud))
    [one] = listed
    assert one.created <= taken <= cloud.clock.now()
    assert (one.archive_id, one.size) == (copy.name, 4)
    assert one.tree_hash == treehash.tree_hash(b"data")
    assert (vault.described(one.description) or ("", ""))[0] == JOB


def test_an_empty_inventory_lists_nothing(cloud: Any) -> None:
    begin_day(cloud)
    let_pass(cloud, DAY)
    _, listed = vault.inventory(retrieval=take_inventory(cloud))
    assert list(listed) == []


def test_an_inventory_is_read_in_blocks(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begin_day(cloud)
    made = {stored(bytes([number])).name for number in range(5)}
    let_pass(cloud, DAY)
    job = take_inventory(cloud)
    for block in (37, 333):
        monkeypatch.setattr(vault, "INVENTORY_BLOCK", block)
        _, listed = vault.inventory(retrieval=job)
        assert {one.archive_id for one in listed} == made


def test_an_inventory_that_is_not_ready_is_not_there(cloud: Any) -> None:
    let_pass(cloud, DAY)
    with pytest.raises(NotThere):
        vault.inventory(retrieval=vault.start_inventory())


def test_inventory_jobs_are_told_apart_from_retrievals(cloud: Any) -> None:
    copy = stored(b"data")
    let_pass(cloud, DAY)
    vault.retrieve(copy=copy, job_id=JOB, tier="Standard")
    job = take_inventory(cloud)
    [found] = vault.inventories()
    assert (found.retrieval, found.status) == (job, "Succeeded")
    assert found.asked_at <= cloud.clock.now()
