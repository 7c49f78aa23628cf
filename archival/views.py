"""Pages about the storage life of results: the plan, what is restoring, leaving for good."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from accounts import services as people
from accounts import tiers
from accounts.models import User
from accounts.plans import Plan
from accounts.tiers import Tier
from annotations import rows
from annotations.guard import person, signed_in
from archival import services
from gas_project import clock

NO_PAYMENT = (
    "This site takes no payments yet, so nobody can upgrade here. Nothing was charged, and your "
    "plan is as it was. Write to the people who run this service."
)


class TierForm(forms.Form):
    """The tier that a person wants."""

    tier = forms.ChoiceField(choices=[(name, tier.label) for name, tier in tiers.TIERS.items()])


class LeaveForm(forms.Form):
    """The e-mail address, typed once more, so that nobody leaves by a slip of the hand."""

    email = forms.EmailField(label="Your e-mail address, to be sure")

    def __init__(self, *args: object, expected: str, **more: object) -> None:
        super().__init__(*args, **more)  # type: ignore[arg-type]
        self.expected = expected

    def clean_email(self) -> str:
        """Return the address. Raises ValidationError when it is another one."""
        email = str(self.cleaned_data["email"])
        if email.casefold() != self.expected.casefold():
            raise forms.ValidationError("This is not the address of this account.")
        return email


def _is_downgrade(plan: Plan | None, tier: Tier) -> bool:
    return tier.archives and (plan is None or not plan.rules.archives)


def _wanted(request: HttpRequest) -> Tier | None:
    form = TierForm(request.POST)
    return tiers.get(form.cleaned_data["tier"]) if form.is_valid() else None


def _restoring(request: HttpRequest, plan: Plan | None) -> dict[str, object]:
    """Return what the progress of a restore shows."""
    now = clock.now()
    if plan is None or plan.rules.archives:
        return {"restores": services.Restores(0, 0, 0, []), "now": now}
    found = services.restores(user_id=person(request))
    shown = [rows.row(job, plan, now=now) for job in found.items]
    share = 100 * found.done // found.total if found.total else 100
    watch = rows.watch(shown, request.GET)
    return {"restores": found, "rows": shown, "share": share, "watch": watch, "now": now}


@require_safe
@signed_in
def plan(request: HttpRequest) -> HttpResponse:
    """Show the tiers side by side, which one is the person's, and what a change would do."""
    mine = services.plan(user_id=person(request))
    offers = [(tier, _is_downgrade(mine, tier)) for tier in tiers.TIERS.values()]
    context = {"section": "plan", "plan": mine, "offers": offers, "payable": settings.GAS_LOCAL}
    return render(request, "archival/plan.html", context | _restoring(request, mine))


@require_POST
@signed_in
def upgrade(request: HttpRequest) -> HttpResponseBase:
    """Take the test payment and upgrade; only the local cloud has one."""
    if not settings.GAS_LOCAL:
        raise PermissionDenied(NO_PAYMENT)
    tier = _wanted(request)
    if tier is None or tier.archives:
        messages.error(request, "Choose one of the plans below to upgrade to.")
        return redirect("plan")
    services.change_tier(user_id=person(request), tier=tier.name)
    messages.success(request, f"You are on the {tier.label} plan. Archived results are restored.")
    return redirect("restores")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def downgrade(request: HttpRequest) -> HttpResponseBase:
    """Say which results a downgrade archives and when; a POST does it."""
    mine = services.plan(user_id=person(request))
    if not _is_downgrade(mine, tiers.DEFAULT):
        return redirect("plan")
    if request.method == "POST":
        services.change_tier(user_id=person(request), tier=tiers.DEFAULT.name)
        messages.success(request, f"You are on the {tiers.DEFAULT.label} plan.")
        return redirect("plan")
    preview = services.downgrade_preview(user_id=person(request))
    context = {"section": "plan", "plan": mine, "tier": tiers.DEFAULT, "preview": preview}
    return render(request, "archival/downgrade.html", context)


@require_safe
@signed_in
@vary_on_headers("HX-Request")
def restores(request: HttpRequest) -> HttpResponse:
    """Show how many results are back and when the others should be; it looks again by itself."""
    mine = services.plan(user_id=person(request))
    part = request.headers.get("HX-Request") == "true"
    context = {"section": "plan", "plan": mine} | _restoring(request, mine)
    return render(request, f"archival/{'_restores' if part else 'restores'}.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def delete_account(request: HttpRequest) -> HttpResponseBase:
    """Say what leaving removes; a POST with the right address does it."""
    user = User.objects.get(pk=person(request))
    form = LeaveForm(request.POST or None, expected=user.email)
    if request.method != "POST" or not form.is_valid():
        return render(request, "archival/delete_account.html", {"form": form})
    services.delete_account(user_id=person(request))
    logout(request)
    people.leave(user)
    messages.success(request, "Your account is deleted, and all that was in it.")
    return redirect("home")
