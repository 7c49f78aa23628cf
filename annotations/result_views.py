"""Pages that read a result: its variants behind a filter, one variant, and exports."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    QueryDict,
    StreamingHttpResponse,
)
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from accounts import plans
from annotations import results, rows, services
from annotations.genomics import filters
from annotations.genomics.filters import BadFilter, Filter
from annotations.guard import person, signed_in
from annotations.states import Job
from gas_project import clock

SORTS = {"position": "Position", "quality": "Highest QUAL", "impact": "Most severe"}
FORMATS = {
    "vcf": ("vcf.gz", "application/gzip"),
    "tsv": ("tsv", "text/tab-separated-values; charset=utf-8"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for: a filter, an order, a place; and what is wrong with it."""

    filter: Filter
    sort: str
    bad: str = ""

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The filter and the order as an address has them."""
        found = [(term.field, term.value) for term in filters.terms(self.filter)]
        return found + ([("sort", self.sort)] if self.sort != "position" else [])

    @property
    def query(self) -> str:
        """The filter and the order as the query of an address."""
        return urlencode(self.pairs)


@dataclass(frozen=True, slots=True)
class Chip:
    """One condition in words, and the query without it."""

    label: str
    query: str


@dataclass(frozen=True, slots=True)
class _Offer:
    """A field of the form with boxes to tick, and those that are ticked."""

    title: str
    field: str
    on: tuple[str, ...]

    def values(self, counted: dict[str, int]) -> list[tuple[str, str, int, bool]]:
        """Return each value, its label, its number of records and whether it is ticked."""
        named = counted.items()
        if self.field == "impact":  # a scale keeps its order
            named = {v: counted[v] for v in filters.IMPACT_ORDER if v in counted}.items()
        return [
            (value, filters.in_words(self.field, value), number, value in self.on)
            for value, number in named
        ]


def _asked(query: QueryDict) -> Asked:
    sort = query.get("sort", "position")
    sort = sort if sort in SORTS else "position"
    try:
        return Asked(filters.parse(dict(query.lists())), sort)
    except BadFilter as error:
        return Asked(filters.ALL, sort, str(error))


def _chips(asked: Asked) -> list[Chip]:
    terms = filters.terms(asked.filter)
    return [
        Chip(term.label, urlencode([p for p in asked.pairs if p != (term.field, term.value)]))
        for term in terms
    ]


def _cursor(query: QueryDict, name: str) -> int | None:
    text = query.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _place(query: QueryDict) -> dict[str, int | None]:
    return {name: _cursor(query, name) for name in ("after", "before")}


def _shown(job: Job, asked: Asked, query: QueryDict) -> dict[str, Any]:
    """Return what the table of a result shows, or why it shows nothing."""
    if asked.bad:
        return {"bad": asked.bad}
    try:
        page = results.page(job, asked.filter, sort=asked.sort, **_place(query))
    except LookupError:  # a cursor to a record that there is none of
        page = results.page(job, asked.filter, sort=asked.sort)
    except services.Declined as error:
        return {"declined": str(error)}
    return {"page": page, "chips": _chips(asked)}


def _builder(job: Job, asked: Asked, query: QueryDict) -> dict[str, Any]:
    """Return the values that the filter's form offers, each with its count and whether it is on."""
    try:
        counted = results.facets(job)
    except services.Declined:
        return {}
    offered = [
        _Offer("Impact", "impact", asked.filter.impacts),
        _Offer("Consequence", "consequence", asked.filter.consequences),
        _Offer("FILTER", "filter", asked.filter.filters),
    ]
    written = {name: " ".join(query.getlist(name)) for name in ("gene", "region", "text")}
    numbers = {name: query.get(name, "") for name in ("qual_from", "qual_to")}
    boxes = [(offer, offer.values(counted[offer.field])) for offer in offered]
    return {"offered": boxes, "genes": [*counted["gene"]], "written": written | numbers}


def _frame(request: HttpRequest, job: Job, asked: Asked) -> dict[str, Any]:
    row = rows.row(job, plans.get(person(request)), now=clock.now())
    return {"section": "jobs", "job": job, "row": row, "asked": asked, "sorts": SORTS}


def _is_part(request: HttpRequest) -> bool:
    """Say whether htmx asks for the table; going back in history, it asks for the whole page."""
    asked, back = (
        request.headers.get(f"HX-{name}") for name in ("Request", "History-Restore-Request")
    )
    return asked == "true" and back != "true"


@require_safe
@signed_in
@vary_on_headers("HX-Request")
def variants(request: HttpRequest, job_id: str) -> HttpResponse:
    """Show a result's variants behind a filter; asked by htmx, the table with its count alone."""
    job = services.get(job_id=job_id, user_id=person(request))
    asked = _asked(request.GET)
    context = _frame(request, job, asked) | _shown(job, asked, request.GET)
    if _is_part(request):
        answer = render(request, "annotations/_variants.html", context)
        if not asked.bad:
            answer["HX-Push-Url"] = f"{reverse('variants', args=[job_id])}?{asked.query}"
        return answer
    context |= {"preview": services.preview(job)} if "declined" in context else {}
    context |= _builder(job, asked, request.GET)
    status = 400 if asked.bad else 200
    return render(request, "annotations/variants.html", context, status=status)


@require_safe
@signed_in
def variant(request: HttpRequest, job_id: str) -> HttpResponseBase:
    """Show one variant with all of its consequences, and its neighbours within the filter."""
    job = services.get(job_id=job_id, user_id=person(request))
    asked, idx = _asked(request.GET), _cursor(request.GET, "idx")
    if idx is None:
        raise Http404
    try:
        found = results.variant(job, idx, asked.filter, sort=asked.sort)
    except LookupError as error:
        raise Http404 from error
    except services.Declined as error:
        messages.warning(request, str(error))
        return redirect("job", job_id)
    context = _frame(request, job, asked) | {"found": found, "variant": found.row}
    return render(request, "annotations/variant.html", context)


@require_safe
@signed_in
def export(request: HttpRequest, job_id: str) -> HttpResponseBase:
    """Send the variants that pass a filter as a file; what can't be sent is told on their page."""
    job = services.get(job_id=job_id, user_id=person(request))
    asked, format_ = _asked(request.GET), request.GET.get("format", "")
    if format_ not in FORMATS:
        raise Http404
    if asked.bad:
        return _back(request, job_id, asked.bad)
    try:
        if format_ == "tsv":
            pieces = results.export_tsv(job, asked.filter)
        else:
            pieces = results.export_vcf(
                job, asked.filter, note=Asked(asked.filter, "position").query
            )
    except services.Declined as error:
        return _back(request, job_id, str(error))
    ending, kind = FORMATS[format_]
    part = "" if asked.filter == filters.ALL else ".filtered"
    name = f"{services.stem(job)}{part}.annotated.{ending}"
    answer = StreamingHttpResponse(pieces, content_type=kind)
    answer["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name)
    return answer


def _back(request: HttpRequest, job_id: str, why: str) -> HttpResponseRedirect:
    messages.warning(request, why)
    return HttpResponseRedirect(reverse("variants", args=[job_id]))
