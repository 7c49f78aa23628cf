"""A read-only Django admin over a store that pages by cursor: no totals, no sorting, no scan.

Django's own list, detail and history pages do the work; what they ask of a query set is answered
from the store, one page at a time. AWS's errors are shown as such, never as an empty list.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError
from django.contrib import messages
from django.contrib.admin import ModelAdmin, ShowFacets
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse, TemplateResponse

from gas_project import items

log = structlog.get_logger(__name__)
CURSOR = "cursor"
AWS_ERRORS = (BotoCoreError, ClientError)

if TYPE_CHECKING:
    Base = ModelAdmin[Any]
else:
    Base = ModelAdmin


# --- AWS is away -----------------------------------------------------------------------------


class AwsAdmin(Base):
    """An admin whose pages read AWS: what AWS does not answer is a 503 page that says so."""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, or that AWS did not answer."""
        return self._answer(request, partial(super().changelist_view, request, extra_context))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show one row, or that AWS did not answer."""
        view = super().changeform_view
        return self._answer(request, partial(view, request, object_id, form_url, extra_context))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show what staff did to a row, or that AWS did not answer."""
        view = super().history_view
        return self._answer(request, partial(view, request, object_id, extra_context))

    def _answer(self, request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
        """Return the view's answer, rendered here: columns may still have to ask AWS."""
        try:
            answer = view()
            return answer.render() if isinstance(answer, SimpleTemplateResponse) else answer
        except AWS_ERRORS as error:
            kind = items.code_of(error) if isinstance(error, ClientError) else type(error).__name__
            log.error("staff.aws_away", path=request.path, kind=kind)
            context = {
                **self.admin_site.each_context(request),
                "title": "AWS did not answer",
                "kind": kind,
            }
            return TemplateResponse(request, "admin/store_away.html", context, status=503)


# --- rows of a store -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StorePage:
    """Rows of one page, the next page's cursor (None at the end), and what to say of them."""

    rows: Sequence[Model]
    cursor: str | None = None
    note: str = ""
    title: str = ""


class Rows(list[Any]):
    """A page of rows where Django's list expects a query set."""

    def count(self, *value: Any) -> int:
        """Return how many rows there are."""
        return super().count(*value) if value else len(self)


class Ticked(Rows):
    """What an action starts from: nothing, so that a forged "select all" acts on nothing.

    Django asks it for the ticked keys, and gets these rows as they are now, not as they were shown.
    """

    def __init__(self, read: Callable[[Sequence[str]], list[Any]]) -> None:
        super().__init__()
        self._read = read

    def filter(self, *, pk__in: Iterable[str]) -> Rows:
        """Return the rows with these keys, read anew, each once."""
        return Rows(self._read(list(dict.fromkeys(pk__in))))


class CursorChangeList(ChangeList):
    """Django's list, one page of the store at a time."""

    page: StorePage | None = None

    def get_queryset(self, request: HttpRequest, *_: Any, **__: Any) -> Any:
        """Ask the store for one page, once; Django asks again before an action."""
        if self.page is None:
            self.page = self._ask(request)
        return Rows(self.page.rows)

    def _ask(self, request: HttpRequest) -> StorePage:
        cursor = self.params.pop(CURSOR, None)  # no filter, and of no use to another list
        self.filter_params.pop(CURSOR, None)
        self.filter_specs, self.has_filters, _, _, self.has_active_filters = self.get_filters(
            request
        )
        self.clear_all_filters_qs = "?"
        chosen = {spec.parameter_name: spec.value() for spec in self.filter_specs}  # type: ignore[attr-defined]
        admin: Any = self.model_admin
        try:
            page: StorePage = admin.store_page(chosen, self.query.strip(), cursor)
        except items.BadCursor as error:
            messages.error(request, str(error))
            raise IncorrectLookupParameters from error
        return page

    def get_results(self, request: HttpRequest) -> None:
        """Show the page: there are no totals, and nothing to show "all" of."""
        self.result_list = self.queryset
        self.result_count = self.full_result_count = len(self.queryset)
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = self.multi_page = False
        self.paginator = None

    def first_url(self) -> str:
        """Return the link to the first page with the same filters."""
        return self.get_query_string()

    def next_url(self) -> str:
        """Return the link to the next page, empty at the end."""
        cursor = self.page.cursor if self.page else None
        return self.get_query_string({CURSOR: cursor}) if cursor else ""


class StoreAdmin(AwsAdmin):
    """An admin whose rows are in a store. A subclass gives `store_page` and `store_read`."""

    actions_on_bottom = False
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    sortable_by = ()
    change_list_template = "admin/store_list.html"
    change_form_template = "admin/store_detail.html"

    def store_page(
        self, filters: dict[str, str | None], search: str, cursor: str | None
    ) -> StorePage:
        """Return one page. Raises items.BadCursor; an AWS error is shown as one."""
        raise AssertionError("a subclass answers this")

    def store_read(self, keys: Sequence[str]) -> list[Any]:
        """Return the rows with these keys, as they are now; unknown keys are left out."""
        raise AssertionError("a subclass answers this")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that pages by cursor."""
        return CursorChangeList

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Return the row that a detail or history page is about; that staff looked is logged."""
        log.info(
            "staff.looked", what=self.opts.model_name, key=object_id, staff=str(request.user.pk)
        )
        return next(iter(self.store_read([object_id])), None)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Return all fields: a form has nothing to save."""
        return flatten_fieldsets(self.get_fieldsets(request, obj))

    def response_action(
        self, request: HttpRequest, queryset: Any, *where: Any, **more: Any
    ) -> HttpResponse | None:
        """Let an action have the ticked rows alone, read anew."""
        ticked: Any = Ticked(self.store_read)
        return super().response_action(request, ticked, *where, **more)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Whether an address may ask this: only the filters, since nothing else has an index."""
        return lookup in {getattr(one, "parameter_name", None) for one in self.list_filter}

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Refuse: the services delete."""
        raise PermissionDenied

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: the services make rows."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: rows change through actions, which call the guarded services."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: the services delete."""
        return False
