"""Tells Django that this folder is an app."""

from django.apps import AppConfig


class AnnotationsConfig(AppConfig):
    """The app `annotations`."""

    name = "annotations"
