"""The decide page as it is served: over HTTP, as link scanners and strangers see it, and in a real browser."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect
from structlog.testing import capture_logs

from mailgate.errors import ConfigError, StoreUnavailable
from mailgate.model.verdict import Verdict
from mailgate.service import link
from mailgate.store.tables import Decision
from mailgate.web import server
from mailgate.web.guard import HEADERS, MOST_FORM_BYTES
from mailgate.web.server import bind
from tests.service.rig import in_parallel
from tests.web.site import PATIENCE, STYLE, Site


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_looking_decides_nothing(site: Site, method: str) -> None:
    """A scanner that fetches the link, however often, changes not a byte of the database but the list of its visits."""
    request_id = site.rig.ask()
    before = site.rig.dump()

    for _ in range(3):
        status, _, text = site.ask(method, site.path(request_id))
        assert status == 200
        assert (text == "") == (method == "HEAD")

    site.visits(request_id, 3)
    assert [line for line in site.rig.dump() if 'INTO "visits"' not in line] == before


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_decide_nothing(site: Site, method: str) -> None:
    """Only POST decides."""
    request_id = site.rig.ask()
    before = site.rig.dump()
    form = urlencode({"verdict": "approve", "code": site.code(request_id)})

    status, _, _ = site.ask(method, f"{site.path(request_id)}?{form}", form.encode())

    assert status == 405
    site.visits(request_id, 1)
    assert [line for line in site.rig.dump() if 'INTO "visits"' not in line] == before


def test_post_with_the_code_decides(site: Site) -> None:
    """The right code in a form makes one decision; opened again, the link says what was decided."""
    request_id = site.rig.ask()

    status, _, text = site.post(site.path(request_id), {"verdict": "approve", "code": site.code(request_id)})
    again, _, later = site.ask("GET", site.path(request_id))

    assert (status, again) == (200, 200)
    assert "Your approval was counted" in text
    assert "You approved it at 09:00 UTC" in later
    assert site.rig.state(request_id) == "approved"


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"verdict": "approve", "code": "1"}, 422, "not the code printed in the mail"),
        ({"verdict": "approve"}, 422, "not the code printed in the mail"),
        ({"verdict": "reject", "reason": " "}, 422, "Please say why"),
        ({"verdict": "undo"}, 200, "Your decision"),
        ({"verdict": "APPROVE"}, 400, "Nothing was decided"),
        ({}, 400, "Nothing was decided"),
    ],
)
def test_form_that_does_not_decide(site: Site, fields: dict[str, str], status: int, sentence: str) -> None:
    """A wrong or missing code, a missing reason or another verdict decides nothing, and the page says what is missing."""
    request_id = site.rig.ask()

    got, _, text = site.post(site.path(request_id), fields)

    assert got == status
    assert sentence in text
    assert site.rig.state(request_id) == "pending"


def test_parallel_posts_decide_once(site: Site) -> None:
    """Twenty posts at once with the right code make exactly one decision, and all others are told the truth."""
    request_id = site.rig.ask()
    path, form = site.path(request_id), {"verdict": "approve", "code": site.code(request_id)}

    answers = in_parallel([lambda: site.post(path, form)] * 20)

    assert [status for status, _, _ in answers] == [200] * 20
    assert sum("Your approval was counted" in text for _, _, text in answers) == 1
    assert sum("You approved it at" in text for _, _, text in answers) == 19
    assert len(site.rig.rows(Decision)) == 1


def test_guessing_the_code_closes_approving(site: Site) -> None:
    """After five wrong codes the page offers no approving any more; rejecting goes on working."""
    request_id = site.rig.ask()
    path = site.path(request_id)
    wrong = f"{(int(site.code(request_id)) + 1) % 1_000_000:06d}"
    in_parallel([lambda: site.post(path, {"verdict": "approve", "code": wrong})] * 12)

    _, _, text = site.post(path, {"verdict": "approve", "code": site.code(request_id)})
    assert "too often" in text
    assert site.rig.state(request_id) == "pending"

    site.post(path, {"verdict": "reject", "reason": "Somebody is guessing."})
    assert site.rig.state(request_id) == "rejected"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "cross-site", "Origin": "own"},
    ],
    ids=str,
)
def test_form_from_another_page_is_refused(
    site: Site, headers: dict[str, str], record_property: Callable[[str, object], None]
) -> None:
    """A page elsewhere cannot make a browser decide, even if it knows link and code."""
    request_id = site.rig.ask()
    headers = {n: site.base if v == "own" else v for n, v in headers.items()}

    status, _, _ = site.post(site.path(request_id), {"verdict": "reject", "reason": "x"}, **headers)

    assert status == 403
    assert site.rig.state(request_id) == "pending"
    record_property("attack", "another site's page makes the approver's browser post the form, link and code known")
    record_property("happened", "refused by what the browser says of where it comes from")


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "own"}, {"Sec_Fetch_Site": "same-origin", "Origin": "null"}, {"Sec_Fetch_Site": "none"}],
    ids=str,
)
def test_own_form_is_taken(site: Site, headers: dict[str, str]) -> None:
    """The page's own form decides, also where our referrer policy makes the browser say that its origin is null."""
    request_id = site.rig.ask()
    headers = {n: site.base if v == "own" else v for n, v in headers.items()}

    site.post(site.path(request_id), {"verdict": "reject", "reason": "x"}, **headers)

    assert site.rig.state(request_id) == "rejected"


