"""All that is stored against all items: each finding, and none where all is in order."""

import json
from contextlib import suppress
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from annotations import jobs, storage
from annotations.locators import GONE, Locator, Store
from annotations.safety import margins
from archival import census, reconcile
from archival.stores import s3
from gas_project import aws, clock
from tests.archival.life import advance, archived, restoring, thawed, wish_deleted
from tests.core import (
    DAY,
    RESULT,
    Away,
    Travel,
    archives,
    hot,
    look,
    objects,
    person,
    queued,
    replies_lost,
    settle,
)

pytestmark = pytest.mark.usefixtures("cloud")


def _inventory(travel: Travel) -> str:
    travel(DAY)
    handle = reconcile.ask()
    travel(margins().standard + 1)
    return handle


def _kinds(found: reconcile.Findings) -> list[str]:
    return [report.kind for report in found.reports]


def test_what_is_in_order_is_clean_in_every_state(travel: Travel, store: str) -> None:
    user = person("premium")
    made = [hot(user), thawed(restoring(), travel), archived(), hot(person())]
    settle(travel)
    handle = _inventory(travel) if store == "vault" else None
    settle(travel)
    found = census.take(handle)
    assert (found.jobs, found.reports, found.items) == (set(), [], len(made))


def test_t9_an_inventory_that_lists_the_deleted_and_lacks_the_new_changes_nothing(
    travel: Travel, cloud: Any
) -> None:
    job = archived()
    handle = _inventory(travel)
    wish_deleted(job)
    settle(travel)
    assert archives(cloud) == set()  # deleted, and still listed
    newer = archived()
    before = look(job), look(newer)
    found = census.take(handle)
    assert found.listed == 1
    assert (found.jobs, found.reports) == (set(), [])
    assert reconcile.apply(found) == 0
    assert (look(job), look(newer)) == before


def test_what_a_lost_upload_became_is_named_before_its_entry_is_struck_off(
    travel: Travel, cloud: Any
) -> None:
    job = hot(person())
    with replies_lost(aws.glacier(), "CompleteMultipartUpload"), suppress(Away):
        advance("archiver", job)
    wish_deleted(job)
    settle(travel, margins().posts_end + 1)
    (made,) = archives(cloud)
    waiting = look(job).garbage
    assert [entry.locator.upload for entry in waiting] == [GONE]
    assert reconcile.apply(census.take(_inventory(travel)), accept=True) == 1
    assert [entry.locator.name for entry in look(job).garbage] == [made]
    settle(travel)
    assert archives(cloud) == set()
    assert look(job).state == "DELETED"


def test_a_stray_object_becomes_garbage_and_goes(travel: Travel, settings: Any) -> None:
    settings.GAS_COLD_STORE = "s3"
    job = archived()
    for letter, kind in (("t", "results"), ("a", "archive"), ("u", "uploads")):
        store = Store.S3_GLACIER if kind == "archive" else Store.HOT
        storage.put(Locator(store, aws.bucket(kind), f"{letter}/{job.job_id}/stray"), b"x")
    aws.s3().put_object(
        Bucket=aws.bucket("archive"),
        Key=f"a/{job.job_id}/stray",
        Body=b"x",
        StorageClass="GLACIER",
    )
    found = census.take(None)
    assert len(list(reconcile.strays(found))) == 3
    assert reconcile.apply(found, accept=True) == 1
    settle(travel)
    assert not {key for key in objects() if key.endswith("stray")}
    assert look(job).copy == job.copy


def test_a_forgotten_upload_goes_after_a_day(travel: Travel, settings: Any) -> None:
    settings.GAS_COLD_STORE = "s3"
    job = archived()
    s3.open(job_id=job.job_id, size=1)
    assert census.take(None).jobs == set()
    travel(2 * DAY)
    found = census.take(None)
    assert reconcile.apply(found, accept=True) == 1
    settle(travel)
    assert aws.s3().list_multipart_uploads(Bucket=aws.bucket("archive")).get("Uploads", []) == []


def test_a_missing_result_is_paged_and_never_mended_by_itself(travel: Travel) -> None:
    job = thawed(restoring(), travel)
    assert job.copy is not None
    storage.remove(locator=job.copy)
    found = census.take(None)
    (report,) = [one for one in found.reports if one.kind == "missing"]
    assert report.page
    assert "glacier-vault://" in report.note
    assert found.jobs == set()


