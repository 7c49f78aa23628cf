"""Tells Django that this folder is an app."""

from django.apps import AppConfig


class AnnotationsConfig(AppConfig):
    """The app `annotations`."""

    name = "annotations"

    def ready(self) -> None:
        """Let the references be found that were added on this machine."""
        from annotations import library  # noqa: PLC0415 (apps are loaded first)
        from annotations.genomics import references  # noqa: PLC0415

        references.open_shelf(library.shelf())
