"""A mail as bytes (RFC 5322, 2045, 2046), written by hand and read back to see that it says what was meant.

The standard library's generator is not used: on Python 3.11.7 and 3.12.1 an encoded word in a header can become a line
of its own (CVE-2024-6923), and on every version it turns long ids in References into encoded words, which breaks
threads. So headers are written here, from values that cannot hold a line end, and folded at blanks only.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import Message
from email.utils import format_datetime, parseaddr

from mailgate.errors import ComposeError
from mailgate.mail.characters import is_hidden
from mailgate.mail.letter import AttachedFile

MAX_ID = 64
"""Characters of our own Message-IDs: In-Reply-To stays within a line of 78, References fold, and no client cuts them."""

EVIDENCE_NAME = "mailgate-evidence.json"

_LINE = 76  # RFC 5322 section 2.1.1 recommends 78; RFC 2045 section 6.7 allows 76 for quoted-printable
_LONGEST_LINE = 998  # RFC 5322 section 2.1.1
_LONGEST_7BIT = 900  # room for whoever quotes or marks a line on its way
_LONGEST_WORD = 500  # a header cannot be folded within a word
_ENCODED_BYTES = 45  # of UTF-8 in one encoded word, so that it stays within 75 characters (RFC 2047 section 2)
_PRINTABLE = re.compile(r"[!-~]+(?: [!-~]+)*")
_ID = re.compile(r"<[!-;=?-~]+@[!-;=?-~]+>")
_OWN_ID = re.compile(r"<[A-Za-z0-9][A-Za-z0-9._+-]*@[A-Za-z0-9.-]+>")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9]+(?: [A-Za-z0-9]+)*")
_FILE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,60}\.(?:txt|json)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """What goes into the header block. Nothing an agent wrote belongs here.

    Attributes:
        message_id: ours, with angle brackets, at most 64 characters.
        references, in_reply_to: earlier ids of the thread; ``in_reply_to`` may be empty. Ids of others go here only if
            :func:`usable_id` takes them.
        sender, recipient, reply_to: name and address. Names may be any text without hidden characters.
        date: aware.
        subject: ASCII, single blanks; see :func:`subject_line`.
        auto_submitted: empty, ``auto-generated`` or ``auto-replied`` (RFC 3834 section 5).
        instance: the value of ``X-Mailgate-Instance``, by which we know our own mail.
    """

    message_id: str
    sender: tuple[str, str]
    recipient: tuple[str, str]
    date: datetime
    subject: str
    instance: str
    reply_to: tuple[str, str] | None = None
    references: tuple[str, ...] = ()
    in_reply_to: str = ""
    auto_submitted: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A leaf: its type, the name it is attached under (or none), its content, and how that is written."""

    media_type: str
    file_name: str
    content: bytes
    transfer_encoding: str
    body: bytes


def subject_line(action: str, short_code: str) -> str:
    """Return the constant subject of a request's thread: ``issue_refund (R-7K2M9Q)``. Anything odd becomes ``_``."""
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '_', action)[:64] or '_'} ({re.sub(r'[^A-Za-z0-9-]', '_', short_code)[:32]})"


def usable_id(text: str) -> bool:
    """Return whether ``text`` is a message id (RFC 5322 section 3.6.4) that may stand in our References."""
    return bool(_ID.fullmatch(text)) and len(text) <= _LONGEST_WORD and "=?" not in text


def write_mail(
    headers: Headers, text: str, html: str, *, evidence: bytes | None = None, files: tuple[AttachedFile, ...] = ()
) -> bytes:
    """Return the mail: CRLF, ASCII, ``multipart/mixed(alternative(text, html), files, evidence)``.

    Without files and evidence it is the alternative alone. Text is 7bit or quoted-printable, never base64. The bytes
    are parsed again, twice, and compared with what was meant.

    Raises:
        ComposeError: a header value that is not allowed, or bytes that do not read back as meant.
    """
    fields = _fields(headers)
    alternative = [_text_part("text/plain", text), _text_part("text/html", html)]
    attached = [_attachment(file.name, file.content) for file in files]
    attached += [_attachment(EVIDENCE_NAME, evidence)] if evidence is not None else []
    names = [part.file_name for part in attached]
    if len(set(names)) != len(names):
        raise ComposeError(f"Two attachments of one mail have the same name ({', '.join(names)}).")
    seed = hashlib.sha256(b"\n".join([headers.message_id.encode(), *(p.body for p in (*alternative, *attached))]))
    inner_type, inner = _multipart("alternative", [_leaf(part) for part in alternative], seed.hexdigest()[:24])
    top_type, body = inner_type, inner
    if attached:
        block = f"Content-Type: {inner_type}\r\n\r\n".encode() + inner
        top_type, body = _multipart("mixed", [block, *map(_leaf, attached)], seed.hexdigest()[24:48])
    fields += [("MIME-Version", ["1.0"]), ("Content-Type", top_type.split(" "))]
    raw = b"".join(_folded(name, words) for name, words in fields) + b"\r\n" + body
    _compare(raw, fields, headers, alternative, attached)
    return raw


