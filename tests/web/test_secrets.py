"""A real `serve`, real mail, a real browser: the whole way of a fresh code, and that no secret is in anything printed."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page
from typer.testing import CliRunner

from mailgate.cli.app import app
from mailgate.store.tables import Decision
from tests.deployment import Deployment, eventually
from tests.e2e.post import Received, visit
from tests.site import MailSite

PHONE = {"width": 390, "height": 844}
GATES = """
[gates.issue_refund]
approvers = ["bob"]

[gates.pay_out]
approvers = ["bob"]
web_confirm = "fresh_code"
separation = "proven"
"""
Attack = Callable[[str, object], None]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, mail_site: MailSite) -> Iterator[Deployment]:
    """Run a serving side and a worker, with a gate that wants fresh codes."""
    deployment = Deployment(tmp_path_factory.mktemp("secrets"), mail_site, gates=GATES)
    with deployment.serving("--worker", "app:mg"):
        yield deployment
    deployment.close()


def code_mail(house: Deployment, order: str, number: int) -> str:
    """Wait for the so-manieth mail with a fresh code about an order; return the code as printed."""

    def found() -> list[Received]:
        mails = house.mails("bob", order, "Your code:")
        return mails if len(mails) >= number else []

    mail = eventually(found, why=f"Mail number {number} with a code")[-1]
    assert mail.header("Auto-Submitted") == "auto-generated"
    match = re.search(r"Your code: (\d{3} \d{3})", mail.words)
    assert match is not None
    return match[1]


def say(port: int, text: bytes) -> bytes:
    """Say something to the web server that may be no HTTP; return what it answers."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(text)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def said(page: Page) -> str:
    """Return what the page says, on one line."""
    return " ".join(page.inner_text("main").split())


def test_a_fresh_code_comes_by_mail_and_approves(house: Deployment, browser: Browser) -> None:
    """On a phone without scripts: Approve, a mail with a code within moments, the code, done; taken back the same way."""
    address = house.people["bob"]
    house.submit("pay_out", {"order_id": "F-1", "amount": 7.0}, run="F-1")
    mail = house.mail_to("bob", "F-1")
    assert "Code: " not in mail.words
    page = browser.new_context(viewport=PHONE, java_script_enabled=False).new_page()  # type: ignore[arg-type]
    page.goto(mail.link)
    assert page.locator("input[name=code]").count() == 0
    page.get_by_role("button", name="Approve").click()
    assert f"A code was mailed to {address[0]}…@{address.partition('@')[2]}." in said(page)
    assert page.evaluate("document.activeElement.id") == "code"
    page.get_by_label("Code from the mail").fill(code_mail(house, "F-1", 1))
    page.get_by_role("button", name="Approve").click()
    assert "Your approval was counted" in said(page)
    assert house.resumed("F-1")["outcome"] == "succeeded"
    [request] = [r.id for r in house.requests() if r.run == "F-1"]
    assert [d.level for d in house.rows(Decision, request_id=request)] == ["link+fresh_code"]
    assert all("Your code" not in m.words for m in house.mails(house.archive, "F-1"))


def test_nothing_that_is_printed_has_a_secret_in_it(house: Deployment, record_property: Attack) -> None:
    """Whatever was sent to it, the log of a real `serve` and what commands print hold no link, no code, no reply address."""
    secrets: set[str] = set()
    for order, action in (("S-1", "issue_refund"), ("S-2", "pay_out")):
        house.submit(action, {"order_id": order, "amount": 7.0}, run=order)
        mail = house.mail_to("bob", order)
        path = urlsplit(mail.link).path
        secrets |= {path.split("/")[2], mail.reply_to.partition("@")[0].partition("+")[2]}
        for method in ("GET", "HEAD", "PUT"):
            visit(mail.link, method=method)
        visit(mail.link, {"verdict": "approve", "code": "000000"})
        visit(mail.link, {"verdict": "nonsense"})
        visit(f"{mail.link[:-9]}/")
        say(house.port, f"GET {path} HTTP/9.9\r\n\r\n".encode())
        say(house.port, f"GARBAGE {path}\r\n\r\n".encode())
        say(house.port, f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nverdict=".encode())
        say(house.port, f"GET {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: {'a' * 70_000}\r\n\r\n".encode())
        if action == "pay_out":
            visit(mail.link, {"verdict": "approve"})
            code = code_mail(house, order, 1)
        else:
            code = mail.code
        secrets |= {code, code.replace(" ", "")}
        _, body = visit(mail.link, {"verdict": "approve", "code": code})
        assert "Your approval was counted" in body
        house.resumed(order)
    [request] = [r.id for r in house.requests() if r.run == "S-2"]
    command = ["requests", "show", request, "--config", str(house.folder / "config.toml")]

    def show(*options: str) -> str:
        return CliRunner().invoke(app, [*command, *options]).output

    eventually(lambda: "seconds_after_mail: " in show(), why="Keeping the visits")
    shown = [show(), show("--json")]
    printed = house.log() + "".join(shown)
    assert all(len(secret) >= 6 for secret in secrets)
    assert [secret for secret in secrets if secret in printed] == []
    record_property("attack", "links and codes sent in every broken way, to find them in the log afterwards")
    record_property("happened", "neither the log of serve nor `requests show` holds one")
