"""A sample of the archives is restored and hashed, over two runs; each store."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from annotations.safety import margins
from archival import readback
from deploy.local.run import LocalCloud
from gas_project import aws
from tests.archival.life import archived, upgrade
from tests.core import Counted, Travel, look, settle

pytestmark = pytest.mark.usefixtures("cloud", "shelf")


@pytest.fixture
def shelf(settings: Any, tmp_path: Path) -> None:
    settings.GAS_DATA = tmp_path


def test_a_sample_is_asked_for_by_one_run_and_read_by_the_next(store: str, travel: Travel) -> None:
    before = [archived() for _ in range(3)]
    settle(travel)
    before = [look(job) for job in before]
    asked = readback.run(1.0)
    assert (asked.asked, asked.waiting, asked.good) == (3, 0, 0)
    with Counted(aws.glacier_once(), ("InitiateJob",)) as more:
        early = readback.run(1.0)
        assert (early.asked, early.waiting, early.good) == (0, 3, 0)
        travel(margins().bulk + 1)
        read = readback.run(1.0)
    assert (read.asked, read.waiting, read.good, read.reports) == (0, 0, 3, [])
    assert more.seen == []
    assert [look(job) for job in before] == before
    assert readback.run(1.0).asked == 3


def test_of_a_few_archives_one_is_read_and_of_none_none() -> None:
    assert readback.run(0.01).asked == 0
    for _ in range(3):
        archived()
    assert readback.run(0.0001).asked == 1


def test_what_comes_back_wrong_twice_is_paged(travel: Travel, cloud: LocalCloud) -> None:
    job = archived()
    readback.run(1.0)
    travel(margins().bulk + 1)
    cloud.faults.update({"flip_byte_in_output": True})
    (report,) = readback.run(1.0).reports
    assert (report.kind, report.job_id, report.page) == ("unreadable", job.job_id, True)
    assert look(job).problem is None


def test_what_comes_back_wrong_once_is_read_again(
    travel: Travel, monkeypatch: pytest.MonkeyPatch
) -> None:
    archived()
    readback.run(1.0)
    travel(margins().bulk + 1)
    answers, real = [False], readback._sound
    monkeypatch.setattr(
        readback, "_sound", lambda *asked: answers.pop() if answers else real(*asked)
    )
    read = readback.run(1.0)
    assert (read.good, read.reports) == (1, [])


def test_what_moved_or_expired_meanwhile_is_passed_over(travel: Travel) -> None:
    moves, expires = archived(), archived()
    readback.run(1.0)
    upgrade(moves)
    settle(travel, margins().standard + 1)
    assert look(moves).state == "HOT"
    travel(margins().bulk + 30 * 24 * 3600)
    read = readback.run(1.0)
    assert (read.passed, read.good, read.reports) == (2, 0, [])
    assert look(expires).state == "COLD"


def test_the_command_tells_how_the_sample_is(
    travel: Travel, capsys: pytest.CaptureFixture[str]
) -> None:
    archived()
    settle(travel)
    call_command("reconcile_archives", "--read-back", "1%")
    assert "Read back: 1 asked for" in capsys.readouterr().out
    travel(margins().bulk + 1)
    settle(travel)
    call_command("reconcile_archives", "--read-back", "1%", "--json")
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["read_back"]["sound"] == 1


@pytest.mark.parametrize("text", ["0", "-1%", "101%", "some"])
def test_a_share_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="percentage"):
        call_command("reconcile_archives", f"--read-back={text}")
