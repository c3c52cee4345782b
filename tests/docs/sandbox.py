"""`mailgate sandbox` as a newcomer has it: a process, its web inbox, and people who answer there. Used by docs tests."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

PATIENCE_SECONDS = 30.0


class Inbox:
    """The web inbox of a running sandbox, used as a browser uses it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def mails(self, person: str) -> list[str]:
        """Return the pages of the mails a person received, those of the newest conversation first."""
        found: dict[str, None] = {}
        for opened in self._links(f"{self.url}box/{person}@sandbox.test"):
            found |= dict.fromkeys([opened, *self._links(opened)])
        return [page for page in found if "/Sent/" not in page and "/part/" not in page]

    def wait_for(self, person: str, words: str = "") -> str:
        """Return the page of the person's first mail whose text holds ``words``, as soon as there is one.

        Raises:
            AssertionError: none came in time.
        """
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            for page in self.mails(person):
                if words in text_of(self.source(page)):
                    return page
            time.sleep(0.05)
        raise AssertionError(f"No mail with {words!r} came to {person}.")

    def source(self, page: str) -> bytes:
        """Return the mail of a page, byte for byte."""
        return self._get(f"{page}/source.eml")

    def reply(self, page: str, words: str) -> None:
        """Answer the mail of a page: ``APPROVE`` or ``REJECT: …`` with the buttons, anything else as typed."""
        start, text = "free", words
        if words == "APPROVE":
            start, text = "approve", ""
        elif words.startswith("REJECT"):
            start, text = "reject", words.removeprefix("REJECT").lstrip(": ")
        form = urllib.parse.urlencode({"start": start, "text": text}).encode()
        with urllib.request.urlopen(f"{page}/reply", form) as answer:
            assert answer.url.endswith("?sent=1"), answer.url

    def _links(self, url: str) -> list[str]:
        paths = re.findall(r'href="(/box/[^"]+/\d+)"', self._get(url).decode())
        return [urllib.parse.urljoin(self.url, path) for path in paths]

    def _get(self, url: str) -> bytes:
        with urllib.request.urlopen(url) as answer:
            content = answer.read()
        assert isinstance(content, bytes)
        return content


def parsed(raw: bytes) -> EmailMessage:
    """Return a mail, parsed by the standard library."""
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def text_of(raw: bytes) -> str:
    """Return the text part of a mail."""
    part = parsed(raw).get_body(("plain",))
    return "" if part is None else str(part.get_content())


def free_port() -> int:
    """Return a port that was free just now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running_sandbox(folder: Path) -> Iterator[Inbox]:
    """Run `mailgate sandbox` in ``folder`` until the block ends, and give its inbox."""
    inbox_port, port = free_port(), free_port()
    command = [sys.executable, "-m", "mailgate", "sandbox", "--inbox-port", str(inbox_port), "--port", str(port)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            wait_for_line(process, "Stop with Ctrl-C")
            yield Inbox(f"http://127.0.0.1:{inbox_port}/")
        finally:
            process.terminate()


def wait_for_line(process: subprocess.Popen[str], words: str) -> list[str]:
    """Read what a process prints up to the line that holds ``words``, and return it; end the process if that takes long.

    Raises:
        AssertionError: the output ended without it.
    """
    lines: list[str] = []
    patience = threading.Timer(PATIENCE_SECONDS, process.terminate)
    patience.start()
    try:
        for line in process.stdout or ():
            lines.append(line.rstrip("\n"))
            if words in line:
                return lines
    finally:
        patience.cancel()
    raise AssertionError(f"{words!r} was never printed; what was: {lines}")
