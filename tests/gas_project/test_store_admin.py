"""The admin over a store: one page at a time, errors shown, nothing done that was not ticked."""

from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from django.contrib import admin
from django.contrib.auth.models import Group
from django.contrib.messages import get_messages
from django.contrib.messages.storage.cookie import CookieStorage
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest
from django.test import RequestFactory

from accounts.models import User
from gas_project import items, store_admin
from gas_project.store_admin import StoreAdmin, StorePage
from tests.people import site, text

__all__ = ["site"]
pytestmark = pytest.mark.usefixtures("site")
LIST = "/staff/annotations/job/"


class Letters(StoreAdmin):
    """Twenty-six rows, ten a page; the cursor is the next letter."""

    actions = ("shout",)
    fields = list_display = ("name",)
    search_fields = ("name",)

    def __init__(self) -> None:
        super().__init__(Group, admin.site)
        self.asked: list[tuple[str, str | None]] = []
        self.shouted: list[str] = []
        self.failing: Exception | None = None

    def store_page(
        self, filters: dict[str, str | None], search: str, cursor: str | None
    ) -> StorePage:
        self.asked.append((search, cursor))
        if self.failing:
            raise self.failing
        start = ord(cursor or "a") - ord("a")
        if not 0 <= start < 26:
            raise items.BadCursor("this page's link is damaged; start at the first page")
        names = "abcdefghijklmnopqrstuvwxyz"[start : start + 10]
        after = start + 10
        cursor = chr(ord("a") + after) if after < 26 else None
        return StorePage([_row(name) for name in names], cursor, "ten a page", "Letters")

    def store_read(self, keys: Sequence[str]) -> list[Group]:
        return [_row(chr(int(key))) for key in keys if 97 <= int(key) < 123]

    @admin.action(description="Shout")
    def shout(self, request: HttpRequest, rows: Any) -> None:
        self.shouted += [row.name for row in rows]


def _row(name: str) -> Group:
    return Group(pk=ord(name), name=name)


def request(path: str = LIST, data: dict[str, Any] | None = None) -> Any:
    """Return a superuser's request: a post with `data`, else a get."""
    made: Any = RequestFactory().post(path, data) if data else RequestFactory().get(path)
    made.user = User.objects.create_superuser("boss@gas.invalid", "a-long-enough-phrase")
    made._dont_enforce_csrf_checks = True
    made._messages = CookieStorage(made)
    return made


@pytest.fixture
def letters() -> Letters:
    return Letters()


def test_a_list_is_one_page_with_links_to_the_first_and_the_next(letters: Letters) -> None:
    page = text(letters.changelist_view(request(f"{LIST}?q=x&cursor=k")))
    assert letters.asked == [("x", "k")]
    assert "10 on this page" in page
    assert "ten a page" in page
    assert '<a href="?q=x">First page</a>' in page
    assert '<a href="?cursor=u&amp;q=x" rel="next">Next page</a>' in page
    assert '<input type="hidden" name="cursor"' not in page, "a new search starts anew"


def test_the_last_page_has_no_next(letters: Letters) -> None:
    page = text(letters.changelist_view(request(f"{LIST}?cursor=u")))
    assert "6 on this page" in page
    assert 'rel="next"' not in page


def test_an_action_gets_the_ticked_rows_from_any_page_each_once(letters: Letters) -> None:
    ticked = {"action": "shout", "index": "0", "_selected_action": ["122", "97", "122", "5"]}
    answer = letters.changelist_view(request(data=ticked))
    assert answer.status_code == 302
    assert letters.shouted == ["z", "a"]
    assert len(letters.asked) == 1, "the page is asked for once, though Django asks twice"


@pytest.mark.parametrize("extra", [{"index": "0"}, {}])
def test_a_forged_select_across_does_nothing(letters: Letters, extra: dict[str, str]) -> None:
    forged = {"action": "shout", "select_across": "1", "_selected_action": ["97"], **extra}
    letters.changelist_view(request(data=forged))
    assert letters.shouted == []


def test_a_bad_cursor_leads_to_the_first_page_with_a_message(letters: Letters) -> None:
    asked = request(f"{LIST}?cursor=!")
    answer = letters.changelist_view(asked)
    assert (answer.status_code, answer["Location"]) == (302, f"{LIST}?e=1")
    assert [str(message) for message in get_messages(asked)] == [
        "this page's link is damaged; start at the first page"
    ]


def test_what_is_no_filter_is_refused(letters: Letters) -> None:
    with pytest.raises(SuspiciousOperation):
        letters.changelist_view(request(f"{LIST}?name=a"))


def test_an_aws_error_is_a_page_of_its_own(letters: Letters) -> None:
    letters.failing = EndpointConnectionError(endpoint_url="http://dynamodb")
    answer: Any = letters.changelist_view(request())
    assert answer.status_code == 503
    assert "EndpointConnectionError" in text(answer.render())


def test_an_error_of_our_own_is_not_called_an_aws_error(letters: Letters) -> None:
    letters.failing = ValueError("a bug")
    with pytest.raises(ValueError, match="a bug"):
        letters.changelist_view(request())


def test_a_row_has_a_page_where_nothing_can_be_saved(letters: Letters) -> None:
    page = text(letters.changeform_view(request(), "97"))
    assert "readonly" in page
    assert 'name="_save"' not in page


@pytest.mark.parametrize("method", ["get", "post"])
def test_rows_are_neither_added_changed_nor_deleted(letters: Letters, method: str) -> None:
    asked = request(data={"name": "A"} if method == "post" else None)
    for view in (letters.add_view, letters.delete_view):
        keys = () if view == letters.add_view else ("97",)
        with pytest.raises(PermissionDenied):
            view(asked, *keys)
    if method == "post":
        with pytest.raises(PermissionDenied):
            letters.changeform_view(asked, "97")
    assert not letters.has_change_permission(asked)


def test_that_staff_looked_at_a_row_is_logged(
    letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, object]] = []
    asked = request()
    monkeypatch.setattr(store_admin.log, "info", lambda _, **about: told.append(about))
    letters.changeform_view(asked, "97")
    assert told == [{"what": "group", "key": "97", "staff": str(asked.user.pk)}]


def test_a_store_without_its_two_answers_says_so() -> None:
    bare = StoreAdmin(Group, admin.site)
    with pytest.raises(AssertionError):
        bare.store_page({}, "", None)
    with pytest.raises(AssertionError):
        bare.store_read([])
