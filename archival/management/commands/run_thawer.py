"""The thawer: the queue `thaw`."""

from typing import ClassVar

from archival import services
from gas_project.commands import WorkerCommand
from gas_project.events import Event


class Command(WorkerCommand):
    """Bring results whose retrieval is ready back to S3."""

    help = "Bring results whose retrieval is ready back to S3."
    queue: ClassVar[str] = "thaw"

    def handle_event(self, event: Event) -> None:
        """Do the thawer's steps of the job."""
        services.handle(event, role="thawer")
