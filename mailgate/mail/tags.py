"""Split HTML into tags and text, whatever it looks like, in time that grows with its length only.

The standard library's ``HTMLParser`` is not used: 200 KB of ``<a `` keep it busy for eight minutes (Python 3.11.7). What
the tags mean, says `markup`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping

UNSEEN = frozenset(("script", "style", "title", "template", "iframe", "noembed", "noframes"))
"""Elements whose content is not text of the page; it is left out, whatever looks like a tag in it."""

_RAW = frozenset(("textarea", "xmp"))
"""Elements whose content is shown as it stands, tags and all."""

_MAX_TAGS = 100_000
"""More tags than any mail of people has; each costs about ten microseconds."""

_TAG = re.compile(r"<(?=[a-zA-Z/!?])")  # any other "<" is text
_TAG_NAME = re.compile(r"/?[a-zA-Z][^\s/>]*")
_ATTRIBUTE = re.compile(r"[\s/]*+([^\s/>=][^\s/>=]*)(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[\"']|[^\s>\"'][^\s>]*))?")
_TAG_END = re.compile(r"[\s/=]*+>")
_COMMENT_END = re.compile(r"--!?>")


def tokens(source: str) -> Iterator[tuple[str, Mapping[str, str], str]]:
    """Yield (tag name, attributes, text): text has no name, a closing tag's begins with a slash. Comments are left out.

    What is never closed (a comment, a quoted attribute, a script) swallows the rest, as it does in a browser.

    Raises:
        ValueError: there are more tags, or bigger character references, than any mail has.
    """
    position = 0
    for _ in range(_MAX_TAGS):
        opening = _TAG.search(source, position)
        start = opening.start() if opening else len(source)
        if start > position:
            yield "", {}, html.unescape(source[position:start])
        if not opening:
            return
        found = _TAG_NAME.match(source, start + 1)
        if found:
            name = found[0].lower()
            attributes, position = _attributes(source, found.end())
            if position < 0:
                return
            yield name, attributes, ""
            if name in UNSEEN or name in _RAW:
                closing = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(source, position)
                end = closing.start() if closing else len(source)
                if name in _RAW:
                    yield "", {}, html.unescape(source[position:end])
                if not closing:
                    return
                position = end
        else:
            position = _end_of_comment(source, start)
            if position < 0:
                return
    raise ValueError("The HTML has more tags than are read.")


def _end_of_comment(source: str, start: int) -> int:
    """Return where the comment or declaration at ``start`` ends, or -1; ``<!-->`` and ``--!>`` end one as in browsers."""
    if not source.startswith("<!--", start):
        return source.find(">", start + 2) + 1 or -1
    end = _COMMENT_END.search(source, start + 2)
    return end.end() if end else -1


def _attributes(source: str, position: int) -> tuple[dict[str, str], int]:
    """Read attributes up to the end of the tag; a negative position says that it has none."""
    attributes: dict[str, str] = {}
    while True:
        end = _TAG_END.match(source, position)
        if end:
            return attributes, end.end()
        found = _ATTRIBUTE.match(source, position)
        if not found:
            after = source.find(">", position)
            return attributes, after + 1 if after >= 0 else -1
        value = found[2] or ""
        if value in ('"', "'"):
            return attributes, -1
        if value[:1] in ('"', "'"):
            value = value[1:-1]
        attributes.setdefault(found[1].lower(), html.unescape(value))
        position = found.end()
