"""The annotator: the queue `annotate`."""

from typing import ClassVar

from annotations import run, safety
from gas_project import worker
from gas_project.commands import WorkerCommand
from gas_project.events import Event


class Command(WorkerCommand):
    """Confirm uploads and annotate them."""

    help = "Confirm uploads and annotate them."
    queue: ClassVar[str] = "annotate"
    concurrency: ClassVar[int] = 2
    time_limit: ClassVar[float] = 2 * safety.REAL.run_limit

    def handle_event(self, event: Event) -> None:
        """Annotate the job, if it still waits for that."""
        if event.job_id:
            run.advance(event.job_id, stopping=worker.stopping)
