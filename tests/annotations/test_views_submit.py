"""How a file gets in: with the page's script, without it, and as an example."""

from typing import Any

import pytest
import urllib3
from django.test import Client
from django.urls import reverse

from accounts.models import User
from annotations import jobs, services
from annotations.states import Job
from deploy.local.run import LocalCloud
from tests.core import look
from tests.people import text

JSON = {"Accept": "application/json"}
FORM = {"reference": "sars-cov-2", "name": "patient.vcf"}
VCF = b"##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def only_job(owner: User) -> Job:
    """Return the one job that the owner has."""
    (job,) = jobs.all_of(str(owner.pk))
    return job


def send(url: str, fields: dict[str, str], data: bytes = VCF) -> urllib3.BaseHTTPResponse:
    """Post a file as a browser does: the fields, then the file."""
    parts: dict[str, Any] = {**fields, "file": ("patient.vcf", data)}
    return urllib3.request("POST", url, fields=parts, redirect=False)


def test_the_limits_are_said_before_a_byte_is_sent(page: Client) -> None:
    html = text(page.get("/jobs/new/"))
    assert "20.0 MB" in html
    assert 'data-most="20000000"' in html
    assert "3 jobs at once (0 under way)" in html


def test_the_script_gets_a_form_for_storage(owner: User, page: Client) -> None:
    answer = page.post("/jobs/new/", FORM, headers=JSON)
    made = answer.json()
    assert answer["Cache-Control"] == "no-store"
    assert send(made["url"], made["fields"]).status == 204
    confirmed = page.post(made["confirm"], headers=JSON)
    assert confirmed.json() == {"job": reverse("job", args=[only_job(owner).job_id])}
    assert only_job(owner).state == "QUEUED"


def test_a_confirmation_without_a_file_is_declined(owner: User, page: Client) -> None:
    made = page.post("/jobs/new/", FORM, headers=JSON).json()
    answer = page.post(made["confirm"], headers=JSON)
    assert answer.status_code == 409
    assert "has not arrived" in answer.json()["error"]
    assert only_job(owner).state == "UPLOADING"


def test_without_a_script_storage_sends_the_browser_back(
    owner: User, page: Client, site: LocalCloud
) -> None:
    made = page.post("/jobs/new/", FORM).context["made"]
    answer = send(made.url, made.fields)
    assert answer.status == 303
    back = answer.headers["Location"].removeprefix("http://testserver")
    assert back.startswith(f"/jobs/{made.job.job_id}/uploaded/")
    assert page.get(back)["Location"] == reverse("job", args=[made.job.job_id])
    assert look(made.job).state == "QUEUED"


def test_coming_back_twice_changes_nothing(owner: User, page: Client) -> None:
    made = page.post("/jobs/new/", FORM).context["made"]
    send(made.url, made.fields)
    url = reverse("uploaded", args=[made.job.job_id])
    page.get(url)
    first = look(made.job)
    page.get(url)
    assert look(made.job) == first


def test_coming_back_without_a_file_says_so(owner: User, page: Client) -> None:
    made = page.post("/jobs/new/", FORM).context["made"]
    answer = page.get(reverse("uploaded", args=[made.job.job_id]), follow=True)
    assert "has not arrived" in text(answer)


def test_a_name_is_not_asked_twice(owner: User, page: Client) -> None:
    page.post("/jobs/new/", FORM | {"name": ""})
    assert only_job(owner).name


@pytest.mark.parametrize("reference", ["", "hg19"])
def test_an_unknown_reference_is_refused(owner: User, page: Client, reference: str) -> None:
    answer = page.post("/jobs/new/", FORM | {"reference": reference}, headers=JSON)
    assert answer.status_code == 422
    assert answer.json()["error"]
    assert not list(jobs.all_of(str(owner.pk)))


def test_too_many_jobs_in_flight_are_declined_in_words(owner: User, page: Client) -> None:
    for _ in range(3):
        page.post("/jobs/new/", FORM)
    scripted = page.post("/jobs/new/", FORM, headers=JSON)
    assert scripted.status_code == 409
    assert "still under way" in scripted.json()["error"]
    plain = page.post("/jobs/new/", FORM)
    assert plain.status_code == 409
    assert "still under way" in text(plain)


def test_each_example_is_one_press_away(owner: User, page: Client) -> None:
    for example in services.EXAMPLES:
        answer = page.post("/jobs/new/example/", {"example": example.id}, follow=True)
        assert "Waiting for an annotator" in text(answer)
    names = {job.name for job in jobs.all_of(str(owner.pk))}
    assert names == {example.title for example in services.EXAMPLES}


def test_an_unknown_example_is_declined(owner: User, page: Client) -> None:
    answer = page.post("/jobs/new/example/", {"example": "nothing"}, follow=True)
    assert "There is no such example." in text(answer)
    assert not list(jobs.all_of(str(owner.pk)))
