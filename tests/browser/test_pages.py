"""Every page in a real browser: no complaint, none wider than the screen, also without JS."""

from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import User
from annotations.services import EXAMPLES
from tests.browser.conftest import PHONE, WIDE, Opener
from tests.browser.test_journey import drop_file
from tests.core import hot
from tests.people import PASSWORD, browser, sign_up

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

OUTSIDE = ("/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/mailbox/")
INSIDE = ("/jobs/", "/jobs/new/", "/plan/", "/plan/restores/", "/settings/", "/settings/delete/")


def let_in(context: BrowserContext, user: User, url: str) -> None:
    """Sign a browser in by its cookie."""
    cookie = browser(user).cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": url}])


@pytest.fixture
def owner(served: str) -> User:
    return sign_up("owner@gas.invalid")


def sideways(page: Page) -> int:
    """Return by how much the page is wider than its window."""
    width: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return width


@pytest.mark.parametrize(
    "window",
    [
        {"viewport": size, "color_scheme": scheme}
        for size in (WIDE, PHONE)
        for scheme in ("light", "dark")
    ],
    ids=["wide-light", "wide-dark", "phone-light", "phone-dark"],
)
def test_every_page_fits_and_nothing_complains(
    open_page: Opener,
    complaints: list[str],
    owner: User,
    served: str,
    window: dict[str, Any],
) -> None:
    page = open_page(**window)
    for path in OUTSIDE:
        page.goto(path)
        assert sideways(page) <= 0, path
    let_in(page.context, owner, served)
    job = hot(str(owner.pk), b"null", name="x" * 120)
    for path in (*INSIDE, f"/jobs/{job.job_id}/", f"/jobs/{job.job_id}/delete/"):
        page.goto(path)
        assert sideways(page) <= 0, path
    assert complaints == []


def test_the_mode_is_chosen_once_and_kept(open_page: Opener) -> None:
    page = open_page(color_scheme="light")
    page.goto("/")
    assert page.locator("html").get_attribute("data-bs-theme") == "light"
    page.get_by_role("button", name="Light or dark").click()
    page.reload()
    assert page.locator("html").get_attribute("data-bs-theme") == "dark"


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(
    open_page: Opener, owner: User, served: str
) -> None:
    page = open_page()
    let_in(page.context, owner, served)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    drop_file(page, "large.vcf", "##fileformat=VCFv4.3\n" + "x" * 20_000_000)
    expect(page.locator("#fault")).to_contain_text("your plan takes up to 20.0 MB")
    page.select_option("[name=reference]", "sars-cov-2")
    page.get_by_role("button", name="Annotate").click()
    assert "POST" not in sent


def test_what_is_no_vcf_is_refused_before_it_is_sent(
    open_page: Opener, owner: User, served: str
) -> None:
    page = open_page()
    let_in(page.context, owner, served)
    drop_file(page, "letter.vcf", "Dear colleague,")
    expect(page.locator("#seen-rows")).to_contain_text("it looks like text without a VCF header")
    expect(page.locator("#send")).to_be_disabled()


def test_without_a_script_a_file_gets_in_too(
    open_page: Opener, complaints: list[str], served: str, owner: User
) -> None:
    page = open_page(java_script_enabled=False)
    page.goto("/accounts/login/")
    page.fill("[name=login]", owner.email)
    page.fill("[name=password]", PASSWORD)
    page.locator("main").get_by_role("button", name="Sign In").click()
    page.goto("/jobs/new/")
    page.select_option("[name=reference]", EXAMPLES[0].reference)
    page.fill("[name=name]", "by hand")
    page.get_by_role("button", name="Annotate").click()
    page.set_input_files("#file", EXAMPLES[0].path)
    page.get_by_role("button", name="Send and annotate").click()
    expect(page.get_by_role("heading", name="by hand")).to_be_visible()
    expect(page.locator(".banner-title")).to_have_text("Waiting for an annotator")
    assert complaints == []
