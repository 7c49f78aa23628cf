"""Addresses of plans and restores."""

from django.urls import path

from archival import views

urlpatterns = [
    path("plan/", views.plan, name="plan"),
    path("plan/upgrade/", views.upgrade, name="upgrade"),
    path("plan/downgrade/", views.downgrade, name="downgrade"),
    path("plan/restores/", views.restores, name="restores"),
    path("settings/delete/", views.delete_account, name="delete_account"),
]
