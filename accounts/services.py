"""What happens to a person besides signing in, which allauth does."""

import logging
from datetime import timedelta

from botocore.exceptions import BotoCoreError, ClientError
from django.utils import timezone

from accounts import plans
from accounts.models import User

log = logging.getLogger(__name__)
NEW = timedelta(days=1)
"""How long a person is new: a plan that could not be put at sign-up is put at a later sign-in."""


def welcome(user: User) -> None:
    """Give a new person a plan; asked at sign-up, and again at each sign-in of the first day.

    Without AWS the person still gets in: a missing plan keeps all results, and the next sign-in
    puts it. Later a missing plan is a loss that staff must mend: made anew it would be Free.
    """
    if timezone.now() - user.date_joined > NEW:
        return
    try:
        plans.create(user_id=str(user.pk))
    except (BotoCoreError, ClientError):
        log.exception("no plan was put for person %s", user.pk)


def leave(user: User) -> None:
    """Delete a person: the sign-in, the addresses, the second factors. Jobs are archival's."""
    user.delete()
