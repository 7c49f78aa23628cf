"""One Chromium for all tests of this process: Playwright allows no second one.

Without Chromium these tests say so and are not run; with GAS_BROWSER=required they fail instead.
"""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright


def _chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        if os.environ.get("GAS_BROWSER") == "required":
            pytest.fail("Chromium is required here and is not installed")
        pytest.skip("Chromium is not installed: the browser tests were NOT run")
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of this process."""
    path = _chromium()
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()
