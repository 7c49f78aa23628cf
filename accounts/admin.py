"""People and their tier, for staff."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest

from accounts import plans
from accounts.models import User


@admin.register(User)
class PeopleAdmin(UserAdmin):  # type: ignore[type-arg]
    """People: who they are in SQL, and their tier in DynamoDB."""

    list_display = ("email", "tier", "is_active", "is_staff", "date_joined")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email",)
    ordering = ("-date_joined",)
    readonly_fields = ("tier", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "password", "tier")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "password1", "password2")}),)

    @admin.display(description="tier")
    def tier(self, user: User) -> str:
        """Return the tier as every worker reads it."""
        plan = plans.get(str(user.pk))
        if plan is None:
            return "missing: all is kept hot"
        return plan.rules.label + (" (change under way)" if plan.pending else "")

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nobody here: leaving deletes jobs too, and only the account page does both."""
        return False
