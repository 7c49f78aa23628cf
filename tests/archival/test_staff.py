"""What staff may do to a job, and the line that says why it is where it is."""

import uuid
from dataclasses import replace
from typing import Any

import pytest

from accounts.plans import Plan
from annotations import jobs, storage, timeline
from annotations.locators import Locator, Store
from annotations.safety import DAY
from annotations.services import Declined
from annotations.states import WORDS, Dated, Job
from archival import staff
from deploy.local.run import LocalCloud
from gas_project import aws, clock, events
from tests.core import hot, look, person, queued, work

NOW = 1_800_000_000
FREE = Plan("u", "free", "r")
PREMIUM = Plan("u", "premium", "r")
WHO = {"actor": "staff 1", "reason": "asked by mail"}
COPY = Locator(Store.HOT, "b", "r/x/annotated.vcf.gz")


def _job(**facts: object) -> Job:
    base = Job(job_id="a", user_id="u", name="n", reference="sars-cov-2", submitted_at=NOW, rev="1")
    return replace(base, **facts)  # type: ignore[arg-type]


def failed_run(*, kept: int = 30 * DAY, **facts: object) -> Job:
    """Return a job whose run failed, as the annotator leaves it."""
    job, until = queued(person()), clock.now() + kept
    assert job.input is not None
    ended: dict[str, Any] = {
        "failed": "the annotator stopped",
        "completed_at": clock.now(),
        "input_until": until,
    }
    garbage = (Dated(job.input, until),)
    changes: dict[str, Any] = {**ended, "garbage": garbage, "due_at": until, **facts}
    return jobs.record(job, now=clock.now(), step="fail", actor="annotator", **changes)


def stuck(**facts: object) -> Job:
    """Return a job with a result that needs attention."""
    changes: dict[str, Any] = {"problem": "bytes differ", "tries": 5, "due_at": None, **facts}
    return jobs.record(hot(person()), now=clock.now(), step="fill", actor="archiver", **changes)


# --- why ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("job", "plan", "said"),
    [
        (_job(worker="thawer@h:1", due_at=NOW + 60), FREE, "thawer@h:1 is at it; its lease ends"),
        (_job(worker="w", due_at=NOW + 60, claims=3), FREE, "claim 3 since the last record"),
        (_job(copy=COPY, problem="bytes differ"), FREE, "A person must look: bytes differ"),
        (_job(etag="e", due_at=NOW), FREE, "annotate the file (annotate), by the annotator, due"),
        (_job(due_at=NOW + 900), FREE, "(confirm), by the annotator, not before"),
        (_job(copy=COPY, size=1, due_at=NOW), FREE, "(open), by the archiver"),
        (_job(copy=COPY, size=1), PREMIUM, "At rest; nothing will ever be due."),
        (_job(copy=COPY, size=1), None, "plan is missing, so everything stays hot."),
        (_job(failed="no", cancelled=False), FREE, "The run failed. At rest"),
        (_job(deleted=True, copy=COPY, problem="x", due_at=NOW), None, "(bury), by the eraser"),
        (_job(copy=COPY, due_at=NOW), PREMIUM, "(settle), by whoever looks, at the latest"),
    ],
)
def test_one_line_says_why_a_job_is_where_it_is(job: Job, plan: Plan | None, said: str) -> None:
    line = staff.why(job, plan, NOW)
    assert said in line
    assert "\n" not in line
    assert line.endswith(".")


def test_every_step_has_words_and_every_state_a_label() -> None:
    from archival import lifecycle, steps

    named = {*steps.PLAIN, *steps.EFFECT, *lifecycle.OWNERS, *lifecycle.MOVES, "settle"}
    assert named == staff.STEPS.keys()
    assert len({staff.label(state) for state in WORDS}) == len(WORDS)


