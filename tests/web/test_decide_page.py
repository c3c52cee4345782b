"""The decide page in a real browser, behind a real mail: phone width, dark, keyboard only, without JavaScript.

What the page answers to programs (scanners, strangers, forged tokens) is tested in ``test_link.py``.
"""

from __future__ import annotations

import itertools
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
Asked = Callable[[], tuple[Received, str]]
_orders = itertools.count(1)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, mail_site: MailSite) -> Iterator[Deployment]:
    """Run a serving side and a worker for all tests here."""
    deployment = make_deployment(tmp_path_factory.mktemp("decide"), mail_site)
    with deployment.serving("--worker", "app:mg"):
        yield deployment
    deployment.close()


@pytest.fixture
def asked(house: Deployment) -> Asked:
    """Return a function that asks for something new: Bob's mail, and the order's id."""
    return lambda: ask(house)


def ask(house: Deployment) -> tuple[Received, str]:
    """Ask for something new; return Bob's mail and the order's id."""
    order = f"W-{next(_orders):04d}"
    house.submit("issue_refund", {"order_id": order, "amount": 120.0}, run=order)
    return house.mail_to("bob", order), order


def decided(house: Deployment, order: str) -> list[str]:
    """Return the verdicts that were counted on an order."""
    [request] = [r.id for r in house.requests() if r.run == order]
    return [d.verdict for d in house.rows(Decision, request_id=request)]


@pytest.fixture
def page(browser: Browser) -> Page:
    """Return a page of a phone whose owner likes it dark and has no JavaScript."""
    context = browser.new_context(viewport=PHONE, color_scheme="dark", java_script_enabled=False)
    return context.new_page()


def said(page: Page) -> str:
    """Return what the page says, on one line."""
    return " ".join(page.inner_text("main").split())


def tab_to(page: Page, name: str) -> None:
    """Press Tab until a field or button of this name has the focus."""
    for _ in range(20):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if focused.count() and name in ((focused.text_content() or "") + (focused.get_attribute("id") or "")):
            return
    raise AssertionError(f"Tab never reaches {name}")


def wrong_code(mail: Received) -> str:
    """Return a code that is not the one in the mail."""
    return f"{(int(mail.code.replace(' ', '')) + 1) % 1_000_000:06d}"


def test_a_phone_approves_with_the_code(house: Deployment, asked: Asked, page: Page) -> None:
    """The page says what would be done and as whom; with the mail's code the action runs and the agent goes on."""
    mail, order = asked()
    page.goto(mail.link)
    assert order in said(page)
    assert f"You are deciding as Bob Example <{house.people['bob']}>" in said(page)
    assert mail.code not in page.content()
    page.get_by_label("Code").fill(mail.code)
    page.get_by_role("button", name="Approve").click()
    assert "Your approval was counted" in said(page)
    assert house.resumed(order)["outcome"] == "succeeded"


def test_a_keyboard_alone_approves(house: Deployment, asked: Asked, page: Page) -> None:
    """Enter in the code field presses nothing; Tab reaches the Approve button, and Enter there approves."""
    mail, order = asked()
    page.goto(mail.link)
    tab_to(page, "code")
    page.keyboard.type(mail.code)
    page.keyboard.press("Enter")
    tab_to(page, "Approve")
    assert decided(house, order) == []
    page.keyboard.press("Enter")
    page.get_by_text("Your approval was counted").wait_for()
    assert decided(house, order) == ["approve"]


