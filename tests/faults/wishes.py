"""What people, the staff and the operator want, and what AWS and browsers do by themselves."""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from django.conf import settings

from accounts import plans
from annotations import services, storage
from annotations.states import Job
from archival import services as life
from archival import staff
from deploy.local.faults import Faults
from tests.faults import people, roles, stub

CHOICES = ("vault", "s3", "s3-deep")
STAFF = frozenset({"hold", "release", "retry", "freeze", "move"})
"""The wishes that are not a person's own."""
MINUTE = 60
Act = Callable[[], Any]


def of_an_owner(job: Job) -> list[tuple[float, str, Act]]:
    """Return what a person may do about a job: how often of a hundred times, a name, and doing it.

    Whoever has left does none of it.
    """
    mine = {"job_id": job.job_id, "user_id": job.user_id}
    return [
        (4, "delete", partial(services.delete, **mine)),
        (4, "cancel", partial(services.cancel, **mine)),
        (4, "again", partial(services.run_again, **mine)),
        (4, "confirm", partial(services.confirm, **mine)),
        (1, "leave", partial(people.leave, job.user_id)),
    ]


def of_staff(job: Job) -> list[tuple[float, str, Act]]:
    """Return what the staff and the operator may do, in the same form."""
    named = {"job_id": job.job_id, "actor": "staff", "reason": "a test"}
    return [
        (8, "hold", partial(staff.hold, **named)),
        (6, "release", partial(staff.release, **named)),
        (4, "retry", partial(staff.retry, **named)),
        (2, "freeze", freeze),
        (3, "move", roles.move),
    ]


def freeze() -> None:
    """Set the freeze, or lift it."""
    plans.freeze(on=not plans.frozen(), reason="a test")


def change_tier(user: str) -> None:
    """Upgrade a person, or downgrade."""
    plan = plans.get(user)
    life.change_tier(user_id=user, tier="premium" if plan and plan.tier == "free" else "free")


def post(job: Job, *, now: float, dice: Random) -> None:
    """A browser's post: late, again, another file. It began within the policy's hour."""
    if now < job.submitted_at + 65 * MINUTE:
        kind = dice.choice(("first",) * 8 + ("other", "bad"))
        assert job.input is not None
        storage.put(job.input, stub.upload(job.user_id, kind))


def whims(faults: Faults, dice: Random) -> None:
    """Let AWS have other whims from now on."""
    faults.update(
        {
            "refuse_expedited": dice.choice(("", "", "400", "503")),
            "enforce_policy": "400" if (policy := dice.random()) < 0.1 else "503" * (policy < 0.2),
            "fail_next_jobs": dice.choice((0, 0, 1)),
            "flip_byte_in_output": dice.random() < 0.1,
            "break_output": dice.choice((0, 0, 2)),
            "drop_notices": dice.random() < 0.3,
            "double_notices": dice.random() < 0.3,
            "forget_completes": dice.random() < 0.3,
        }
    )


def choose_store(dice: Random) -> None:
    """Let the operator send new archives somewhere else."""
    settings.GAS_COLD_STORE = dice.choice(CHOICES)
