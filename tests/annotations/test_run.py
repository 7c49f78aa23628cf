"""An annotator's work with one job: what it records, when it stops, whose fault it was."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from annotations import claims, jobs, library, run, services, storage
from annotations.genomics import engine
from annotations.genomics.examples import EXAMPLES, Example
from annotations.genomics.findings import Findings
from annotations.safety import RUN_CLAIMS, margins
from annotations.states import Dated, Job
from annotations.timeline import read
from deploy.local.run import LocalCloud
from gas_project import aws, clock, events, queues
from tests.core import Travel, look, objects, person, queued, strays

pytestmark = pytest.mark.usefixtures("cloud")

Script = Callable[..., Any]


def _advance(job: Job, *, stopping: bool = False) -> Job:
    run.advance(job.job_id, stopping=lambda: stopping)
    return look(job)


def _finish(out: Path, **_: Any) -> engine.Result:
    """Write what the engine writes, quickly."""
    for name in (storage.RESULT, storage.SUMMARY, storage.PREVIEW, storage.LOG):
        (out / name).write_bytes(name.encode())
    return engine.Result(records=3, files={}, summary={}, preview=[], findings=())


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Callable[[Script], list[dict[str, Any]]]:
    """Put a script in the engine's place; returns the list of what it was asked."""

    def arrange(script: Script) -> list[dict[str, Any]]:
        asked: list[dict[str, Any]] = []

        def annotate(**told: Any) -> engine.Result:
            asked.append({**told, "bytes": told["source"].read_bytes()})
            result: engine.Result = script(**told)
            return result

        monkeypatch.setattr(engine, "annotate", annotate)
        return asked

    return arrange


Runs = Callable[[Script], list[dict[str, Any]]]


@pytest.fixture
def job() -> Job:
    return queued(person(), b"the upload")


# --- a good end --------------------------------------------------------------------------------


def test_a_result_is_recorded_with_all_that_describes_it(job: Job, runs: Runs) -> None:
    asked = runs(_finish)
    done = _advance(job)
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
    runs(_finish)
    done = _advance(job)
    assert done.input == job.input
    assert [(g.locator, g.after) for g in done.garbage] == [(job.input, done.input_until)]


def test_the_archiver_and_the_notifier_are_told(job: Job, runs: Runs) -> None:
    runs(_finish)
    _advance(job)
    for queue in ("archive", "notify"):
        assert _told(queue) == [events.Hint(job_id=job.job_id)]


def test_the_same_hint_again_does_nothing(job: Job, runs: Runs) -> None:
    asked = runs(_finish)
    done = _advance(job)
    assert _advance(job) == done
    assert len(asked) == 1


def test_a_hint_for_no_job_comes_back_later() -> None:
    with pytest.raises(jobs.NotFound):
        run.advance("00000000-0000-4000-8000-000000000009", stopping=lambda: False)


def test_an_upload_is_confirmed_and_run_in_one_go(runs: Runs) -> None:
    runs(_finish)
    form = services.submit(user_id=person(), name="a", reference=EXAMPLES[0].reference)
    assert form.job.input is not None
    storage.put(form.job.input, b"posted")
    assert _advance(form.job).state == "HOT"


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
    failed = _advance(job)
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
    asked = runs(_finish)
    assert job.input is not None
    storage.put(job.input, b"posted once more")
    assert "changed" in str(_advance(job).failed)
    assert asked == []


def test_a_vanished_upload_fails(job: Job, runs: Runs) -> None:
    runs(_finish)
    assert job.input is not None
    storage.remove(locator=job.input)
    assert _advance(job).state == "FAILED"


def _fail(**_: Any) -> engine.Result:
    raise engine.EngineFailed("The annotation took longer than it may.")


def test_the_engines_own_failure_is_told_to_the_person(job: Job, runs: Runs) -> None:
    runs(_fail)
    failed = _advance(job)
    assert failed.failed == "The annotation took longer than it may."
    assert failed.findings == ()


# --- somebody else, and shutdowns --------------------------------------------------------------


def test_a_job_that_somebody_is_at_is_left_alone(job: Job, runs: Runs) -> None:
    asked = runs(_finish)
    held = jobs.claim(job, worker="other", until=clock.now() + 60)
    assert _advance(job) == held
    assert asked == []


def test_a_lapsed_claim_is_taken_over_with_a_fresh_prefix(job: Job, runs: Runs) -> None:
    runs(_finish)
    first = claims.take(job, role="annotator", attempt=Dated(storage.new_attempt(job.job_id), 9))
    jobs.claim(first.job, worker="w", until=clock.now() - 1)
    done = _advance(job)
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
    stopped = _advance(job)
    assert (stopped.copy, stopped.failed, stopped.cancelled) == (None, None, True)
    assert _advance(job).state == "CANCELLED"


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
    assert _advance(job).cancelled
    assert _advance(job).state == "CANCELLED"


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
    asked = runs(_finish)
    while_fetched(lambda: services.cancel(job_id=job.job_id, user_id=job.user_id))
    assert _advance(job).cancelled
    assert _advance(job).state == "CANCELLED"
    assert asked == []


