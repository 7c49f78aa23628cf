"""People in SQL, as the notifier reads them and as leaving removes them."""

from typing import Any

from anymail.backends.amazon_ses import EmailBackend
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connections

from accounts import services
from archival import services as life
from gas_project import aws

IDS = tuple(f"{n}{n}{n}{n}{n}{n}{n}{n}-0000-4000-8000-000000000000" for n in (1, 2))
"""The two people of every schedule."""


class Book:
    """The one connection to the scratch database, which lives in memory."""

    shared: Any = None


def open_book() -> None:
    """Make this process's tables. Each thread would have a connection, and so a memory, of its own.

    Mails go through the one client that a process has: to make one takes longer than a schedule.
    """
    connections.databases["default"]["NAME"] = ":memory:"
    settings.MIGRATION_MODULES = {app.label: None for app in apps.get_app_configs()}
    call_command("migrate", run_syncdb=True, verbosity=0, interactive=False)
    Book.shared = connections["default"]
    Book.shared.inc_thread_sharing()
    _replace(EmailBackend, "open", _open)
    _replace(EmailBackend, "close", lambda _: None)


def _open(backend: Any) -> bool:
    backend.client = aws.sesv2()
    return False


def _replace(owner: Any, name: str, new: Any) -> None:
    setattr(owner, name, new)


def borrow() -> None:
    """Let this thread use the shared connection: one thread runs at a time anyway."""
    connections["default"] = Book.shared


def address(user_id: str) -> str:
    """Return a person's address."""
    return f"{user_id[:8]}@faults.invalid"


def sign_up() -> None:
    """Let the two people of a schedule be all there are."""
    users: Any = get_user_model().objects
    users.all().delete()
    for user_id in IDS:
        users.create_user(address(user_id), id=user_id)


def here(user_id: str) -> bool:
    """Whether a person has not left."""
    users: Any = get_user_model().objects
    return bool(users.filter(pk=user_id).exists())


def leave(user_id: str) -> None:
    """Do as the page does by which a person leaves."""
    borrow()
    life.delete_account(user_id=user_id)
    user: Any = get_user_model().objects.get(pk=user_id)
    services.leave(user)
