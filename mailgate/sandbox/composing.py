"""What a mail client makes of "Reply": subject, threading, quote, bytes. Pure; chance and time are handed in."""

from __future__ import annotations

import html as markup
import re
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr

from mailgate.sandbox.accounts import Account
from mailgate.sandbox.headers import write_field
from mailgate.sandbox.reading import Correspondent, ReadMail

_REPLY_PREFIX = re.compile(r"re\s*:", re.IGNORECASE)
_BODY = re.compile(r"<body[^>]*>(.*?)(?:</body>|$)", re.IGNORECASE | re.DOTALL)
# Clients shorten long threads too; the first id and the latest ones keep a thread together.
_MOST_REFERENCES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply ready to be handed in: its bytes and whom it goes to."""

    raw: bytes
    recipients: tuple[str, ...]


def attribution(original: ReadMail, *, received_at: datetime) -> str:
    """Return the line above a quote, in the words of a widespread client."""
    who = original.author
    named = who.address if who.name == who.address else f"{who.name} <{who.address}>"
    return f"On {received_at:%a, %d %b %Y at %H:%M}, {named} wrote:"


def quote(original: ReadMail, *, received_at: datetime) -> str:
    """Return the attribution and the original's text, each line behind ``> `` (``>`` before a line that is quoted)."""
    lines = original.text.rstrip("\n").split("\n")
    quoted = "\n".join(f">{line}" if line.startswith(">") else f"> {line}".rstrip() for line in lines)
    return f"{attribution(original, received_at=received_at)}\n\n{quoted}\n"


def _quoted_html(original: ReadMail, *, received_at: datetime) -> str:
    line = markup.escape(attribution(original, received_at=received_at))
    if original.html is None:
        inside = markup.escape(original.text).replace("\n", "<br>\n")
    else:
        body = _BODY.search(original.html)
        inside = body[1] if body else original.html
    return f'<div>{line}</div>\n<blockquote type="cite">\n{inside}\n</blockquote>'


def _subject(original: ReadMail) -> str:
    subject = original.subject
    return subject if _REPLY_PREFIX.match(subject) else f"Re: {subject}"


def _field(name: str, text: str) -> bytes:
    """Return a header field of free text, in encoded words where it is not plain ASCII (RFC 2047)."""
    if text.isascii() and "=?" not in text:
        return write_field(name, text)
    return write_field(name, " ".join(Header(text, "utf-8").encode(linesep=" ").split()))


def _named(correspondent: Correspondent) -> str:
    address = correspondent.address.encode("ascii", "replace").decode().replace("?", "_")
    name = correspondent.name if correspondent.name != correspondent.address else ""
    return formataddr((name, address))


def _encoding(text: str) -> str | None:
    """Return what clients use beyond ASCII; left to itself the standard library may take base64."""
    return None if text.isascii() else "quoted-printable"


def _bodies(text: str, html: str | None) -> bytes:
    mime = EmailMessage(policy=SMTP)
    mime.set_content(text, cte=_encoding(text))
    if html is not None:
        mime.add_alternative(html, subtype="html", cte=_encoding(html))
    return mime.as_bytes()


def reply_to(
    original: ReadMail,
    *,
    received_at: datetime,
    writer: Account,
    text: str,
    html: str | None,
    written_at: datetime,
    token: str,
) -> Reply:
    """Return ``writer``'s reply: ``text`` above the quoted original, To its Reply-To (RFC 5322 section 3.6.4).

    With ``html`` (what the writer typed, as markup) the reply carries both, and both quote.

    Raises:
        ValueError: an original that names nobody to reply to.
    """
    if not original.reply_to:
        raise ValueError("This mail names nobody who could be answered.")
    ids = (*original.references, original.message_id) if original.message_id else original.references
    if len(ids) > _MOST_REFERENCES:
        ids = (ids[0], *ids[1 - _MOST_REFERENCES :])
    head = [
        write_field("From", formataddr((writer.name, writer.address))),
        write_field("To", ", ".join(_named(c) for c in original.reply_to)),
        _field("Subject", _subject(original)),
        write_field("Date", format_datetime(written_at)),
        write_field("Message-ID", f"<{token}@client.{writer.address.rpartition('@')[2]}>"),
        write_field("User-Agent", "mailgate sandbox"),
    ]
    if original.message_id:
        head.append(write_field("In-Reply-To", original.message_id))
    if ids:
        head.append(write_field("References", " ".join(ids)))
    whole = f"{text.strip()}\n\n{quote(original, received_at=received_at)}"
    both = None if html is None else f"{html}\n<br>\n{_quoted_html(original, received_at=received_at)}"
    recipients = tuple(dict.fromkeys(c.address for c in original.reply_to))
    return Reply(raw=b"".join(head) + _bodies(whole, both), recipients=recipients)
