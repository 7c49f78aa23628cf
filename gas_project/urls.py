"""All addresses. Apps are named as strings: this floor imports none of them."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from gas_project import health, views

# Staff sign in where everybody does: its rate limits and second factors hold for them too.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.enable_nav_sidebar = False  # the header has the few links that there are

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("", include("accounts.urls")),
    path("jobs/", include("annotations.urls")),
    path("", include("archival.urls")),
    path("accounts/", include("allauth.urls")),
    path("mailbox/", views.mailbox, name="mailbox"),
    path("mailbox/<str:mail_id>/", views.mailbox, name="mail"),
    path("staff/", admin.site.urls),
]
