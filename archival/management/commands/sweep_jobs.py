"""The sweep: finds all that is due without any message."""

from archival import services
from gas_project import logs
from gas_project.commands import PeriodicCommand

log = logs.get(__name__)


class Command(PeriodicCommand):
    """Hint the owners of all that is due, oldest first."""

    help = "Hint the owners of all jobs and plan changes that are due, oldest first."

    def run_pass(self) -> None:
        """Sweep once."""
        hinted = services.sweep()
        if hinted:
            log.info("sweep.hinted", **hinted)