def test_a_keyboard_alone_rejects(house: Deployment, asked: Asked, page: Page) -> None:
    """Tab reaches code, reason and the Reject button; the agent is told what was typed."""
    mail, order = asked()
    page.goto(mail.link)
    tab_to(page, "code")
    page.keyboard.type(mail.code)
    tab_to(page, "reason")
    page.keyboard.type("Out of stock.")
    tab_to(page, "Reject")
    page.keyboard.press("Enter")
    page.get_by_text("Your rejection was counted").wait_for()
    assert house.resumed(order)["reason"] == "Out of stock."


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_on_a_phone(
    asked: Asked, browser: Browser, axe_serious: Callable[[Page], list[str]], scheme: str
) -> None:
    """The open page, one with an error, the thanks and the truth afterwards fit a phone and are accessible."""
    mail, _ = asked()
    page = browser.new_context(viewport=PHONE, color_scheme=scheme).new_page()  # type: ignore[arg-type]

    def check() -> None:
        assert axe_serious(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

    page.goto(mail.link)
    check()
    page.get_by_role("button", name="Reject").click()
    assert "say why" in said(page)
    check()
    page.get_by_label("Code").fill(mail.code)
    page.get_by_role("button", name="Approve").click()
    check()
    page.goto(mail.link)
    assert "You approved it at" in said(page)
    check()
    page.goto(mail.link.replace("/d/", "/d/x"))
    assert "does not lead to a decision" in said(page)
    check()


def test_a_wrong_code_is_announced(house: Deployment, asked: Asked, page: Page) -> None:
    """A typo costs a try, is announced where the reader is, and keeps what was typed; the right code then counts."""
    mail, order = asked()
    page.goto(mail.link)
    page.get_by_label("Code").fill(wrong_code(mail))
    page.get_by_label("Reason").fill("typed before")
    page.get_by_role("button", name="Approve").click()
    alert = page.get_by_role("alert")
    assert "not the code printed in the mail" in (alert.text_content() or "")
    assert page.title().startswith("Error: ")
    assert page.get_by_label("Code").get_attribute("aria-invalid") == "true"
    assert "4 tries left" in said(page)
    assert page.get_by_label("Reason").input_value() == "typed before"
    assert decided(house, order) == []
    page.get_by_label("Code").fill(mail.code)
    page.get_by_role("button", name="Approve").click()
    assert "Your approval was counted" in said(page)


def test_a_rejection_needs_a_reason(house: Deployment, asked: Asked, page: Page) -> None:
    """Reject without a reason asks for one and decides nothing; without the code the agent is not told what it is."""
    mail, order = asked()
    page.goto(mail.link)
    page.get_by_role("button", name="Reject").click()
    assert "Please say why" in (page.get_by_role("alert").text_content() or "")
    assert decided(house, order) == []
    page.get_by_label("Reason").fill("Too late for this customer.")
    page.get_by_role("button", name="Reject").click()
    assert "Your rejection was counted" in said(page)
    assert "the agent is not told it" in said(page)
    told = house.resumed(order)
    assert (told["outcome"], told["reason"]) == ("rejected", "")


def test_looking_never_decides_and_twenty_posts_decide_once(house: Deployment, asked: Asked) -> None:
    """GET and HEAD change nothing; of 20 parallel POSTs with the code one counts, the others are told the truth."""
    mail, order = asked()
    for method in ("GET", "HEAD", "GET"):
        assert visit(mail.link, method=method)[0] == 200
    assert decided(house, order) == []
    form = {"verdict": "approve", "code": mail.code}
    with ThreadPoolExecutor(20) as people:
        answers = list(people.map(lambda _: visit(mail.link, form), range(20)))
    assert {status for status, _ in answers} == {200}
    assert sum("Your approval was counted" in body for _, body in answers) == 1
    assert sum("You approved it at" in body for _, body in answers) == 19
    assert decided(house, order) == ["approve"]
    house.resumed(order)
    assert len(house.notes("executed", order)) == 1


def test_a_form_on_another_site_cannot_decide(house: Deployment, asked: Asked, browser: Browser) -> None:
    """A page of a stranger that makes the visitor's browser post the form, code and all, is refused."""
    mail, order = asked()
    page = browser.new_page()
    form = (
        f'<form method="post" action="{mail.link}"><input name="verdict" value="approve">'
        f'<input name="code" value="{mail.code}"></form><script>document.forms[0].submit()</script>'
    )
    page.route("http://evil.test/", lambda route: route.fulfill(body=form, content_type="text/html"))
    with page.expect_response(mail.link) as answer:
        page.goto("http://evil.test/")
    assert answer.value.status == 403
    assert decided(house, order) == []
