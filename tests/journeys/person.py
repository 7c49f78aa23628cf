"""Somebody at a real Chromium, in front of the whole service."""

import os
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Page


class Person:
    """What they do and see, and what went wrong in the console.

    GAS_PICTURES=folder keeps the screenshots.
    """

    def __init__(self, browser: Browser, site: str, *, width: int, script: bool = True) -> None:
        self.site = site
        self.width = width
        self.troubles: list[str] = []
        self.context = browser.new_context(
            viewport={"width": width, "height": 900},
            java_script_enabled=script,
            accept_downloads=True,
            reduced_motion="reduce",  # a picture never shows half of a change of colour
        )
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(message.text)

    def go(self, path: str) -> None:
        """Open a page."""
        self.page.goto(self.site + path)

    def picture(self, name: str) -> None:
        """Keep a screenshot when GAS_PICTURES names a folder."""
        folder = os.environ.get("GAS_PICTURES")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            path = Path(folder) / f"{name}-{self.width}.png"
            self.page.screenshot(path=path, full_page=True)

    def sign_in(self, email: str, password: str) -> None:
        """Sign in by the form."""
        self.go("/accounts/login/")
        self.page.fill("input[name=login]", email)
        self.page.fill("input[name=password]", password)
        self.page.press("input[name=password]", "Enter")
        self.page.wait_for_url("**/jobs/")