def _fields(headers: Headers) -> list[tuple[str, list[str]]]:
    """Return the header fields in order, each value as the words it may be folded between."""
    if headers.date.tzinfo is None:
        raise ComposeError("The date of a mail has no time zone; pass an aware one.")
    if not _OWN_ID.fullmatch(headers.message_id) or len(headers.message_id) > MAX_ID:
        raise ComposeError(
            f"{headers.message_id!r} is not one of our message ids (<name@domain>, {MAX_ID} characters)."
        )
    earlier = [*headers.references, *([headers.in_reply_to] if headers.in_reply_to else [])]
    for reference in earlier:
        if not usable_id(reference):
            raise ComposeError(f"{reference!r} cannot stand in References; leave it out.")
    if headers.auto_submitted not in {"", "auto-generated", "auto-replied"}:
        raise ComposeError(f"{headers.auto_submitted!r} is not a value of Auto-Submitted (RFC 3834 section 5).")
    fields = [
        ("Date", format_datetime(headers.date).split(" ")),
        ("From", _mailbox(headers.sender)),
        ("To", _mailbox(headers.recipient)),
        ("Reply-To", _mailbox(headers.reply_to) if headers.reply_to else []),
        ("Subject", _words("subject", headers.subject)),
        ("Message-ID", [headers.message_id]),
        ("In-Reply-To", [headers.in_reply_to] if headers.in_reply_to else []),
        ("References", list(headers.references)),
        ("Auto-Submitted", [headers.auto_submitted] if headers.auto_submitted else []),
        ("X-Mailgate-Instance", _words("instance", headers.instance)),
    ]
    return [(name, words) for name, words in fields if words]


def _words(what: str, value: str) -> list[str]:
    if not _PRINTABLE.fullmatch(value) or "=?" in value or any(len(w) > _LONGEST_WORD for w in value.split(" ")):
        raise ComposeError(f"The {what} {value!r} cannot stand in a header: printable ASCII with single blanks only.")
    return value.split(" ")


def _mailbox(mailbox: tuple[str, str]) -> list[str]:
    name, address = mailbox
    is_too_long = len(address) > 254 or address.find("@") > 64  # RFC 5321 sections 4.5.3.1.1 and 4.5.3.1.3
    if not _ADDRESS.fullmatch(address) or is_too_long or "=?" in address:
        raise ComposeError(f"{address!r} is not a mail address that can stand in a header (ASCII, name@domain).")
    if any(map(is_hidden, name)) or len(name) > 200 or name != name.strip():
        raise ComposeError(f"The name {name!r} cannot stand in a header: it is too long or holds hidden characters.")
    if not name:
        return [address]
    return [*_phrase(name), f"<{address}>"]


def _phrase(name: str) -> list[str]:
    if _PLAIN_NAME.fullmatch(name):
        return name.split(" ")
    if name.isascii() and "=?" not in name:
        return ['"{}"'.format(name.replace("\\", "\\\\").replace('"', '\\"'))]
    chunks, chunk = [], ""
    for char in name:
        if len((chunk + char).encode()) > _ENCODED_BYTES:
            chunks.append(chunk)
            chunk = ""
        chunk += char
    return [f"=?utf-8?b?{base64.b64encode(part.encode()).decode()}?=" for part in (*chunks, chunk)]


def _folded(name: str, words: list[str]) -> bytes:
    lines = [f"{name}:"]
    for word in words:
        if len(lines[-1]) + 1 + len(word) > _LINE and lines[-1] != f"{name}:":
            lines.append("")
        lines[-1] += f" {word}"
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")


