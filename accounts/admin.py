"""People and their tier, for staff; their second factors, for who lost a device."""

from typing import Any

import allauth.mfa.admin
import allauth.socialaccount.admin  # noqa: F401  (registers what is taken away below)
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialApp, SocialToken
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts import plans
from accounts.models import User
from gas_project.store_admin import AwsAdmin

RIGHTS = ("is_staff", "is_superuser", "groups")


class PeopleList(ChangeList):
    """A page of people with their plans, which one call reads."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page from SQL, its plans from DynamoDB."""
        super().get_results(request)
        people: list[Any] = list(self.result_list)
        found = plans.get_many(str(user.pk) for user in people)
        for user in people:
            user.plan = found.get(str(user.pk))
        self.result_list = people


@admin.register(User)
class PeopleAdmin(AwsAdmin):
    """People: who they are in SQL, and their tier in DynamoDB.

    Nobody is added, renamed or deleted here, and no password is set: people sign up, confirm their
    address and leave by themselves. Only a superuser gives rights, or touches another superuser.
    """

    list_display = ("email", "tier", "jobs", "is_active", "is_staff", "joined")
    list_filter = ("is_active", "is_staff")
    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    search_fields = ("email",)
    search_help_text = "A part of an e-mail address."
    ordering = ("-date_joined",)
    filter_horizontal = ("groups",)
    readonly_fields = ("id", "email", "tier", "jobs", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "id", "tier", "jobs")}),
        ("Rights", {"fields": ("is_active", *RIGHTS)}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )

    @admin.display(description="tier")
    def tier(self, user: Any) -> str:
        """Return the tier as every worker reads it."""
        return plans.label(user.plan if hasattr(user, "plan") else plans.get(str(user.pk)))

    @admin.display(description="jobs")
    def jobs(self, user: User) -> SafeString:
        """Return a link to all jobs of this person."""
        url = reverse("admin:annotations_job_changelist")
        return format_html('<a href="{}?q={}">all jobs</a>', url, user.pk)

    @admin.display(description="joined (UTC)", ordering="date_joined")
    def joined(self, user: User) -> str:
        """Return the day of the sign-up."""
        return f"{user.date_joined:%Y-%m-%d}"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that reads a page's plans at once."""
        return PeopleList

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return what this member of staff can't change: rights are a superuser's to give."""
        return self.readonly_fields + (() if request.user.is_superuser else RIGHTS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: people sign up by themselves."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether this member of staff may change that person."""
        above = bool(obj and obj.is_superuser) and not request.user.is_superuser
        return not above and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody here: leaving deletes jobs too, and only the account page does both."""
        return False


class SecondFactorAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Who has which second factor. Its secret is not shown; deleting it helps who lost a device."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    search_fields = ("user__email",)
    fields = readonly_fields = ("user", "type", "created_at", "last_used_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: a factor is set up by who holds it."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: a factor is set up by who holds it."""
        return False


# allauth would show the secrets of these three to staff.
admin.site.unregister([Authenticator, SocialApp, SocialToken])
admin.site.register(Authenticator, SecondFactorAdmin)
