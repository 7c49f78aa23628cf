"""An annotator's work with one job: what it records, and whose fault it was."""

from pathlib import Path
from typing import Any

import pytest

from annotations import jobs, run, services, storage
from annotations.genomics import engine
from annotations.genomics.examples import EXAMPLES, Example
from annotations.genomics.findings import Findings
from annotations.states import Job
from annotations.timeline import read
from gas_project import clock, events, queues
from tests.annotations.scripts import Runs, advance, fail, finish
from tests.core import objects, person, queued

pytestmark = pytest.mark.usefixtures("cloud")


# --- a good end --------------------------------------------------------------------------------


def test_a_result_is_recorded_with_all_that_describes_it(job: Job, runs: Runs) -> None:
    asked = runs(finish)
    done = advance(job)
    assert (done.state, done.variants, done.worker, done.claims) == ("HOT", 3, None, 0)
    assert done.copy is not None
    assert done.attempt is not None
    assert done.copy.name == done.attempt.locator.name + storage.RESULT
    assert done.size == len(storage.RESULT)
    assert len(done.sha256) == 64
    assert done.progress is None
    assert done.archive_after > clock.now()
    assert services.log(done) == storage.LOG
    assert [one["bytes"] for one in asked] == [b"the upload"]
    assert [line.step for line in read(job.job_id)] == ["submit", "annotate"]


def test_the_upload_is_kept_for_another_run_and_then_goes(job: Job, runs: Runs) -> None:
    runs(finish)
    done = advance(job)
    assert done.input == job.input
    assert [(g.locator, g.after) for g in done.garbage] == [(job.input, done.input_until)]


def test_the_archiver_and_the_notifier_are_told(job: Job, runs: Runs) -> None:
    runs(finish)
    advance(job)
    for queue in ("archive", "notify"):
        assert _told(queue) == [events.Hint(job_id=job.job_id)]


def test_the_same_hint_again_does_nothing(job: Job, runs: Runs) -> None:
    asked = runs(finish)
    done = advance(job)
    assert advance(job) == done
    assert len(asked) == 1


def test_a_hint_for_no_job_comes_back_later() -> None:
    with pytest.raises(jobs.NotFound):
        run.advance("00000000-0000-4000-8000-000000000009", stopping=lambda: False)


def test_an_upload_is_confirmed_and_run_in_one_go(runs: Runs) -> None:
    runs(finish)
    form = services.submit(user_id=person(), name="a", reference=EXAMPLES[0].reference)
    assert form.job.input is not None
    storage.put(form.job.input, b"posted")
    assert advance(form.job).state == "HOT"


# --- the file's fault --------------------------------------------------------------------------


def _reject(out: Path, **_: Any) -> engine.Result:
    (out / storage.RESULT).write_bytes(b"half")
    findings = Findings()
    for code in ("binary", "old-mac", "empty-file", "encoding", "double-gzip"):
        for line in range(1, 15):
            findings.add(code, line=line, raw=b"\0")
    raise engine.Rejected(findings)


def test_a_bad_file_fails_with_its_findings_and_a_log_for_people(job: Job, runs: Runs) -> None:
    runs(_reject)
    failed = advance(job)
    assert (failed.state, failed.failed) == ("FAILED", "Binary data in the text.")
    assert (failed.findings[0]["code"], failed.findings[0]["line"]) == ("binary", 1)
    assert len(failed.findings) == run.KEPT_FINDINGS
    assert "line 4" in services.log(failed)
    assert failed.completed_at
    kept = {key for key in objects() if key.startswith("r/")}
    assert {key.rsplit("/", 1)[1] for key in kept} == {storage.LOG}
    assert events.Hint(job_id=job.job_id) in _told("notify")


def _told(queue: str) -> list[events.Event]:
    found = queues.receive(queue, limit=10, wait=1, visibility=30)
    return [event for one in found for event in events.decode(one.body)]


def test_a_changed_upload_fails_and_nothing_is_annotated(job: Job, runs: Runs) -> None:
    asked = runs(finish)
    assert job.input is not None
    storage.put(job.input, b"posted once more")
    assert "changed" in str(advance(job).failed)
    assert asked == []


def test_a_vanished_upload_fails(job: Job, runs: Runs) -> None:
    runs(finish)
    assert job.input is not None
    storage.remove(locator=job.input)
    assert advance(job).state == "FAILED"


def test_the_engines_own_failure_is_told_to_the_person(job: Job, runs: Runs) -> None:
    runs(fail)
    failed = advance(job)
    assert failed.failed == "The annotation took longer than it may."
    assert failed.findings == ()


# --- the real engine ---------------------------------------------------------------------------


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.id)
def test_an_example_runs_through_the_real_engine(example: Example) -> None:
    job = services.example(user_id=person(), example=example.id)
    done = advance(job)
    assert (done.state, done.failed) == ("HOT", None)
    assert done.variants > 0
    assert services.summary(done)
    assert services.preview(done)
    assert services.log(done)
    assert done.copy is not None
    assert storage.head(done.copy).size == done.size


def test_a_broken_file_is_refused_by_the_real_engine() -> None:
    job = queued(person(), b"not a VCF at all\n")
    failed = advance(job)
    assert failed.state == "FAILED"
    assert failed.findings
    assert services.log(failed)
