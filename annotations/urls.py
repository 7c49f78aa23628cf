"""Addresses of jobs."""

from django.urls import path

from annotations import result_views, submit_views, views

urlpatterns = [
    path("", views.jobs, name="jobs"),
    path("new/", submit_views.submit, name="submit"),
    path("new/example/", submit_views.example, name="example"),
    path("<str:job_id>/", views.job, name="job"),
    path("<str:job_id>/live/", views.live, name="live"),
    path("<str:job_id>/confirm/", submit_views.confirm, name="confirm"),
    path("<str:job_id>/uploaded/", submit_views.uploaded, name="uploaded"),
    path("<str:job_id>/rename/", views.rename, name="rename"),
    path("<str:job_id>/cancel/", views.cancel, name="cancel"),
    path("<str:job_id>/again/", views.again, name="again"),
    path("<str:job_id>/delete/", views.delete, name="delete"),
    path("<str:job_id>/download/", views.download, name="download"),
    path("<str:job_id>/variants/", result_views.variants, name="variants"),
    path("<str:job_id>/variants/one/", result_views.variant, name="variant"),
    path("<str:job_id>/variants/export/", result_views.export, name="export"),
    path("<str:job_id>/log/", views.log, name="log"),
]
