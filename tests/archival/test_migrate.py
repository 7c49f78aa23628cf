"""Moving archives from the vault to an S3 class: ordinary steps, nothing lost, nobody mailed."""

from dataclasses import replace
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from annotations import emails, jobs
from annotations.locators import Store
from annotations.safety import margins
from annotations.states import Job
from annotations.timeline import read
from archival import migrate
from deploy.local.run import LocalCloud
from gas_project import clock, queues
from tests.archival.life import advance, archived, steps_of, upgrade, wish_deleted
from tests.core import RESULT, Travel, archives, hot, look, person, served, settle, strays

pytestmark = pytest.mark.usefixtures("cloud")


@pytest.fixture
def in_vault(settings: Any) -> list[Job]:
    """Three results in the vault; the store for new archives is now the S3 class."""
    settings.GAS_COLD_STORE = "vault"
    made = [archived() for _ in range(3)]
    settings.GAS_COLD_STORE = "s3"
    return made


def moved(travel: Travel) -> None:
    settle(travel, margins().bulk + 1, margins().links_end + 1)


def store_of(job: Job) -> Store | None:
    copy = look(job).copy
    return copy.store if copy else None


def test_archives_move_and_come_back_whole(
    in_vault: list[Job], travel: Travel, cloud: LocalCloud
) -> None:
    settle(travel, margins().links_end + 1)
    call_command("migrate_archives")
    moved(travel)
    for job in in_vault:
        now = look(job)
        assert (now.state, store_of(job), now.moving) == ("COLD", Store.S3_GLACIER, False)
        assert (now.size, now.sha256, now.tree_hash) == (job.size, job.sha256, job.tree_hash)
        assert [line.note for line in read(job.job_id) if line.step == "retrieve"] == ["Bulk"]
        assert job.copy in [g.locator for g in now.garbage]
    assert len(archives(cloud)) == 3
    travel(margins().keep + 1)
    settle(travel)
    assert archives(cloud) == set()
    back = advance("restorer", upgrade(in_vault[0]))
    settle(travel, margins().standard + 1)
    assert served(back) == RESULT


def test_the_steps_are_those_of_a_restore_and_an_archiving(
    in_vault: list[Job], travel: Travel, cloud: LocalCloud
) -> None:
    list(migrate.ask(migrate.census().left[:1]))
    moved(travel)
    (job,) = [job for job in in_vault if store_of(job) is Store.S3_GLACIER]
    steps = [step for step, _ in steps_of(job) if step != "reap"]
    assert steps == ["open", "fill", "move", "retrieve", "open", "fill", "open", "fill"]


def test_a_dry_run_counts_and_changes_nothing(
    in_vault: list[Job], capsys: pytest.CaptureFixture[str]
) -> None:
    before = [look(job) for job in in_vault]
    call_command("migrate_archives", "--dry-run")
    told = capsys.readouterr().out
    assert "0 of 3 archived results are in s3, 0 on their way, 3 wait" in told
    assert "to move now: 3 results" in told
    assert [look(job) for job in in_vault] == before


