"""The shared Chromium: its accessibility check finds what is wrong, and it leaves other tests' event loops alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page

from tests import browser as chromium

FRAME = "<!doctype html><html{}><title>Approve</title><main><h1>Refund?</h1>{}</main></html>"
GOOD = FRAME.format(' lang="en"', "<button>Approve</button>")
BAD = FRAME.format("", "<input name=reason><button></button>")


def test_sound_page_has_no_findings(browser: Browser, axe_serious: Callable[[Page], list[str]]) -> None:
    """A page with a language, a title, a heading and a named button passes."""
    page = browser.new_page()
    page.set_content(GOOD)
    assert axe_serious(page) == []


def test_each_serious_fault_is_named(browser: Browser, axe_serious: Callable[[Page], list[str]]) -> None:
    """A page without a language, with a nameless button and a field without a label gets one finding for each."""
    page = browser.new_page()
    page.set_content(BAD)
    assert [finding.partition(":")[0] for finding in axe_serious(page)] == [
        "button-name (critical)",
        "html-has-lang (serious)",
        "label (critical)",
    ]


@pytest.mark.parametrize("_", range(2))
def test_each_test_starts_without_open_pages(browser: Browser, _: int) -> None:
    """A page that one test leaves open is gone in the next."""
    assert browser.contexts == []
    browser.new_page()


def test_event_loops_run_beside_the_browser(one_browser: chromium.SharedBrowser) -> None:
    """A test that does not use the browser can run an event loop of its own while the browser is open."""
    with one_browser.in_use():
        one_browser.browser.new_page().close()
    assert asyncio.run(asyncio.sleep(0, "ran")) == "ran"
