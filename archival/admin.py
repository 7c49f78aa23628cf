"""Jobs and their archive state for staff: look, find, see why, retry, release, keep hot."""

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts import plans
from annotations import jobs, states, timeline
from annotations.models import Job
from annotations.services import Declined
from annotations.states import archive_date
from archival import staff
from archival.lookup import Filters, ReferenceFilter, StateFilter, listed, rows, search
from gas_project import clock, events
from gas_project.store_admin import AWS_ERRORS, Rows, StoreAdmin, StorePage

NONE = "–"


def _moment(seconds: int) -> str:
    return staff.moment(seconds) if seconds else NONE


class ReasonForm(forms.Form):
    """Why a member of staff does it."""

    reason = forms.CharField(
        max_length=200,
        label="Reason",
        help_text="For the log of staff and for the job's timeline, which its owner can read.",
        widget=forms.TextInput(attrs={"size": 70, "autofocus": True}),
    )


@admin.register(Job)
class JobAdmin(StoreAdmin):
    """The list and the page of jobs."""

    list_display = ("job", "word", "why", "owner", "reference", "submitted")
    list_display_links = ("job",)
    list_filter = (StateFilter, ReferenceFilter)
    search_fields = ("job_id",)
    search_help_text = "A whole job id, a person's id, or their e-mail address."
    actions = ("retry", "release", "hold")
    fieldsets = (
        (None, {"fields": ("word", "why", "trouble", "owner", "tier")}),
        ("Run", {"fields": ("name", "reference", "submitted", "completed", "input", "result")}),
        ("Storage", {"fields": ("archives", "places")}),
        ("Timeline", {"fields": ("story",)}),
    )

    def store_page(self, filters: Filters, search_text: str, cursor: str | None) -> StorePage:
        """Answer a search, else one state, narrowed to a reference."""
        return search(search_text, filters, cursor) if search_text else listed(filters, cursor)

    def store_read(self, keys: Sequence[str]) -> list[Job]:
        """Return the jobs with these ids, read consistently."""
        found = (jobs.get(key) for key in keys if events.is_id(key))
        return rows([job for job in found if job])

    # --- columns -------------------------------------------------------------------------------

    @admin.display(description="job")
    def job(self, job: Job) -> SafeString:
        """Return the beginning of the id; the whole one is its title."""
        return format_html('<code title="{}">{}</code>', job.job_id, job.job_id[:8])

    @admin.display(description="state")
    def word(self, job: Job) -> SafeString:
        """Return the word for people in its hue; the state's name is its title."""
        shown = states.WORDS[job.state]
        look = '<span class="state {}" title="{}">{}</span>'
        return format_html(look, shown.hue, job.state, shown.word)

    @admin.display(description="owner")
    def owner(self, job: Job) -> SafeString:
        """Return who owns it, with a link to all of their jobs."""
        url = reverse("admin:annotations_job_changelist")
        name = job.email or f"{job.user_id[:8]} (has left)"
        return format_html('<a href="{}?q={}">{}</a>', url, job.user_id, name)

    @admin.display(description="tier")
    def tier(self, job: Job) -> str:
        """Return the owner's tier as every worker reads it."""
        return plans.label(job.plan)

    @admin.display(description="submitted (UTC)")
    def submitted(self, job: Job) -> str:
        """Return when it was submitted."""
        return f"{job.submitted_at:%Y-%m-%d %H:%M}"

    @admin.display(description="why it is where it is")
    def why(self, job: Job) -> str:
        """Return who is at it, or its next step, whose that is and when, in one line."""
        return staff.why(job.facts, job.plan, clock.now())

    @admin.display(description="trouble")
    def trouble(self, job: Job) -> str:
        """Return what went wrong, if anything did, and the counts that lead to it."""
        facts = job.facts
        told = facts.problem or facts.failed or "none"
        counts = f"claims {facts.claims}, failed moves {facts.tries}, refusals {facts.refused}"
        return f"{told} ({counts})"

    @admin.display(description="name")
    def name(self, job: Job) -> str:
        """Return the name that its owner sees."""
        return job.facts.name

    @admin.display(description="ended")
    def completed(self, job: Job) -> str:
        """Return when the run ended."""
        return _moment(job.facts.completed_at)

    @admin.display(description="uploaded file")
    def input(self, job: Job) -> str:
        """Return its size and until when it is kept."""
        facts = job.facts
        if facts.input is None or not facts.etag:
            return NONE
        kept = f", kept until {_moment(facts.input_until)}" if facts.input_until else ""
        return f"{facts.input_size:,} bytes{kept}"

    @admin.display(description="result")
    def result(self, job: Job) -> str:
        """Return what the result is, or how many findings refused the file."""
        facts = job.facts
        if facts.size:
            return f"{facts.variants:,} variants, {facts.size:,} bytes, SHA-256 {facts.sha256}"
        count = len(facts.findings)
        return f"the file was refused: {count} finding{'s' if count > 1 else ''}" if count else NONE

    @admin.display(description="may go cold")
    def archives(self, job: Job) -> str:
        """Return from when on the result may be archived."""
        if job.facts.copy is None:
            return NONE
        date = archive_date(job.facts, job.plan)
        if date is None:
            return "not while its owner has this plan"
        return staff.moment(date) if date else "at any time"

    @admin.display(description="bytes")
    def places(self, job: Job) -> SafeString | str:
        """Return every name of bytes that the job holds."""
        facts = job.facts
        named = (
            ("copy", facts.copy),
            ("open upload", facts.upload),
            ("retrieval", facts.retrieval),
            ("input", facts.input),
            ("run", facts.attempt.locator if facts.attempt else None),
            *((f"to be removed from {_moment(g.after)}", g.locator) for g in facts.garbage),
        )
        return _table("places", (), ((name, str(value)) for name, value in named if value)) or NONE

    @admin.display(description="events")
    def story(self, job: Job) -> SafeString | str:
        """Return the timeline as a table, newest first."""
        lines = (
            (staff.moment(e.at), e.step, e.actor, e.state, e.note)
            for e in reversed(timeline.read(job.job_id))
        )
        return _table("story", ("when", "step", "by", "became", "note"), lines) or NONE

    # --- actions -------------------------------------------------------------------------------

    @admin.action(description=staff.ACTS["retry"].label, permissions=["retry"])
    def retry(self, request: HttpRequest, found: Rows) -> HttpResponse | None:
        """Queue failed runs again."""
        return self._act(request, found, "retry")

    @admin.action(description=staff.ACTS["release"].label, permissions=["release"])
    def release(self, request: HttpRequest, found: Rows) -> HttpResponse | None:
        """Let jobs that needed attention go on."""
        return self._act(request, found, "release")

    @admin.action(description=staff.ACTS["hold"].label, permissions=["hold"])
    def hold(self, request: HttpRequest, found: Rows) -> HttpResponse | None:
        """Keep results out of the cold store, or bring them back, for a week."""
        return self._act(request, found, "hold")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Whether this member of staff may run jobs again."""
        return request.user.has_perm("annotations.retry_job")

    def has_release_permission(self, request: HttpRequest) -> bool:
        """Whether this member of staff may release jobs."""
        return request.user.has_perm("annotations.release_job")

    def has_hold_permission(self, request: HttpRequest) -> bool:
        """Whether this member of staff may keep results hot."""
        return request.user.has_perm("annotations.hold_job")

    def _act(self, request: HttpRequest, found: Rows, name: str) -> HttpResponse | None:
        """Ask for a reason; with one, act on each ticked job as it is now, and say what was."""
        if not found:
            self.message_user(request, "No job was ticked that still exists.", messages.WARNING)
            return None
        form = ReasonForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            return self._ask(request, found, name, form)
        self._do(request, found, name, form.cleaned_data["reason"])
        if len(found) > 1:
            return None
        return HttpResponseRedirect(reverse("admin:annotations_job_change", args=[found[0].pk]))

    def _ask(self, request: HttpRequest, found: Rows, name: str, form: ReasonForm) -> HttpResponse:
        act = staff.ACTS[name]
        asked = [(row, staff.refusal(name, row.facts)) for row in found]
        context = {
            **self.admin_site.each_context(request),
            "title": act.label,
            "act": act,
            "name": name,
            "asked": [(row, self.word(row), refusal) for row, refusal in asked],
            "fitting": sum(not refusal for _, refusal in asked),
            "form": form,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/store_action.html", context)

    def _do(self, request: HttpRequest, found: Rows, name: str, reason: str) -> None:
        """Act on each job and write the audit line; an AWS error ends it and says where."""
        act, done = staff.ACTS[name], 0
        for number, row in enumerate(found, 1):
            try:
                act.do(job_id=row.pk, actor=f"staff {request.user.pk}", reason=reason)
            except Declined as declined:
                self.message_user(request, f"Left {row.pk}: {declined}", messages.WARNING)
                continue
            except AWS_ERRORS as error:
                self.message_user(request, _broken(row, error, len(found) - number), messages.ERROR)
                break
            self.log_change(request, row, f"{act.label}: {reason}")
            done += 1
        if done:
            told = f"{act.label}: done for {done} job{'s' if done > 1 else ''}."
            self.message_user(request, told, messages.SUCCESS)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **more: Any
    ) -> HttpResponse:
        """Add the buttons: the acts that this member of staff may do, and why one does not fit."""
        job, allowed = context["original"].facts, self.get_actions(request)
        context["acts"] = [
            (name, act.label, act.why_not(job, clock.now()))
            for name, act in staff.ACTS.items()
            if name in allowed
        ]
        return super().render_change_form(request, context, *args, **more)


def _broken(row: Job, error: Exception, left: int) -> str:
    return (
        f"AWS did not answer at {row.pk} ({type(error).__name__}): look at that job before you "
        f"try again. {left} more were not tried."
    )


def _table(css: str, head: Sequence[str], lines: Iterable[Sequence[str]]) -> SafeString | None:
    """Return lines as a table, None when there is none."""
    body = [tuple(line) for line in lines]
    if not body:
        return None
    cells = "<td>{}</td>" * len(body[0])
    return format_html(
        '<table class="{}"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>',
        css,
        format_html_join("", "<th>{}</th>", ((name,) for name in head)),
        format_html_join("", f"<tr>{cells}</tr>", body),
    )
