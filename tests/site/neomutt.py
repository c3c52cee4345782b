"""NeoMutt as a person uses it: a real terminal, a real mailbox, keys pressed, an editor that is given the quoted draft.

What it sends is NeoMutt's own: its quoting, its attribution, its signature, its threading. Only the person's typing is
put in, by a small editor that does to the draft what a person would.
"""

from __future__ import annotations

import os
import select
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from shutil import which

from tests.site.mailsite import MailSite

INSTALL = "apt-get install -y --no-install-recommends neomutt"
GIVE_UP_S = 30.0

# What the person does to the draft. NeoMutt hands over a file with attribution, quote and signature in it.
_EDITOR = """\
import html
import itertools
import pathlib
import sys

draft, typed, place, form = pathlib.Path(sys.argv[4]), pathlib.Path(sys.argv[1]).read_text(), sys.argv[2], sys.argv[3]
before, dashes, signature = draft.read_text().partition("\\n-- \\n")
if place == "top":
    text = f"{typed}\\n\\n{before.lstrip()}{dashes}{signature}"
else:
    text = f"{before.rstrip()}\\n\\n{typed}\\n{dashes}{signature}"
page = []
for quoted, lines in itertools.groupby(text.rstrip().split("\\n"), lambda line: line.startswith(">")):
    words = "<br>\\n".join(html.escape(line[2:] if quoted else line) for line in lines)
    page.append(f"<blockquote type=cite>{words}</blockquote>" if quoted else f"<div>{words}</div>")
(draft.parent / "alternative.html").write_text("\\n".join(page) + "\\n")
draft.write_text("\\n".join(page) + "\\n" if form == "html" else text)
"""


class Place(StrEnum):
    """Where the answer is typed."""

    TOP = "top"
    BOTTOM = "bottom"


class Form(StrEnum):
    """What is sent: plain text, HTML alone, or both as alternatives."""

    PLAIN = "plain"
    HTML = "html"
    BOTH = "both"


def find_neomutt() -> str | None:
    """Return the path of an installed NeoMutt, or None."""
    return which("neomutt")


@dataclass(frozen=True, slots=True, kw_only=True)
class NeoMutt:
    """One person's NeoMutt; ``folder`` is its home and is made. There must be no blank in its path."""

    site: MailSite
    address: str
    name: str
    folder: Path

    def reply(
        self,
        about: str,
        text: str,
        *,
        place: Place = Place.TOP,
        form: Form = Form.PLAIN,
        signature: str = "",
        signature_on_top: bool = False,
        nth: int = 1,
    ) -> None:
        """Answer a mail whose subject has ``about`` in it, which must have arrived.

        Args:
            text: what is typed, on lines of its own; empty: the draft is sent as it is.
            nth: which of these mails, from 1, in the order in which they arrived.
            signature: put below by NeoMutt itself, after ``-- ``.
            signature_on_top: above the quote instead.

        Raises:
            AssertionError: NeoMutt did not end as it should; the message holds its screen.
        """
        settings = self._settings(place, form, signature, signature_on_top=signature_on_top)
        (self.folder / "typed").write_text(text)
        keys = f"<limit>~s {about}<enter>{nth}<enter><reply>"
        if form is Form.BOTH:
            page = self.folder / "tmp" / "alternative.html"
            keys += f"<attach-file>{page}<enter><first-entry><tag-entry><next-entry><toggle-disposition><tag-entry>"
            keys += "<group-alternatives>"
        self._run(settings, f"{keys}<send-message><quit>")

    def forward(self, about: str, to: str, text: str) -> None:
        """Forward the first mail whose subject has ``about`` in it, with a few words above it."""
        settings = self._settings(Place.TOP, Form.PLAIN, "", signature_on_top=False)
        (self.folder / "typed").write_text(text)
        keys = f"<limit>~s {about}<enter><first-entry><forward-message>{to}<enter><send-message><quit>"
        self._run(settings, keys)

    def redirect(self, about: str, to: str) -> None:
        """Send the first mail whose subject has ``about`` in it on as it is, Reply-To and all (RFC 5322 section 3.6.6)."""
        settings = self._settings(Place.TOP, Form.PLAIN, "", signature_on_top=False)
        self._run(settings, f"<limit>~s {about}<enter><first-entry><bounce-message>{to}<enter>y<quit>")

    def _settings(self, place: Place, form: Form, signature: str, *, signature_on_top: bool) -> Path:
        temporary = self.folder / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        (self.folder / "editor.py").write_text(_EDITOR)
        (self.folder / "signature").write_text(f"{signature}\n")
        editor = [sys.executable, "-I", "-S", self.folder / "editor.py", self.folder / "typed", place, form]
        (self.folder / "edit").write_text(f'#!/bin/sh\nexec {shlex.join(map(str, editor))} "$1"\n')
        (self.folder / "edit").chmod(0o755)
        imap, smtp = self.site.imap_of(self.address), self.site.smtp_of(self.address, "implicit")
        login = imap.username.replace("@", "%40")
        file = self.folder / "muttrc"
        file.write_text(f'''\
set realname="{self.name}" from="{self.address}" use_from=yes hostname="{self.address.partition("@")[2]}"
set ssl_ca_certificates_file="{imap.ca_file}" certificate_file="{self.folder}/accepted" ssl_force_tls=yes
set smtp_url="smtps://{login}@{smtp.host}:{smtp.port}/" smtp_pass="{smtp.password}" smtp_authenticators="plain"
set imap_user="{imap.username}" imap_pass="{imap.password}" imap_authenticators="plain"
set folder="imaps://{imap.host}:{imap.port}/" spoolfile="+INBOX" record="" postponed="" header_cache=""
set tmpdir="{temporary}" editor="{self.folder}/edit" signature="{self.folder / "signature" if signature else ""}"
set fast_reply=yes include=yes reply_to=yes autoedit=no edit_headers=no abort_unmodified=no abort_nosubject=no
set abort_noattach=no sig_on_top={"yes" if signature_on_top else "no"} sort=mailbox-order quit=yes delete=no wait_key=no
set content_type="{"text/html" if form is Form.HTML else "text/plain"}" mark_old=no recall=no beep=no sleep_time=0
set mime_forward=no forward_attachments=no forward_decode=yes forward_edit=yes askcc=no askbcc=no
alternative_order text/plain text/html
''')
        return file

    def _run(self, settings: Path, keys: str) -> None:
        ours, terminal = os.openpty()
        command = ["neomutt", "-n", "-F", str(settings), "-e", f'push "{keys}"']
        environment = {"HOME": str(self.folder), "PATH": os.environ["PATH"], "TERM": "xterm", "LANG": "C.UTF-8"}
        process = subprocess.Popen(
            command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment, start_new_session=True
        )
        os.close(terminal)
        screen = _until_it_ends(process, ours)
        os.close(ours)
        assert process.returncode == 0, f"NeoMutt ended with {process.returncode}; its screen was:\n{screen}"


def _until_it_ends(process: subprocess.Popen[bytes], terminal: int) -> str:
    """Read what the program draws until it ends; nobody else would, and it would wait for room."""
    drawn, end = b"", time.monotonic() + GIVE_UP_S
    while process.poll() is None:
        if select.select([terminal], [], [], 0.05)[0]:
            try:
                drawn += os.read(terminal, 65536)
            except OSError:  # EIO: the last one who held the terminal's other side is gone (pty(7))
                break
        if time.monotonic() > end:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise AssertionError(f"NeoMutt did not end; its screen was:\n{drawn[-2000:].decode(errors='replace')}")
    process.wait(GIVE_UP_S)
    return drawn[-2000:].decode(errors="replace")