def test_a_missing_archive_is_paged_once_an_inventory_must_know_it(travel: Travel) -> None:
    job = archived()
    keeps = archived()
    assert job.copy is not None
    aws.glacier().delete_archive(vaultName=job.copy.bucket, archiveId=job.copy.name)
    settle(travel)
    travel(DAY)
    found = census.take(_inventory(travel))
    (report,) = [one for one in found.reports if one.kind == "missing"]
    assert (report.job_id, report.page) == (job.job_id, True)
    assert look(keeps).problem is None


def test_a_copy_that_differs_is_quarantined(travel: Travel) -> None:
    job = hot(person("premium"))
    settle(travel)
    assert job.copy is not None
    storage.put(job.copy, b"short")
    found = census.take(None)
    assert set(found.differs) == {job.job_id}
    assert reconcile.apply(found, accept=True) == 1
    assert look(job).state == "QUARANTINED"


def test_bytes_without_an_item_are_told(travel: Travel) -> None:
    key = "r/00000000-0000-4000-8000-000000000009/x/file"
    storage.put(Locator(Store.HOT, aws.bucket("results"), key), b"x")
    storage.put(Locator(Store.HOT, aws.bucket("uploads"), "holiday.png"), b"x")
    found = census.take(None)
    assert _kinds(found) == ["nobody's"] * 2
    assert reconcile.apply(found) == 0


def test_a_job_that_is_due_for_hours_is_told(travel: Travel) -> None:
    queued(person())
    assert census.take(None).reports == []
    travel(margins().policy + 1)
    assert _kinds(census.take(None)) == ["stuck"]


def test_nobody_is_called_for_what_was_seen_once(
    travel: Travel, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, moves, real = queued(person()), hot(person("premium"), due_at=None), jobs.every
    travel(margins().policy + 1)
    assert moves.copy is not None
    storage.remove(locator=moves.copy)
    better = Locator(Store.HOT, aws.bucket("results"), f"t/{moves.job_id}/better")
    storage.put(better, RESULT)

    def meanwhile() -> Any:
        yield from real()
        jobs.rest(look(late), now=clock.now(), due_at=None)

    def moved(locator: Locator) -> storage.Head:
        jobs.record(look(moves), now=clock.now(), step="x", actor="t", copy=better)
        raise storage.NotThere

    monkeypatch.setattr(jobs, "every", meanwhile)
    with monkeypatch.context() as patch:
        patch.setattr(storage, "head", moved)
        found = census.take(None)
    assert [one for one in found.reports if one.page] == []


def _older(monkeypatch: pytest.MonkeyPatch) -> None:
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + 4 * margins().proof)


def test_an_old_inventory_is_refused(travel: Travel, monkeypatch: pytest.MonkeyPatch) -> None:
    archived()
    handle = _inventory(travel)
    _older(monkeypatch)
    with pytest.raises(census.TooOld):
        census.take(handle)


def test_the_command_tells_what_it_found_and_how_it_ended(
    travel: Travel, capsys: pytest.CaptureFixture[str]
) -> None:
    job = hot(person("premium"))
    settle(travel)
    call_command("reconcile_archives")
    assert "1 jobs and 0 archives looked at: 0 stray" in capsys.readouterr().out
    assert job.copy is not None
    storage.remove(locator=job.copy)
    with pytest.raises(SystemExit) as ended:
        call_command("reconcile_archives", "--apply", "--json")
    assert ended.value.code == 1
    told = json.loads(capsys.readouterr().out.splitlines()[0])
    assert [(one["kind"], one["page"]) for one in told["reports"]] == [("missing", True)]
    assert jobs.get(job.job_id) == look(job)


def test_the_command_refuses_an_old_inventory(
    travel: Travel, monkeypatch: pytest.MonkeyPatch
) -> None:
    archived()
    _inventory(travel)
    _older(monkeypatch)
    with pytest.raises(CommandError, match="72 hours") as refused:
        call_command("reconcile_archives")
    assert refused.value.returncode == 2


def test_an_account_without_a_vault_is_looked_at_too(
    travel: Travel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws, "vault", lambda: "no-such-vault")
    advance("archiver", hot(person("premium")))
    settle(travel)
    call_command("reconcile_archives")
    assert census.take(None).items == 1
