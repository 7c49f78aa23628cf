"""The staff's pages while AWS is away: an error is shown as one."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from django.contrib.admin.models import LogEntry

from annotations import jobs, timeline
from annotations.states import Job
from tests.archival.test_staff import stuck
from tests.people import site, text
from tests.staff import JOBS, boss, do

__all__ = ["site"]
pytestmark = pytest.mark.usefixtures("site")


def _away(*_: object, **__: object) -> Any:
    raise EndpointConnectionError(endpoint_url="http://dynamodb")


def _throttled(*_: object, **__: object) -> Any:
    raise ClientError({"Error": {"Code": "ThrottlingException"}}, "Query")


@pytest.mark.parametrize("path", ["", "{}/change/", "{}/history/"])
def test_an_aws_error_is_shown_as_one(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    job, client = stuck(), boss()
    for fail, told in ((_away, "EndpointConnectionError"), (_throttled, "ThrottlingException")):
        with monkeypatch.context() as patch:
            patch.setattr(jobs, "by_state", fail)
            patch.setattr(jobs, "get", fail)
            page = client.get(JOBS + path.format(job.job_id))
        assert page.status_code == 503
        assert told in text(page)
        assert "not an empty list" in text(page)


def test_an_aws_error_while_a_page_is_drawn_is_shown_as_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job, client = stuck(), boss()
    monkeypatch.setattr(timeline, "read", _away)
    assert client.get(f"{JOBS}{job.job_id}/change/").status_code == 503


def test_an_aws_error_in_the_middle_of_an_act_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [stuck() for _ in range(3)]
    keys = [job.job_id for job in found]
    record, client = jobs.record, boss()

    def second_fails(job: Job, **changes: Any) -> Job:
        return record(job, **changes) if job.job_id == keys[0] else _away()

    monkeypatch.setattr(jobs, "record", second_fails)
    page = text(do(client, "release", *keys))
    assert f"AWS did not answer at {keys[1]}" in page
    assert "1 more were not tried" in page
    assert "Release: done for 1 job." in page
    assert [entry.object_id for entry in LogEntry.objects.all()] == keys[:1]
