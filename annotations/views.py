"""Pages about jobs: the list, one job, and what a person may do to it."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from accounts import plans
from annotations import results, rows, services
from annotations.forms import NameForm
from annotations.genomics import plots
from annotations.guard import person, signed_in
from annotations.states import IN_FLIGHT, Job
from gas_project import clock
from gas_project.items import BadCursor

GROUPS = {
    "all": "All",
    "active": "Active",
    "available": "Available",
    "archived": "Archived",
    "failed": "Failed",
}
DOWNLOADABLE = frozenset({"HOT", "ARCHIVING"})


def _is_part(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def _group(request: HttpRequest) -> str:
    group = request.GET.get("group", "all")
    return group if group in GROUPS else "all"


def _page(request: HttpRequest, group: str, search: str) -> services.Page:
    cursor = request.GET.get("cursor") or None
    asked = {"user_id": person(request), "group": group, "search": search}
    try:
        return services.page(**asked, cursor=cursor)
    except BadCursor:
        return services.page(**asked, cursor=None)


@require_safe
@signed_in
@vary_on_headers("HX-Request")
def jobs(request: HttpRequest) -> HttpResponse:
    """List a person's jobs, newest first; asked by htmx, only the part that changes by itself."""
    group, search = _group(request), request.GET.get("search", "").strip()
    page = _page(request, group, search)
    plan, now = plans.get(person(request)), clock.now()
    found = [rows.row(job, plan, now=now) for job in page.items]
    counts = services.counts(user_id=person(request))
    context = {
        "section": "jobs",
        "tabs": [(name, label, counts.get(name, 0)) for name, label in GROUPS.items()],
        "group": group,
        "search": search,
        "rows": found,
        "cursor": page.cursor,
        "paged": bool(request.GET.get("cursor")),
        "watch": rows.watch(found, request.GET),
        "now": now,
        "example": services.EXAMPLES[0],
    }
    return render(request, f"annotations/{'_jobs' if _is_part(request) else 'jobs'}.html", context)


def _can_repeat(job: Job, now: int) -> bool:
    kept = not job.input_until or job.input_until > now
    return bool(job.input and job.etag) and kept and job.state not in IN_FLIGHT


def _live(request: HttpRequest, job: Job) -> dict[str, object]:
    """Return what the changing part of a job's page shows."""
    plan, now = plans.get(job.user_id), clock.now()
    row = rows.row(job, plan, now=now)
    return {
        "row": row,
        "job": job,
        "plan": plan,
        "watch": rows.watch([row], request.GET),
        "now": now,
        "left": rows.seconds_left(job, now=now),
        "ahead": services.ahead(job) if job.state == "QUEUED" else 0,
        "can_cancel": job.state in IN_FLIGHT,
        "can_download": job.state in DOWNLOADABLE,
        "can_repeat": _can_repeat(job, now),
    }


def _figures(job: Job) -> dict[str, object]:
    summary = services.summary(job)
    if summary is None:
        return {"summary": None}
    told, cited = results.how(job, title=rows.title_of(job.reference))
    return {"summary": summary, "plots": plots.draw(summary), "methods": told, "cited": cited}


def _variants(job: Job) -> list[dict[str, Any]]:
    preview = services.preview(job)
    return [variant | {"words": rows.in_words(variant["consequence"])} for variant in preview]


@require_safe
@signed_in
def job(request: HttpRequest, job_id: str) -> HttpResponse:
    """Show one job: its state, what comes next, its summary, preview, log and timeline."""
    found = services.get(job_id=job_id, user_id=person(request))
    context = _live(request, found) | _figures(found)
    context |= {
        "section": "jobs",
        "preview": _variants(found),
        "log": services.log(found),
        "timeline": rows.lines(services.timeline(found)),
        "name_form": NameForm(initial={"name": found.name}),
    }
    return render(request, "annotations/job.html", context)


@require_safe
@signed_in
def live(request: HttpRequest, job_id: str) -> HttpResponse:
    """Return the changing part of a job's page; a new state asks for the whole page anew."""
    found = services.get(job_id=job_id, user_id=person(request))
    if request.GET.get("state") != found.state:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "annotations/_live.html", _live(request, found))


@require_POST
@signed_in
def rename(request: HttpRequest, job_id: str) -> HttpResponseBase:
    """Give a job another name."""
    form = NameForm(request.POST)
    if form.is_valid():
        services.rename(job_id=job_id, user_id=person(request), name=form.cleaned_data["name"])
    else:
        services.get(job_id=job_id, user_id=person(request))
        messages.error(request, f"The name was not changed. {form.errors['name'][0]}")
    return redirect("job", job_id)


@require_POST
@signed_in
def cancel(request: HttpRequest, job_id: str) -> HttpResponseBase:
    """Stop a job that is not done yet."""
    try:
        services.cancel(job_id=job_id, user_id=person(request))
    except services.Declined as error:
        messages.warning(request, str(error))
    else:
        messages.info(request, "Cancelling. What runs stops within seconds.")
    return redirect("job", job_id)


@require_POST
@signed_in
def again(request: HttpRequest, job_id: str) -> HttpResponseBase:
    """Annotate the same file once more, as a new job."""
    try:
        new = services.run_again(job_id=job_id, user_id=person(request))
    except services.Declined as error:
        messages.error(request, str(error))
        return redirect("job", job_id)
    messages.success(request, "The same file is annotated once more, as this new job.")
    return redirect("job", new.job_id)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def delete(request: HttpRequest, job_id: str) -> HttpResponseBase:
    """Say what deleting does; a POST does it."""
    found = services.get(job_id=job_id, user_id=person(request))
    if request.method != "POST":
        return render(request, "annotations/delete.html", {"section": "jobs", "job": found})
    services.delete(job_id=job_id, user_id=person(request))
    results.forget(found)
    messages.success(request, f"“{found.name}” was deleted.")
    return redirect("jobs")


@require_safe
@signed_in
def download(request: HttpRequest, job_id: str) -> HttpResponseBase:
    """Redirect to a short-lived link of the result; an archived one says so on the job's page."""
    try:
        url = services.download_url(job_id=job_id, user_id=person(request))
    except services.Declined as error:
        messages.warning(request, str(error))
        return redirect("job", job_id)
    return redirect(url)


@require_safe
@signed_in
def log(request: HttpRequest, job_id: str) -> HttpResponse:
    """Return a job's log as plain text."""
    found = services.get(job_id=job_id, user_id=person(request))
    return HttpResponse(services.log(found), content_type="text/plain; charset=utf-8")
