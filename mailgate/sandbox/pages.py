"""The pages of the web inbox: values into the templates of ``templates/sandbox``. No request, no mailbox, no clock."""

from __future__ import annotations

import math
import re
import zlib
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from mailgate.sandbox.reading import ReadMail, text_of_html

_LINK = re.compile(r"https?://[^\s<>\"'\[\]{}|\\^`]+")
_RULER = re.compile(r"[-=_*#~]{3}")
_LONGEST_WORD = 24  # what is longer and stands alone in its line is a marker for programs
_TINTS = 8
# What a line, the gap below a paragraph, and all around it take; measured on mailgate's own mails at four widths.
_LINE_REM, _GAP_REM, _FRAME_REM = 1.5, 0.69, 4.2
_HEAD = re.compile(r"<head(?:\s[^>]*)?>", re.IGNORECASE)


def linked(text: str) -> Markup:
    """Return ``text`` as HTML in which web addresses can be followed, in a new tab and without a referrer."""
    pieces: list[Markup] = []
    at = 0
    for found in _LINK.finditer(text):
        url = found[0].rstrip(".,;:!?)*_")
        pieces += [
            escape(text[at : found.start()]),
            Markup('<a href="{0}" target="_blank" rel="noreferrer noopener">{0}</a>').format(url),
        ]
        at = found.start() + len(url)
    return Markup("").join((*pieces, escape(text[at:])))


def clock(instant: datetime, now: datetime) -> str:
    """Return when something happened, as short as it can be told from ``now``, in the time zone of this computer."""
    local, today = instant.astimezone(), now.astimezone()
    if local.date() == today.date():
        return f"{local:%H:%M}"
    return f"{local.day} {local:%b}" if local.year == today.year else f"{local.day} {local:%b %Y}"


def initials(name: str) -> str:
    """Return the one or two letters that stand for a name in its badge."""
    words = [w for w in re.split(r"[\s@.]+", name) if w[:1].isalnum()]
    return "".join(w[0] for w in (words[:1] + words[1:][-1:])).upper() or "?"


def tint(address: str) -> int:
    """Return the number of the colour that always stands for this address."""
    return (zlib.adler32(address.lower().encode("utf-8", "replace")) >> 4) % _TINTS


def excerpt(mail: ReadMail) -> str:
    """Return the beginning of what the mail itself says, without its quote, for one line of a list."""
    said: list[str] = []
    for line in mail.text.splitlines():
        words = line.strip()
        if words.startswith(">") or re.fullmatch(r"On .{10,200} wrote:", words):
            break
        is_marker = _RULER.match(words) or (" " not in words and len(words) > _LONGEST_WORD)
        if not is_marker:
            said.append(words)
    return " ".join(" ".join(said).split())[:160]


def frame_steps(mail: ReadMail, columns: int) -> int:
    """Return how many steps of 4 rem, from 4 to 34, the mail's HTML may take at so many characters a line.

    A guess, right for mailgate's own mails: without a script nothing can measure it. What does not fit is scrolled to.
    """
    text = text_of_html(mail.html) if mail.html else mail.text
    paragraphs = [line for line in text.splitlines() if line.strip()]
    lines = sum(math.ceil(len(line) / columns) for line in paragraphs)
    return min(34, max(4, math.ceil((_LINE_REM * lines + _GAP_REM * len(paragraphs) + _FRAME_REM) / 4)))


def framed(html: str) -> str:
    """Return a mail's HTML for its frame: links open in a new tab, everything else is up to the frame's policy."""
    base = '<base target="_blank">'
    head = _HEAD.search(html)
    return f"{html[: head.end()]}{base}{html[head.end() :]}" if head else f"{base}{html}"


class Pages:
    """The templates of one folder, ready to be filled."""

    def __init__(self, folder: Path) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(folder),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        filters = {"linked": linked, "clock": clock, "initials": initials, "tint": tint, "excerpt": excerpt}
        self._templates.filters.update(filters, frame_steps=frame_steps)

    def render(self, name: str, **values: object) -> str:
        """Return the page ``name`` (without its ending) filled with ``values``."""
        return self._templates.get_template(f"{name}.html.j2").render(**values)
