"""Numbered system checks of the settings. Errors keep every command from starting on AWS.

Warnings are about the web site, so only `manage.py check --deploy` shows them: run it there.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from gas_project import env

STORES = ("vault", "s3", "s3-deep")
LOOPBACK = {"127.0.0.1", "localhost"}


def _on_aws() -> bool:
    return not settings.GAS_LOCAL and not settings.DEBUG


@register()
def check_cold_store(*, app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """gas.E001: production has to choose a cold store. gas.E002: it must be one there is."""
    chosen = settings.GAS_COLD_STORE
    if chosen and chosen not in STORES:
        return [Error("GAS_COLD_STORE must be vault, s3 or s3-deep.", id="gas.E002")]
    if chosen or not _on_aws():
        return []
    hint = (
        "Set it to s3 (the archive bucket, in Glacier Flexible Retrieval), to s3-deep (in "
        "Deep Archive: cheaper to keep, 12 hours to restore) or to vault (a Glacier vault). "
        "AWS has closed vaults to new customers since December 2025: take vault only if this "
        "account already holds vault data. Results stay readable whichever is chosen later, "
        "because each one's record names its own store."
    )
    return [Error("GAS_COLD_STORE is not set.", hint=hint, id="gas.E001")]


@register()
def check_time_scale(*, app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """gas.E003: on AWS time cannot be sped up, and pages would promise hours as minutes."""
    if settings.GAS_LOCAL or settings.GAS_TIME_SCALE == 1:
        return []
    return [
        Error(
            "GAS_TIME_SCALE must be 1 on AWS.",
            hint="Only the local cloud can speed up AWS's hours. Remove the variable.",
            id="gas.E003",
        )
    ]


@register(deploy=True)
def check_web(*, app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """gas.W001 to W006: what the web site lacks in production; the message names it."""
    if not _on_aws():
        return []
    return [
        Warning(text, hint=hint, id=f"gas.W{number:03}")
        for number, (missing, text, hint) in enumerate(_web(), start=1)
        if missing
    ]


def _web() -> list[tuple[bool, str, str]]:
    """Return for each warning: does it hold, what is wrong, what to do."""
    return [
        (
            not env.text("DJANGO_SECRET_KEY"),
            "DJANGO_SECRET_KEY is not set.",
            "Each start makes its own key, which ends all sessions. Set it, best by a file.",
        ),
        (
            urlsplit(settings.GAS_URL).hostname in LOOPBACK,
            "GAS_URL is this machine's own address.",
            "Links in mails lead there. Set it to the site's public address.",
        ),
        (
            settings.DEFAULT_FROM_EMAIL.rstrip("> ").endswith(".invalid"),
            "GAS_MAIL_FROM is not set.",
            "Mail needs a sender whose address or domain is verified in SES.",
        ),
        (
            set(settings.ALLOWED_HOSTS) <= LOOPBACK,
            "DJANGO_ALLOWED_HOSTS names no public host.",
            "The site answers nobody. Set it to the site's host name.",
        ),
        (
            "sqlite3" in str(settings.DATABASES["default"]["ENGINE"]),
            "People are kept in an SQLite file.",
            "It is on this host alone. Set DATABASE_URL to a PostgreSQL database.",
        ),
        (
            bool(settings.SOCIALACCOUNT_PROVIDERS) and not env.text("GLOBUS_CLIENT_SECRET"),
            "GLOBUS_CLIENT_ID is set without GLOBUS_CLIENT_SECRET.",
            "Signing in with Globus will fail. Set both or neither.",
        ),
    ]
