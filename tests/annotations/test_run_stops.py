"""An annotator that is stopped: by a cancel, a shutdown, an outage, or in the middle."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from annotations import claims, jobs, library, run, services, storage
from annotations.genomics import engine
from annotations.safety import RUN_CLAIMS, margins
from annotations.states import Dated, Job
from deploy.local.run import LocalCloud
from gas_project import aws, clock
from tests.annotations.scripts import Runs, Script, advance, fail, finish
from tests.core import Travel, look, objects, strays

pytestmark = pytest.mark.usefixtures("cloud")


# --- somebody else, and shutdowns --------------------------------------------------------------


def test_a_job_that_somebody_is_at_is_left_alone(job: Job, runs: Runs) -> None:
    asked = runs(finish)
    held = jobs.claim(job, worker="other", until=clock.now() + 60)
    assert advance(job) == held
    assert asked == []


def test_a_lapsed_claim_is_taken_over_with_a_fresh_prefix(job: Job, runs: Runs) -> None:
    runs(finish)
    first = claims.take(job, role="annotator", attempt=Dated(storage.new_attempt(job.job_id), 9))
    jobs.claim(first.job, worker="w", until=clock.now() - 1)
    done = advance(job)
    assert done.state == "HOT"
    assert done.attempt is not None
    assert first.job.attempt in done.garbage
    assert done.attempt != first.job.attempt


def _until_cancelled(cancelled: Callable[[], bool], **_: Any) -> engine.Result:
    assert cancelled()
    raise engine.Stopped


def test_a_cancel_stops_the_run_and_nothing_is_recorded(
    job: Job, runs: Runs, travel: Travel
) -> None:
    def script(**told: Any) -> engine.Result:
        services.cancel(job_id=job.job_id, user_id=job.user_id)
        travel(margins().heartbeat)
        return _until_cancelled(**told)

    runs(script)
    stopped = advance(job)
    assert (stopped.copy, stopped.failed, stopped.cancelled) == (None, None, True)
    assert advance(job).state == "CANCELLED"


def test_a_cancel_is_seen_within_two_seconds_not_at_the_next_beat(
    job: Job, runs: Runs, travel: Travel
) -> None:
    def script(*, cancelled: Callable[[], bool], **_: Any) -> engine.Result:
        assert not cancelled()
        services.cancel(job_id=job.job_id, user_id=job.user_id)
        travel(2)
        assert cancelled()
        raise engine.Stopped

    runs(script)
    assert advance(job).cancelled
    assert advance(job).state == "CANCELLED"


@pytest.fixture
def while_fetched(monkeypatch: pytest.MonkeyPatch, travel: Travel) -> Callable[..., None]:
    """Let something happen once, two seconds before the first bytes of an object arrive."""

    def arrange(happens: Callable[[], None]) -> None:
        stream = storage.stream

        def slow(locator: Any, **asked: Any) -> Any:
            happens()
            travel(2)
            return stream(locator, **asked)

        monkeypatch.setattr(storage, "stream", slow)

    return arrange


def test_a_cancel_ends_the_fetching_of_the_upload(
    job: Job, runs: Runs, while_fetched: Callable[..., None]
) -> None:
    asked = runs(finish)
    while_fetched(lambda: services.cancel(job_id=job.job_id, user_id=job.user_id))
    assert advance(job).cancelled
    assert advance(job).state == "CANCELLED"
    assert asked == []


def test_a_shutdown_ends_the_fetching_of_the_upload_uncounted(job: Job, runs: Runs) -> None:
    asked = runs(finish)
    given = advance(job, stopping=True)
    assert (given.state, given.worker, given.claims) == ("QUEUED", None, 0)
    assert asked == []


def _leases_after(patch: pytest.MonkeyPatch, verb: str, job: Job) -> list[int | None]:
    """Note until when the job's lease goes, after each use of a verb of the storage."""
    leases: list[int | None] = []
    real = getattr(storage, verb)

    def watched(*told: Any, **asked: Any) -> None:
        real(*told, **asked)
        leases.append(look(job).due_at)

    patch.setattr(storage, verb, watched)
    return leases


