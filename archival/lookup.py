"""How staff find jobs: by state, reference, id or person, one page of an index at a time."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts import plans
from accounts.models import User
from annotations import jobs, states
from annotations.models import Job
from archival import staff
from gas_project import events
from gas_project.store_admin import StorePage

ATTENTION = "QUARANTINED"
PAGE = 50
LOOKED_AT = 10
"""Pages of the store that one page of the admin may look through for what was asked."""

FOUND = "Jobs that were found"

Read = Callable[[str | None], jobs.Page]
Filters = dict[str, str | None]


def rows(found: Sequence[states.Job]) -> list[Job]:
    """Return jobs as rows of the admin: their plans in one call, their owners in another."""
    owners = {job.user_id for job in found}
    of_owner = plans.get_many(owners)
    emails = {str(user.pk): user.email for user in User.objects.filter(pk__in=owners)}
    return [_row(job, of_owner.get(job.user_id), emails.get(job.user_id, "")) for job in found]


def _row(facts: states.Job, plan: plans.Plan | None, email: str) -> Job:
    shown = Job(
        job_id=facts.job_id,
        state=facts.state,
        reference=facts.reference,
        user_id=facts.user_id,
        submitted_at=datetime.fromtimestamp(facts.submitted_at, UTC),
    )
    shown.facts, shown.plan, shown.email = facts, plan, email
    return shown


# --- filters ---------------------------------------------------------------------------------


class StateFilter(admin.SimpleListFilter):
    """One state at a time: each choice is one query of the index. First, what needs a person."""

    title = "state"
    parameter_name = "state"

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        self.searching = bool(request.GET.get("q", "").strip())
        super().__init__(request, *args)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return every state, what needs a person first."""
        ordered = sorted(states.WORDS, key=(ATTENTION, "FAILED", *states.WORDS).index)
        return [(name, staff.label(name)) for name in ordered]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Leave it: the store answers."""
        return queryset

    def value(self) -> str | None:
        """Return the chosen state; without a choice or a search, what needs attention."""
        chosen = super().value()
        known = chosen if chosen in states.WORDS else None
        return known or (None if self.searching else ATTENTION)

    def choices(self, changelist: Any) -> Any:
        """Offer "All" of what a search found; of all jobs it would read the whole table."""
        offered = list(super().choices(changelist))
        yield from offered if self.searching else offered[1:]


class ReferenceFilter(admin.SimpleListFilter):
    """Narrows what was found to a reference."""

    title = "reference"
    parameter_name = "reference"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the references."""
        from annotations.services import references  # noqa: PLC0415 (reads the genomes: when asked)

        return [(choice.id, choice.title) for choice in references()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Leave it: the store answers."""
        return queryset


# --- pages -----------------------------------------------------------------------------------


def _fits(job: states.Job, filters: Filters) -> bool:
    return all(
        filters.get(name) in (None, value)
        for name, value in (("state", job.state), ("reference", job.reference))
    )


def look(read: Read, filters: Filters, cursor: str | None) -> StorePage:
    """Return a page of the jobs that fit; the look is bounded, so it may be short, and says so."""
    found: list[states.Job] = []
    for _ in range(LOOKED_AT):
        page = read(cursor)
        found += [job for job in page.items if _fits(job, filters)]
        cursor = page.cursor
        if len(found) >= PAGE or cursor is None:
            break
    note = ""
    if cursor and len(found) < PAGE:
        note = f"Looked at {LOOKED_AT * PAGE} jobs; the next page looks further."
    return StorePage(rows(found), cursor, note)


def search(text: str, filters: Filters, cursor: str | None) -> StorePage:
    """Return the job of that id, else the jobs of that person, by id or e-mail address."""
    if events.is_id(text):
        found = jobs.get(text)
        if found is not None:
            return StorePage(rows([found]), title=FOUND)
        user_id = text
    else:
        user = User.objects.filter(email__iexact=text).first()
        if user is None:
            return StorePage((), note="Nobody here has this e-mail address.", title=FOUND)
        user_id = str(user.pk)
    page = look(lambda at: jobs.by_user(user_id=user_id, cursor=at, limit=PAGE), filters, cursor)
    note = page.note or ("" if page.rows else "No job was found.")
    return replace(page, note=note, title=FOUND)


def listed(filters: Filters, cursor: str | None) -> StorePage:
    """Return the jobs in one state, newest first."""
    state = filters["state"] or ATTENTION
    page = look(lambda at: jobs.by_state(state=state, cursor=at, limit=PAGE), filters, cursor)
    title = f"Jobs: {staff.label(state)}"
    note = "No job needs attention." if state == ATTENTION else "No job is in this state."
    return replace(page, note=page.note or ("" if page.rows else note), title=title)
