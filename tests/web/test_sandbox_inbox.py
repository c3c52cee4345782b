"""The sandbox's web inbox in a real browser: what a newcomer does, and what a hostile mail cannot."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.policy import SMTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from mailgate.sandbox import Sandbox

ALICE, BOB, CAROL, GATE = "alice@sandbox.test", "bob@sandbox.test", "carol@sandbox.test", "approvals@sandbox.test"
PATIENCE = 10
HTML = """<!doctype html><html lang="en"><head><title>Request</title><meta name="color-scheme" content="light dark"></head>
<body><h1>Refund 120.00 EUR</h1><p><a href="{link}">Decide here</a></p></body></html>"""
TEXT = "mailgate-reply-above-0123456789abcdef\n\nRefund 120.00 EUR\n\nDecide here: {link}\n"


def request_mail(
    number: int = 1, *, link: str = "http://127.0.0.1:9/d/a-/", html: str = HTML, sender: str = GATE
) -> bytes:
    """Return a request as mailgate would send it: text, HTML, an attachment."""
    message = EmailMessage(policy=SMTP)
    message["From"] = f"Approvals <{sender}>"
    message["To"] = f"Alice Adams <{ALICE}>"
    message["Reply-To"] = f"approvals+k{number}@sandbox.test"
    message["Subject"] = f"[issue_refund K{number}] approval needed"
    message["Message-ID"] = f"<r{number}@gate.sandbox.test>"
    message.set_content(TEXT.format(link=link))
    message.add_alternative(html.replace("{link}", link), subtype="html")
    message.add_attachment(b'{"amount":"120.00"}', maintype="application", subtype="json", filename="request.json")
    return message.as_bytes()


@pytest.fixture
def site() -> Iterator[Sandbox]:
    """Run a sandbox of its own for one test."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Page:
    """Open a page that gives up soon."""
    opened = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    opened.set_default_timeout(PATIENCE * 1000)
    return opened


@contextmanager
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """Run another web server and list the paths it is asked for."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Elsewhere</title>")

        do_POST = do_GET

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        serving = Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            serving.join()


def answer(site: Sandbox) -> EmailMessage:
    """Wait for the first answer at the gate."""
    message = message_from_bytes(site.wait_for(GATE, lambda _: True, PATIENCE).raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def lines(message: EmailMessage) -> list[str]:
    """Return the lines of a mail that say something."""
    return [line for line in message.get_content().splitlines() if line]


def mail_url(site: Sandbox, address: str = ALICE) -> str:
    """Return the address of the page of a person's latest mail."""
    stored = site.messages(address)[-1]
    return f"{site.inbox_url}box/{address}/{stored.folder}/{stored.uid}"


