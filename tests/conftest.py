"""Fixtures for every kind of test: the mail site and the browser, each started once for a test process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NoReturn

import pytest
from playwright.sync_api import Browser, Page

from tests import browser as chromium
from tests.site import MailSite, what_is_missing

USERS = {
    "approvals@gate.test": "approvals-pw",
    "archive@gate.test": "archive-pw",
    "alice@approvers.test": "alice-pw",
    "bob@approvers.test": "bob-pw",
    "carol@approvers.test": "carol-pw",
    "erin@approvers.test": "erin-pw",
    "mallory@elsewhere.test": "mallory-pw",
}
"""mailgate and its archive; people who are asked; the person an agent acts for; somebody of another organisation."""

CAUGHT = "approvals@catch.test"
"""mailgate's mailbox where a whole domain leads there."""


def unavailable(sentence: str) -> NoReturn:
    """Skip for want of a program at home, fail in CI: there a skipped test would look like a passed one."""
    if os.environ.get("CI", "").lower() in {"true", "1"}:
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def mail_servers() -> None:
    """Make sure that mail sites can run here."""
    if missing := what_is_missing():
        unavailable(missing)


@pytest.fixture(scope="session")
def mail_site(mail_servers: None) -> Iterator[MailSite]:
    """Run one mail site for all tests; take ``mail_site.fresh_user()`` where an empty mailbox is needed."""
    with MailSite.start(USERS) as site:
        yield site


@pytest.fixture(scope="session")
def catch_all_site(mail_servers: None) -> Iterator[MailSite]:
    """Run a mail site where one domain's mail all goes to :data:`CAUGHT`."""
    users = USERS | {CAUGHT: "caught-pw"}
    with MailSite.start(users, delimiter="", catch_all={CAUGHT.partition("@")[2]: CAUGHT}) as site:
        yield site


@pytest.fixture(scope="session")
def plain_site(mail_servers: None) -> Iterator[MailSite]:
    """Run a mail site that knows neither details of addresses nor domains that catch all."""
    with MailSite.start(USERS, delimiter="") as site:
        yield site


@pytest.fixture
def own_mail_site(mail_servers: None) -> Iterator[MailSite]:
    """Run a mail site for one test that stops or kills its servers (0.2 s)."""
    with MailSite.start(USERS) as site:
        yield site


@pytest.fixture(scope="session")
def one_browser() -> Iterator[chromium.SharedBrowser]:
    """Start the one Chromium of this test process; tests take ``browser``."""
    executable = chromium.find_chromium()
    if executable is None:
        unavailable(f"Browser tests need Chromium; as root: {chromium.INSTALL}")
    with chromium.shared_browser(executable) as shared:
        yield shared


@pytest.fixture
def browser(one_browser: chromium.SharedBrowser) -> Iterator[Browser]:
    """Lend the one Chromium; contexts and pages that the test leaves open are closed after it."""
    with one_browser.in_use():
        yield one_browser.browser
        for context in one_browser.browser.contexts:
            context.close()


@pytest.fixture
def axe_serious() -> Callable[[Page], list[str]]:
    """Return the function that lists axe-core's serious and critical findings on a page."""
    return chromium.axe_serious
