"""Jobs and their archive state for staff: look, find, see why, retry, release, keep hot."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts import plans
from accounts.models import User
from annotations import jobs, states, timeline
from annotations.models import Job
from annotations.safety import DAY
from archival import lifecycle
from gas_project import clock, events
from gas_project.store_admin import Rows, StoreAdmin, StorePage

ATTENTION = "QUARANTINED"
PAGE = 50
LOOKED_AT = 10
"""Pages of the store that one page of the admin may look through for a reference."""
HOLD_DAYS = 7


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def row(facts: states.Job) -> Job:
    """Return a job as a row of the admin."""
    shown = Job(
        job_id=facts.job_id,
        state=facts.state,
        reference=facts.reference,
        user_id=facts.user_id,
        submitted_at=_at(facts.submitted_at),
    )
    shown.facts = facts
    return shown


class StateFilter(admin.SimpleListFilter):
    """One state at a time: each choice is one query of the index. First, what needs a person."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return every state with its word for people."""
        return [(name, f"{shown.word} ({name})") for name, shown in states.WORDS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Leave it: the store answers."""
        return queryset

    def value(self) -> str:
        """Return the chosen state; without a choice, what needs attention."""
        return super().value() or ATTENTION

    def choices(self, changelist: Any) -> Any:
        """Offer no "All": that would read the whole table."""
        yield from list(super().choices(changelist))[1:]


class ReferenceFilter(admin.SimpleListFilter):
    """Narrows the chosen state to a reference."""

    title = "reference"
    parameter_name = "reference"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the references."""
        from annotations.services import references  # noqa: PLC0415 (reads the genomes: when asked)

        return [(choice.id, choice.title) for choice in references()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Leave it: the store answers."""
        return queryset


LABELS = {"retry": "Run once more", "release": "Release", "hold": "Keep hot for a week"}
Act = Callable[[states.Job, str, str], bool]


def _retry(job: states.Job, actor: str, reason: str) -> bool:
    """Queue a failed run once more, if its file is still kept."""
    if job.state != "FAILED" or job.input is None or job.input_until <= clock.now():
        return False
    cleared = {"failed": None, "claims": 0, "findings": None, "completed_at": 0}
    jobs.wish(job.job_id, now=clock.now(), step="retry", actor=actor, note=reason, **cleared)
    events.publish(topic="job-submitted", job_id=job.job_id)
    return True


def _release(job: states.Job, actor: str, reason: str) -> bool:
    """Let a job that needed attention go on."""
    if not job.problem:
        return False
    cleared = {"problem": None, "tries": 0, "claims": 0}
    return jobs.wish(
        job.job_id, now=clock.now(), step="release", actor=actor, note=reason, **cleared
    )


def _hold(job: states.Job, actor: str, reason: str) -> bool:
    """Keep a result hot for a week, or bring it back for a week."""
    if job.copy is None or job.deleted:
        return False
    until = clock.now() + HOLD_DAYS * DAY
    return jobs.wish(
        job.job_id, now=clock.now(), step="hold", actor=actor, note=reason, archive_after=until
    )


@admin.register(Job)
class JobAdmin(StoreAdmin):
    """The list and the page of jobs."""

    list_display = ("job_id", "word", "reference", "owner", "submitted_at", "why")
    list_filter = (StateFilter, ReferenceFilter)
    search_fields = ("job_id",)
    search_help_text = "a whole job id, or a person's e-mail address"
    actions = ("retry", "release", "hold")
    fields = (
        "job_id",
        "word",
        "why",
        "owner",
        "reference",
        "submitted_at",
        "result",
        "places",
        "trouble",
        "history_of_job",
    )
    readonly_fields = (
        "job_id",
        "word",
        "why",
        "owner",
        "reference",
        "submitted_at",
        "result",
        "places",
        "trouble",
        "history_of_job",
    )

    # --- the store -----------------------------------------------------------------------------

    def store_page(
        self, filters: dict[str, str | None], search: str, cursor: str | None
    ) -> StorePage:
        """Answer a search by id or address, else one state, narrowed to a reference."""
        if search:
            return self._search(search, cursor)
        reference, rows = filters.get("reference"), list[Job]()
        for _ in range(LOOKED_AT):
            page = jobs.by_state(state=filters["state"] or ATTENTION, cursor=cursor, limit=PAGE)
            rows += [row(job) for job in page.items if reference in (None, job.reference)]
            cursor = page.cursor
            if len(rows) >= PAGE or cursor is None:
                break
        return StorePage(rows, cursor)

    def _search(self, search: str, cursor: str | None) -> StorePage:
        if events.is_id(search):
            found = jobs.get(search)
            return StorePage([row(found)] if found else [], None)
        user = User.objects.filter(email__iexact=search).first()
        if user is None:
            return StorePage([], None)
        page = jobs.by_user(user_id=str(user.pk), cursor=cursor, limit=PAGE)
        return StorePage([row(job) for job in page.items], page.cursor)

    def store_get(self, key: str) -> Job | None:
        """Return a job by its id."""
        found = jobs.get(key) if events.is_id(key) else None
        return row(found) if found else None

    # --- columns -------------------------------------------------------------------------------

    @admin.display(description="state")
    def word(self, job: Job) -> str:
        """Return the word for people, and the state's name."""
        return f"{states.WORDS[job.facts.state].word} ({job.facts.state})"

    @admin.display(description="owner")
    def owner(self, job: Job) -> str:
        """Return who owns it, as the admin may know it."""
        user = User.objects.filter(pk=job.user_id).first()
        return user.email if user else f"{job.user_id} (left)"

    @admin.display(description="why it is where it is")
    def why(self, job: Job) -> str:
        """Return next step, its owner and the next look, in one line."""
        return why(job.facts)

    @admin.display(description="result")
    def result(self, job: Job) -> str:
        """Return what the result is."""
        facts = job.facts
        if not facts.size:
            return "–"
        return f"{facts.variants:,} variants, {facts.size:,} bytes, SHA-256 {facts.sha256}"

    @admin.display(description="bytes")
    def places(self, job: Job) -> SafeString:
        """Return every name of bytes that the job holds."""
        facts = job.facts
        named = [
            ("copy", facts.copy),
            ("upload", facts.upload),
            ("retrieval", facts.retrieval),
            ("input", facts.input),
            ("attempt", facts.attempt.locator if facts.attempt else None),
            *(
                ("garbage", f"{g.locator} from {_at(g.after):%Y-%m-%d %H:%M}")
                for g in facts.garbage
            ),
        ]
        lines = [(name, str(value)) for name, value in named if value]
        return format_html_join("", "<div><b>{}</b> <code>{}</code></div>", lines)

    @admin.display(description="trouble")
    def trouble(self, job: Job) -> str:
        """Return what went wrong, if anything did."""
        facts = job.facts
        told = facts.problem or facts.failed or "none"
        return f"{told} (claims {facts.claims}, tries {facts.tries}, refused {facts.refused})"

    @admin.display(description="timeline")
    def history_of_job(self, job: Job) -> SafeString:
        """Return the timeline as a table."""
        lines = [
            (f"{_at(e.at):%Y-%m-%d %H:%M:%S}", e.step, e.actor, e.state, e.note)
            for e in timeline.read(job.job_id)
        ]
        body = format_html_join("", "<tr>" + "<td>{}</td>" * 5 + "</tr>", lines)
        head = "<tr><th>UTC</th><th>step</th><th>by</th><th>became</th><th>note</th></tr>"
        return format_html("<table>{}{}</table>", SafeString(head), body)

    # --- actions -------------------------------------------------------------------------------

    @admin.action(description=LABELS["retry"], permissions=["retry"])
    def retry(self, request: HttpRequest, rows: Any) -> HttpResponse | None:
        """Queue failed jobs again."""
        return self._act(request, rows, "retry", _retry)

    @admin.action(description=LABELS["release"], permissions=["release"])
    def release(self, request: HttpRequest, rows: Any) -> HttpResponse | None:
        """Let jobs that needed attention go on."""
        return self._act(request, rows, "release", _release)

    @admin.action(description=LABELS["hold"], permissions=["hold"])
    def hold(self, request: HttpRequest, rows: Any) -> HttpResponse | None:
        """Keep results out of the cold store, or bring them back, for a week."""
        return self._act(request, rows, "hold", _hold)

    def _act(self, request: HttpRequest, rows: Rows, name: str, act: Act) -> HttpResponse | None:
        """Ask for a reason, then act on each job as it is now, and write the audit line."""
        reason = request.POST.get("reason", "").strip()
        if request.POST.get("confirmed") != "yes" or not reason:
            return self._ask(request, rows, name)
        actor, done = f"staff {request.user.pk}", 0
        for shown in rows:
            job = jobs.get(shown.pk)
            if job and act(job, actor, reason):
                self.log_change(request, shown, f"{name}: {reason}")
                done += 1
        left = len(rows) - done
        note = f"{done} done" + (
            f", {left} left as they were: the action does not fit" if left else ""
        )
        self.message_user(request, note, messages.SUCCESS if done else messages.WARNING)
        return None

    def _ask(self, request: HttpRequest, rows: Rows, name: str) -> HttpResponse:
        label = LABELS[name]
        context = {
            **self.admin_site.each_context(request),
            "title": label,
            "explained": f"“{label}” for {len(rows)} jobs:",
            "rows": rows,
            "action": name,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/store_action.html", context)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Whether this member of staff may run jobs again."""
        return request.user.has_perm("annotations.retry_job")

    def has_release_permission(self, request: HttpRequest) -> bool:
        """Whether this member of staff may release jobs."""
        return request.user.has_perm("annotations.release_job")

    def has_hold_permission(self, request: HttpRequest) -> bool:
        """Whether this member of staff may keep results hot."""
        return request.user.has_perm("annotations.hold_job")


def why(job: states.Job) -> str:
    """Return why a job is where it is: who is at it, or the next step, whose it is, and when."""
    now = clock.now()
    plan = plans.get(job.user_id)
    look = f"next look {_at(job.due_at):%Y-%m-%d %H:%M:%S} UTC" if job.due_at else "no next look"
    if job.problem:
        return f"needs attention: {job.problem}; {look}"
    if job.worker and (job.due_at or 0) > now:
        return f"{job.worker} is at it; its lease ends {_at(job.due_at or 0):%H:%M:%S} UTC"
    step = lifecycle.next_step(job, plan, now)
    if step is None:
        return f"at rest; {look}"
    return f"next: {step}, by the {lifecycle.owner(job, step) or 'sweep'}; {look}"
