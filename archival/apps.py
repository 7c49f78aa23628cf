"""Tells Django that this folder is an app."""

from django.apps import AppConfig


class ArchivalConfig(AppConfig):
    """The app `archival`."""

    name = "archival"
