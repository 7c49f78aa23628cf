"""All addresses. Apps are named as strings: this floor imports none of them."""

from django.contrib import admin
from django.urls import include, path

from gas_project import health, views

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
