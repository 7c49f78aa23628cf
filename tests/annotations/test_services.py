"""What people ask of their jobs: only of their own, within their tier, and honestly answered."""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import urllib3

from accounts import tiers
from annotations import jobs, run, services, storage
from annotations.genomics.examples import EXAMPLES
from annotations.locators import Locator, Store
from annotations.safety import margins
from annotations.states import Job
from annotations.timeline import read
from gas_project import aws, clock, events, queues
from tests.core import DAY, Travel, hot, look, objects, person, queued

NOBODY = "00000000-0000-4000-8000-000000000009"
FILE = b"##fileformat=VCFv4.3\n"

pytestmark = pytest.mark.usefixtures("cloud")


@pytest.fixture
def user() -> str:
    return person()


def _submit(user: str, **asked: str) -> services.Submission:
    named = {"name": "a.vcf", "reference": EXAMPLES[0].reference, **asked}
    return services.submit(user_id=user, **named)


def _post(form: services.Submission, data: bytes) -> urllib3.BaseHTTPResponse:
    fields: dict[str, Any] = {**form.fields, "file": ("a.vcf", data)}
    return urllib3.request("POST", form.url, fields=fields, redirect=False, retries=False)


def _bodies(queue: str) -> list[events.Event]:
    found = queues.receive(queue, limit=10, wait=0, visibility=30)
    return [event for message in found for event in events.decode(message.body)]


# --- whose job it is ---------------------------------------------------------------------------

ASKED: dict[str, Callable[[str, str], object]] = {
    "get": lambda j, u: services.get(job_id=j, user_id=u),
    "rename": lambda j, u: services.rename(job_id=j, user_id=u, name="x"),
    "cancel": lambda j, u: services.cancel(job_id=j, user_id=u),
    "delete": lambda j, u: services.delete(job_id=j, user_id=u),
    "confirm": lambda j, u: services.confirm(job_id=j, user_id=u),
    "run_again": lambda j, u: services.run_again(job_id=j, user_id=u),
    "download_url": lambda j, u: services.download_url(job_id=j, user_id=u),
}


@pytest.mark.parametrize("asked", ASKED)
def test_anothers_job_a_missing_one_and_a_deleted_one_do_not_exist(asked: str, user: str) -> None:
    job = hot(user)
    for job_id, asker in ((job.job_id, person()), (NOBODY, user)):
        with pytest.raises(services.NotFound):
            ASKED[asked](job_id, asker)
    assert look(job) == job
    services.delete(job_id=job.job_id, user_id=user)
    with pytest.raises(services.NotFound):
        ASKED[asked](job.job_id, user)


# --- submitting --------------------------------------------------------------------------------


def test_a_submission_is_recorded_before_the_first_byte(user: str) -> None:
    form = _submit(user, name="  my\u0000  file.vcf ")
    job = look(form.job)
    assert (job.state, job.name, job.user_id) == ("UPLOADING", "my file.vcf", user)
    assert job.input is not None
    assert job.input.name == form.fields["key"]
    assert job.job_id in job.input.name
    assert job.due_at == job.submitted_at + margins().confirm_poll


def test_a_posted_file_is_confirmed_and_the_annotator_is_told(user: str) -> None:
    form = _submit(user)
    assert _post(form, FILE).status == 204
    job = services.confirm(job_id=form.job.job_id, user_id=user)
    assert (job.state, job.input_size) == ("QUEUED", len(FILE))
    assert job.etag
    assert events.Hint(job_id=job.job_id) in _bodies("annotate")


def test_confirming_again_changes_nothing(user: str) -> None:
    form = _submit(user)
    _post(form, FILE)
    first = services.confirm(job_id=form.job.job_id, user_id=user)
    assert services.confirm(job_id=form.job.job_id, user_id=user) == first
    assert [line.step for line in read(first.job_id)] == ["submit", "confirm"]


