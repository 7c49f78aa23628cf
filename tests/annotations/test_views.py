"""The list of jobs and the page of one, as people see them."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts import plans
from accounts.models import User
from annotations import jobs, storage
from annotations.states import WORDS, Job
from deploy.local.run import LocalCloud
from gas_project import clock
from tests.core import hot, look, new_job
from tests.people import archived, text

SUMMARY = {
    "records": {"read": 3, "written": 3},
    "kinds": {"snv": 2, "indel": 1, "other": 0},
    "ti_tv": None,
    "consequences": {"missense": 2, "stop_gained&frameshift": 1},
    "genes": [{"gene": "S", "records": 3}],
    "findings": [],
}
VARIANT = {
    "chrom": "NC_045512.2",
    "pos": 23403,
    "id": ".",
    "ref": "A",
    "alt": "G",
    "filter": "PASS",
    "consequence": "missense",
    "impact": "MODERATE",
    "gene": "S",
    "transcript": "YP_009724390.1",
    "aa_change": "D614G",
}


def job_of(owner: User, **facts: Any) -> Job:
    """Return a new job in the table that no worker is asked to look at."""
    job = new_job(str(owner.pk), **{"due_at": None, **facts})
    jobs.create(job, actor="owner")
    return job


def result_of(owner: User, **facts: Any) -> Job:
    """Return a job with a result, its summary and one variant."""
    job = hot(str(owner.pk), **facts)
    assert job.attempt is not None
    for name, value in ((storage.SUMMARY, SUMMARY), (storage.PREVIEW, [VARIANT])):
        storage.put(storage.inside(job.attempt.locator, name), json.dumps(value).encode())
    return job


def shown(page: Client, job: Job) -> str:
    """Return the HTML of a job's page."""
    return text(page.get(reverse("job", args=[job.job_id])))


# --- the list ----------------------------------------------------------------------------------


def test_an_empty_list_offers_the_example(page: Client) -> None:
    assert "Try the example" in text(page.get("/jobs/"))


def test_each_state_is_shown_with_its_word_and_icon(owner: User, page: Client) -> None:
    states = sorted(WORDS.keys() - {"DELETING", "DELETED", "HOT"})
    for state in states:
        job_of(owner, name=f"in {state}", state=state)
    listed = text(page.get("/jobs/"))
    for state in states:
        assert f"in {state}" in listed
        assert f"#{WORDS[state].icon}" in listed
        assert WORDS[state].word in listed


def test_a_free_result_says_when_it_is_archived(owner: User, page: Client) -> None:
    hot(str(owner.pk), archive_after=clock.now() + 3600)
    assert "Archives on" in text(page.get("/jobs/"))


def test_tabs_count_and_filter(owner: User, page: Client) -> None:
    job_of(owner, name="broken.vcf", state="FAILED")
    job_of(owner, name="waiting.vcf", state="QUEUED")
    failed = text(page.get("/jobs/", {"group": "failed"}))
    assert "broken.vcf" in failed
    assert "waiting.vcf" not in failed
    assert 'Failed<span class="count">1</span>' in failed


def test_a_search_that_finds_nothing_says_so(owner: User, page: Client) -> None:
    job_of(owner, name="patient.vcf", state="QUEUED")
    assert "patient.vcf" in text(page.get("/jobs/", {"search": "PATIENT"}))
    assert "No job is called like that" in text(page.get("/jobs/", {"search": "nobody"}))


def test_older_jobs_are_a_cursor_away(owner: User, page: Client) -> None:
    for number in range(27):
        job_of(owner, name=f"file {number:02}", state="FAILED", submitted_at=1000 + number)
    first = page.get("/jobs/")
    assert "file 26" in text(first)
    assert "file 00" not in text(first)
    second = text(page.get("/jobs/", {"cursor": first.context["cursor"]}))
    assert "file 00" in second
    assert "Newest" in second


@pytest.mark.parametrize("query", [{"cursor": "nonsense"}, {"group": "nonsense"}])
def test_a_query_that_we_did_not_write_shows_the_first_page(
    owner: User, page: Client, query: dict[str, str]
) -> None:
    job_of(owner, name="patient.vcf", state="FAILED")
    assert "patient.vcf" in text(page.get("/jobs/", query))


def test_names_are_escaped(owner: User, page: Client) -> None:
    job = job_of(owner, name="<script>alert(1)</script>", state="FAILED")
    for html in (text(page.get("/jobs/")), shown(page, job)):
        assert "<script>alert" not in html


# --- what looks again by itself ----------------------------------------------------------------


def test_a_list_at_rest_asks_for_nothing(owner: User, page: Client) -> None:
    job_of(owner, state="FAILED")
    assert "hx-get" not in text(page.get("/jobs/"))


def test_a_list_that_moves_looks_again_ever_more_slowly(owner: User, page: Client) -> None:
    job_of(owner, state="QUEUED")
    delays, query = [], ""
    for _ in range(12):
        watch = page.get(f"/jobs/?{query}", headers={"HX-Request": "true"}).context["watch"]
        delays.append(watch.delay)
        query = watch.query
    assert delays[:4] == [2, 3, 4, 7]
    assert delays[-1] == 30


def test_a_list_looks_soon_again_after_something_changed(owner: User, page: Client) -> None:
    job_of(owner, state="QUEUED")
    watch = page.get("/jobs/").context["watch"]
    watch = page.get(f"/jobs/?{watch.query}").context["watch"]
    assert watch.delay > 2
    job_of(owner, state="QUEUED")
    assert page.get(f"/jobs/?{watch.query}").context["watch"].delay == 2