def fail(*_: object, **__: object) -> None:
    """Fail in a way that nobody foresaw."""
    raise RuntimeError("secret detail")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_nobody_foresaw_is_told_plainly(site: Site, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """An error of our own tells what is true, no detail, and has every protecting header."""
    request_id = site.rig.ask()
    path = site.path(request_id)
    monkeypatch.setattr(link, "ask_letter", fail)

    status, headers, text = site.ask("GET", path) if method == "GET" else site.post(path, {"verdict": "approve"})

    assert status == 500
    assert ("Nothing was decided" if method == "GET" else "may have been counted") in text
    assert "secret detail" not in text
    assert {name: headers[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize(("error", "status"), [(RuntimeError("late"), 500), (StoreUnavailable("late"), 503)], ids=str)
def test_page_that_fails_after_the_decision_does_not_deny_it(
    site: Site, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    """A decision that was counted before its page failed is not said to be none: the mails tell."""
    request_id = site.rig.ask()
    path, form = site.path(request_id), {"verdict": "approve", "code": site.code(request_id)}

    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(link, "_page", failing)
    got, _, text = site.post(path, form)

    assert got == status
    assert site.rig.state(request_id) == "approved"
    assert "Nothing was decided" not in text
    assert "a receipt comes by mail" in text


def test_link_without_its_slash_is_the_same_link(site: Site) -> None:
    """No answer redirects, because only a Host header could say where to; a lost slash loses nothing."""
    request_id = site.rig.ask()
    bare = site.path(request_id).rstrip("/")

    looked, headers, _ = site.ask("GET", bare, Host="evil.example")
    other, _, _ = site.ask("GET", "/health/", Host="evil.example")
    site.post(bare, {"verdict": "reject", "reason": "x"})

    assert (looked, headers["Location"], other) == (200, None, 404)
    assert site.rig.state(request_id) == "rejected"


@pytest.mark.parametrize("charset", ["undefined", "idna", "no-such", "hex"])
def test_form_that_cannot_be_read_is_refused(site: Site, charset: str) -> None:
    """A form in a charset that fails is a bad request like any other, with every protecting header."""
    request_id = site.rig.ask()
    body = b'--B\r\nContent-Disposition: form-data; name="verdict"\r\n\r\nappr\xff..ove\r\n--B--\r\n'
    kind = f"multipart/form-data; boundary=B; charset={charset}"

    status, headers, _ = site.ask("POST", site.path(request_id), body, Content_Type=kind)

    assert status == 400
    assert {name: headers[name] for name in HEADERS} == HEADERS


def test_body_without_an_announced_length_is_bounded(site: Site) -> None:
    """A body in pieces is refused as soon as it is longer than any form of ours, whatever is in it."""
    request_id = site.rig.ask()
    head = f"POST {site.path(request_id)} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    piece = b"8000\r\n" + b"&" * 0x8000 + b"\r\n"

    with socket.create_connection(("127.0.0.1", site.port), PATIENCE) as connection:
        connection.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + piece * 2)
        answer = connection.recv(100)  # although the body has not ended

        assert answer.startswith(b"HTTP/1.1 413 ")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for _ in range(1000):
                connection.sendall(piece)


FORM = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9"


@pytest.mark.parametrize("part", ["GET /health HTTP/1.1\r\nX-", f"POST /d/x/ HTTP/1.1\r\nHost: x\r\n{FORM}\r\n\r\nv"])
def test_request_that_never_ends_is_dropped(site: Site, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    """A connection whose request does not come, in its head or its body, is closed and does not stay open."""
    monkeypatch.setattr(server, "TURN_SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", site.port), PATIENCE) as connection:
        connection.sendall(part.encode())
        assert was_dropped(connection)


def test_connections_are_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above a number of connections new ones are refused and it is said once, so that database and mail go on."""
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 5)
    monkeypatch.setattr(server.Patience, "overload", server.Overload())
    with ExitStack() as held, capture_logs() as logs:
        connections = [
            held.enter_context(socket.create_connection(("127.0.0.1", site.port), PATIENCE)) for _ in range(12)
        ]
        for connection in connections[5:]:
            assert was_dropped(connection)
        connections[0].sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connections[0].recv(100).startswith(b"HTTP/1.1 200 ")

    assert [e["event"] for e in logs] == ["web_overloaded"]


def test_failing_to_accept_is_said_once() -> None:
    """A process without file descriptors left says so, and does not fill its log with every failure."""
    overload, loop = server.Overload(), asyncio.new_event_loop()
    try:
        with capture_logs() as logs:
            for _ in range(1000):
                overload.handle(loop, {"exception": OSError(errno.EMFILE, "Too many open files")})
    finally:
        loop.close()

    assert [(e["event"], e["why"]) for e in logs] == [
        ("web_overloaded", "no connection can be accepted: Too many open files")
    ]


def test_host_that_is_none_is_a_mistake_of_the_configuration() -> None:
    """A host that no name service takes is said in a sentence."""
    with pytest.raises(ConfigError, match=r"\[web\] host = 'a..b'"):
        bind("a..b", 0)


def was_dropped(connection: socket.socket) -> bool:
    """Return whether the server ends a connection without an answer."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    "path", ["/d/x/", "/d/x.y.z/", "/", "/d/", "/static/../app.py", "/health", "/static/style.css"]
)
def test_every_answer_has_the_protecting_headers(site: Site, path: str) -> None:
    """Whatever is asked for, the answer is not cached, framed, indexed, or allowed to load anything from elsewhere."""
    _, headers, _ = site.ask("GET", path)

    assert {name: headers[name] for name in HEADERS} == HEADERS


def test_unknown_links_look_all_alike(site: Site) -> None:
    """A forged, damaged or revoked link gets one neutral page that tells nothing."""
    request_id = site.rig.ask()
    token = site.path(request_id).removeprefix("/d/").rstrip("/")
    tokens = ["x", token[:-2], f"{token}A", token.swapcase(), "%00", "a" * 5000]

    answers = {site.ask("GET", f"/d/{t}/")[::2] for t in tokens}
    posted = {site.post(f"/d/{t}/", {"verdict": "approve", "code": "0"})[::2] for t in tokens}

    assert len(answers | posted) == 1
    assert {status for status, _ in answers} == {404}


@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_forged_row_is_told_to_the_visitor(site: Site, verdict: str) -> None:
    """Who comes by an honest link to a forged row hears that something is wrong, and nothing is decided."""
    rig = site.rig
    request_id = rig.ask()
    path, code = site.path(request_id), site.code(request_id)
    rig.forge("update requests set on_behalf_of = 'somebody@else.example'")

    looked, _, _ = site.ask("GET", path)
    pressed, _, text = site.post(path, {"verdict": verdict, "code": code, "reason": "x"})

    assert (looked, pressed) == (409, 409)
    assert "Nothing was decided" in text
    assert rig.rows(Decision) == []
    assert any("forged" in headline for headline in rig.notices())


def test_database_that_is_gone_is_told_as_a_matter_of_time(site: Site) -> None:
    """While the database cannot be used the page asks to come back, and decides nothing."""
    request_id = site.rig.ask()
    path = site.path(request_id)
    site.rig.serving.store.engine.dispose()
    hidden = site.rig.path.with_suffix(".hidden")
    site.rig.path.rename(hidden)
    site.rig.path.mkdir()

    status, headers, text = site.post(path, {"verdict": "reject", "reason": "x"})

    assert status == 503
    assert "try again" in text
    assert headers["Cache-Control"] == "no-store"
    site.rig.path.rmdir()
    hidden.rename(site.rig.path)
    site.rig.serving.store.engine.dispose()
    assert site.rig.state(request_id) == "pending"


def test_large_forms_are_refused(site: Site) -> None:
    """A form that is larger than any honest one is not read."""
    request_id = site.rig.ask()
    path = site.path(request_id)

    told, _, _ = site.post(path, {"verdict": "reject", "reason": "x" * MOST_FORM_BYTES})
    many, _, _ = site.post(path, {"verdict": "reject", "reason": "x"} | {f"f{n}": "" for n in range(100)})

    assert (told, many) == (413, 400)
    assert site.rig.state(request_id) == "pending"


def test_long_reasons_are_kept_within_bounds(site: Site) -> None:
    """What a person writes is kept, up to a length that fits into a mail."""
    request_id = site.rig.ask()

    site.post(site.path(request_id), {"verdict": "reject", "reason": "é" * 5000})

    assert site.rig.row(Decision).reason == "é" * link.MOST_REASON


@pytest.fixture
def phone(browser: Browser, site: Site) -> Page:
    """Open a page on a phone, which notes everything that it loads."""
    opened = browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False).new_page()
    opened.set_default_timeout(PATIENCE * 1000)
    opened.on("request", lambda request: site.requests.append(request.url))
    return opened


def test_person_approves_on_a_phone(site: Site, phone: Page) -> None:
    """Without JavaScript: read, mistype the code once, approve, and open the link again."""
    request_id = site.rig.ask(args={"order": "A-77"})
    phone.goto(site.base + site.path(request_id))
    expect(phone.get_by_text("A-77").first).to_be_visible()
    expect(phone.get_by_text("Bob Brown <bob@example.com>").first).to_be_visible()

    phone.get_by_label("Code from the mail").fill("000 001" if site.code(request_id) != "000001" else "000 002")
    phone.get_by_role("button", name="Approve").click()
    expect(phone.get_by_role("alert")).to_contain_text("not the code printed in the mail")
    assert site.rig.state(request_id) == "pending"

    code = site.code(request_id)
    phone.get_by_label("Code from the mail").fill(f"{code[:3]} {code[3:]}")
    phone.get_by_role("button", name="Approve").click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Your answer was counted")
    assert site.rig.state(request_id) == "approved"

    phone.goto(site.base + site.path(request_id))
    expect(phone.get_by_text("You approved it at")).to_be_visible()
    assert all(url.startswith(site.base) for url in site.requests)


def test_person_rejects_on_a_phone(site: Site, phone: Page) -> None:
    """Rejecting asks for a reason, and needs no code; with the code the agent is told why."""
    request_id = site.rig.ask()
    phone.goto(site.base + site.path(request_id))
    phone.get_by_role("button", name="Reject").click()
    expect(phone.get_by_role("alert")).to_contain_text("Please say why")

    phone.get_by_label("Reason").fill("The order is still open.")
    phone.get_by_label("Code from the mail").fill(site.code(request_id))
    phone.get_by_role("button", name="Reject").click()

    expect(phone.get_by_role("heading", level=1)).to_have_text("Your answer was counted")
    assert site.rig.request(request_id).reason == "The order is still open."


def test_pages_are_accessible(site: Site, browser: Browser, axe_serious: Callable[[Page], list[str]]) -> None:
    """The form, its error, and the page after it have no serious accessibility problem."""
    request_id = site.rig.ask()
    page = browser.new_context().new_page()
    page.goto(site.base + site.path(request_id))
    assert axe_serious(page) == []
    page.get_by_role("button", name="Reject").click()
    assert axe_serious(page) == []
    page.get_by_label("Reason").fill("No.")
    page.get_by_role("button", name="Reject").click()
    assert axe_serious(page) == []


def test_scanner_that_runs_scripts_and_clicks_lacks_the_code(site: Site, browser: Browser) -> None:
    """A machine that opens the link in a real browser and presses Approve decides nothing: the code is in the mail."""
    request_id = site.rig.ask()
    page = browser.new_context().new_page()
    page.set_default_timeout(PATIENCE * 1000)
    page.goto(site.base + site.path(request_id))

    with page.expect_navigation():
        page.evaluate("document.querySelector('button.approve').formNoValidate = true")
        page.evaluate("document.querySelector('button.approve').click()")

    assert site.rig.state(request_id) == "pending"
    assert site.rig.rows(Decision) == []
    assert site.code(request_id) not in page.content()
    assert Verdict.APPROVE.value not in [d.verdict for d in site.rig.rows(Decision)]


def test_stylesheet_is_the_shipped_one(site: Site) -> None:
    """The one thing a page loads is its own stylesheet."""
    status, headers, text = site.ask("GET", "/static/style.css")

    assert status == 200
    assert headers["Content-Type"].startswith("text/css")
    assert text == Path(STYLE).read_text()
