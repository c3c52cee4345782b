"""Lines of the text part: folded to a terminal's width, and never one that reads as a decision.

A reply is judged by its first line, and clients quote, unquote and re-wrap our mails as they like. So no line that we
print begins with a word that decides; where a fold would put one at a line's start, it breaks elsewhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from mailgate.model.words import SHIPPED

WIDTH = 68
"""Columns of a line: a client can quote it twice ("> > ") and wrap at 72 columns, which is as early as any does, and the line
stays whole. A line that is wrapped could leave its last word, perhaps a deciding one, on a line of its own."""

_AHEAD = 400  # characters looked at after a cut; no passage in a mail has a longer run of blanks on one line
_CODE = len("⟨U+10FFFF⟩")
# More words than the grammar of replies knows, so that whoever extends it need not think of this list at once.
_FOREIGN = "|".join(
    re.escape(word)
    for words in SHIPPED.values()
    for word in sorted((*words.approve, *words.reject), key=len, reverse=True)
)
_DECIDING = re.compile(
    r"[\s>*_#.!\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]*"
    r"(?:approve[ds]?|approving|approval|accept(?:ed)?|agreed?|yes|ok|okay|confirm(?:ed)?"
    r"|reject(?:ed|s)?|den(?:y|ied)|declined?|refused?|no|nope|stop(?:ped)?|cancel(?:led)?|undo|question"
    rf"|{_FOREIGN})"
    r"(?![-‐‑]\w|_*[^\W_])",
    re.IGNORECASE,
)


def opens_decision(line: str) -> bool:
    """Return whether ``line`` begins, after quoting, emphasis and what nobody sees, with a word that could be an answer."""
    return _DECIDING.match(unicodedata.normalize("NFKC", line)) is not None


def fold(text: str, indent: int = 0, hang: int = 2, width: int = WIDTH) -> str:
    """Return ``text`` folded at blanks, every line indented. Only white space changes.

    No line but the first can begin with a deciding word; if there is no other way, a line is longer than ``width``.

    Args:
        indent: blanks before the first line.
        hang: further blanks before the lines that follow.
    """
    lines: list[str] = []
    while True:
        room = width - indent - (hang if lines else 0)
        cut = next(_cuts(text, room), len(text)) if len(text) > room else len(text)
        lines.append(f"{' ' * (indent + (hang if lines else 0))}{text[:cut]}".rstrip(" "))
        if cut >= len(text):
            return "\n".join(lines)
        text = text[cut:].removeprefix(" ")


def squeezed(text: str) -> str:
    """Return ``text`` without white space: what stays the same however a client folds, indents or re-wraps it."""
    return "".join(text.split())


def _cuts(text: str, room: int) -> Iterator[int]:
    """Yield the places to break, the best first: at a blank, within a long word, never within a code."""
    possible = [cut for cut in range(room, 0, -1) if not opens_decision(text[cut : cut + _AHEAD])]
    yield from (cut for cut in possible if text[cut] == " " and cut > room // 2)
    yield from (cut for cut in possible if "⟩" not in text[cut : cut + _CODE] or "⟨" in text[cut : cut + 1])
    yield from possible
