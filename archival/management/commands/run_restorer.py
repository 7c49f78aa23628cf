"""The restorer: the queue `restore`."""

from typing import ClassVar

from archival import services
from gas_project.commands import WorkerCommand
from gas_project.events import Event


class Command(WorkerCommand):
    """Start the retrieval of archived results after an upgrade."""

    help = "Start the retrieval of archived results after an upgrade."
    queue: ClassVar[str] = "restore"

    def handle_event(self, event: Event) -> None:
        """Do the restorer's steps of the job."""
        services.handle(event, role="restorer")
