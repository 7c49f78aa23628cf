"""Members of staff for the tests of their pages, and what they do there."""

from typing import Any

from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from tests.people import PASSWORD, browser

JOBS = "/staff/annotations/job/"
PEOPLE = "/staff/accounts/user/"


def boss(email: str = "boss@gas.invalid") -> Client:
    """Return the browser of a member of staff who may do everything."""
    return browser(User.objects.create_superuser(email, PASSWORD))


def member(*rights: str) -> Client:
    """Return the browser of a member of staff with these permissions only."""
    user = User.objects.create_user("member@gas.invalid", PASSWORD, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return browser(user)


def act(client: Client, name: str, *keys: str, **fields: str) -> Any:
    """Tick jobs in the list, choose an action, and return the page that follows."""
    data = {"action": name, "_selected_action": list(keys), **fields}
    return client.post(JOBS, data, follow=True)


def do(client: Client, name: str, *keys: str, reason: str = "ticket 12") -> Any:
    """Do an action with its reason, as the confirmation page sends it."""
    return act(client, name, *keys, confirmed="yes", reason=reason)
