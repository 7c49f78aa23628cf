"""A read-only Django admin over a store that pages by cursor: no totals, no sorting, no scan."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from django.contrib.admin import ModelAdmin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from gas_project.items import BadCursor

CURSOR = "cursor"

if TYPE_CHECKING:
    Base = ModelAdmin[Any]
else:
    Base = ModelAdmin


@dataclass(frozen=True, slots=True)
class StorePage:
    """Rows of one page and the next page's cursor, None at the end."""

    rows: Sequence[Model]
    cursor: str | None


class Rows(list[Any]):
    """What actions get: the rows, and of a query set only `filter(pk__in=…)` and `count()`."""

    def filter(self, *, pk__in: Iterable[str]) -> "Rows":
        """Return the rows with these keys."""
        wanted = set(pk__in)
        return Rows(row for row in self if row.pk in wanted)

    def count(self, *_: Any) -> int:
        """Return how many rows there are; with a value, what a list counts."""
        return super().count(*_) if _ else len(self)

    def __iter__(self) -> Iterator[Any]:
        return super().__iter__()


class CursorChangeList(ChangeList):
    """Django's list, one page of the store at a time."""

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Leave the cursor out: it is no filter."""
        found = dict(super().get_filters_params(params))
        found.pop(CURSOR, None)
        return found

    def get_queryset(self, request: HttpRequest, *_: Any, **__: Any) -> Any:
        """Ask the store for one page; Django calls this once for the list, once for an action."""
        self.filter_specs, self.has_filters, *_rest = self.get_filters(request)
        self.has_active_filters = True
        self.clear_all_filters_qs = "?"
        chosen = {spec.parameter_name: spec.value() for spec in self.filter_specs}  # type: ignore[attr-defined]
        admin: Any = self.model_admin
        try:
            page = admin.store_page(chosen, self.query.strip(), request.GET.get(CURSOR))
        except BadCursor as error:
            raise IncorrectLookupParameters from error
        self.next_cursor = page.cursor
        return Rows(page.rows)

    def get_results(self, request: HttpRequest) -> None:
        """Show the page: there are no totals, and nothing to show "all" of."""
        self.result_list = self.queryset
        self.result_count = len(self.queryset)
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = self.multi_page = False
        self.paginator = None

    def first_url(self) -> str:
        """Return the link to the first page with the same filters."""
        return self.get_query_string(remove=[CURSOR])

    def next_url(self) -> str:
        """Return the link to the next page, empty at the end."""
        return self.get_query_string({CURSOR: self.next_cursor}) if self.next_cursor else ""


class StoreAdmin(Base):
    """An admin whose rows are in a store. A subclass gives `store_page` and `store_get`."""

    actions_on_bottom = False
    list_max_show_all = 0
    show_full_result_count = False
    change_list_template = "admin/store_list.html"

    def store_page(
        self, filters: dict[str, str | None], search: str, cursor: str | None
    ) -> StorePage:
        """Return one page. Raises BadCursor; an AWS error is shown as one."""
        raise AssertionError("a subclass answers this")

    def store_get(self, key: str) -> Any:
        """Return one row, None when there is none."""
        raise AssertionError("a subclass answers this")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that pages by cursor."""
        return CursorChangeList

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Return the row that a detail or history page is about."""
        return self.store_get(object_id)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: the services make rows."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: rows change through actions, which call the guarded services."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: the services delete."""
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, or that AWS did not answer."""
        try:
            return super().changelist_view(request, extra_context)
        except (BotoCoreError, ClientError) as error:
            return self._away(request, error)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show one row, or that AWS did not answer."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (BotoCoreError, ClientError) as error:
            return self._away(request, error)

    def _away(self, request: HttpRequest, error: Exception) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "AWS did not answer",
            "kind": type(error).__name__,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/store_away.html", context, status=503)