def test_confirming_beside_an_annotator_is_no_error(
    user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = _submit(user)
    _post(form, FILE)
    real = storage.head

    def head(locator: Locator) -> storage.Head:
        monkeypatch.setattr(storage, "head", real)
        services.confirm_upload(look(form.job))  # the annotator is faster
        return real(locator)

    monkeypatch.setattr(storage, "head", head)
    assert services.confirm(job_id=form.job.job_id, user_id=user).state == "QUEUED"


def test_a_file_that_is_not_there_is_asked_for_and_nothing_is_written(user: str) -> None:
    form = _submit(user)
    with pytest.raises(services.Declined, match="not arrived"):
        services.confirm(job_id=form.job.job_id, user_id=user)
    assert look(form.job) == form.job


def test_s3_itself_refuses_a_file_above_the_tiers_limit(
    user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = replace(tiers.DEFAULT, max_upload_bytes=100)
    monkeypatch.setitem(tiers.TIERS, "free", small)
    form = _submit(user)
    assert _post(form, b"x" * 101).status == 400
    assert objects() == set()
    assert _post(form, b"x" * 100).status == 204


def test_s3_itself_refuses_an_empty_file(user: str) -> None:
    assert _post(_submit(user), b"").status == 400
    assert objects() == set()


@pytest.mark.parametrize("field", ["key", "policy", "x-amz-signature", "success_action_redirect"])
def test_s3_itself_refuses_a_form_that_was_changed(user: str, field: str) -> None:
    form = _submit(user, redirect="http://127.0.0.1:8000/jobs/{job_id}/uploaded/")
    assert field in form.fields
    form.fields[field] += "x"
    assert _post(form, FILE).status in (400, 403)
    assert objects() == set()


def test_a_form_for_a_browser_without_script_leads_back_to_the_job(user: str) -> None:
    form = _submit(user, redirect="http://127.0.0.1:8000/jobs/{job_id}/uploaded/")
    answer = _post(form, FILE)
    assert answer.status == 303
    start = f"http://127.0.0.1:8000/jobs/{form.job.job_id}/uploaded/"
    assert answer.headers["Location"].startswith(start)


def test_a_reference_that_is_not_offered_is_declined(user: str) -> None:
    with pytest.raises(services.Declined, match="references"):
        _submit(user, reference="hg38")
    assert services.page(user_id=user).items == []


def test_a_tier_has_so_many_jobs_in_flight_and_says_so(user: str) -> None:
    allowed = services.limits(user_id=user).tier.jobs_in_flight
    forms = [_submit(user) for _ in range(allowed)]
    assert services.limits(user_id=user).in_flight == allowed
    with pytest.raises(services.Declined, match=f"{allowed} of your jobs"):
        _submit(user)
    services.cancel(job_id=forms[0].job.job_id, user_id=user)
    run.advance(forms[0].job.job_id, stopping=lambda: False)
    assert _submit(user).job.state == "UPLOADING"


def test_someone_without_a_plan_has_the_lowest_tiers_limits() -> None:
    assert services.limits(user_id=NOBODY).tier is tiers.DEFAULT


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("", "Untitled"),
        ("\u202e\u0007", "Untitled"),
        ("a\n b\tc", "a b c"),
        ("e\u0301", "é"),
        ("x" * 500, "x" * 120),
        ("<script>", "<script>"),
    ],
)
def test_names_are_made_fit_to_be_shown(name: str, shown: str) -> None:
    assert services.tidy(name) == shown


# --- uploads that do not come ------------------------------------------------------------------


def test_a_late_upload_is_looked_for_and_an_absent_one_given_up(user: str, travel: Travel) -> None:
    job, delays = _submit(user).job, margins()
    run.advance(job.job_id, stopping=lambda: False)
    assert look(job) == job
    travel(delays.confirm_poll + 1)
    run.advance(job.job_id, stopping=lambda: False)
    assert look(job).due_at == clock.now() + delays.confirm_poll
    travel(delays.posts_end)
    run.advance(job.job_id, stopping=lambda: False)
    assert look(job).due_at == job.submitted_at + delays.abandoned + 1
    travel(delays.abandoned)
    run.advance(job.job_id, stopping=lambda: False)
    assert look(job).deleted
    with pytest.raises(services.NotFound):
        services.get(job_id=job.job_id, user_id=user)


