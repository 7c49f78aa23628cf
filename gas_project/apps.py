"""Tells Django that this folder is an app."""

from importlib import import_module

from django.apps import AppConfig


class GasConfig(AppConfig):
    """The app `gas_project`."""

    name = "gas_project"

    def ready(self) -> None:
        """Register the system checks."""
        import_module("gas_project.checks")
