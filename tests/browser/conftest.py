"""Chromium, driven against a live server whose AWS is the local cloud."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.db import connection
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from deploy.local.run import LocalCloud
from gas_project import aws
from tests.people import PLAIN

if TYPE_CHECKING:
    from pytest_django import Settings

# Playwright's loop runs in this thread, so Django believes that all of it is asynchronous.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

WIDE, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
Opener = Callable[..., Page]


@pytest.fixture
def served(
    cloud: LocalCloud,
    settings: "Settings",
    tmp_path: Path,
    transactional_db: None,
) -> Iterator[str]:
    """The address of a live site: plain static files, and uploads allowed from it."""
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": PLAIN}}
    settings.STATIC_ROOT = tmp_path
    settings.SECURE_SSL_REDIRECT = False
    policy = dict(settings.CONTENT_SECURITY_POLICY["DIRECTIVES"])
    for name in ("connect-src", "form-action"):
        policy[name] = ["'self'", cloud.url]
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": policy}
    cache.clear()  # sign-in and mail limits of earlier tests
    # A thread of the server may close its connection after the server stopped.
    connection.inc_thread_sharing()
    server = LiveServer("127.0.0.1")
    with _uploads_from(server.url):
        yield server.url
    server.stop()


@contextmanager
def _uploads_from(origin: str) -> Iterator[None]:
    """Allow uploads from an origin, and leave the bucket as other tests know it."""
    uploads: Any = {"Bucket": aws.bucket("uploads")}
    rules = aws.s3().get_bucket_cors(**uploads)["CORSRules"]
    mine: Any = [{"AllowedOrigins": [origin], "AllowedMethods": ["POST"]}]
    aws.s3().put_bucket_cors(**uploads, CORSConfiguration={"CORSRules": mine})
    yield
    aws.s3().put_bucket_cors(**uploads, CORSConfiguration={"CORSRules": rules})


@pytest.fixture
def complaints() -> list[str]:
    """What browsers complained of in this test: console errors, broken scripts, the policy."""
    return []


@pytest.fixture
def open_page(browser: Browser, served: str, complaints: list[str]) -> Iterator[Opener]:
    """Open a window on the live site: `open_page(viewport=PHONE, color_scheme="dark")`."""
    contexts = []

    def opener(**options: Any) -> Page:
        context = browser.new_context(base_url=served, **{"viewport": WIDE, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda line: _note(complaints, page, line))
        return page

    yield opener
    for context in contexts:
        context.close()


def _note(complaints: list[str], page: Page, line: Any) -> None:
    if line.type in ("error", "warning"):
        complaints.append(f"{page.url}: {line.text}")