def _text_part(media_type: str, text: str) -> _Part:
    content = text.encode()
    lines = text.split("\n")
    # Bare "From " lines are altered by mbox files, lone dots by careless relays.
    is_plain = text.isascii() and not any(
        len(line) > _LONGEST_7BIT or line.startswith("From ") or line == "." or line != line.rstrip() for line in lines
    )
    if is_plain:
        return _Part(
            media_type=media_type,
            file_name="",
            content=content,
            transfer_encoding="7bit",
            body=content.replace(b"\n", b"\r\n"),
        )
    body = binascii.b2a_qp(content, istext=True).replace(b"\n", b"\r\n")
    body = re.sub(rb"(?m)^From ", b"=46rom ", body)
    return _Part(media_type=media_type, file_name="", content=content, transfer_encoding="quoted-printable", body=body)


def _attachment(name: str, content: bytes) -> _Part:
    if not _FILE_NAME.fullmatch(name):
        raise ComposeError(
            f"{name!r} cannot name an attachment: lower case letters, digits, '-', ending .txt or .json."
        )
    # As binary: line ends are encoded too, so that the digest of a saved file is the one that was printed.
    body = binascii.b2a_qp(content, istext=False).replace(b"\n", b"\r\n")
    media_type = "application/json" if name.endswith(".json") else "text/plain"
    return _Part(
        media_type=media_type, file_name=name, content=content, transfer_encoding="quoted-printable", body=body
    )


def _leaf(part: _Part) -> bytes:
    charset = "; charset=utf-8" if part.media_type.startswith("text/") else ""
    lines = [f"Content-Type: {part.media_type}{charset}", f"Content-Transfer-Encoding: {part.transfer_encoding}"]
    if part.file_name:
        lines.append(f'Content-Disposition: attachment; filename="{part.file_name}"')
    return "".join(f"{line}\r\n" for line in lines).encode("ascii") + b"\r\n" + part.body


def _multipart(subtype: str, parts: list[bytes], seed: str) -> tuple[str, bytes]:
    boundary = f"=_{seed}"  # "=_" occurs in no quoted-printable text
    if any(boundary.encode() in part for part in parts):
        raise ComposeError("A part of the mail holds the line that was to separate the parts.")
    body = b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()
    return f'multipart/{subtype}; boundary="{boundary}"', body


def _compare(
    raw: bytes,
    fields: list[tuple[str, list[str]]],
    headers: Headers,
    alternative: list[_Part],
    attached: list[_Part],
) -> None:
    if (
        not raw.isascii()
        or b"\0" in raw
        or raw.replace(b"\r\n", b"").count(b"\n")
        or b"\r" in raw.replace(b"\r\n", b"")
    ):
        raise ComposeError("The mail holds bytes that do not survive transport.")
    if any(len(line) > _LONGEST_LINE for line in raw.split(b"\r\n")):
        raise ComposeError(f"The mail holds a line of more than {_LONGEST_LINE} characters.")
    parsed = message_from_bytes(raw, policy=policy.compat32)
    found = [(name, re.sub(r"\r?\n(?=[ \t])", "", str(value))) for name, value in parsed.items()]
    if found != [(name, " ".join(words)) for name, words in fields]:
        raise ComposeError("The header block does not read back as it was meant.")
    tree: object = [_meant(part) for part in alternative]
    if attached:
        tree = [tree, *map(_meant, attached)]
    if _tree(parsed) != tree:
        raise ComposeError("The parts of the mail do not read back as they were meant.")
    mailboxes = {"From": headers.sender, "To": headers.recipient, "Reply-To": headers.reply_to}
    if any(_read_mailbox(parsed[name]) != meant for name, meant in mailboxes.items()):
        raise ComposeError("The names and addresses of the mail do not read back as they were meant.")
    strict = message_from_bytes(raw, policy=policy.default)
    if any([a.addr_spec for a in strict[name].addresses] != [box[1]] for name, box in mailboxes.items() if box):
        raise ComposeError("The addresses of the mail do not read back as they were meant.")
    if any(part.defects for part in strict.walk()):
        raise ComposeError("The mail reads back with defects.")


def _meant(part: _Part) -> tuple[str, str, bytes]:
    return part.media_type, part.file_name, part.content


def _tree(message: Message) -> object:
    if message.is_multipart():
        return [_tree(part) for part in message.get_payload() if isinstance(part, Message)]
    content = message.get_payload(decode=True)
    decoded = content if isinstance(content, bytes) else b""
    name = message.get_filename() or ""
    return message.get_content_type(), name, decoded if name else decoded.replace(b"\r\n", b"\n")


def _read_mailbox(value: str | None) -> tuple[str, str] | None:
    # Not by headerregistry, which puts a blank between two encoded words of one name (3.11.7, 3.13.0).
    if value is None:
        return None
    name, address = parseaddr(value)
    return str(make_header(decode_header(name))), address