def test_it_goes_on_where_it_was(
    in_vault: list[Job], travel: Travel, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("migrate_archives", "--limit", "1")
    call_command("migrate_archives", "--dry-run")
    assert "0 of 3 archived results are in s3, 1 on their way, 2 wait" in capsys.readouterr().out
    moved(travel)
    call_command("migrate_archives", "--limit", "10")
    assert "1 of 3 archived results are in s3, 0 on their way, 2 wait" in capsys.readouterr().out
    moved(travel)
    call_command("migrate_archives", "--watch")
    shown = capsys.readouterr()
    assert "3 of 3 archived results are in s3" in shown.out
    assert "3 of 3 there" in shown.err


def test_what_is_not_back_within_its_day_stays_and_is_asked_for_again(
    in_vault: list[Job], travel: Travel
) -> None:
    list(migrate.ask(migrate.census().left))
    settle(travel)
    travel(2 * margins().bulk + 1)  # nobody looked while it was ready
    settle(travel)
    found = migrate.census()
    assert [look(job).state for job in in_vault] == ["COLD"] * 3
    assert [store_of(job) for job in in_vault] == [Store.VAULT] * 3
    assert len(found.left) == 3
    list(migrate.ask(found.left))
    moved(travel)
    assert [store_of(job) for job in in_vault] == [Store.S3_GLACIER] * 3


def test_an_upgrade_on_the_way_comes_first(in_vault: list[Job], travel: Travel) -> None:
    job = in_vault[0]
    list(migrate.ask([job]))
    job = upgrade(job)
    assert not job.moving
    job = advance("restorer", job)
    assert [line.note for line in read(job.job_id) if line.step == "retrieve"] == ["Expedited"]
    settle(travel, margins().expedited + 1, 10 * margins().bulk)
    assert look(job).state == "HOT"


def test_a_deletion_on_the_way_leaves_nothing(
    in_vault: list[Job], travel: Travel, cloud: LocalCloud
) -> None:
    job = in_vault[0]
    list(migrate.ask([job]))
    advance("restorer", job)
    wish_deleted(job)
    settle(travel, margins().bulk + 1, margins().posts_end + 1)
    assert look(job).state == "DELETED"
    assert len(archives(cloud)) == 2


def test_what_is_hot_deleted_or_there_already_is_left_alone(settings: Any) -> None:
    settings.GAS_COLD_STORE = "s3"
    there, warm, gone = archived(), hot(person("premium")), archived()
    wish_deleted(gone)
    found = migrate.census()
    assert (found.there, found.under_way, found.left) == (1, 0, [])
    assert (look(there), look(warm)) == (there, warm)


def test_many_come_due_minute_by_minute(
    in_vault: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = replace(margins(), spread=2)
    monkeypatch.setattr(migrate, "margins", lambda: slow)
    start = clock.now()
    asked = list(migrate.ask(migrate.census().left))
    waits = [(look(job).due_at or 0) - start for job in asked]
    assert [wait // 60 for wait in waits] == [0, 0, 1]


def test_nobody_is_mailed_about_it(in_vault: list[Job], travel: Travel) -> None:
    sent: list[str] = []
    list(migrate.ask(migrate.census().left))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(emails, "_send", lambda kind, *_, **__: sent.append(kind))
        for pause in (0, margins().bulk + 1, 1):
            settle(travel, pause)
            for job in in_vault:
                emails.about_job(job.job_id)
    assert {kind for kind in sent if kind != "done"} == set()
    assert [store_of(job) for job in in_vault] == [Store.S3_GLACIER] * 3
    assert queues.depth("archive") == 0


def test_the_vault_is_no_place_to_move_to(settings: Any) -> None:
    settings.GAS_COLD_STORE = "vault"
    with pytest.raises(CommandError, match="s3 or s3-deep"):
        call_command("migrate_archives", "--dry-run")


def test_the_estimate_grows_with_requests_and_bytes(in_vault: list[Job]) -> None:
    small = migrate.cost(in_vault)
    assert 0 < small < 0.01
    assert migrate.cost([*in_vault, *in_vault]) == pytest.approx(2 * small)


def test_no_bytes_are_unnamed_at_any_stage(
    settings: Any, travel: Travel, cloud: LocalCloud
) -> None:
    settings.GAS_COLD_STORE = "vault"
    job = archived()
    settings.GAS_COLD_STORE = "s3-deep"
    list(migrate.ask([job]))
    for role in ("restorer", "thawer", "archiver", "eraser"):
        travel(margins().bulk + 1 if role == "thawer" else 0)
        advance(role, job)
        assert strays(cloud, job) == set()
    assert store_of(job) is Store.S3_DEEP
    assert jobs.get(job.job_id) == look(job)
