"""The landing page and a person's settings."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from accounts import tiers


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show a stranger what GAS is; bring everybody else to their jobs."""
    if request.user.is_authenticated:
        return redirect("jobs")
    return render(request, "accounts/landing.html", {"tiers": tiers.TIERS.values()})


@require_safe
@login_required
def settings_page(request: HttpRequest) -> HttpResponse:
    """Show where a person changes what."""
    return render(request, "accounts/settings.html", {"section": "settings"})
