"""What happens to a person besides signing in, which allauth does."""

import logging

from botocore.exceptions import BotoCoreError, ClientError

from accounts import plans
from accounts.models import User

log = logging.getLogger(__name__)


def welcome(user: User) -> None:
    """Give a person a plan if there is none; asked at sign-up, and again at each sign-in.

    Without AWS the person still gets in: a missing plan keeps all results, and the next sign-in
    puts it.
    """
    try:
        plans.create(user_id=str(user.pk))
    except (BotoCoreError, ClientError):
        log.exception("no plan was put for person %s", user.pk)


def leave(user: User) -> None:
    """Delete a person: the sign-in, the addresses, the second factors. Jobs are archival's."""
    user.delete()
