"""The annotator: the queue `annotate`."""

from typing import ClassVar

from annotations import run
from gas_project import worker
from gas_project.commands import WorkerCommand
from gas_project.events import Event


class Command(WorkerCommand):
    """Confirm uploads and annotate them."""

    help = "Confirm uploads and annotate them."
    queue: ClassVar[str] = "annotate"
    concurrency: ClassVar[int] = 2

    def handle_event(self, event: Event) -> None:
        """Annotate the job, if it still waits for that."""
        if event.job_id:
            run.advance(event.job_id, stopping=worker.stopping)
