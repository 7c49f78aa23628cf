"""Every address, asked by whom it does not concern. The list comes from the URLconf itself."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.models import User
from annotations import jobs
from deploy.local.run import LocalCloud
from tests.core import hot, look

PUBLIC = {"home", "mailbox", "mail", "healthz"}
"""Pages of ours that a stranger may see; allauth and the admin guard their own."""


def patterns(urls: list[Any]) -> Iterator[URLPattern]:
    for entry in urls:
        if isinstance(entry, URLPattern):
            yield entry
        elif isinstance(entry, URLResolver) and not entry.app_name and _ours(entry):
            yield from patterns(entry.url_patterns)


def _ours(resolver: URLResolver) -> bool:
    return getattr(resolver.urlconf_name, "__name__", "").split(".")[0] != "allauth"


OURS = {str(p.name): p for p in patterns(get_resolver().url_patterns)}
OF_A_JOB = sorted(n for n, p in OURS.items() if "job_id" in p.pattern.regex.groupindex)
PRIVATE = sorted(OURS.keys() - PUBLIC - set(OF_A_JOB))


def test_the_list_is_not_empty() -> None:
    assert {"job", "live", "log", "download", "delete", "rename"} <= set(OF_A_JOB)
    assert {"jobs", "submit", "plan", "restores", "settings", "delete_account"} <= set(PRIVATE)


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", OF_A_JOB)
def test_another_persons_job_is_no_job(
    owner: User, stranger: Client, name: str, method: str
) -> None:
    job = hot(str(owner.pk))
    before = look(job)
    answer = getattr(stranger, method)(reverse(name, args=[job.job_id]), {"name": "mine"})
    assert answer.status_code in (404, 405)
    assert look(job) == before


@pytest.mark.parametrize("name", OF_A_JOB)
def test_every_page_of_a_job_answers_one_method_with_404(
    owner: User, stranger: Client, name: str
) -> None:
    job = hot(str(owner.pk))
    url = reverse(name, args=[job.job_id])
    statuses = {stranger.get(url).status_code, stranger.post(url, {"name": "x"}).status_code}
    assert 404 in statuses


@pytest.mark.parametrize("name", OF_A_JOB)
def test_no_job_looks_the_same_as_another_persons(stranger: Client, name: str) -> None:
    url = reverse(name, args=["11111111-2222-4333-8444-555555555555"])
    assert {stranger.get(url).status_code, stranger.post(url).status_code} <= {404, 405}


@pytest.mark.parametrize("name", OF_A_JOB)
def test_a_deleted_job_is_no_job_for_its_owner(owner: User, page: Client, name: str) -> None:
    job = hot(str(owner.pk))
    jobs.wish(job.job_id, now=job.submitted_at, step="delete", actor="owner", deleted=True)
    url = reverse(name, args=[job.job_id])
    assert {page.get(url).status_code, page.post(url).status_code} <= {404, 405}


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", OF_A_JOB)
def test_nobody_sees_a_job_without_signing_in(
    owner: User, client: Client, name: str, method: str
) -> None:
    url = reverse(name, args=[hot(str(owner.pk)).job_id])
    _is_turned_away(getattr(client, method)(url))


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", PRIVATE)
def test_nobody_sees_a_private_page_without_signing_in(
    site: LocalCloud, client: Client, name: str, method: str
) -> None:
    _is_turned_away(getattr(client, method)(reverse(name)))


def _is_turned_away(answer: Any) -> None:
    assert answer.status_code in (302, 405)
    if answer.status_code == 302:
        assert answer["Location"].startswith("/accounts/login/?next=/")


@pytest.mark.parametrize("name", OF_A_JOB)
def test_what_changes_a_job_takes_a_token(owner: User, name: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    job = hot(str(owner.pk))
    before = look(job)
    assert client.post(reverse(name, args=[job.job_id])).status_code in (403, 405)
    assert look(job) == before


@pytest.mark.parametrize("name", sorted(set(OF_A_JOB) - {"uploaded"}))
def test_reading_changes_nothing(owner: User, page: Client, name: str) -> None:
    job = hot(str(owner.pk), b"null")
    before = look(job)
    page.get(reverse(name, args=[job.job_id]))
    assert look(job) == before
