"""Tells Django that this folder is an app, and what follows when a person comes in."""

from typing import Any

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """The app `accounts`."""

    name = "accounts"
    verbose_name = "People"

    def ready(self) -> None:
        """Give everybody who signs up or in a plan."""
        from allauth.account.signals import user_signed_up  # noqa: PLC0415  apps must be loaded
        from django.contrib.auth.signals import user_logged_in  # noqa: PLC0415

        for signal in (user_signed_up, user_logged_in):
            signal.connect(_welcome, dispatch_uid="accounts.welcome")


def _welcome(*, user: Any, **_: Any) -> None:
    from accounts import services  # noqa: PLC0415  models must be loaded

    services.welcome(user)
