"""The decide page in a real browser, behind a real mail: phone width, dark, keyboard only, without JavaScript."""

from __future__ import annotations

import itertools
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, Page

from mailgate.store.tables import Decision
from tests.deployment import Deployment
from tests.e2e.conftest import make_deployment
from tests.e2e.post import Received, visit
from tests.site import MailSite

PHONE = {"width": 390, "height": 844}
_orders = itertools.count(1)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, mail_site: MailSite) -> Iterator[Deployment]:
    """Run a serving side and a worker for all tests here."""
    deployment = make_deployment(tmp_path_factory.mktemp("decide"), mail_site)
    with deployment.serving(), deployment.running("worker", "app:mg"):
        yield deployment


@pytest.fixture
def asked(house: Deployment) -> Callable[[], tuple[Received, str]]:
    """Return a function that lets the agent ask for something new: Bob's mail and the order's id."""

    def ask() -> tuple[Received, str]:
        order = f"W-{next(_orders):04d}"
        house.ask(order, run=order)
        return house.mail_to("bob", order), order

    return ask


@pytest.fixture
def page(browser: Browser) -> Page:
    """Return a page of a phone whose owner likes it dark and has no JavaScript."""
    context = browser.new_context(viewport=PHONE, color_scheme="dark", java_script_enabled=False)
    return context.new_page()


def test_a_phone_approves_with_the_code(
    house: Deployment, asked: Callable[[], tuple[Received, str]], page: Page
) -> None:
    """The page says what would be done and as whom; with the mail's code the action runs and the agent goes on."""
    mail, order = asked()
    page.goto(mail.link)
    assert order in page.inner_text("main")
    assert f"<{house.people['bob']}>" in page.inner_text("main")
    page.get_by_label("Code").fill(mail.code)
    page.get_by_role("button", name="Approve").click()
    assert "Your approval was counted" in page.inner_text("main")
    assert house.resumed(order)["outcome"] == "succeeded"


def test_a_keyboard_alone_is_enough(house: Deployment, asked: Callable[[], tuple[Received, str]], page: Page) -> None:
    """Tab reaches the code, the reason and both buttons; Enter on Reject rejects, with the reason that was typed."""
    mail, order = asked()
    page.goto(mail.link)
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.locator(":focus").evaluate("e => e.tagName") == "TEXTAREA":
            break
    page.keyboard.type("Out of stock.")
    for _ in range(6):
        page.keyboard.press("Tab")
        if "Reject" in (page.locator(":focus").text_content() or ""):
            break
    page.keyboard.press("Enter")
    assert "Your rejection was counted" in page.inner_text("main")
    assert house.resumed(order)["reason"] == "Out of stock."


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    asked: Callable[[], tuple[Received, str]],
    browser: Browser,
    axe_serious: Callable[[Page], list[str]],
    scheme: str,
) -> None:
    """The open page, the page with an error, and the page afterwards are accessible."""
    mail, _ = asked()
    page = browser.new_context(viewport=PHONE, color_scheme=scheme).new_page()  # type: ignore[arg-type]
    page.goto(mail.link)
    assert axe_serious(page) == []
    page.get_by_role("button", name="Reject").click()
    assert "say why" in page.inner_text("main")
    assert axe_serious(page) == []
    page.get_by_label("Code").fill(mail.code)
    page.get_by_role("button", name="Approve").click()
    assert axe_serious(page) == []


def test_a_wrong_code_is_said_and_decides_nothing(
    house: Deployment, asked: Callable[[], tuple[Received, str]], page: Page
) -> None:
    """A typo costs a try and is announced; the request stays open."""
    mail, order = asked()
    page.goto(mail.link)
    wrong = f"{(int(mail.code.replace(' ', '')) + 1) % 1_000_000:06d}"
    page.get_by_label("Code").fill(wrong)
    page.get_by_label("Reason").fill("typed before")
    page.get_by_role("button", name="Approve").click()
    assert "not the code printed in the mail" in page.inner_text("main")
    assert page.get_by_label("Reason").input_value() == "typed before"
    assert page.locator("[role=alert]").count() >= 1
    assert not [d for d in house.rows(Decision) if d.request_id == _request(house, order)]


def test_looking_never_decides_and_twenty_posts_decide_once(
    house: Deployment, asked: Callable[[], tuple[Received, str]]
) -> None:
    """GET and HEAD change nothing; of 20 parallel POSTs with the code one counts, the others are told the truth."""
    mail, order = asked()
    for method in ("GET", "HEAD", "GET"):
        assert visit(mail.link, method=method)[0] == 200
    request = _request(house, order)
    assert not [d for d in house.rows(Decision) if d.request_id == request]
    form = {"verdict": "approve", "code": mail.code}
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: visit(mail.link, form), range(20)))
    assert {status for status, _ in answers} == {200}
    assert sum("Your approval was counted" in body for _, body in answers) == 1
    assert sum("You approved this at" in body for _, body in answers) == 19
    [decision] = [d for d in house.rows(Decision) if d.request_id == request]
    assert (decision.verdict, decision.level) == ("approve", "link+code")


def test_a_post_without_the_code_does_not_approve(house: Deployment, asked: Callable[[], tuple[Received, str]]) -> None:
    """A machine that submits the form lacks the code."""
    mail, order = asked()
    assert visit(mail.link, {"verdict": "approve", "code": ""})[0] == 422
    assert not [d for d in house.rows(Decision) if d.request_id == _request(house, order)]


def test_an_unknown_link_is_neutral_and_a_used_one_truthful(
    asked: Callable[[], tuple[Received, str]], house: Deployment
) -> None:
    """A damaged token says nothing; the right one says what was decided, and when."""
    mail, order = asked()
    status, body = visit(mail.link[:-8] + "AAAAAAA/")
    assert status == 404
    assert order not in body
    visit(mail.link, {"verdict": "reject", "reason": "No."})
    status, body = visit(mail.link)
    assert status == 200
    assert "You rejected this at" in body


def test_every_answer_has_the_safe_headers_and_foreign_forms_are_refused(
    asked: Callable[[], tuple[Received, str]],
) -> None:
    """Nothing is cached, framed, indexed or told to others; a form on another site cannot press the button."""
    mail, _ = asked()
    with urllib.request.urlopen(mail.link) as answer:
        headers = {name.lower(): value for name, value in answer.headers.items()}
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "script-src" not in headers["content-security-policy"]
    foreign = urllib.request.Request(mail.link, b"verdict=reject&reason=x", {"Origin": "https://evil.test"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(foreign)
    assert refused.value.code == 403
    refused.value.close()


def _request(house: Deployment, order: str) -> str:
    from mailgate.store.tables import Request

    return next(r.id for r in house.rows(Request) if r.run == order)
