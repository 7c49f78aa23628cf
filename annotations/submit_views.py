"""Pages that make a job: the form, the direct upload, the example."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotations import services
from annotations.forms import SubmitForm
from annotations.guard import person, signed_in

DECLINED = 409
INVALID = 422


def _wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept") == "application/json"


def _form(request: HttpRequest) -> SubmitForm:
    choices = [(choice.id, choice.title) for choice in services.references()]
    return SubmitForm(request.POST if request.method == "POST" else None, choices=choices)


def _show(request: HttpRequest, form: SubmitForm, status: int = 200) -> HttpResponse:
    context = {
        "section": "jobs",
        "form": form,
        "limits": services.limits(user_id=person(request)),
        "examples": services.EXAMPLES,
        "hints": services.hints(),
    }
    return render(request, "annotations/submit.html", context, status=status)


def _refuse(request: HttpRequest, form: SubmitForm, status: int) -> HttpResponseBase:
    """Say what is wrong with a submission, as the asker wants to hear it."""
    if not _wants_json(request):
        return _show(request, form, status)
    reasons = [str(reason) for errors in form.errors.values() for reason in errors]
    return JsonResponse({"error": " ".join(reasons)}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def submit(request: HttpRequest) -> HttpResponseBase:
    """Show the form; a POST makes the job and says where its file goes.

    The page's script asks for JSON and sends the file itself. Without it the answer is a second
    form that posts straight to storage, which sends the browser to `uploaded`.
    """
    form = _form(request)
    if request.method != "POST":
        return _show(request, form)
    if not form.is_valid():
        return _refuse(request, form, INVALID)
    scripted = _wants_json(request)
    back = "" if scripted else request.build_absolute_uri(reverse("jobs")) + "{job_id}/uploaded/"
    try:
        made = services.submit(user_id=person(request), redirect=back, **form.cleaned_data)
    except services.Declined as error:
        form.add_error(None, str(error))
        return _refuse(request, form, DECLINED)
    return _answer(request, made, scripted)


def _answer(request: HttpRequest, made: services.Submission, scripted: bool) -> HttpResponseBase:
    if not scripted:
        context = {"section": "jobs", "made": made, "limits": _limits(request)}
        return render(request, "annotations/upload.html", context)
    job_id = made.job.job_id
    answer = {"url": made.url, "fields": made.fields}
    answer |= {name: reverse(name, args=[job_id]) for name in ("confirm", "cancel")}
    return JsonResponse(answer, headers={"Cache-Control": "no-store"})


def _limits(request: HttpRequest) -> services.Limits:
    return services.limits(user_id=person(request))


@require_POST
@signed_in
def confirm(request: HttpRequest, job_id: str) -> HttpResponseBase:
    """Say that the file is there: the job waits for its annotator from now on."""
    try:
        services.confirm(job_id=job_id, user_id=person(request))
    except services.Declined as error:
        if _wants_json(request):
            return JsonResponse({"error": str(error)}, status=DECLINED)
        messages.error(request, str(error))
    if _wants_json(request):
        return JsonResponse({"job": reverse("job", args=[job_id])})
    return redirect("job", job_id)


@require_safe
@signed_in
def uploaded(request: HttpRequest, job_id: str) -> HttpResponseBase:
    """Say the same where storage's own redirect leads: a GET, which only its owner can repeat."""
    try:
        services.confirm(job_id=job_id, user_id=person(request))
    except services.Declined as error:
        messages.error(request, str(error))
    return redirect("job", job_id)


@require_POST
@signed_in
def example(request: HttpRequest) -> HttpResponseBase:
    """Annotate one of the files that come with GAS."""
    try:
        made = services.example(user_id=person(request), example=request.POST.get("example", ""))
    except services.Declined as error:
        messages.error(request, str(error))
        return redirect("submit")
    return redirect("job", made.job_id)
