"""Behind a real reverse proxy with TLS, as the documentation says to set it up: at the root and below a path."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from mailgate.service.letters import link_of
from tests.conftest import unavailable
from tests.deployment import eventually, free_port
from tests.site.authority import Authority
from tests.site.nginx import INSTALL, documented, find_nginx, nginx
from tests.web.conftest import SiteMaker
from tests.web.site import PATIENCE, Site

ROOT, BELOW = documented()
PIECES = {
    "at the root": (ROOT, ""),
    "the path is taken off": (BELOW, "/approvals"),
    "the path is left on": (re.sub(r"(proxy_pass \S+?)/;", r"\1;", BELOW), "/approvals"),
}


@dataclass
class Proxied:
    """A site, and the address people reach it at."""

    site: Site
    url: str
    port: int
    logs: Path

    def link(self, request_id: str) -> str:
        """Return Bob's link as his mail has it."""
        link = link_of(self.site.rig.serving, self.site.rig.seat(request_id, "bob"))
        assert link.startswith(f"{self.url}/d/")
        return link


@pytest.fixture(params=PIECES)
def proxied(request: pytest.FixtureRequest, make_site: SiteMaker, tmp_path: Path) -> Iterator[Proxied]:
    """Serve a site behind nginx, which it trusts."""
    with _proxied(request.param, make_site, tmp_path) as found:
        yield found


@contextmanager
def _proxied(name: str, make_site: SiteMaker, folder: Path) -> Iterator[Proxied]:
    program = find_nginx()
    if program is None:
        unavailable(f"These tests need nginx; as root: {INSTALL}")
    piece, path = PIECES[name]
    port = free_port()
    url = f"https://127.0.0.1:{port}{path}"
    site = make_site(mailgate={"base_url": url}, web={"trusted_proxies": ["127.0.0.1"]})
    certificate = Authority(folder).issue(["approvals.example.com"])
    with ExitStack() as until_done:
        server = nginx(program, piece, folder=folder, port=port, upstream=site.port, certificate=certificate)
        until_done.callback(server.stop)
        server.start()
        eventually(lambda: is_open(port), why=f"nginx serving (log: {folder})")
        yield Proxied(site=site, url=url, port=port, logs=folder)


def test_a_person_approves_through_a_proxy(proxied: Proxied, browser: Browser) -> None:
    """Link, style sheet and form lead back through the proxy, whether it keeps the base path or not; no log has a secret."""
    site = proxied.site
    request_id = site.rig.ask()
    code, token = site.code(request_id), site.path(request_id).split("/")[2]
    page = browser.new_context(ignore_https_errors=True, java_script_enabled=False).new_page()
    page.set_default_timeout(PATIENCE * 1000)
    loaded: list[tuple[int, str]] = []
    page.on("response", lambda answer: loaded.append((answer.status, answer.url)))
    page.goto(proxied.link(request_id))
    assert loaded == [(200, proxied.link(request_id)), (200, f"{proxied.url}/static/style.css")]
    page.get_by_label("Code from the mail").fill(code)
    page.get_by_role("button", name="Approve").click()
    assert "Your approval was counted" in page.inner_text("main")
    assert site.rig.state(request_id) == "approved"
    assert {v.came_of for v in site.visits(request_id, 2)} == {"shown", "counted"}
    site.close()
    assert ask(proxied, "GET", site.path(request_id)) == 502
    logs = "".join(file.read_text() for file in proxied.logs.glob("*.log"))
    assert token not in logs
    assert code not in logs


def test_the_visitor_s_network_comes_through(make_site: SiteMaker, tmp_path: Path) -> None:
    """What the trusted proxy says is kept; what the visitor says before it is not."""
    with _proxied("the path is taken off", make_site, tmp_path) as proxied:
        request_id = proxied.site.rig.ask()
        answered = ask(proxied, "GET", proxied.site.path(request_id), source="127.9.8.7", said="198.51.100.1")
        assert answered == 200
        assert [v.network for v in proxied.site.visits(request_id, 1)] == ["127.9.8.0/24"]


def is_open(port: int) -> bool:
    """Return whether anybody listens on a port."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def ask(proxied: Proxied, method: str, path: str, *, source: str = "127.0.0.1", said: str = "") -> int:
    """Make one request from a loopback address of our choice; return the status."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(
        "127.0.0.1", proxied.port, timeout=PATIENCE, context=trusting, source_address=(source, 0)
    )
    try:
        below = proxied.url.removeprefix(f"https://127.0.0.1:{proxied.port}")
        connection.request(method, f"{below}{path}", headers={"X-Forwarded-For": said} if said else {})
        return connection.getresponse().status
    finally:
        connection.close()
