"""The picture of a request in a real webmail: a mail that a real deployment sent, opened in Roundcube.

Made by ``python -m tests.docs.pictures``. It needs root, Postfix, Dovecot, Roundcube and Chromium, and nothing outside
this machine.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from mailgate.runtime import make_key_files
from tests.clients.webmail import Webmail
from tests.conftest import USERS
from tests.deployment import Deployment
from tests.site import MailSite
from tests.site.roundcube import running_roundcube

SIZE = {"width": 1100, "height": 900}
GATE = """
[gates.issue_refund]
summary = "Refund {{ args.amount }} {{ args.currency }} on order {{ args.order_id }}"
approvers = ["bob"]
timeout = "4h"
if_approved = "The customer is refunded at once; this cannot be undone."
if_rejected = "The agent is told why and tries another way."
"""
ADDRESS = "bob@approvers.test"


def make_webmail_picture(folder: Path, browser: Browser) -> Path:
    """Write ``webmail.png`` into ``folder`` and return it."""
    with tempfile.TemporaryDirectory() as home, MailSite.start(USERS) as site:
        (Path(home) / "house").mkdir()
        house = _lay_out(Path(home) / "house", site)
        with house.serving(), running_roundcube(site, Path(home) / "roundcube") as url:
            house.ask("A-1001", run="monday", amount=120.0)
            house.mail_to("bob", "A-1001")
            context = browser.new_context(viewport=SIZE, color_scheme="light")
            bob = Webmail(context.new_page(), url, ADDRESS, USERS[ADDRESS])
            bob.open("issue_refund")
            bob.page.wait_for_selector("#messagestack .loading", state="detached")
            bob.page.screenshot(path=folder / "webmail.png")
            context.close()
        house.close()
    return folder / "webmail.png"


def _lay_out(folder: Path, site: MailSite) -> Deployment:
    """Return a deployment called as one would be, with nothing in it that asks a reader what it is."""
    house = Deployment(folder, site, gates=GATE, people={"bob": ADDRESS}, base_url="https://approvals.example.com")
    config = folder / "config.toml"
    config.write_text(config.read_text().replace('name = "test"', 'name = "approvals"'))
    make_key_files(house.config)
    return house