def test_a_long_fetch_prolongs_the_lease(
    job: Job,
    runs: Runs,
    travel: Travel,
    while_fetched: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs(finish)
    leases = _leases_after(monkeypatch, "fetch", job)
    while_fetched(lambda: travel(margins().lease - 3))
    advance(job)
    assert leases == [clock.now() + margins().lease]


@pytest.fixture
def while_put() -> Iterator[Callable[..., None]]:
    """Let something happen once, before the body of the first output goes out."""
    happen: list[Callable[[], None]] = []

    def at_send(**_: Any) -> None:
        while happen:
            happen.pop()()

    hooks = aws.s3().meta.events
    hooks.register("before-send.s3.PutObject", at_send)
    yield happen.append
    hooks.unregister("before-send.s3.PutObject", at_send)


def test_a_cancel_ends_the_putting_of_the_outputs(
    job: Job, runs: Runs, travel: Travel, while_put: Callable[..., None]
) -> None:
    def cancel() -> None:
        services.cancel(job_id=job.job_id, user_id=job.user_id)
        travel(2)

    runs(finish)
    before = objects()
    while_put(cancel)
    assert advance(job).cancelled
    assert objects() == before
    assert advance(job).state == "CANCELLED"


def test_a_long_put_prolongs_the_lease(
    job: Job,
    runs: Runs,
    travel: Travel,
    while_put: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs(finish)
    leases = _leases_after(monkeypatch, "put", job)
    while_put(lambda: travel(margins().lease - 3))
    assert advance(job).state == "HOT"
    assert leases[0] == clock.now() + margins().lease


def test_a_reference_that_was_removed_is_told_to_the_person(
    job: Job, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = runs(finish)

    def gone(_: str, **__: Any) -> None:
        raise storage.NotThere

    monkeypatch.setattr(library, "find", gone)
    failed = advance(job)
    assert failed.state == "FAILED"
    assert "reference was removed" in str(failed.failed)
    assert asked == []


def test_a_run_that_ends_after_a_cancel_is_fenced(job: Job, runs: Runs, cloud: LocalCloud) -> None:
    def script(**told: Any) -> engine.Result:
        services.cancel(job_id=job.job_id, user_id=job.user_id)
        return finish(**told)

    runs(script)
    assert advance(job).copy is None
    assert advance(job).state == "CANCELLED"
    assert strays(cloud, job) == set()


def test_a_shutdown_gives_the_job_back_uncounted(job: Job, runs: Runs) -> None:
    runs(_until_cancelled)
    given = advance(job, stopping=True)
    assert (given.state, given.worker, given.claims) == ("QUEUED", None, 0)
    assert given.due_at is not None
    assert given.due_at <= clock.now()


def test_a_beat_prolongs_the_lease_and_tells_the_progress(
    job: Job, runs: Runs, travel: Travel
) -> None:
    seen: list[Job] = []

    def script(progress: Any, cancelled: Callable[[], bool], **told: Any) -> engine.Result:
        progress(engine.Progress(bytes_done=5, bytes_total=10, records=2))
        assert not cancelled()
        seen.append(look(job))
        travel(margins().heartbeat)
        assert not cancelled()
        seen.append(look(job))
        return finish(**told)

    runs(script)
    assert advance(job).state == "HOT"
    early, late = seen
    assert early.state == late.state == "RUNNING"
    assert early.progress == {"done": 0, "total": job.input_size, "records": 0}
    assert late.progress == {"done": 5, "total": 10, "records": 2}
    assert late.due_at is not None
    assert early.due_at is not None
    assert late.due_at >= early.due_at + margins().heartbeat
    assert early.claims == late.claims == 1


def test_nothing_is_put_after_the_run_limit(
    job: Job, runs: Runs, travel: Travel, cloud: LocalCloud
) -> None:
    def script(**told: Any) -> engine.Result:
        travel(margins().run_limit + 1)
        return finish(**told)

    runs(script)
    assert advance(job).copy is None
    assert not {key for key in objects() if key.startswith("r/")}
    assert strays(cloud, job) == set()


def test_a_put_that_sleeps_before_it_is_signed_stays_unsigned(
    job: Job, runs: Runs, travel: Travel, cloud: LocalCloud
) -> None:
    events_of_s3 = aws.s3().meta.events

    def sleep(**_: Any) -> None:
        travel(margins().run_limit + 1)

    runs(finish)
    events_of_s3.register_first("before-call.s3.PutObject", sleep)
    try:
        assert advance(job).copy is None
    finally:
        events_of_s3.unregister("before-call.s3.PutObject", sleep)
    assert not {key for key in objects() if key.startswith("r/")}


# --- faults ------------------------------------------------------------------------------------


class Bug(Exception):
    pass


def _crash(**_: Any) -> engine.Result:
    raise Bug


def test_five_stops_are_one_failure(job: Job, runs: Runs, travel: Travel) -> None:
    asked = runs(_crash)
    for stops in range(1, RUN_CLAIMS + 1):
        with pytest.raises(Bug):
            advance(job)
        assert look(job).claims == stops
        travel(margins().lease + 1)
    failed = advance(job)
    assert "five times" in str(failed.failed)
    assert len(asked) == RUN_CLAIMS
    assert failed.input_until > clock.now()


def test_an_outage_while_the_engine_runs_is_not_the_jobs_fault(job: Job, runs: Runs) -> None:
    def script(**_: Any) -> engine.Result:
        raise ConnectTimeoutError(endpoint_url="http://127.0.0.1")

    runs(script)
    with pytest.raises(ConnectTimeoutError):
        advance(job)
    _is_given_back(look(job))


def _is_given_back(job: Job) -> None:
    assert (job.worker, job.claims, job.state) == (None, 0, "QUEUED")
    assert job.due_at is not None
    assert job.due_at >= clock.now() + margins().outage - 2


@pytest.mark.parametrize("script", [finish, fail], ids=["result", "failure"])
def test_an_outage_while_outputs_are_put_is_not_the_jobs_fault(
    script: Script, job: Job, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise ConnectTimeoutError(endpoint_url="http://127.0.0.1")

    monkeypatch.setattr(storage, "put", away)
    monkeypatch.setattr(run, "_kept_until", away)
    runs(script)
    with pytest.raises(ConnectTimeoutError):
        advance(job)
    _is_given_back(look(job))


def test_every_stop_leaves_bytes_only_where_the_item_names_them(
    job: Job, runs: Runs, travel: Travel, monkeypatch: pytest.MonkeyPatch, cloud: LocalCloud
) -> None:
    real, puts = storage.put, [0]

    def put(*args: Any, **named: Any) -> None:
        real(*args, **named)
        puts[0] += 1
        if puts[0] < 4:
            raise Bug

    runs(finish)
    monkeypatch.setattr(storage, "put", put)
    for _ in range(3):
        with pytest.raises(Bug):
            advance(job)
        assert strays(cloud, job) == set()
        travel(margins().lease + 1)
    done = advance(job)
    assert done.state == "HOT"
    assert len(done.garbage) == 4
    assert strays(cloud, job) == set()
