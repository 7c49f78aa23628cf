"""The health page: what it asks, and what it says when nobody answers."""

import json

import pytest
from django.db import DatabaseError
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import resolve

from deploy.local.run import LocalCloud
from gas_project import aws, health
from tests.gas_project.fake_sqs import error


def ask(method: str = "GET") -> HttpResponse:
    answer = resolve("/healthz").func(RequestFactory().generic(method, "/healthz"))
    assert isinstance(answer, HttpResponse)
    return answer


@pytest.mark.django_db
def test_a_healthy_process_says_so(cloud: LocalCloud) -> None:
    answer = ask()
    assert answer.status_code == 200
    assert json.loads(answer.content) == {"database": "ok", "jobs": "ok"}
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_a_job_store_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise error("ServiceUnavailable", "GetItem", 503)

    monkeypatch.setattr(aws, "dynamodb", refuse)
    answer = ask()
    assert answer.status_code == 503
    assert json.loads(answer.content) == {"database": "ok", "jobs": "away"}


def test_a_database_that_is_away_is_named(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise DatabaseError("password of alice is wrong")

    monkeypatch.setitem(health.PARTS, "database", refuse)
    answer = ask()
    assert answer.status_code == 503
    assert json.loads(answer.content) == {"database": "away", "jobs": "ok"}
    assert b"alice" not in answer.content


def test_it_is_only_to_be_read() -> None:
    assert ask("POST").status_code == 405
