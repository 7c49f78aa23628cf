"""Personas of the page tests: an owner, a stranger, somebody who is not signed in."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.test import Client

from accounts.models import User
from annotations.locators import Locator, Store
from deploy.local.run import LocalCloud
from gas_project import aws

if TYPE_CHECKING:
    from pytest_django import Settings

PASSWORD = "a-long-enough-phrase"
PLAIN = "django.contrib.staticfiles.storage.StaticFilesStorage"


@pytest.fixture
def site(settings: "Settings", db: None, cloud: LocalCloud, tmp_path: Path) -> LocalCloud:
    """The site on a scratch database and the local cloud; static files need no collecting."""
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": PLAIN}}
    settings.STATIC_ROOT = tmp_path
    settings.SECURE_SSL_REDIRECT = False
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return cloud


def sign_up(email: str) -> User:
    """Return a new person with a password and a confirmed address."""
    from allauth.account.models import EmailAddress

    user = User.objects.create_user(email, PASSWORD)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def browser(user: User) -> Client:
    """Return the browser of a person who is signed in."""
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def owner(site: LocalCloud) -> User:
    """The person whose jobs a test is about."""
    return sign_up("owner@gas.invalid")


@pytest.fixture
def page(owner: User) -> Client:
    """The owner's browser."""
    return browser(owner)


@pytest.fixture
def stranger(site: LocalCloud) -> Client:
    """The browser of somebody else who is signed in."""
    return browser(sign_up("stranger@gas.invalid"))


def archived(name: str) -> Locator:
    """Return where an archive of that id would be, in the vault."""
    return Locator(Store.VAULT, aws.vault(), name)


def text(response: object) -> str:
    """Return what a page says, its HTML."""
    content: bytes = response.content  # type: ignore[attr-defined]
    return content.decode()
