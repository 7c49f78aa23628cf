"""The notifier: the queue `notify`. The one worker that reads people's addresses, from SQL."""

from typing import ClassVar

from annotations import emails
from gas_project.commands import WorkerCommand
from gas_project.events import Event, Hint


class Command(WorkerCommand):
    """Send the mails that a job's or a plan's news asks for."""

    help = "Send the mails that a job's or a plan's news asks for."
    queue: ClassVar[str] = "notify"

    def handle_event(self, event: Event) -> None:
        """Look at the job, or at the person's plan, and send what is due and was not yet sent."""
        if event.job_id:
            emails.about_job(event.job_id)
        elif isinstance(event, Hint) and event.user_id:
            emails.about_plan(event.user_id)
