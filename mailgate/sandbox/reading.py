"""A mail as a mail client shows it: bytes to text, HTML, attachments. Pure, and never raises on a mail.

It is a typical client, lenient on purpose; what mailgate believes of a mail is decided elsewhere and far more strictly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses
from functools import lru_cache
from html.parser import HTMLParser

from mailgate.sandbox.headers import MESSAGE_ID, split_message, values_of

_MOST_PARTS = 200
_UNSHOWN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SILENT_TAGS = frozenset({"head", "style", "script", "title", "template"})
_BLOCKS = frozenset({"p", "h1", "h2", "h3", "h4", "table", "blockquote", "ul", "ol"})
_LINES = _BLOCKS | {"br", "div", "tr", "li", "hr"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A part that is offered for download; ``part`` is its place in a depth-first walk, from 0."""

    part: int
    filename: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondent:
    """A name and an address; the name is the address where there is none."""

    name: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMail:
    """What a client shows of one mail. ``html`` is None where there is no such part; ``text`` is then never empty."""

    subject: str
    author: Correspondent
    recipients: tuple[Correspondent, ...]
    reply_to: tuple[Correspondent, ...]
    date: str
    message_id: str
    references: tuple[str, ...]
    checked: str
    is_automatic: bool
    text: str
    html: str | None
    attachments: tuple[Attachment, ...]


def _decoded(value: str) -> str:
    try:
        text = str(make_header(decode_header(value.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))))
    except Exception:  # the standard library's header decoder fails in many ways on hostile input
        text = value.encode("ascii", "replace").decode()
    return " ".join(_UNSHOWN.sub("\N{REPLACEMENT CHARACTER}", text).split())


def _correspondents(values: tuple[str, ...]) -> tuple[Correspondent, ...]:
    try:
        pairs = getaddresses(list(values))
    except Exception:
        return ()
    return tuple(Correspondent(name=_decoded(n) or _decoded(a), address=_decoded(a)) for n, a in pairs if a)


def _checked(fields: tuple[bytes, ...]) -> str:
    """Return what the topmost Authentication-Results field says of DMARC: ``pass``, ``fail`` or nothing."""
    topmost = next(iter(values_of(fields, "Authentication-Results")), "")
    found = re.search(r";\s*dmarc=(\w+)", topmost)
    return found[1] if found else ""


def _decoded_text(part: Message) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    charset = part.get_content_charset() or "utf-8"
    try:
        text = content.decode(charset, "replace")
    except (LookupError, ValueError):
        text = content.decode("latin-1")
    return _UNSHOWN.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\r", "\n"))


def _inner(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [p for p in payload if isinstance(p, Message)] if isinstance(payload, list) else []


def _leaves(message: Message) -> Iterator[Message]:
    """Yield the parts that hold content, depth first; an attached message is one leaf."""
    waiting = [message]
    for _ in range(_MOST_PARTS):
        if not waiting:
            return
        part = waiting.pop()
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            waiting.extend(reversed(_inner(part)))
        else:
            yield part


def _attachment(number: int, part: Message) -> Attachment:
    if part.is_multipart():  # message/rfc822 and message/delivery-status hold messages, not a body
        content = b"\r\n".join(p.as_bytes() for p in _inner(part))
    else:
        decoded = part.get_payload(decode=True)
        content = decoded if isinstance(decoded, bytes) else b""
    media_type = part.get_content_type()
    ending = {"message/rfc822": ".eml", "text/html": ".html", "application/json": ".json"}.get(media_type, ".txt")
    filename = _decoded(part.get_filename() or "").replace("/", "_").strip() or f"part-{number + 1}{ending}"
    return Attachment(part=number, filename=filename, media_type=media_type, content=content)


class _PlainText(HTMLParser):
    """Collects what is readable of an HTML mail, for a mail without a text part."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in _SILENT_TAGS
        if tag in _LINES:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._silent = max(0, self._silent - (tag in _SILENT_TAGS))
        if tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.pieces.append(re.sub(r"\s+", " ", data))


def text_of_html(html: str) -> str:
    """Return the readable text of ``html``, a line per block, without styles and scripts."""
    parser = _PlainText()
    parser.feed(html)
    parser.close()
    return re.sub(r"\s*\n\s*\n\s*", "\n\n", "".join(parser.pieces)).strip()


def _bodies(raw: bytes) -> tuple[str, str | None, tuple[Attachment, ...]]:
    text: str | None = None
    html: str | None = None
    attachments: list[Attachment] = []
    for number, part in enumerate(_leaves(message_from_bytes(raw))):
        is_inline = part.get_content_disposition() != "attachment" and not part.get_filename()
        if is_inline and text is None and part.get_content_type() == "text/plain":
            text = _decoded_text(part)
        elif is_inline and html is None and part.get_content_type() == "text/html":
            html = _decoded_text(part)
        else:
            attachments.append(_attachment(number, part))
    if text is None:
        text = text_of_html(html or "")
    return text, html, tuple(attachments)


@lru_cache(maxsize=512)
def read_mail(raw: bytes) -> ReadMail:
    """Return ``raw`` as a client shows it; a mail that cannot be taken apart is shown as its bytes."""
    fields, rest = split_message(raw)
    authors = _correspondents(values_of(fields, "From"))
    unknown = Correspondent(name="unknown sender", address="")
    earlier = values_of(fields, "References") or values_of(fields, "In-Reply-To")
    ids = MESSAGE_ID.findall(" ".join(values_of(fields, "Message-ID")))
    shown = ReadMail(
        subject=_decoded(" ".join(values_of(fields, "Subject")[:1])) or "(no subject)",
        author=authors[0] if authors else unknown,
        recipients=_correspondents((*values_of(fields, "To"), *values_of(fields, "Cc"))),
        reply_to=_correspondents(values_of(fields, "Reply-To")) or authors[:1],
        date=_decoded(" ".join(values_of(fields, "Date")[:1])),
        message_id=ids[0] if ids else "",
        references=tuple(MESSAGE_ID.findall(" ".join(earlier))),
        checked=_checked(fields),
        is_automatic=any(v.strip().lower() != "no" for v in values_of(fields, "Auto-Submitted")),
        text="",
        html=None,
        attachments=(),
    )
    try:
        text, html, attachments = _bodies(raw)
    except Exception:  # nested ten thousand deep, or one of the parser's own faults
        return replace(shown, text=rest.decode("utf-8", "replace").strip())
    return replace(shown, text=text, html=html, attachments=attachments)
