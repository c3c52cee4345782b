"""A real Chromium for tests, and what axe-core says about a page in it. No page is known here."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
INSTALL = "apt-get install -y --no-install-recommends chromium"


def find_chromium() -> str | None:
    """Return the path of an installed Chromium, or None."""
    return next((path for path in map(shutil.which, PROGRAMS) if path), None)


class SharedBrowser:
    """A Chromium that stays open between tests that may run event loops of their own.

    After each call, Playwright's synchronous interface leaves its event loop marked as the running one of the thread,
    so that ``asyncio.run`` in a later test would refuse to start (playwright 1.65, ``wait_for_future``). The mark is
    therefore lifted wherever no test uses the browser.
    """

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self._loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let Playwright work inside the block, and other event loops outside of it."""
        asyncio._set_running_loop(self._loop)
        try:
            yield
        finally:
            asyncio._set_running_loop(None)

    def close(self) -> None:
        """Close the browser and leave the mark to Playwright, which ends its loop next."""
        asyncio._set_running_loop(self._loop)
        self.browser.close()


@contextmanager
def shared_browser(executable: str) -> Iterator[SharedBrowser]:
    """Run a Chromium for the length of a ``with`` block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, headless=True, args=list(FLAGS))
        shared = SharedBrowser(browser)
        try:
            yield shared
        finally:
            shared.close()


def axe_serious(page: Page) -> list[str]:
    """List what axe-core finds serious or critical on a page: rule, impact, help, and the first element concerned."""
    return [
        f"{found['id']} ({found['impact']}): {found['help']}: {found['nodes'][0]['html']}"
        for found in Axe().run(page).response["violations"]
        if found["impact"] in {"serious", "critical"}
    ]
