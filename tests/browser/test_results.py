"""Reading a result in a real browser: filter, chip, count, variant, export, archived, no script."""

import gzip
import re

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from accounts import plans
from accounts.models import User
from annotations import services
from annotations.services import EXAMPLES
from tests.browser.conftest import PHONE, WIDE, Opener
from tests.browser.test_pages import let_in, sideways
from tests.core import DAY, Travel, settle, work
from tests.people import sign_up

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def owner(served: str) -> User:
    return sign_up("owner@gas.invalid")


def annotated(owner: User) -> str:
    """Return the id of a job whose example was annotated."""
    plans.create(user_id=str(owner.pk))
    job = services.example(user_id=str(owner.pk), example=EXAMPLES[0].id)
    work()
    return job.job_id


def count(page: Page) -> int:
    return int(page.locator("#count .tabular").inner_text().replace(",", ""))


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_a_result_is_filtered_read_and_exported(
    open_page: Opener,
    complaints: list[str],
    owner: User,
    served: str,
    viewport: ViewportSize,
) -> None:
    page = open_page(viewport=viewport)
    let_in(page.context, owner, served)
    page.goto(f"/jobs/{annotated(owner)}/")
    expect(page.locator("svg.plot").first).to_be_visible()
    assert sideways(page) <= 0
    page.get_by_role("link", name="Variants", exact=False).first.click()
    assert count(page) == 89

    if viewport == PHONE:
        page.locator(".filters summary").click()
    page.get_by_label("missense").check()
    expect(page.locator("#count")).to_contain_text("of 89")
    page.fill("[name=gene]", "ORF1ab")
    expect(page.locator(".chip", has_text="gene ORF1ab")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?consequence=missense&gene=ORF1ab$"))
    left = count(page)
    assert 0 < left < 20
    assert sideways(page) <= 0
    with page.expect_download() as started:
        page.get_by_role("link", name="VCF.gz of the filtered").click()
    lines = gzip.decompress(started.value.path().read_bytes()).decode().splitlines()
    assert sum(line[0] != "#" for line in lines) == left

    page.locator(".row-link").first.click()
    expect(page.locator(".sub")).to_contain_text(f"1 of {left}")
    assert sideways(page) <= 0
    page.keyboard.press("j")
    expect(page.locator(".sub")).to_contain_text(f"2 of {left}")
    page.keyboard.press("k")
    expect(page.locator(".sub")).to_contain_text(f"1 of {left}")

    page.get_by_role("link", name="Variants", exact=True).click()
    page.locator(".chip", has_text="missense").click()
    assert count(page) == 14
    page.go_back()
    expect(page.locator("#count .tabular")).to_have_text(str(left))
    assert complaints == []


def test_without_a_script_the_filter_is_a_form(
    open_page: Opener, complaints: list[str], owner: User, served: str
) -> None:
    page = open_page(java_script_enabled=False, viewport=PHONE)
    let_in(page.context, owner, served)
    page.goto(f"/jobs/{annotated(owner)}/variants/")
    page.get_by_label("stop gained").check()
    page.get_by_role("button", name="Apply").click()
    assert count(page) == 1
    page.fill("[name=qual_from]", "high")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("“high” is not a number")).to_be_visible()
    assert [line for line in complaints if "400" not in line] == []


def test_an_archived_result_is_still_readable_in_part(
    open_page: Opener, owner: User, served: str, travel: Travel
) -> None:
    page = open_page()
    job_id = annotated(owner)
    settle(travel, 8 * DAY)
    let_in(page.context, owner, served)
    page.goto(f"/jobs/{job_id}/variants/")
    expect(page.get_by_text("This result is archived").first).to_be_visible()
    expect(page.get_by_role("button", name="TSV").first).to_be_disabled()
    expect(page.get_by_role("cell", name="D614G")).to_be_visible()
