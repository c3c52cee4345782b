"""Make the pictures in docs/pictures: a real mail and its decide page, phone width, light and dark side by side.

Run again with ``python -m tests.docs.pictures`` whenever templates change. It needs Chromium, and nothing outside this
machine: the mail is one that the sandbox delivered, the page is the one behind its link. Where Roundcube and the mail
servers are installed, the mail in a webmail is pictured too (``tests/docs/webmail.py``).
"""

from __future__ import annotations

import base64
import re
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from mailgate import Mailgate
from tests.browser import INSTALL, find_chromium, shared_browser
from tests.docs.sandbox import running_sandbox, text_of
from tests.docs.webmail import make_webmail_picture
from tests.site import what_is_missing
from tests.site.roundcube import what_roundcube_lacks

PICTURES = Path(__file__).parent.parent.parent / "docs" / "pictures"
WIDTH = 390
"""Pixels of a usual phone, held upright."""

SHARPNESS = 1
"""Device pixels a pixel: pages show the pictures at half their width, so this is sharp enough."""


def make_pictures(folder: Path, browser: Browser) -> list[Path]:
    """Write ``mail.png`` and ``decide.png`` into ``folder`` and return them."""
    made = []
    with tempfile.TemporaryDirectory() as home, running_sandbox(Path(home)) as inbox:
        _ask(Path(home) / "sandbox" / "config.toml")
        page = inbox.wait_for("bob")
        link = re.search(r"https?://\S+/d/\S+/", text_of(inbox.source(page)))
        assert link is not None
        for name, address in (("mail", f"{page}/frame"), ("decide", link[0])):
            halves = [_shot(browser, address, scheme) for scheme in ("light", "dark")]
            made.append(_side_by_side(browser, halves, folder / f"{name}.png"))
    return made


def _ask(config: Path) -> None:
    mg = Mailgate.load(config)
    mg.submit(
        "issue_refund",
        {"order_id": "A-1001", "amount": 120.0, "currency": "EUR"},
        agent="support",
        run="monday",
        on_behalf_of="erin@example.com",
        reasoning="The customer was charged twice, two minutes apart. The second charge has no order.",
        confidence=0.62,
    )
    mg.close()


def _shot(browser: Browser, address: str, scheme: str) -> bytes:
    context = browser.new_context(
        viewport={"width": WIDTH, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
        device_scale_factor=SHARPNESS,
        is_mobile=True,
    )
    page = context.new_page()
    response = page.goto(address)
    assert response is not None
    assert response.ok, f"{address} answered {response.status}"
    taken = page.screenshot(full_page=True)
    context.close()
    return taken


def _side_by_side(browser: Browser, halves: list[bytes], path: Path) -> Path:
    images = "".join(
        f'<img style="width:{WIDTH}px;vertical-align:top;margin:8px;border:1px solid #8a949e;border-radius:12px"'
        f' src="data:image/png;base64,{base64.b64encode(half).decode()}">'
        for half in halves
    )
    context = browser.new_context(
        viewport={"width": 2 * (WIDTH + 18) + 4, "height": 400}, device_scale_factor=SHARPNESS
    )
    page = context.new_page()
    page.set_content(f'<body style="margin:0;background:#fff;white-space:nowrap">{images}')
    page.locator("body").screenshot(path=path)
    context.close()
    return path


def main() -> None:
    """Make the pictures of the documentation anew."""
    executable = find_chromium()
    if executable is None:
        sys.exit(f"The pictures need Chromium; as root: {INSTALL}")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with shared_browser(executable) as shared, shared.in_use():
        for path in make_pictures(PICTURES, shared.browser):
            print(f"made {path.name}, {path.stat().st_size // 1024} KB")
        if missing := what_is_missing() or what_roundcube_lacks():
            sys.exit(f"webmail.png was left as it is. {missing}")
        print(f"made {make_webmail_picture(PICTURES, shared.browser).name}")


if __name__ == "__main__":
    main()
