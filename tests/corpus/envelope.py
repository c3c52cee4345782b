"""From a body to the bytes of a mail as the mail server delivered it: header, charsets, transfer encodings, boundaries.

Everything here is a function of its arguments, so that the same corpus comes out wherever it is generated. Lines end in
CRLF, as a server sends them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import textwrap
from dataclasses import dataclass, field

from tests.corpus import ours
from tests.corpus.clients.shape import Body, Client, Transfer
from tests.corpus.people import Writer

SERVER = "mx.gate.example.com"
"""The mail server whose Authentication-Results the corpus is read with."""

_FLOWED_AT = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail of the corpus, and what is expected of it.

    ``means`` is what a person reads in it. ``read`` says what mailgate reads instead, where that is something else and
    ``why`` says why that is right; ``clear`` counts it among the answers that ought to be counted at once. ``would`` is what
    is done with a mail that is no reply; ``words`` the languages whose words are turned on.
    """

    name: str
    raw: bytes
    group: str
    language: str = "en"
    kind: str = "reply"
    level: str = "aligned"
    means: str = "none"
    clear: bool = False
    read: str = ""
    why: str = ""
    would: str = ""
    words: tuple[str, ...] = field(default=())


def digest(name: str, length: int = 16) -> str:
    """Return hexadecimal digits that look like chance and are the same every time."""
    return hashlib.sha256(name.encode()).hexdigest()[:length]


def header(
    name: str,
    writer: Writer,
    *,
    program: tuple[str, str] | None = None,
    subject: str = f"Re: {ours.SUBJECT}",
    charset: str = "utf-8",
    proven: bool = True,
    more: tuple[tuple[str, str], ...] = (),
) -> str:
    """Return the header of a reply, from Return-Path to MIME-Version."""
    verdict = f"dkim=pass header.d={writer.domain}; dmarc=pass header.from={writer.domain}" if proven else "dmarc=none"
    fields = (
        ("Return-Path", f"<{writer.address}>"),
        ("Delivered-To", ours.REPLY_TO),
        ("Authentication-Results", f"{SERVER}; {verdict}"),
        ("Received", f"from mail.{writer.domain} by {SERVER} with ESMTPS; Tue, 24 Nov 2026 15:42:07 +0000"),
        ("From", f"{encoded_word(writer.name, charset)} <{writer.address}>"),
        ("To", f"Approvals <{ours.REPLY_TO}>"),
        ("Subject", encoded_word(subject, charset)),
        ("Date", "Tue, 24 Nov 2026 15:42:05 +0000"),
        ("Message-ID", f"<{digest(name)}@{writer.domain}>"),
        ("In-Reply-To", ours.MESSAGE_ID),
        ("References", ours.MESSAGE_ID),
        *((program,) if program else ()),
        *more,
        ("MIME-Version", "1.0"),
    )
    return "".join(f"{field}: {value}\r\n" for field, value in fields)


def encoded_word(text: str, charset: str = "utf-8") -> str:
    """Return header text, as encoded words of at most 75 characters where it is not ASCII (RFC 2047)."""
    if text.isascii():
        return text
    words: list[str] = []
    piece = ""
    for letter in text:
        if len(_word(piece + letter, charset)) > 75:
            words.append(_word(piece, charset))
            piece = ""
        piece += letter
    return "\r\n ".join((*words, _word(piece, charset)))


def _word(text: str, charset: str) -> str:
    return f"=?{charset}?B?{base64.b64encode(text.encode(charset, 'replace')).decode()}?="


def written(head: str, body: Body, client: Client, writer: Writer, name: str) -> bytes:
    """Return the mail of a body: one part, or two alternatives."""
    parts = [(kind, text) for kind, text in (("plain", body.plain), ("html", body.html)) if text is not None]
    if len(parts) == 1:
        return head.encode() + part(*parts[0], client.transfer, writer)
    boundary = client.boundary.format(digest(name))
    raw = f'{head}Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n'.encode()
    for kind, text in parts:
        raw += f"--{boundary}\r\n".encode() + part(kind, text, client.transfer, writer) + b"\r\n"
    return raw + f"--{boundary}--\r\n".encode()


def part(kind: str, text: str, transfer: Transfer, writer: Writer) -> bytes:
    """Return one text part with its own header."""
    charset = charset_for(text, transfer, writer)
    flowed = transfer.flowed and kind == "plain"
    lines = (flow(text) if flowed else text).split("\n")
    content = [line.encode(charset) for line in lines]
    encoding = transfer.encoding
    if encoding == "auto" or charset == "iso-2022-jp":
        encoding = "7bit" if all(line.isascii() for line in content) else "8bit"
    head = f"Content-Type: text/{kind}; charset={charset}{'; format=flowed' if flowed else ''}\r\n"
    head += f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + encoded(content, encoding)


def charset_for(text: str, transfer: Transfer, writer: Writer) -> str:
    """Return the charset that a client picks: its language's own where that holds the text, else UTF-8."""
    own = writer.charset if transfer.charset == "own" else "utf-8"
    for charset in ("us-ascii", own):
        if charset == "us-ascii" and transfer.charset == "utf-8" and transfer.encoding != "auto":
            continue
        try:
            text.encode(charset)
        except UnicodeEncodeError:
            continue
        return charset
    return "utf-8"


def encoded(lines: list[bytes], encoding: str) -> bytes:
    """Return lines as one encoded text; the last line gets no end of its own."""
    if encoding == "base64":
        letters = base64.b64encode(b"\r\n".join(lines)).decode()
        return "\r\n".join(letters[at : at + 76] for at in range(0, len(letters), 76)).encode() + b"\r\n"
    if encoding == "quoted-printable":
        lines = [binascii.b2a_qp(line, istext=True).replace(b"=\n", b"=\r\n") for line in lines]
    return b"\r\n".join(lines)


def flow(text: str) -> str:
    """Return text with long lines broken by RFC 3676: a blank before a break says that the line goes on."""
    flowed: list[str] = []
    for line in text.split("\n"):
        mark = "> " if line.startswith(">") else ""
        pieces = textwrap.wrap(
            line[len(mark) :], _FLOWED_AT - len(mark), break_long_words=False, break_on_hyphens=False
        )
        if len(line) <= _FLOWED_AT or len(pieces) < 2:
            flowed.append(line)
        else:
            flowed += [f"{mark}{piece} " for piece in pieces[:-1]] + [f"{mark}{pieces[-1]}"]
    return "\n".join(flowed)
