"""What the admin needs of a job: labels and permissions. The jobs themselves are in DynamoDB."""

from typing import Any, ClassVar

from django.db import models

from accounts.plans import Plan
from annotations import states


class Job(models.Model):
    """A job as the admin shows it. It has no table; `facts` is the job itself.

    `plan` is its owner's, None when that is missing; `email` is "" when the owner has left.
    """

    job_id = models.CharField("job", primary_key=True, max_length=36)
    state = models.CharField(max_length=20)
    reference = models.CharField(max_length=100)
    user_id = models.CharField("owner", max_length=36)
    submitted_at = models.DateTimeField("submitted")

    facts: states.Job
    plan: Plan | None
    email: str

    class Meta:
        """Staff may look; each action needs a permission of its own."""

        managed = False
        default_permissions: ClassVar[tuple[str, ...]] = ("view",)
        permissions = (
            ("retry_job", "Can run a failed job once more"),
            ("release_job", "Can release a job that needs attention"),
            ("hold_job", "Can keep a result hot"),
        )

    def __str__(self) -> str:
        return f"{self.job_id} ({self.state})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refuse: `annotations.jobs` alone writes jobs."""
        raise TypeError("jobs are written by annotations.jobs")

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refuse: the services delete jobs."""
        raise TypeError("jobs are deleted by annotations.services")
