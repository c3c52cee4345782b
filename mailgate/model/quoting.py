"""Foreign text in a sentence: quoted, on one line, and no longer than helps."""

from __future__ import annotations

MOST = 80
"""Characters of a value that a sentence repeats."""


def quoted(value: object) -> str:
    """Return ``value`` as Python shows it, which codes every character that does not print; cut after :data:`MOST`."""
    if isinstance(value, str) and len(value) > MOST:
        return f"{value[:MOST]!r}…"
    text = repr(value)
    return text if len(text) <= MOST + 2 else f"{text[:MOST]}…"


def plain(text: str) -> str:
    """Return ``text`` with every character that does not print, line ends included, as Python writes it."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
