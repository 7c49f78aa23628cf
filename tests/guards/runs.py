"""The scenarios of annotators: what each guard of a run is for."""

from contextlib import suppress

from annotations import run, storage
from annotations.safety import margins
from archival import services
from tests.archival.life import wish_deleted
from tests.core import look, person, queued, served
from tests.guards.stage import (
    Crash,
    Seen,
    Stage,
    at,
    change,
    crash,
    ended,
    judge,
    quick_engine,
    settle,
    work,
)


def fresh_attempt_per_claim(stage: Stage) -> Seen:
    """An annotator dies before its first output; another one takes over."""
    quick_engine(stage)
    job = queued(person("premium"), b"input")
    with at("PutObject", crash), suppress(Crash):
        work("annotator", job)
    stage.travel(margins().lease + 1)
    job = work("annotator", job)
    stage.travel(margins().run_limit + margins().signed + 1)
    settle(stage, job)
    return Seen(judge(stage, job, "HOT", b"input"))


def _late_put(stage: Stage, wait: int) -> Seen:
    """An annotator sleeps before its first output while the job is deleted and erased.

    Its looks at the job while it reads the output save work, and no promise rests on them: a sleep
    may come after the last. Here there is none.
    """
    quick_engine(stage)
    stage.patch.setattr(run._Watch, "hold", lambda _: None)
    job = queued(person(), b"input")

    def erase() -> None:
        stage.travel(wait)
        wish_deleted(job)
        work("eraser", job)

    with at("PutObject", erase), suppress(Exception):
        work("annotator", job)
    return ended(stage, job, "DELETED")


def attempts_garbage_waits(stage: Stage) -> Seen:
    """It wakes within its run limit: what it puts then must still be seen to."""
    return _late_put(stage, margins().run_limit // 2)


def run_limit_on_signing(stage: Stage) -> Seen:
    """It wakes after all was removed: it must sign nothing any more."""
    return _late_put(stage, margins().posts_end + margins().run_limit + margins().signed + 1)


def if_match_on_the_input(stage: Stage) -> Seen:
    """The file is posted anew between its confirmation and the run."""
    quick_engine(stage)
    job = queued(person("premium"), b"input")
    assert job.input is not None
    storage.put(job.input, b"other")
    job = work("annotator", job)
    return Seen(["WRONG"] if job.copy and served(job) == b"other" else [])


def spread_spares_runs(stage: Stage) -> Seen:
    """The owner upgrades while the file is annotated."""
    quick_engine(stage)
    job, runs = queued(person(), b"input"), 0

    def upgrade() -> None:
        change(job, "premium")
        services.spread(job.user_id)

    with at("GetObject", upgrade):
        while look(job).copy is None and runs < 3:
            runs += 1
            work("annotator", job)
            stage.travel(margins().lease + 1)
    settle(stage, job)
    return Seen(judge(stage, job, "HOT", b"input"), {"runs": runs})