# --- examples, run again -----------------------------------------------------------------------


@pytest.mark.parametrize("chosen", EXAMPLES, ids=lambda example: example.id)
def test_an_example_is_queued_at_once(chosen: Any, user: str) -> None:
    job = services.example(user_id=user, example=chosen.id)
    assert (job.state, job.reference) == ("QUEUED", chosen.reference)
    assert job.input is not None
    assert b"".join(storage.stream(job.input)) == chosen.path.read_bytes()


def test_an_unknown_example_is_declined(user: str) -> None:
    with pytest.raises(services.Declined):
        services.example(user_id=user, example="../etc/passwd")


def test_a_job_can_be_run_again_with_its_own_copy_of_the_file(user: str) -> None:
    old = hot(user, b"the upload")
    new = services.run_again(job_id=old.job_id, user_id=user)
    assert (new.state, new.name, new.reference) == ("QUEUED", old.name, old.reference)
    assert new.job_id != old.job_id
    assert new.input is not None
    assert new.input != old.input
    assert b"".join(storage.stream(new.input)) == b"the upload"


def test_a_file_that_is_no_longer_kept_cannot_be_run_again(user: str) -> None:
    past, gone = hot(user, input_until=clock.now()), hot(user)
    assert gone.input is not None
    storage.remove(locator=gone.input)
    for job in (past, gone, hot(user, input=None)):
        with pytest.raises(services.Declined, match="no longer kept"):
            services.run_again(job_id=job.job_id, user_id=user)
    assert services.limits(user_id=user).in_flight == 0
    assert services.counts(user_id=user)["active"] == 0


