"""The vault's inventory against the items: strays go, and what is proved gone is struck off."""

from dataclasses import replace
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts import plans
from annotations import jobs
from annotations.locators import GONE, Locator, Store
from annotations.safety import margins
from annotations.states import Dated, Job
from archival import census, reconcile
from archival.stores import NotThere, vault
from gas_project import aws, clock
from tests.archival.life import advance, archived, open_only
from tests.core import DAY, Travel, archives, hot, inventory, look, person, settle, strays

pytestmark = pytest.mark.usefixtures("cloud")


def _archive(job_id: str, name: str = "a/x", data: bytes = b"stray") -> Locator:
    """Put an archive into the vault that no item names."""
    upload = aws.glacier().initiate_multipart_upload(
        vaultName=aws.vault(),
        archiveDescription=vault.describe(job_id=job_id, name=name),
        partSize=str(1024 * 1024),
    )["uploadId"]
    where = Locator(Store.VAULT, aws.vault(), name, upload)
    tag = vault.write(upload=where, number=1, offset=0, data=data)
    return vault.finish(upload=where, size=len(data), tags=[tag])


def _ready(travel: Travel) -> reconcile.Findings:
    travel(DAY)
    handle = reconcile.ask()
    travel(margins().standard + 1)
    return census.take(handle)


def test_a_vault_too_young_for_an_inventory_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> str:
        raise NotThere

    monkeypatch.setattr(vault, "start_inventory", refuse)
    assert reconcile.latest() is None
    call_command("reconcile_archives")
    told = capsys.readouterr()
    assert "too young" in told.err
    assert "No inventory is ready yet" in told.out


def test_a_stray_archive_becomes_garbage_and_goes(travel: Travel, cloud: Any) -> None:
    job = archived()
    stray = _archive(job.job_id)
    found = _ready(travel)
    assert list(reconcile.strays(found)) == [(job.job_id, str(stray))]
    assert look(job).garbage == job.garbage
    assert reconcile.apply(found) == 1
    assert stray in [g.locator for g in look(job).garbage]
    settle(travel)
    assert look(job).copy == job.copy
    assert strays(cloud, job) == set()
    assert len(archives(cloud)) == 1


def test_what_is_in_order_is_left_alone(travel: Travel) -> None:
    job = archived()
    settle(travel, margins().links_end + 1)
    before = look(job)
    found = _ready(travel)
    assert (found.listed, found.jobs, found.foreign) == (1, set(), 0)
    assert reconcile.apply(found) == 0
    assert look(job) == before


def test_an_archive_of_the_open_upload_is_spared(travel: Travel) -> None:
    job = open_only(hot(person()))
    assert job.upload is not None
    data = b"##fileformat=VCFv4.3\n" * 1000
    tag = vault.write(upload=job.upload, number=1, offset=0, data=data)
    vault.finish(upload=job.upload, size=len(data), tags=[tag])  # done, and not recorded yet
    found = _ready(travel)
    assert found.listed == 1
    assert found.jobs == set()


def test_an_archive_that_is_not_ours_is_told_and_left(
    travel: Travel, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _archive("00000000-0000-4000-8000-000000000009")
    monkeypatch.setattr(vault, "describe", lambda **_: "somebody's holiday")
    _archive("")
    found = _ready(travel)
    assert (found.listed, found.foreign, found.jobs) == (2, 2, set())
    assert reconcile.apply(found) == 0
    assert len(archives(cloud)) == 2


def _waiting(after: int, **facts: Any) -> tuple[Job, Dated]:
    gone = Dated(Locator(Store.VAULT, aws.vault(), "a/n", GONE), after)
    return hot(person("premium"), garbage=(gone,), **facts), gone


def test_an_upload_that_was_gone_is_struck_off_by_a_later_inventory(travel: Travel) -> None:
    archived()
    job, _ = _waiting(clock.now())
    assert inventory(travel) == 1
    assert look(job).garbage == ()
    settle(travel)
    assert look(job).due_at is None


def test_an_inventory_that_may_be_older_proves_nothing(travel: Travel) -> None:
    archived()
    travel(DAY)
    handle = reconcile.ask()
    travel(margins().standard + 1)
    job, gone = _waiting(clock.now())
    found = census.take(handle)
    assert found.proved == {}
    assert look(job).garbage == (gone,)


def test_a_job_that_changed_meanwhile_is_taken_as_it_is(
    travel: Travel, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = archived()
    stray = _archive(job.job_id)
    found = _ready(travel)
    now = look(job)
    named = jobs.record(
        now, now=clock.now(), step="x", actor="t", garbage=(*now.garbage, Dated(stray, clock.now()))
    )
    assert reconcile.apply(found) == 0
    assert look(job) == named
    real = jobs.get

    def late(job_id: str) -> Job | None:
        seen = real(job_id)
        monkeypatch.setattr(jobs, "get", real)
        jobs.touch(job_id, due_at=clock.now())
        return seen and replace(seen, garbage=())

    monkeypatch.setattr(jobs, "get", late)
    assert reconcile.apply(found) == 0


def test_more_than_a_sane_day_explains_is_refused(travel: Travel) -> None:
    made = [archived() for _ in range(3)]
    for job in made:
        _archive(job.job_id)
    found = _ready(travel)
    before = [look(job) for job in made]
    with pytest.raises(reconcile.TooMany, match="3 jobs"):
        reconcile.apply(found)
    assert [look(job) for job in made] == before
    assert reconcile.apply(found, accept=True) == 3


def test_while_frozen_nothing_is_written(travel: Travel) -> None:
    job = archived()
    _archive(job.job_id)
    found = _ready(travel)
    plans.freeze(on=True, reason="a restore of the table")
    before = look(job)
    assert reconcile.apply(found) == 0
    assert look(job) == before


def test_the_command_is_dry_unless_told_otherwise(
    travel: Travel, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("reconcile_archives")
    assert "No inventory is ready yet" in capsys.readouterr().out
    job = advance("archiver", hot(person()))
    stray = _archive(job.job_id)
    _ready(travel)
    with pytest.raises(SystemExit) as ended:
        call_command("reconcile_archives")
    assert ended.value.code == 1
    assert str(stray) in capsys.readouterr().out
    assert look(job).garbage == job.garbage
    with pytest.raises(SystemExit):  # nobody has worked for a day: that is a finding too
        call_command("reconcile_archives", "--apply", "--json")
    assert '"stray": [{' in capsys.readouterr().out
    assert stray in [g.locator for g in look(job).garbage]


def test_the_command_refuses_too_much(travel: Travel) -> None:
    for _ in range(2):
        _archive(archived().job_id)
    _ready(travel)
    with pytest.raises(CommandError, match="look first") as refused:
        call_command("reconcile_archives", "--apply")
    assert refused.value.returncode == 2
    with pytest.raises(SystemExit):
        call_command("reconcile_archives", "--apply", "--accept-blast-radius")
