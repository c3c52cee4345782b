"""People at their mail programs: what they see of a mail, and the bytes of what they answer. Nothing here knows mailgate."""

from __future__ import annotations

import html
import re
import secrets
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from email.utils import format_datetime, localtime, parseaddr
from functools import lru_cache

_LINK = re.compile(r"https?://\S+/d/\S+/")
_CODE = re.compile(r"\bCode: (\d{3} \d{3})\b")


@dataclass(frozen=True, slots=True)
class Received:
    """One mail as it lies in somebody's mailbox."""

    raw: bytes

    @property
    def message(self) -> Message:
        """The parsed mail."""
        return _parsed(self.raw)

    def header(self, name: str) -> str:
        """Return a header field, unfolded; empty if it is missing."""
        return " ".join(str(self.message.get(name, "")).split())

    @property
    def text(self) -> str:
        """The plain part."""
        return _text(self.raw)

    @property
    def words(self) -> str:
        """The plain part on one line, so that folding does not matter."""
        return " ".join(self.text.split())

    @property
    def html(self) -> str:
        """The HTML part."""
        return part(self.message, "text/html")

    @property
    def link(self) -> str:
        """The address of the page to decide on."""
        found = _LINK.search(self.text)
        assert found is not None, self.text
        return found[0]

    @property
    def code(self) -> str:
        """The code for that page, as printed."""
        found = _CODE.search(self.text)
        assert found is not None, self.text
        return found[1]

    @property
    def message_id(self) -> str:
        """The mail's own id."""
        return self.header("Message-ID")

    @property
    def references(self) -> list[str]:
        """The ids of the mails before it."""
        return self.header("References").split()

    @property
    def reply_to(self) -> str:
        """The address that an answer goes to."""
        return parseaddr(self.header("Reply-To"))[1]

    @property
    def bounces_to(self) -> str:
        """The envelope sender, as the mail server noted it down."""
        return self.header("Return-Path").strip("<>")


@lru_cache(maxsize=1024)
def _parsed(raw: bytes) -> Message:
    # Whoever waits for a mail looks at the others again and again.
    return message_from_bytes(raw, policy=policy.compat32)


@lru_cache(maxsize=1024)
def _text(raw: bytes) -> str:
    return part(_parsed(raw), "text/plain")


def part(message: Message, content_type: str) -> str:
    """Return the first part of a type that is not attached; empty if there is none."""
    for found in message.walk():
        if found.get_content_type() == content_type and not found.get_filename():
            payload = found.get_payload(decode=True)
            assert isinstance(payload, bytes)
            return payload.decode(found.get_content_charset() or "utf-8", "replace").replace("\r\n", "\n")
    return ""


def reply(
    to: Received, sender: str, text: str, *, name: str = "", quoting: bool = True, as_html: bool = False
) -> bytes:
    """Return an answer as a mail program writes it: threaded, with the answered mail quoted below.

    Args:
        name: the sender's display name.
        as_html: also with an HTML part, its quote as Gmail writes it.
    """
    attribution = f"On {to.header('Date')}, {to.header('From')} wrote:"
    quoted = "\n".join(f"> {line}".rstrip() for line in to.text.splitlines())
    answer = EmailMessage(policy=policy.SMTP)
    answer["From"] = f"{name} <{sender}>" if name else sender
    answer["To"] = to.reply_to
    answer["Subject"] = f"Re: {to.header('Subject')}"
    answer["Date"] = format_datetime(localtime())
    answer["Message-ID"] = f"<{secrets.token_hex(8)}@{sender.partition('@')[2]}>"
    answer["In-Reply-To"] = to.message_id
    answer["References"] = " ".join([*to.references, to.message_id])
    answer.set_content(f"{text}\n\n{attribution}\n\n{quoted}\n" if quoting else f"{text}\n", cte="quoted-printable")
    if as_html:
        said = html.escape(text).replace("\n", "<br>")
        above = f'<div dir="ltr" class="gmail_attr">{html.escape(attribution)}<br></div>'
        below = f'<blockquote class="gmail_quote">{to.html}</blockquote>'
        whole = f'<div dir="ltr">{said}</div><br><div class="gmail_quote">{above}{below}</div>'
        answer.add_alternative(whole, subtype="html", cte="quoted-printable")
    return answer.as_bytes()


def away(to: Received, sender: str) -> bytes:
    """Return an out-of-office answer as Exchange writes it; it quotes what it answers."""
    answer = EmailMessage(policy=policy.SMTP)
    answer["From"] = sender
    answer["To"] = to.bounces_to
    answer["Subject"] = f"Automatic reply: {to.header('Subject')}"
    answer["Date"] = format_datetime(localtime())
    answer["Message-ID"] = f"<{secrets.token_hex(8)}@{sender.partition('@')[2]}>"
    answer["In-Reply-To"] = to.message_id
    answer["Auto-Submitted"] = "auto-replied"
    answer["X-Auto-Response-Suppress"] = "All"
    answer.set_content(f"APPROVE\n\nI am away until Monday.\n\n-----Original Message-----\n{to.text}\n")
    return answer.as_bytes()


def visit(link: str, form: dict[str, str] | None = None, *, method: str = "") -> tuple[int, str]:
    """Open a page, or post a form to it; return the status and what the page says."""
    data = urllib.parse.urlencode(form).encode() if form is not None else None
    request = urllib.request.Request(link, data, method=method or ("POST" if data is not None else "GET"))
    try:
        with urllib.request.urlopen(request, timeout=30) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as page:
        with page:
            return page.code, page.read().decode()