def _slow(travel: Travel, monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    create = jobs.create

    def slow(job: Job, **told: str) -> None:
        create(job, **told)
        travel(seconds)

    monkeypatch.setattr(jobs, "create", slow)


def test_a_form_ends_an_hour_after_its_job_was_made_however_slowly_it_was(
    user: str, travel: Travel, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = margins().policy
    _slow(travel, monkeypatch, policy // 2)
    signed = json.loads(base64.b64decode(_submit(user).fields["policy"]))
    ends = datetime.fromisoformat(signed["expiration"]).timestamp()
    now = time.time()  # the SDK's clock, which does not travel
    assert ends == pytest.approx(now + policy - policy // 2, abs=5)


def test_a_form_that_comes_too_late_is_declined_and_counts_as_nothing(
    user: str, travel: Travel, monkeypatch: pytest.MonkeyPatch
) -> None:
    _slow(travel, monkeypatch, margins().policy)
    with pytest.raises(services.Declined, match="too long"):
        _submit(user)
    assert services.limits(user_id=user).in_flight == 0


@pytest.mark.parametrize("operation", ["CopyObject", "PutObject"])
def test_a_file_is_not_sent_once_its_job_may_be_forgotten(
    user: str, travel: Travel, operation: str
) -> None:
    """Seed 703 of `make faults`: a web process woke when the new job was deleted and forgotten."""
    old, events_of_s3, before = hot(user), aws.s3().meta.events, objects()
    asked: dict[str, Callable[[], Job]] = {
        "CopyObject": lambda: services.run_again(job_id=old.job_id, user_id=user),
        "PutObject": lambda: services.example(user_id=user, example=EXAMPLES[0].id),
    }

    def sleep(**_: Any) -> None:
        travel(margins().posts_end)

    events_of_s3.register_first(f"before-call.s3.{operation}", sleep)
    try:
        with pytest.raises(services.Declined, match="too long"):
            asked[operation]()
    finally:
        events_of_s3.unregister(f"before-call.s3.{operation}", sleep)
    assert objects() == before
    assert services.limits(user_id=user).in_flight == 0


def test_a_file_that_was_posted_anew_is_not_the_same_file(user: str) -> None:
    job = hot(user)
    assert job.input is not None
    storage.put(job.input, b"another")
    with pytest.raises(services.Declined, match="no longer kept"):
        services.run_again(job_id=job.job_id, user_id=user)


# --- one job -----------------------------------------------------------------------------------


def test_a_new_name_is_tidied(user: str) -> None:
    job = hot(user)
    services.rename(job_id=job.job_id, user_id=user, name=" b\x00 ")
    assert look(job) == replace(job, name="b")


def test_a_cancel_stops_what_waits_and_shows_soon(user: str) -> None:
    job = queued(user)
    services.cancel(job_id=job.job_id, user_id=user)
    run.advance(job.job_id, stopping=lambda: False)
    assert look(job).state == "CANCELLED"
    with pytest.raises(services.Declined, match="already ended"):
        services.cancel(job_id=job.job_id, user_id=user)


def test_a_cancelled_upload_is_neither_confirmed_nor_given_up(user: str, travel: Travel) -> None:
    form = _submit(user)
    services.cancel(job_id=form.job.job_id, user_id=user)
    travel(2 * DAY)
    run.advance(form.job.job_id, stopping=lambda: False)
    assert look(form.job).state == "CANCELLED"


def test_a_result_cannot_be_cancelled(user: str) -> None:
    job = hot(user)
    with pytest.raises(services.Declined):
        services.cancel(job_id=job.job_id, user_id=user)
    assert look(job) == job


def test_a_deletion_hides_the_job_and_wakes_the_eraser(user: str) -> None:
    job = hot(user)
    services.delete(job_id=job.job_id, user_id=user)
    assert services.page(user_id=user).items == []
    assert set(services.counts(user_id=user).values()) == {0}
    assert _bodies("erase") == [events.Hint(job_id=job.job_id)]


def test_a_download_names_the_file_and_lives_some_minutes(user: str) -> None:
    job = hot(user, b"result", name='pa"tient Ä.vcf.gz')
    url = services.download_url(job_id=job.job_id, user_id=user)
    answer = urllib3.request("GET", url)
    assert (answer.status, answer.data) == (200, b"result")
    told = answer.headers["Content-Disposition"]
    assert told.startswith('attachment; filename="pa_tient__.annotated.vcf.gz"')
    assert "%C3%84" in told
    assert f"X-Amz-Expires={margins().link}" in url


def test_what_is_archived_or_broken_cannot_be_downloaded(user: str) -> None:
    cold = hot(user, copy=Locator(Store.VAULT, "gas", "archive"), state="COLD")
    with pytest.raises(services.Archived, match="Restore"):
        services.download_url(job_id=cold.job_id, user_id=user)
    broken = hot(user, problem="bytes differ", state="QUARANTINED")
    with pytest.raises(services.Declined, match="wrong"):
        services.download_url(job_id=broken.job_id, user_id=user)
    with pytest.raises(services.Declined, match="no result"):
        services.download_url(job_id=queued(user).job_id, user_id=user)


def test_summary_preview_and_log_are_read_from_the_attempt(user: str) -> None:
    job = hot(user)
    assert job.attempt is not None
    told = {"records": 3}
    storage.put(storage.inside(job.attempt.locator, storage.SUMMARY), json.dumps(told).encode())
    storage.put(storage.inside(job.attempt.locator, storage.PREVIEW), b'[{"pos": 1}]')
    storage.put(storage.inside(job.attempt.locator, storage.LOG), b"all well\n")
    assert services.summary(job) == told
    assert services.preview(job) == [{"pos": 1}]
    assert services.log(job) == "all well\n"


def test_before_there_is_a_result_there_is_nothing_to_read(user: str) -> None:
    job = queued(user)
    assert services.summary(job) is None
    assert services.preview(job) == []
    assert services.log(job) == ""
    lost = replace(hot(user), attempt=None)
    assert (services.summary(lost), services.preview(lost), services.log(lost)) == (None, [], "")
