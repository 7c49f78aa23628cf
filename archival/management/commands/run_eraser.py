"""The eraser: the queue `erase`."""

from typing import ClassVar

from archival import services
from gas_project.commands import WorkerCommand
from gas_project.events import Event


class Command(WorkerCommand):
    """Remove what deleted jobs and finished moves left. Nobody else deletes anything."""

    help = "Remove what deleted jobs and finished moves left. Nobody else deletes anything."
    queue: ClassVar[str] = "erase"

    def handle_event(self, event: Event) -> None:
        """Do the eraser's steps of the job."""
        services.handle(event, role="eraser")
