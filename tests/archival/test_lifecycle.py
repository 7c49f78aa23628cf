"""`next_step` on every combination of facts and wish: a step or rest, and no step without means."""

import pytest

from annotations.states import Job, holds, place, state_of, want_of
from archival.lifecycle import due_garbage, next_look, next_step, owner, warn_at
from tests.archival.facts import ITEMS, JOB, NOW, USER, WISHES, cases, locator, plan_of
from tests.archival.model import facts as model

OWNERS: dict[str, set[str | None]] = {
    "confirm": {"annotator"},
    "annotate": {"annotator"},
    "retrieve": {"restorer"},
    "bury": {"eraser"},
    "reap": {"eraser"},
    "open": {"archiver", "thawer"},
    "fill": {"archiver", "thawer"},
    "turn_back": {"archiver", "thawer"},
    "settle": {None},
}
STATES = {
    "UPLOADING",
    "QUEUED",
    "RUNNING",
    "FAILED",
    "CANCELLED",
    "HOT",
    "ARCHIVING",
    "COLD",
    "RESTORING",
    "THAWING",
    "QUARANTINED",
    "DELETING",
    "DELETED",
}
HOT = locator(model.Loc("hot", "c"))
COLD = locator(model.Loc("vault", "c"))


def _job(**facts: object) -> Job:
    base = {
        "job_id": JOB,
        "user_id": USER,
        "name": "a",
        "reference": "r",
        "submitted_at": NOW - 100,
        "rev": "r",
        "etag": "e",
    }
    return Job(**{**base, **facts})  # type: ignore[arg-type]


def _has_means(step: str, job: Job) -> bool:
    """Whether a step finds what it works on."""
    ended = job.copy or job.failed or job.cancelled or job.deleted
    cold = job.copy is not None and place(job.copy) == "COLD"
    return {
        "confirm": bool(job.input and not job.etag and not ended),
        "annotate": bool(job.input and job.etag and not ended),
        "retrieve": cold and not job.retrieval,
        "open": bool(job.copy and not job.upload and (job.retrieval or not cold)),
        "fill": bool(job.copy and job.upload and (job.retrieval or not cold)),
        "turn_back": bool(job.upload or job.retrieval),
        "bury": job.deleted and holds(job),
        "reap": bool(due_garbage(job, NOW)),
        "settle": True,
    }[step]


@pytest.mark.parametrize("wish", WISHES)
def test_a_free_job_has_a_step_or_is_at_rest_where_it_should_be(wish: str) -> None:
    told, archive_after = WISHES[wish]
    plan = plan_of(told)
    for job in (case.job for case in cases(archive_after)):
        step, want = next_step(job, plan, NOW), want_of(job, plan, NOW)
        if job.worker and (job.due_at or 0) > NOW:
            assert step is None, job
        elif step is None or step == "settle":
            ended = job.copy is None or place(job.copy) == want
            rests = (job.deleted and not holds(job)) or bool(job.problem) or ended
            assert rests, job
            assert job.problem or not due_garbage(job, NOW), job
            assert (job.due_at == next_look(job, plan, NOW)) == (step is None), job


@pytest.mark.parametrize("wish", WISHES)
def test_a_step_has_what_it_needs_and_one_owner(wish: str) -> None:
    told, archive_after = WISHES[wish]
    plan = plan_of(told)
    seen: set[str] = set()
    for job in (case.job for case in cases(archive_after)):
        step = next_step(job, plan, NOW)
        if step is not None:
            seen.add(step)
            assert _has_means(step, job), (step, job)
            assert owner(job, step) in OWNERS[step], (step, job)
    moves = {"open", "fill"} if wish == "cold" else {"open", "fill", "retrieve"}
    assert {"confirm", "annotate", "bury", "reap", "settle", "turn_back"} | moves >= seen
    assert moves <= seen


def test_a_look_that_settles_finds_nothing_to_do_at_the_next() -> None:
    plan = plan_of(WISHES["hot until grace"][0])
    for job in (case.job for case in cases(NOW + 1)):
        if next_step(job, plan, NOW) == "settle":
            settled = _with(job, due_at=next_look(job, plan, NOW), worker=None)
            assert next_step(settled, plan, NOW) is None, job


def _with(job: Job, **facts: object) -> Job:
    names = job.__dataclass_fields__
    return Job(**{**{name: getattr(job, name) for name in names}, **facts})


def test_every_combination_has_one_of_the_thirteen_names() -> None:
    named = {state_of(case.job) for case in cases(0)}
    assert named == STATES
    assert len(ITEMS) > 5_000


def test_a_date_on_the_item_or_the_plan_is_never_slept_through() -> None:
    for told, archive_after in WISHES.values():
        plan = plan_of(told)
        for job in (case.job for case in cases(archive_after)):
            look = next_look(job, plan, NOW)
            assert look is None or look > NOW
            later = [g.after for g in job.garbage if g.after > NOW]
            if later and (job.deleted or not job.problem):
                assert look is not None, job
                assert look <= min(later), job


def test_the_owner_is_warned_before_the_archive_date_and_only_of_a_hot_result() -> None:
    plan = plan_of(model.Plan(tier="free", grace_until=NOW + 10**7))
    assert plan is not None
    date = NOW + 10**7
    assert warn_at(_job(copy=HOT), plan) == date - plan.rules.warning
    assert next_look(_job(copy=HOT), plan, NOW) == date - plan.rules.warning
    assert next_look(_job(copy=HOT), plan, date - plan.rules.warning) == date
    assert warn_at(_job(copy=COLD), plan) is None
    assert warn_at(_job(), plan) is None
    assert warn_at(_job(copy=HOT), None) is None


def test_a_missing_plan_keeps_everything_hot() -> None:
    assert next_step(_job(copy=HOT, due_at=None), None, NOW) is None
    assert next_step(_job(copy=COLD), None, NOW) == "retrieve"


def test_a_problem_rests_until_a_person_decides_unless_it_is_deleted() -> None:
    broken = _job(copy=COLD, problem="bytes differ", due_at=NOW)
    assert next_step(broken, None, NOW) == "settle"
    assert next_step(_with(broken, due_at=None), None, NOW) is None
    assert next_step(_with(broken, deleted=True), None, NOW) == "bury"
