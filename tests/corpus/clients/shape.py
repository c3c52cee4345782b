"""What a client makes of an answer: the records, and the strokes that clients draw with."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.corpus import ours
from tests.corpus.people import Writer
from tests.corpus.wording import WHO, Wording

Position = Literal["top", "bottom", "interleaved"]

_LONG = 78
"""Characters of a line that clients which quote line by line wrap before they send it (RFC 5322 section 2.1.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer to our mail, before a client draws it.

    ``quoted`` and ``markup`` are our mail as text and as the inside of an HTML body.
    """

    text: str
    writer: Writer
    wording: Wording
    position: Position = "top"
    quoted: str
    markup: str

    @property
    def to(self) -> str:
        """The person as a header names her."""
        return f"{self.writer.name} <{self.writer.address}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What stands in a mail: a text part, an HTML part, or both."""

    plain: str | None = None
    html: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """How a client puts text into bytes.

    ``charset`` is ``utf-8``, or ``own`` for what the writer's language had before it; ``encoding`` a
    Content-Transfer-Encoding, or ``auto``: 7bit where the text allows it, else 8bit. ``flowed`` is RFC 3676.
    """

    charset: Literal["utf-8", "own"] = "utf-8"
    encoding: Literal["auto", "8bit", "quoted-printable", "base64"] = "quoted-printable"
    flowed: bool = False


QP = Transfer()
BASE64 = Transfer(encoding="base64")
EIGHT = Transfer(encoding="auto")
OWN = Transfer(charset="own", encoding="quoted-printable")
OWN_EIGHT = Transfer(charset="own", encoding="auto")
FLOWED = Transfer(encoding="auto", flowed=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One mail client. ``program`` is the header field by which it tells its name, if it does."""

    name: str
    write: Callable[[Reply], Body]
    languages: tuple[str, ...] = ("en",)
    positions: tuple[Position, ...] = ("top",)
    program: tuple[str, str] | None = None
    transfer: Transfer = QP
    boundary: str = "=_{}"


def prefixed(text: str, mark: str = "> ") -> str:
    """Quote line by line; empty lines get the mark without its blank."""
    return "\n".join(f"{mark}{line}".rstrip() for line in text.split("\n"))


def folded(line: str, width: int = 76) -> str:
    """Wrap a line at blanks, as clients do with attributions."""
    return "\n".join(textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False))


def header_lines(reply: Reply, *, bold: bool = False, labels: tuple[str, str, str, str] | None = None) -> str:
    """Return the repeated header as text."""
    pairs = reply.wording.header(reply.to)
    pairs = tuple(zip(labels, (value for _, value in pairs), strict=True)) if labels else pairs
    return "\n".join(f"*{label}* {value}" if bold else f"{label} {value}" for label, value in pairs)


def header_markup(reply: Reply, *, labels: tuple[str, str, str, str] | None = None) -> str:
    """Return the repeated header as HTML."""
    pairs = reply.wording.header(reply.to)
    pairs = tuple(zip(labels, (value for _, value in pairs), strict=True)) if labels else pairs
    return "<br>".join(f"<b>{label}</b> {html.escape(value)}" for label, value in pairs)


def said(template: str, *, escape: bool = False) -> str:
    """Return an attribution with our name in it."""
    line = template.format(who=WHO)
    return html.escape(line) if escape else line


def blocks(text: str, tag: str = "div", inside: str = "<br>") -> str:
    """Turn text into HTML, a block for each line."""
    name = tag.split(maxsplit=1)[0]
    return "".join(f"<{tag}>{html.escape(line) or inside}</{name}>" for line in text.split("\n"))


def broken(text: str, mark: str = "") -> str:
    """Turn text into HTML, a line break after each line."""
    return "<br>".join(html.escape(mark + line) for line in text.split("\n"))


def page(inside: str, *, head: str = "", body: str = "") -> str:
    """Return a whole HTML document."""
    return f"<html><head>{head}</head><body{f' {body}' if body else ''}>{inside}</body></html>"


def around(reply: Reply, frame: str) -> str:
    """Put the answer above, below or into what a client quotes line by line; ``frame`` is attribution and quote."""
    own = "\n".join(folded(line) if len(line) > _LONG else line for line in reply.text.split("\n"))
    if reply.position == "top":
        return f"{own}\n\n{frame}\n"
    if reply.position == "bottom":
        return f"{frame}\n\n{own}\n"
    lines = frame.split("\n")
    at = next(index for index, line in enumerate(lines) if "How to answer" in line)
    return "\n".join((*lines[:at], "", own, "", *lines[at:])) + "\n"


def halves(reply: Reply) -> tuple[str, str]:
    """Return our HTML in two parts, for an answer between them."""
    at = reply.markup.index("How to answer")
    at = reply.markup.rindex("<h2", 0, at)
    return reply.markup[:at], reply.markup[at:]


def request_for(writer: Writer, *, whole: bool = False) -> tuple[str, str]:
    """Return our mail to a person, as text and as HTML; ``whole``: as long as it was."""
    if whole:
        return ours.whole_text(), ours.whole_markup()
    return ours.text(writer.name), ours.markup(writer.name)
