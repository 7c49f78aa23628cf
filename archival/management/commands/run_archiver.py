"""The archiver: the queue `archive`."""

from typing import ClassVar

from archival import services
from gas_project.commands import WorkerCommand
from gas_project.events import Event


class Command(WorkerCommand):
    """Archive results whose owner's tier wants them cold."""

    help = "Archive results whose owner's tier wants them cold."
    queue: ClassVar[str] = "archive"

    def handle_event(self, event: Event) -> None:
        """Do the archiver's steps of the job."""
        services.handle(event, role="archiver")
