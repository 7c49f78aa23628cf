"""Tells Django that this folder is an app."""

from django.apps import AppConfig


class GasConfig(AppConfig):
    """The app `gas_project`."""

    name = "gas_project"
