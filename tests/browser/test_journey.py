"""From sign-up to a restored result, clicked through in a real browser, wide and on a phone."""

import hashlib
import re
from pathlib import Path

import pytest
from django.core import mail
from playwright.sync_api import Page, ViewportSize, expect

from annotations.safety import margins
from annotations.services import EXAMPLES
from tests.browser.conftest import PHONE, WIDE, Opener
from tests.core import DAY, Travel, settle, work
from tests.people import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

EMAIL = "new@gas.invalid"
EXAMPLE = EXAMPLES[0]
DROP = """
([name, text]) => {
  const moved = new DataTransfer();
  moved.items.add(new File([text], name));
  const drop = document.getElementById("drop");
  drop.dispatchEvent(new DragEvent("drop", { dataTransfer: moved, cancelable: true }));
}
"""


def sign_up(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Create an account").click()
    page.fill("[name=email]", EMAIL)
    page.fill("[name=password1]", PASSWORD)
    page.fill("[name=password2]", PASSWORD)
    page.get_by_role("button", name="Sign Up").click()
    expect(page.get_by_role("heading", name="Verify Your Email Address")).to_be_visible()
    link = re.search(r"http://\S+", str(mail.outbox[-1].body))
    assert link is not None
    page.goto(link[0])
    page.get_by_role("button", name="Confirm").click()


def sign_in(page: Page) -> None:
    page.goto("/accounts/login/")
    page.fill("[name=login]", EMAIL)
    page.fill("[name=password]", PASSWORD)
    page.locator("main").get_by_role("button", name="Sign In").click()
    expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()


def drop_file(page: Page, name: str, text: str) -> None:
    page.goto("/jobs/new/")
    page.wait_for_selector("#drop:not([hidden])")
    page.evaluate(DROP, [name, text])
    expect(page.locator("#chosen")).to_contain_text(name)


def download(page: Page, folder: Path) -> str:
    with page.expect_download() as started:
        page.get_by_role("link", name="Download").click()
    path = folder / "result"
    started.value.save_as(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_a_result_lives_its_whole_life(
    open_page: Opener,
    complaints: list[str],
    travel: Travel,
    tmp_path: Path,
    viewport: ViewportSize,
) -> None:
    page = open_page(viewport=viewport)
    sign_up(page)
    sign_in(page)

    drop_file(page, "patient.vcf", EXAMPLE.path.read_text())
    page.select_option("[name=reference]", EXAMPLE.reference)
    page.get_by_role("button", name="Annotate").click()
    expect(page.locator(".banner-title")).to_have_text("Waiting for an annotator")
    job = page.url

    work()
    expect(page.get_by_text("Most severe consequence")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("heading", name="patient.vcf")).to_be_visible()
    first = download(page, tmp_path)
    expect(page.get_by_text(first)).to_be_visible()

    settle(travel, 8 * DAY)
    page.goto(job)
    expect(page.locator("main")).to_contain_text("An upgrade restores it")
    expect(page.get_by_text("Most severe consequence")).to_be_visible()
    page.get_by_role("link", name="Upgrade to restore").click()
    page.get_by_role("button", name="Upgrade with a test payment").click()
    expect(page.get_by_text("0 of 1 back")).to_be_visible()

    settle(travel, margins().standard + 1)
    expect(page.get_by_text("All 1 results are back")).to_be_visible(timeout=40_000)
    page.goto(job)
    assert download(page, tmp_path) == first

    page.get_by_role("link", name="Delete…").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()
    assert complaints == []
