"""A body as lines, each with what its form says about whose words it holds. What is concluded from that, says `reply`."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_LINES = 20_000
"""A body with more lines is not read: the longest mail of ours, quoted ten times, has fewer. No more than one more is made."""

_LINE_END = re.compile(r"\r\n|[\n\r\v\f\u0085\u2028\u2029]")
_PREFIX = re.compile(r"[ \t\u00a0]{0,3}[>|＞][ \t\u00a0>|＞]*")
_BROKEN_OFF = re.compile(r"[ \t]*>+[^\s>]{0,12}:?[ \t]*")  # "… skrev Bob <bob@example.com" over ">:" is one attribution


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line as its reader sees it.

    ``quoted``: it is set off as somebody else's words, by ``>`` or a container of HTML. ``typed``: by ``>``.
    ``sure``: by a container that only quoting makes; a bare ``>`` may also mean "more than". ``cut``: a client says
    that what it quotes begins here. ``seam``: a client may begin to quote below it. ``signature``: it stands in
    what the client calls the signature. ``loose``: it stands in the container of a quote, below the quote. ``raw``
    keeps the prefix that ``text`` lost.
    """

    text: str
    raw: str
    quoted: bool = False
    typed: bool = False
    sure: bool = False
    cut: bool = False
    seam: bool = False
    signature: bool = False
    loose: bool = False


def plain_lines(text: str) -> tuple[Line, ...]:
    """Split a plain text part; ``>`` and ``|`` at the beginning of a line quote it."""
    lines: list[Line] = []
    for raw in _LINE_END.split(text, maxsplit=MAX_LINES):
        prefix = _PREFIX.match(raw)
        if prefix and _BROKEN_OFF.fullmatch(raw) and lines and _leaves_bracket_open(lines[-1].raw):
            prefix = None
        lines.append(
            Line(
                text=raw[prefix.end() :] if prefix else raw,
                raw=raw,
                quoted=prefix is not None,
                typed=prefix is not None,
            )
        )
    return tuple(lines)


def _leaves_bracket_open(line: str) -> bool:
    return line.rfind("<") > line.rfind(">")
