"""Open an incoming mail: bytes → header fields and text parts, within bounds, or `MailUnreadable`.

The standard library's parser is not used here. On mail that somebody made for the purpose it needs minutes (a hundred
nested multiparts and millions of lines), recurses 3,000 levels deep or raises what it likes, and its idea of where a header
ends differs from that of DKIM verifiers (docs/adr). This one is linear in the size of the mail, descends ten levels, and
refuses a header block in which two readers could see different fields. What a mail *means* is not decided here.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from mailgate.errors import MailUnreadable
from mailgate.mail.charsets import decode_words, text_of

MAX_BYTES = 10 * 1024 * 1024
"""A mail that is bigger is kept, not read. Exchange Online and Gmail take 25 to 35 MB, so attachments do come along."""

MAX_HEADER_BYTES = 64 * 1024
MAX_PARTS = 100
MAX_DEPTH = 10
MAX_TEXT = 1_000_000
"""Characters of text parts in all. Our own longest mail, quoted, is a tenth of it."""

Fields = tuple[tuple[str, str], ...]
"""Header fields in their order: name as written, value unfolded (RFC 5322 section 2.2.3), not decoded."""

_FIELD_NAME = re.compile(rb"[!-9;-~]+")  # printable ASCII but the colon (RFC 5322 section 2.2)
_BLANK_LINE = re.compile(rb"(?:\A|\r?\n)\r?\n")
_PARAMETER = re.compile(r';\s*([!#-\'*+.\w^`{|}~-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;"]*)')
_EXCHANGE_NAME = re.compile(r"name\*?\d{0,2}\*?\s?=\s?[\"']?(?:[\w-]{0,20}'\w{0,10}')?ATT\d+", re.IGNORECASE)
_CARDS = frozenset(("text/vcard", "text/x-vcard", "text/directory"))
_ENCODINGS = frozenset(("", "7bit", "8bit", "7-bit", "8-bit", "binary", "quoted-printable", "base64"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One incoming mail, opened.

    ``plain`` and ``html`` hold the texts of the body in their order, attachments not among them; ``part_types`` the
    content type of every part, depth first. ``unread`` says of each part that a client may show as part of the mail, and
    that is in none of the texts, what it is. ``delivery_status`` holds the field groups of a delivery report (RFC 3464),
    ``returned`` the header of the mail that a report or a forward carries. ``body`` is everything after the header, as it
    came, and ``boundary`` what divides it, if it is a multipart.
    """

    headers: Fields
    subject: str
    content_type: str
    report_type: str
    plain: tuple[str, ...]
    html: tuple[str, ...]
    part_types: tuple[str, ...]
    unread: tuple[str, ...]
    delivery_status: tuple[Fields, ...]
    returned: Fields
    body: bytes = b""
    boundary: str = ""

    def all(self, name: str) -> tuple[str, ...]:
        """Return the values of every top-level field of that name, in any case, from the top."""
        wanted = name.lower()
        return tuple(value for field, value in self.headers if field.lower() == wanted)

    def first(self, name: str) -> str:
        """Return the topmost value of that name, or an empty string."""
        return next(iter(self.all(name)), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One node of the part tree; ``content`` is still encoded."""

    fields: Fields
    content_type: str
    parameters: dict[str, str]
    content: bytes
    alternative: bool = False  # one of several forms of the same text (RFC 2046 section 5.1.4)


def open_mail(raw: bytes, *, unix_lines: bool = False) -> Mail:
    """Open a mail.

    Args:
        raw: the mail as the server holds it, lines ending in CRLF.
        unix_lines: also take a mail that has no CR at all, as files saved on Unix have; not for mail from a server.

    Raises:
        MailUnreadable: it is too big, too deep, has too many parts, or a header block that is ambiguous.
    """
    if len(raw) > MAX_BYTES:
        raise MailUnreadable(f"The mail has {len(raw)} bytes; at most {MAX_BYTES} are read.")
    if unix_lines:
        raw = on_the_wire(raw)
    header, body = _split_header(raw)
    _refuse_ambiguity(header)
    fields = _fields(header, strict=True)
    parts = _parts(_part(fields, body, default="text/plain"))
    texts = [(part.content_type, _text(part)) for part in parts if _is_body_text(part)]
    if sum(len(text) for _, text in texts) > MAX_TEXT:
        raise MailUnreadable(f"The mail has more than {MAX_TEXT} characters of text.")
    top = parts[0]
    return Mail(
        headers=fields,
        subject=decode_words(_first(fields, "subject")[:2000]).strip(),
        content_type=top.content_type,
        report_type=top.parameters.get("report-type", "").lower(),
        plain=tuple(text for kind, text in texts if kind == "text/plain"),
        html=tuple(text for kind, text in texts if kind == "text/html"),
        part_types=tuple(part.content_type for part in parts),
        unread=tuple(what for part in parts if (what := _unread(part))),
        delivery_status=next((_groups(part) for part in parts if part.content_type in _STATUS_TYPES), ()),
        returned=next((_returned(part) for part in parts if part.content_type in _RETURNED_TYPES), ()),
        body=body,
        boundary=_boundary(top) if top.content_type.startswith("multipart/") else "",
    )


def on_the_wire(raw: bytes) -> bytes:
    """Return a mail with the line ends it had on its way, if whoever saved it has turned them into those of Unix."""
    return raw if b"\r" in raw else raw.replace(b"\n", b"\r\n")


_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
_RETURNED_TYPES = ("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers")


def _split_header(raw: bytes) -> tuple[bytes, bytes]:
    """Split at the first empty line; a mail without one is all header."""
    end = raw.find(b"\r\n\r\n", 0, MAX_HEADER_BYTES + 4)
    header, body = (raw, b"") if end < 0 else (raw[: end + 2], raw[end + 4 :])
    if len(header) > MAX_HEADER_BYTES:
        raise MailUnreadable(f"The header has more than {MAX_HEADER_BYTES} bytes.")
    return header, body


def _refuse_ambiguity(header: bytes) -> None:
    """Refuse what one reader takes for the end of a line and another does not.

    dkimpy and the standard library disagree on a bare CR: ``Subject: x<CR>From: boss`` is one signed field to the one, a
    second From to the other.
    """
    if b"\0" in header:
        raise MailUnreadable("The header contains a NUL byte.")
    if header.count(b"\r") != header.count(b"\r\n") or header.count(b"\n") != header.count(b"\r\n"):
        raise MailUnreadable("The header contains a bare CR or LF.")


def _fields(header: bytes, *, strict: bool) -> Fields:
    """Split a header block into fields. Strict: whatever is not a field makes the mail unreadable, else it is skipped."""
    found: list[tuple[str, list[bytes]]] = []
    for line in re.split(rb"\r?\n", header):
        if line[:1] in (b" ", b"\t") and found:
            found[-1][1].append(line)
            continue
        name, colon, value = line.partition(b":")
        if colon and _FIELD_NAME.fullmatch(name):
            found.append((name.decode("ascii"), [value]))
        elif line.strip() and strict:
            raise MailUnreadable("The header has a line that is no field; the mail is damaged.")
    if strict and not found:
        raise MailUnreadable("The mail has no header.")
    return tuple((name, text_of(b"".join(lines), "utf-8").strip(" \t")) for name, lines in found)


def _first(fields: Fields, name: str) -> str:
    return next((value for field, value in fields if field.lower() == name), "")


def _part(fields: Fields, content: bytes, *, default: str) -> _Part:
    declared = [value for name, value in fields if name.lower() == "content-type"]
    if len(declared) > 1 or sum(name.lower() == "content-transfer-encoding" for name, _ in fields) > 1:
        raise MailUnreadable("A part says twice what it is.")
    value = declared[0][:4000] if declared else default
    kind = value.split(";", 1)[0].strip().lower()
    parameters: dict[str, str] = {}
    for name, text in _PARAMETER.findall(value):
        plain = re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text
        parameters.setdefault(name.lower(), plain)
    if not re.fullmatch(r"[\w.+-]+/[\w.+-]+", kind):
        kind = "text/plain"  # RFC 2045 section 5.2: a type that cannot be read is the default
    return _Part(fields=fields, content_type=kind, parameters=parameters, content=content)


def _parts(top: _Part) -> tuple[_Part, ...]:
    found = []
    for part in _walk(top, depth=0):
        found.append(part)
        if len(found) > MAX_PARTS:
            raise MailUnreadable(f"The mail has more than {MAX_PARTS} parts.")
    return tuple(found)


def _walk(part: _Part, *, depth: int) -> Iterator[_Part]:
    """Yield a part and what is in it, depth first. Attached mails are leaves: their texts are nobody's answer here."""
    if depth > MAX_DEPTH:
        raise MailUnreadable(f"The mail's parts are nested more than {MAX_DEPTH} deep.")
    yield part
    if part.content_type.startswith("multipart/"):
        default = "message/rfc822" if part.content_type == "multipart/digest" else "text/plain"
        for raw in _children(part):
            blank = _BLANK_LINE.search(raw)
            header, body = (raw[: blank.start()], raw[blank.end() :]) if blank else (raw, b"")
            child = _part(_fields(header[:MAX_HEADER_BYTES], strict=False), body, default=default)
            alternative = part.content_type == "multipart/alternative"
            yield from _walk(replace(child, alternative=alternative), depth=depth + 1)


def _children(part: _Part) -> Iterator[bytes]:
    """Yield what stands between the boundaries (RFC 2046 section 5.1.1); a missing last one is forgiven."""
    boundary = _boundary(part)
    if not boundary or len(boundary) > 200:
        raise MailUnreadable("A multipart has no boundary.")
    line = re.compile(rb"^--" + re.escape(boundary.encode()) + rb"(--)?[ \t]*\r?(?:\n|\Z)", re.MULTILINE)
    start: int | None = None
    for found in line.finditer(part.content):
        if start is not None:
            yield _without_last_line_end(part.content[start : found.start()])
        if found[1]:
            return
        start = found.end()
    if start is not None:
        yield part.content[start:]


def _boundary(part: _Part) -> str:
    return part.parameters.get("boundary", "").rstrip()


def _without_last_line_end(content: bytes) -> bytes:
    """The line end before a boundary belongs to the boundary."""
    return content[:-2] if content.endswith(b"\r\n") else content.removesuffix(b"\n")


def _is_body_text(part: _Part) -> bool:
    """Whether a part is text that its reader sees as the mail; a text file sent along is not."""
    if part.content_type not in ("text/plain", "text/html"):
        return False
    return not _is_named(part) and _disposition(part) != "attachment"


def _disposition(part: _Part) -> str:
    return _first(part.fields, "content-disposition").lower().split(";", 1)[0].strip()


def _is_named(part: _Part) -> bool:
    named = "filename" in _first(part.fields, "content-disposition").lower()
    return named or any(name.startswith("name") for name in part.parameters)


def _unread(part: _Part) -> str:
    """Say what a part is that a client may show as part of the mail though it is no body text here; else nothing.

    Exchange sends what follows a picture as a file ``ATT00001.txt`` or ``.htm``, and Outlook shows it in its place. Of the
    forms of ``multipart/alternative`` each client picks its own. A file that is plainly attached is none of these.
    """
    kind = part.content_type
    if kind.startswith("multipart/") or _is_body_text(part):
        return ""
    if kind in ("text/calendar", "application/ics"):
        return "a calendar entry"
    if kind in ("application/ms-tnef", "application/vnd.ms-tnef"):
        return "a part in Outlook's own format (winmail.dat)"
    if _EXCHANGE_NAME.search(_first(part.fields, "content-disposition") + ";" + _first(part.fields, "content-type")):
        return "a rest of its text as a file (ATT00001)"
    if part.alternative:
        return f"another form of its text ({kind[:40]})"
    if kind in _CARDS or _disposition(part) == "attachment":
        return ""
    if kind in ("message/rfc822", "message/global"):
        return "another mail in it"
    return f"a text of its own ({kind[:40]})" if kind.startswith("text/") else ""


def _decoded(part: _Part) -> bytes:
    encoding = _first(part.fields, "content-transfer-encoding").split(";", 1)[0].strip().lower()
    if encoding not in _ENCODINGS:
        raise MailUnreadable(f"A text part is encoded as {encoding[:40]!r}, which is not read.")
    if encoding == "quoted-printable":
        return binascii.a2b_qp(part.content)
    if encoding == "base64":
        letters = re.sub(rb"[^A-Za-z0-9+/]", b"", part.content)
        letters = letters[: len(letters) - 1] if len(letters) % 4 == 1 else letters
        return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))
    return part.content


def _text(part: _Part) -> str:
    charset = part.parameters.get("charset", "").rsplit("'", 1)[-1]
    return text_of(_decoded(part), charset or "utf-8")


def _groups(part: _Part) -> tuple[Fields, ...]:
    """Read the field groups of a delivery report: one about the message, one for each recipient."""
    blocks = re.split(rb"\r?\n(?:[ \t]*\r?\n)+", _decoded(part)[:MAX_HEADER_BYTES].strip())
    return tuple(fields for block in blocks[:MAX_PARTS] if (fields := _fields(block, strict=False)))


def _returned(part: _Part) -> Fields:
    blank = _BLANK_LINE.search(part.content)
    return _fields(part.content[: blank.start() if blank else MAX_HEADER_BYTES][:MAX_HEADER_BYTES], strict=False)