def raw_request(
    site: Sandbox, method: str, path: str, body: str = "", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Ask the inbox without a browser."""
    connection = http.client.HTTPConnection(urlsplit(site.inbox_url).netloc, timeout=PATIENCE)
    try:
        named = {"Content-Type": "application/x-www-form-urlencoded"}
        named.update({name.replace("_", "-"): value for name, value in headers.items()})
        connection.request(method, path, body, named)
        response = connection.getresponse()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("has_script", [True, False])
def test_newcomer_can_approve(site: Sandbox, browser: Browser, has_script: bool) -> None:
    """From the first page, by what is written there, to an approval at the gate; with and without JavaScript."""
    site.send(GATE, request_mail(), ALICE)
    page = browser.new_context(java_script_enabled=has_script, viewport={"width": 390, "height": 844}).new_page()
    page.goto(site.inbox_url)
    expect(page.get_by_role("heading", level=1)).to_have_text("Try an approval by e\u2011mail")
    page.get_by_role("link", name="Alice Adams").click()
    page.get_by_role("link", name="approval needed").click()
    expect(page.frame_locator("iframe").get_by_role("heading")).to_have_text("Refund 120.00 EUR")
    page.get_by_label("APPROVE", exact=True).check()
    page.get_by_role("button", name="Send reply").click()
    expect(page.get_by_role("status")).to_contain_text("on its way")
    expect(page.get_by_role("list", name="Later in this conversation")).to_contain_text("You")
    message = answer(site)
    assert (message["Delivered-To"], message["References"]) == ("approvals+k1@sandbox.test", "<r1@gate.sandbox.test>")
    assert lines(message)[0] == "APPROVE"
    assert lines(message)[2] == "> mailgate-reply-above-0123456789abcdef"


def test_rejection_carries_its_reason(site: Sandbox, page: Page) -> None:
    """What is typed beside REJECT stands behind it in the first line."""
    site.send(GATE, request_mail(), ALICE)
    site.wait_for(ALICE, lambda _: True, PATIENCE)
    page.goto(mail_url(site))
    page.get_by_label("REJECT:").check()
    page.get_by_label("Why? It stands behind REJECT").fill("too much")
    page.get_by_role("button", name="Send reply").click()
    assert lines(answer(site))[0] == "REJECT: too much"


def test_keyboard_is_enough(site: Sandbox, page: Page) -> None:
    """Everything from the list to the sent answer can be reached and done with Tab, arrows, Space and Enter."""
    site.send(GATE, request_mail(), ALICE)
    page.goto(f"{site.inbox_url}box/{ALICE}")

    def tab_to(name: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            label = page.evaluate("(document.activeElement.labels?.[0] ?? document.activeElement).innerText ?? ''")
            if name in label:
                return
        pytest.fail(f"Tab does not reach {name!r}")

    tab_to("approval needed")
    page.keyboard.press("Enter")
    page.wait_for_selector("#reply")
    page.wait_for_load_state("networkidle")  # the mails' frames: a key that is pressed while they load may be lost
    tab_to("Your own words")
    page.keyboard.press("ArrowUp")
    page.wait_for_function("document.activeElement.value === 'reject' && document.activeElement.checked")
    page.keyboard.type("x")  # a letter on a radio button does nothing
    tab_to("stands behind REJECT")
    page.keyboard.type("no need")
    tab_to("Send reply")
    page.keyboard.press("Enter")
    assert lines(answer(site))[0] == "REJECT: no need"


def test_new_mail_appears_by_itself(site: Sandbox, page: Page) -> None:
    """The list shows new mail without a reload, and the focus stays where it was."""
    page.goto(f"{site.inbox_url}box/{ALICE}")
    expect(page.get_by_text("No mail yet.")).to_be_visible()
    page.evaluate("window.notReloaded = true")
    page.get_by_role("link", name="Bob Brown").focus()
    site.send(GATE, request_mail(), ALICE)
    expect(page.get_by_role("link", name="approval needed")).to_be_visible()
    expect(page.get_by_role("link", name="Alice Adams")).to_contain_text("1 unread")
    assert page.evaluate("window.notReloaded")
    expect(page.get_by_role("link", name="Bob Brown")).to_be_focused()


def test_outcome_joins_the_open_conversation(site: Sandbox, page: Page) -> None:
    """While a mail is open, later mails of its conversation appear below it, and the half-written answer stays."""
    site.send(GATE, request_mail(), ALICE)
    site.wait_for(ALICE, lambda _: True, PATIENCE)
    page.goto(mail_url(site))
    page.get_by_role("textbox").fill("half-written")
    site.send(
        GATE,
        b"From: Approvals <approvals@sandbox.test>\r\nReferences: <r1@gate.sandbox.test>\r\n\r\nIt is done.\r\n",
        ALICE,
    )
    expect(page.get_by_role("list", name="Later in this conversation")).to_contain_text("It is done.")
    expect(page.get_by_role("textbox")).to_have_value("half-written")


def test_reading_marks_as_read_for_people_only(site: Sandbox, page: Page) -> None:
    """Opening a mail marks it as read, except in the mailboxes that mailgate itself reads."""
    site.send(GATE, request_mail(), ALICE)
    site.send(ALICE, request_mail(2, sender=ALICE), GATE)
    for address in (ALICE, GATE):
        site.wait_for(address, lambda _: True, PATIENCE)
        page.goto(mail_url(site, address))
    assert [site.messages(a)[0].unread for a in (ALICE, GATE)] == [False, True]
    expect(page.get_by_role("button", name="Send reply")).to_have_count(0)


def test_mail_can_be_seen_as_text_and_source(site: Sandbox, page: Page) -> None:
    """The plain text has links that can be followed; the source is the stored bytes; both can be downloaded."""
    with elsewhere() as (url, asked):
        site.send(GATE, request_mail(link=f"{url}/d/a-/"), ALICE)
        stored = site.wait_for(ALICE, lambda _: True, PATIENCE)
        page.goto(mail_url(site))
        page.get_by_role("link", name="Plain text").click()
        with page.expect_popup() as opened:
            page.get_by_role("link", name=f"{url}/d/a-/").click()
        expect(opened.value).to_have_title("Elsewhere")
        assert "/d/a-/" in asked
    page.get_by_role("link", name="Source").click()
    expect(page.locator(".source")).to_contain_text("Delivered-To: alice@sandbox.test")
    for name, content in (("request.json", b'{"amount":"120.00"}'), ("Download this mail", stored.raw)):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        assert Path(download.value.path()).read_bytes() == content


def test_link_in_the_mail_opens_in_a_new_tab(site: Sandbox, page: Page) -> None:
    """The link in the shown mail opens beside the inbox, and the page there can run its scripts and knows no referrer."""
    with elsewhere() as (url, asked):
        site.send(GATE, request_mail(link=f"{url}/d/a-/"), ALICE)
        site.wait_for(ALICE, lambda _: True, PATIENCE)
        page.goto(mail_url(site))
        with page.expect_popup() as opened:
            page.frame_locator("iframe").get_by_role("link", name="Decide here").click()
        expect(opened.value).to_have_title("Elsewhere")
        assert opened.value.evaluate("[document.referrer, self.origin !== 'null']") == ["", True]
        assert asked[0] == "/d/a-/"
    expect(page.get_by_role("heading", level=1)).to_contain_text("approval needed")


def test_hostile_mail_can_do_nothing(site: Sandbox, page: Page) -> None:
    """A mail's scripts, forms, images, styles from afar and redirects reach nothing, in its frame or opened directly."""
    with elsewhere() as (url, asked):
        hostile = f"""<head><base href="{url}/base/"><meta http-equiv="refresh" content="0;url={url}/refresh">
        <link rel="stylesheet" href="{url}/style"><script src="{url}/script"></script>
        <style>@import "{url}/import"; body {{ background: url({url}/background) }}</style></head>
        <body onload="location='{url}/onload'"><img src="{url}/image" onerror="location='{url}/onerror'">
        <script>top.document.title = "stolen"; fetch("{url}/fetch")</script><iframe src="{url}/frame"></iframe>
        <form id="f" action="{url}/form" method="post"><button>Claim</button></form>
        <a target="_top" href="{url}/top">Top</a><a target="_self" href="{url}/self">Self</a></body>"""
        site.send(GATE, request_mail(html=hostile, link=f"{url}/honest"), ALICE)
        site.wait_for(ALICE, lambda _: True, PATIENCE)
        address = mail_url(site)
        page.goto(address)
        frame = page.frame_locator("iframe")
        frame.get_by_role("button", name="Claim").click()
        frame.get_by_role("link", name="Top").click()
        frame.get_by_role("link", name="Self").click()
        assert page.url == address
        assert "stolen" not in page.title()
        direct = page.context.new_page()
        direct.goto(f"{address}/frame", wait_until="commit")
        assert direct.evaluate("self.origin") == "null"
        page.get_by_role("link", name="Plain text").click()
        with page.expect_popup() as opened:
            page.get_by_role("link", name=f"{url}/honest").click()
        expect(opened.value).to_have_title("Elsewhere")  # by now whatever was asked for before has arrived
        assert [path for path in asked if path != "/favicon.ico"] == ["/honest"]


def test_headers_and_names_are_shown_not_run(site: Sandbox, page: Page) -> None:
    """Markup in names, subjects, texts and file names is text."""
    evil = '<img src=x onerror="document.title=1">'
    message = EmailMessage(policy=SMTP)
    message["From"] = f'"{evil.replace(chr(34), "")}" <{GATE}>'
    message["Subject"] = evil
    message.set_content(evil)
    message.add_attachment(b"x", maintype="text", subtype="html", filename=evil)
    site.send(GATE, message.as_bytes(), ALICE)
    site.wait_for(ALICE, lambda _: True, PATIENCE)
    for url in (f"{site.inbox_url}box/{ALICE}", mail_url(site)):
        page.goto(url)
        assert page.locator("main img[src='x']").count() == 0
        expect(page.get_by_text(evil).first).to_be_visible()


def test_switches_are_what_they_say(site: Sandbox, page: Page) -> None:
    """Out of office and a broken mailbox can be switched on and off, and the list of people tells."""
    page.goto(f"{site.inbox_url}box/{CAROL}")
    for name, hint in (("Out of office", "out of office"), ("Mail bounces", "mail bounces")):
        switch = page.get_by_role("switch", name=name)
        expect(switch).to_have_attribute("aria-checked", "false")
        switch.click()
        expect(switch).to_have_attribute("aria-checked", "true")
        expect(page.get_by_role("link", name="Carol Clark")).to_contain_text(hint)
    site.send(GATE, request_mail(), CAROL)
    assert answer(site).get_content_type() == "multipart/report"
    page.get_by_role("switch", name="Mail bounces").click()
    expect(page.get_by_role("link", name="Carol Clark")).to_contain_text("out of office")


def test_nothing_written_is_not_sent(site: Sandbox, page: Page) -> None:
    """An empty answer is asked for instead of sent, and a server that is down leaves the text in the box."""
    site.send(GATE, request_mail(), ALICE)
    site.wait_for(ALICE, lambda _: True, PATIENCE)
    page.goto(mail_url(site))
    page.get_by_role("button", name="Send reply").click()
    expect(page.get_by_role("alert")).to_have_text("Write an answer first, or start it with APPROVE or REJECT.")
    site.pause_smtp()
    page.get_by_label("REJECT:").check()
    page.get_by_role("textbox").fill("kept")
    page.get_by_role("button", name="Send reply").click()
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    expect(page.get_by_role("textbox")).to_have_value("kept")
    expect(page.get_by_label("REJECT:")).to_be_checked()
    site.resume_smtp()
    page.get_by_role("button", name="Send reply").click()
    assert lines(answer(site))[0] == "REJECT: kept"


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        (f"box/{ALICE}/INBOX/999", "This mail is not here any more"),
        ("box/nobody@sandbox.test", "Nobody here has this mailbox."),
        ("nowhere", "There is no such page."),
    ],
)
def test_what_is_not_there_is_said_so(site: Sandbox, page: Page, path: str, sentence: str) -> None:
    """A mail, mailbox or page that does not exist gets a page that says so and leads back."""
    response = page.goto(f"{site.inbox_url}{path}")
    assert response is not None
    assert response.status == 404
    expect(page.get_by_role("heading", level=1)).to_contain_text(sentence)
    page.get_by_role("link", name="Back to all mailboxes").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Try an approval")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_pages_are_accessible_and_fit(
    site: Sandbox, browser: Browser, axe_serious: Callable[[Page], list[str]], scheme: str, width: int
) -> None:
    """No page has a serious finding or scrolls sideways, on a phone and a desktop, light and dark."""
    site.send(GATE, request_mail(), ALICE)
    first = site.wait_for(ALICE, lambda _: True, PATIENCE)
    site.reply(ALICE, first, "question: " + "why " * 40)
    site.send(GATE, request_mail(2), ALICE)
    long_names = b"From: %s@sandbox.test\r\nReferences: <r1@gate.sandbox.test>\r\nSubject: %s\r\n\r\nx\r\n"
    site.send(GATE, long_names % (b"x" * 90, b"long" * 60), ALICE)
    site.set_away(BOB)
    page = browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme="dark" if scheme == "dark" else "light"
    ).new_page()
    mail = f"box/{ALICE}/INBOX/{first.uid}"
    for path in (
        "",
        f"box/{ALICE}",
        f"box/{BOB}",
        f"box/{GATE}",
        mail,
        f"{mail}?view=text",
        f"{mail}?view=source",
        "x",
    ):
        page.goto(f"{site.inbox_url}{path}")
        assert axe_serious(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_pages_keep_to_a_strict_policy(site: Sandbox) -> None:
    """Pages run only their own script, frames run none, files are never shown, and nothing is stored or sniffed."""
    site.send(GATE, request_mail(), ALICE)
    site.wait_for(ALICE, lambda _: True, PATIENCE)
    mail = urlsplit(mail_url(site)).path
    _, page, content = raw_request(site, "GET", mail)
    assert b'sandbox="allow-popups allow-popups-to-escape-sandbox"' in content
    assert "default-src 'none'" in page["content-security-policy"]
    assert "unsafe" not in page["content-security-policy"]
    _, frame, _ = raw_request(site, "GET", f"{mail}/frame")
    assert "sandbox allow-popups allow-popups-to-escape-sandbox" in frame["content-security-policy"]
    assert "script-src" not in frame["content-security-policy"]
    _, part, content = raw_request(site, "GET", f"{mail}/part/2")
    assert content == b'{"amount":"120.00"}'
    assert (part["content-type"], part["content-disposition"]) == (
        "application/octet-stream",
        "attachment; filename*=UTF-8''request.json",
    )
    for headers in (page, frame, part):
        assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


def test_other_pages_cannot_answer(site: Sandbox) -> None:
    """A form that another site's page sends to the inbox is refused, and so is a name that only leads here."""
    site.send(GATE, request_mail(), ALICE)
    site.wait_for(ALICE, lambda _: True, PATIENCE)
    path, form = f"{urlsplit(mail_url(site)).path}/reply", urlencode({"start": "approve"})
    assert raw_request(site, "POST", path, form, Origin="https://evil.test")[0] == 403
    assert raw_request(site, "POST", path, form, Origin="null")[0] == 403
    assert raw_request(site, "POST", path, form, Sec_Fetch_Site="cross-site")[0] == 403
    assert raw_request(site, "POST", path, form, Host="evil.test")[0] == 400
    assert site.messages(GATE) == ()
    assert raw_request(site, "POST", path, form, Origin=site.inbox_url.rstrip("/"))[0] == 303
    assert lines(answer(site))[0] == "APPROVE"


def test_asking_by_head_marks_nothing(site: Sandbox) -> None:
    """Only a GET of the page counts as reading."""
    site.send(GATE, request_mail(), ALICE)
    site.wait_for(ALICE, lambda _: True, PATIENCE)
    assert raw_request(site, "HEAD", urlsplit(mail_url(site)).path)[0] == 200
    assert site.messages(ALICE)[0].unread
