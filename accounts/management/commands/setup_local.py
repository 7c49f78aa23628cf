"""Makes the people's database and the three people that `make run` speaks of."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from accounts import plans
from accounts.models import User

PASSWORD = "gas-demo-2026"  # noqa: S105 (printed by `make run`; refused off the local cloud)
PEOPLE: dict[str, dict[str, Any]] = {
    "free@gas.invalid": {"tier": "free"},
    "premium@gas.invalid": {"tier": "premium"},
    "staff@gas.invalid": {"tier": "premium", "is_staff": True, "is_superuser": True},
}


class Command(BaseCommand):
    """Set up this machine's own service; again, it changes nothing."""

    help = "Migrate, collect static files and create the demo people. Local cloud only."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it. Raises CommandError when AWS is not the local cloud."""
        if not settings.GAS_LOCAL:
            raise CommandError("demo people are only made on the local cloud (127.0.0.1)")
        settings.GAS_DATA.mkdir(parents=True, exist_ok=True)
        call_command("migrate", interactive=False, verbosity=0)
        call_command("createcachetable", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        for email, facts in PEOPLE.items():
            self._person(email, **facts)

    def _person(self, email: str, *, tier: str, **rights: bool) -> None:
        from allauth.account.models import EmailAddress  # noqa: PLC0415 (apps must be loaded)

        user = User.objects.filter(email=email).first()
        if user is None:
            user = User.objects.create_user(email, PASSWORD, **rights)
            EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
        plans.create(user_id=str(user.pk), tier=tier)