def test_htmx_gets_the_part_and_not_the_frame(owner: User, page: Client) -> None:
    part = page.get("/jobs/", headers={"HX-Request": "true"})
    assert "<html" not in text(part)
    assert "HX-Request" in part["Vary"]


def test_a_live_part_asks_for_the_page_when_the_state_changed(owner: User, page: Client) -> None:
    job = job_of(owner, state="QUEUED")
    url = reverse("live", args=[job.job_id])
    assert "HX-Refresh" not in page.get(url, {"state": "QUEUED"})
    assert page.get(url, {"state": "UPLOADING"})["HX-Refresh"] == "true"


# --- one job -----------------------------------------------------------------------------------


def test_a_running_job_shows_its_progress_as_a_number(owner: User, page: Client) -> None:
    progress = {"done": 410_000, "total": 1_000_000, "records": 12_300}
    html = shown(page, job_of(owner, state="RUNNING", progress=progress))
    assert "41 %" in html
    assert "12,300 records" in html


def test_a_result_shows_summary_variants_and_checksum(owner: User, page: Client) -> None:
    job = result_of(owner)
    html = shown(page, job)
    assert "D614G" in html
    assert "stop gained, frameshift" in html
    assert job.sha256 in html
    assert reverse("download", args=[job.job_id]) in html


def test_an_archived_result_keeps_summary_and_preview(owner: User, page: Client) -> None:
    job = result_of(owner, copy=archived("an-archive"), state="COLD")
    html = shown(page, job)
    assert "Upgrade to restore" in html
    assert "D614G" in html
    assert reverse("download", args=[job.job_id]) not in html


def test_a_restoring_result_says_when_it_is_ready(owner: User, page: Client) -> None:
    ready = clock.now() + 3600
    html = shown(page, job_of(owner, state="RESTORING", ready_at=ready))
    assert "ready about" in html
    assert "mail you once" in html


def test_a_failure_says_what_where_and_what_to_do(owner: User, page: Client) -> None:
    finding = {
        "code": "ref-mismatch",
        "severity": "error",
        "line": 5,
        "text": "G",
        "message": "REF differs from the reference.",
        "fix": "Choose the right genome.",
    }
    job = job_of(owner, state="FAILED", failed=finding["message"], findings=(finding,))
    html = shown(page, job)
    assert "Failed: REF differs from the reference." in html
    assert "Choose the right genome." in html


def test_a_timeline_is_newest_first(owner: User, page: Client) -> None:
    job = job_of(owner, state="QUEUED")
    jobs.wish(job.job_id, now=job.submitted_at + 5, step="cancel", actor="owner", cancelled=True)
    html = shown(page, job)
    assert html.index("Cancelling asked") < html.index("Submitted")


def test_an_unknown_plan_promises_no_archiving(owner: User, page: Client) -> None:
    plans.remove(str(owner.pk))
    assert "Archives on" not in shown(page, result_of(owner))


# --- what a person does to it ------------------------------------------------------------------


def do(page: Client, action: str, job: Job, **data: str) -> str:
    """Post to one of a job's addresses and return the page that follows."""
    return text(page.post(reverse(action, args=[job.job_id]), data, follow=True))


def test_a_job_is_renamed_on_one_line(owner: User, page: Client) -> None:
    job = job_of(owner, state="FAILED")
    do(page, "rename", job, name="  a\tbetter \n name ")
    assert look(job).name == "a better name"


def test_an_empty_name_is_refused_with_its_reason(owner: User, page: Client) -> None:
    job = job_of(owner, state="FAILED")
    assert "The name was not changed" in do(page, "rename", job, name="  ")
    assert look(job).name == job.name


def test_a_waiting_job_is_cancelled(owner: User, page: Client) -> None:
    job = job_of(owner, state="QUEUED")
    assert "Cancelling" in do(page, "cancel", job)
    assert look(job).cancelled


def test_a_job_that_ended_is_not_cancelled(owner: User, page: Client) -> None:
    job = result_of(owner)
    assert "already ended" in do(page, "cancel", job)
    assert not look(job).cancelled


def test_run_again_makes_another_job_of_the_same_file(owner: User, page: Client) -> None:
    job = result_of(owner)
    do(page, "again", job)
    states = sorted(found.state for found in jobs.all_of(str(owner.pk)))
    assert states == ["HOT", "QUEUED"]


def test_run_again_says_when_the_file_is_gone(owner: User, page: Client) -> None:
    job = result_of(owner, input_until=clock.now() - 1)
    assert "no longer kept" in shown(page, job)
    assert "no longer kept" in do(page, "again", job)


def test_deleting_says_first_what_it_does(owner: User, page: Client) -> None:
    job = result_of(owner)
    asked = text(page.get(reverse("delete", args=[job.job_id])))
    assert "the annotated result" in asked
    assert not look(job).deleted
    assert "was deleted" in do(page, "delete", job)
    assert look(job).deleted
    assert job.name not in text(page.get("/jobs/"))


def test_a_download_is_a_link_to_the_bytes(owner: User, page: Client, site: LocalCloud) -> None:
    job = result_of(owner)
    link = page.get(reverse("download", args=[job.job_id]))["Location"]
    assert link.startswith(site.url)
    assert "X-Amz-Expires" in link


def test_an_archived_result_says_why_there_is_no_download(owner: User, page: Client) -> None:
    job = result_of(owner, copy=archived("an-archive"), state="COLD")
    answer = page.get(reverse("download", args=[job.job_id]), follow=True)
    assert "This result is archived" in text(answer)


def test_a_log_comes_as_text(owner: User, page: Client) -> None:
    answer = page.get(reverse("log", args=[result_of(owner).job_id]))
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.content