# --- what does not fit -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "job", "said"),
    [
        (staff.no_retry, _job(), "did not fail"),
        (staff.no_retry, _job(failed="x", deleted=True), "being deleted"),
        (staff.no_retry, _job(failed="x", worker="eraser", due_at=NOW + 9), "eraser is at it"),
        (staff.no_retry, _job(failed="x"), "no longer kept"),
        (staff.no_retry, _job(failed="x", input=COPY, etag="e", input_until=NOW), "no longer kept"),
        (staff.no_release, _job(), "does not need attention"),
        (staff.no_hold, _job(), "has no result"),
        (staff.no_hold, _job(copy=COPY, deleted=True), "being deleted"),
        (staff.no_hold, _job(copy=COPY, problem="x"), "release it"),
    ],
)
def test_an_act_that_does_not_fit_says_why(act: object, job: Job, said: str) -> None:
    assert callable(act)
    assert said in act(job, NOW)


@pytest.mark.parametrize("act", [staff.retry, staff.release, staff.hold])
def test_no_act_makes_a_job(cloud: LocalCloud, act: object) -> None:
    assert callable(act)
    job_id = str(uuid.uuid4())
    with pytest.raises(Declined, match="no such job"):
        act(job_id=job_id, **WHO)
    assert jobs.get(job_id) is None


# --- acts --------------------------------------------------------------------------------------


def test_a_retry_queues_the_same_file_and_keeps_it_until_the_run_ends(cloud: LocalCloud) -> None:
    job = failed_run(tries=2)
    staff.retry(job_id=job.job_id, **WHO)
    again = look(job)
    assert (again.state, again.failed, again.completed_at, again.tries) == ("QUEUED", None, 0, 0)
    assert again.input == job.input
    assert again.garbage == ()
    line = timeline.read(job.job_id)[-1]
    assert (line.step, line.actor, line.note) == ("retry", "staff 1", "asked by mail")
    assert work() > 0, "the annotator was told"
    assert look(job).state == "FAILED", "this file is no VCF, so it fails again"


def test_a_retry_whose_file_is_gone_says_so_and_changes_nothing(cloud: LocalCloud) -> None:
    job = failed_run()
    assert job.input is not None
    storage.remove(locator=job.input)
    assert "file is gone" in staff.refusal("retry", look(job))
    with pytest.raises(Declined, match="file is gone"):
        staff.retry(job_id=job.job_id, **WHO)
    assert look(job) == job


def test_a_retry_of_another_file_than_was_confirmed_is_declined(cloud: LocalCloud) -> None:
    job = failed_run()
    assert job.input is not None
    storage.put(job.input, b"another")
    with pytest.raises(Declined, match="file is gone"):
        staff.retry(job_id=job.job_id, **WHO)


def test_a_release_lets_a_job_go_on_with_all_of_its_tries(cloud: LocalCloud) -> None:
    job = stuck()
    assert job.state == "QUARANTINED"
    staff.release(job_id=job.job_id, **WHO)
    after = look(job)
    assert (after.state, after.problem, after.tries) == ("HOT", None, 0)
    assert after.due_at is not None


def test_a_release_yields_to_whoever_wrote_at_the_same_moment(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = stuck()
    seen = look(job)
    jobs.wish(job.job_id, now=clock.now(), step="delete", actor="owner", deleted=True)
    monkeypatch.setattr(jobs, "get", lambda _: seen)
    with pytest.raises(Declined, match="at the same moment"):
        staff.release(job_id=job.job_id, **WHO)
    monkeypatch.undo()


def test_a_hold_brings_an_archived_result_back(cloud: LocalCloud) -> None:
    cold = Locator(Store.VAULT, aws.vault(), "no-such-archive")
    job = hot(person(), copy=cold, state="COLD")
    staff.hold(job_id=job.job_id, **WHO)
    after = look(job)
    assert after.archive_after >= clock.now() + 7 * DAY - 60
    assert work() > 0, "the restorer was told"


def test_a_hold_never_shortens_the_time_that_a_result_stays(cloud: LocalCloud) -> None:
    later = clock.now() + 90 * DAY
    job = hot(person(), archive_after=later)
    staff.hold(job_id=job.job_id, **WHO)
    assert look(job).archive_after == later


def test_a_lost_hint_does_not_undo_the_act(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import EndpointConnectionError

    def away(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="sns")

    job = failed_run()
    monkeypatch.setattr(events, "publish", away)
    staff.retry(job_id=job.job_id, **WHO)
    assert look(job).state == "QUEUED"
