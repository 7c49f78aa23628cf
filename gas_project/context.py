"""What every template may read."""

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, object]:
    """Return whether this is the local cloud (`gas_local`) and whether Globus is set up."""
    return {
        "gas_local": settings.GAS_LOCAL,
        "globus_enabled": bool(settings.SOCIALACCOUNT_PROVIDERS),
    }