def test_a_shutdown_ends_the_fetching_of_the_upload_uncounted(job: Job, runs: Runs) -> None:
    asked = runs(_finish)
    given = _advance(job, stopping=True)
    assert (given.state, given.worker, given.claims) == ("QUEUED", None, 0)
    assert asked == []


def test_a_long_fetch_prolongs_the_lease(
    job: Job, runs: Runs, travel: Travel, while_fetched: Callable[..., None]
) -> None:
    runs(_finish)
    leases: list[int | None] = []
    fetch = storage.fetch

    def watched(*told: Any, **asked: Any) -> None:
        fetch(*told, **asked)
        leases.append(look(job).due_at)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "fetch", watched)
        while_fetched(lambda: travel(margins().lease - 3))
        _advance(job)
    assert leases == [clock.now() + margins().lease]


def test_a_reference_that_was_removed_is_told_to_the_person(
    job: Job, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = runs(_finish)

    def gone(_: str, **__: Any) -> None:
        raise storage.NotThere

    monkeypatch.setattr(library, "find", gone)
    failed = _advance(job)
    assert failed.state == "FAILED"
    assert "reference was removed" in str(failed.failed)
    assert asked == []


def test_a_run_that_ends_after_a_cancel_is_fenced(job: Job, runs: Runs, cloud: LocalCloud) -> None:
    def script(**told: Any) -> engine.Result:
        services.cancel(job_id=job.job_id, user_id=job.user_id)
        return _finish(**told)

    runs(script)
    assert _advance(job).copy is None
    assert _advance(job).state == "CANCELLED"
    assert strays(cloud, job) == set()


def test_a_shutdown_gives_the_job_back_uncounted(job: Job, runs: Runs) -> None:
    runs(_until_cancelled)
    given = _advance(job, stopping=True)
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
        return _finish(**told)

    runs(script)
    assert _advance(job).state == "HOT"
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
        return _finish(**told)

    runs(script)
    assert _advance(job).copy is None
    assert not {key for key in objects() if key.startswith("r/")}
    assert strays(cloud, job) == set()


def test_a_put_that_sleeps_before_it_is_signed_stays_unsigned(
    job: Job, runs: Runs, travel: Travel, cloud: LocalCloud
) -> None:
    events_of_s3 = aws.s3().meta.events

    def sleep(**_: Any) -> None:
        travel(margins().run_limit + 1)

    runs(_finish)
    events_of_s3.register_first("before-call.s3.PutObject", sleep)
    try:
        assert _advance(job).copy is None
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
            _advance(job)
        assert look(job).claims == stops
        travel(margins().lease + 1)
    failed = _advance(job)
    assert "five times" in str(failed.failed)
    assert len(asked) == RUN_CLAIMS
    assert failed.input_until > clock.now()


def test_an_outage_while_the_engine_runs_is_not_the_jobs_fault(job: Job, runs: Runs) -> None:
    def script(**_: Any) -> engine.Result:
        raise ConnectTimeoutError(endpoint_url="http://127.0.0.1")

    runs(script)
    with pytest.raises(ConnectTimeoutError):
        _advance(job)
    _is_given_back(look(job))


def _is_given_back(job: Job) -> None:
    assert (job.worker, job.claims, job.state) == (None, 0, "QUEUED")
    assert job.due_at is not None
    assert job.due_at >= clock.now() + margins().outage - 2


@pytest.mark.parametrize("script", [_finish, _fail], ids=["result", "failure"])
def test_an_outage_while_outputs_are_put_is_not_the_jobs_fault(
    script: Script, job: Job, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise ConnectTimeoutError(endpoint_url="http://127.0.0.1")

    monkeypatch.setattr(storage, "put", away)
    monkeypatch.setattr(run, "_kept_until", away)
    runs(script)
    with pytest.raises(ConnectTimeoutError):
        _advance(job)
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

    runs(_finish)
    monkeypatch.setattr(storage, "put", put)
    for _ in range(3):
        with pytest.raises(Bug):
            _advance(job)
        assert strays(cloud, job) == set()
        travel(margins().lease + 1)
    done = _advance(job)
    assert done.state == "HOT"
    assert len(done.garbage) == 4
    assert strays(cloud, job) == set()


# --- the real engine ---------------------------------------------------------------------------


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.id)
def test_an_example_runs_through_the_real_engine(example: Example) -> None:
    job = services.example(user_id=person(), example=example.id)
    done = _advance(job)
    assert (done.state, done.failed) == ("HOT", None)
    assert done.variants > 0
    assert services.summary(done)
    assert services.preview(done)
    assert services.log(done)
    assert done.copy is not None
    assert storage.head(done.copy).size == done.size


def test_a_broken_file_is_refused_by_the_real_engine() -> None:
    job = queued(person(), b"not a VCF at all\n")
    failed = _advance(job)
    assert failed.state == "FAILED"
    assert failed.findings
    assert services.log(failed)
