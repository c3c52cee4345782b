"""A person at Roundcube, in a real browser: logs in, opens a mail, replies, forwards. Nothing here knows mailgate."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

MAIL = "#messagebody"
LIGHT = "#composebody:visible"
HEAVY = "#composebody_ifr"
SEND = "button.send:visible, a.send:visible"
"""Where a mail is shown, where text is written, where HTML is written, and what sends it."""


class Webmail:
    """One logged-in person."""

    def __init__(self, page: Page, url: str, address: str, password: str, *, html: bool = False) -> None:
        """Log in, and choose in the settings whether to write in HTML.

        Args:
            page: of a browser context of this person's own.
        """
        self.page = page
        self.address = address
        self._url = url
        self._html = html
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(url)
        page.fill("#rcmloginuser", address)
        page.fill("#rcmloginpwd", password)
        page.click("#rcmloginsubmit")
        page.wait_for_selector("#messagelist tbody")
        page.goto(f"{url}?_task=settings&_action=edit-prefs&_section=compose")
        page.select_option("select[name=_htmleditor]", "4" if html else "0")
        with page.expect_navigation():
            page.click("button.submit")

    def open(self, about: str, nth: int = 1) -> Locator:
        """Open a mail whose subject has ``about`` in it, and return what is shown of it.

        Args:
            nth: which of these mails, from 1, in the order in which they arrived.
        """
        self.page.goto(f"{self._url}?_task=mail&_mbox=INBOX&_sort=arrival_ASC")
        rows = self.page.locator("#messagelist tbody tr", has_text=about)
        rows.nth(nth - 1).wait_for()
        rows.nth(nth - 1).locator("td.subject").dblclick()
        self.page.wait_for_selector(MAIL)
        return self.page.locator(MAIL)

    def reply(self, text: str) -> None:
        """Reply to the open mail: type ``text`` where the cursor stands, above the quote, and send."""
        self.page.click("a.reply:not(.list):visible")
        _type(self.page, text, html=self._html)
        self.send()

    def forward(self, to: str, text: str = "") -> None:
        """Forward the open mail as text, with a few words above it."""
        self.page.click("a.forward:not(.inline):visible")
        self._address(to)
        _type(self.page, text, html=self._html)
        self.send()

    def forward_as_attachment(self, to: str) -> None:
        """Forward the open mail as a file that is a mail."""
        self.page.click("#forwardmenulink")
        self.page.click("a.forward.attachment:visible")
        self._address(to)
        self.send()

    def redirect(self, to: str) -> None:
        """Send the open mail on as it is."""
        self.page.click("#forwardmenulink")
        self.page.click("a.forward.bounce:visible")
        dialog = self.page.frame_locator(".ui-dialog iframe")
        dialog.locator(".recipient-input input").first.type(f"{to},")
        self.page.click("button.bounce:visible")
        self.page.wait_for_selector(".ui-dialog", state="detached")

    def write_to(self, to: str, text: str) -> None:
        """Write a new mail."""
        self.page.goto(f"{self._url}?_task=mail&_action=compose")
        self._address(to)
        self.page.fill("#compose-subject", "For the approvals")
        _type(self.page, text, html=self._html)
        self.send()

    def reply_to_attached(self, name: str, text: str) -> None:
        """Open a mail that is attached to the open one, in the window that Roundcube makes for it, and reply to it there."""
        with self.page.expect_popup() as popup:
            self.page.click(f"#attachment-list a.filename:has-text('{name}')")
        window = popup.value
        window.click("a.reply:not(.list):visible")
        _type(window, text, html=self._html)
        with window.expect_event("close"):
            window.click(SEND)

    def send(self) -> None:
        """Send what was written and wait until the server has taken it."""
        with self.page.expect_navigation():
            self.page.click(SEND)
        self.page.wait_for_selector(f"#messagelist tbody, {MAIL}")

    def _address(self, to: str) -> None:
        field = self.page.locator("#compose_to .recipient-input input")
        field.wait_for()
        field.type(f"{to},")


def _type(page: Page, text: str, *, html: bool) -> None:
    """Type into the editor, at its very top."""
    # A text area is shown before the editor for HTML takes its place.
    page.wait_for_selector(HEAVY if html else LIGHT)
    (page.frame_locator(HEAVY).locator("body") if html else page.locator(LIGHT)).focus()
    page.keyboard.press("Control+Home")
    page.keyboard.type(text)
