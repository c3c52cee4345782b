"""The visible block of an archived mail, in text and in HTML, as its reader saw it. Standard library only.

Mail systems write HTML anew: other line ends, banners with tables and pictures around the block, links that lead through
a filter. So a page is read for what it shows, and compared without white space and links, as stamps are made. Whatever
could make a reader see something else than is read here counts as altered: hidden text, text from a style sheet, a tag
that two readers end in different places. Every step is linear in the size of the page.
"""

from __future__ import annotations

import html
import re

from mailgate.model.stamps import BEGINS, ENDS, visible_block, visible_hash

_INLINE_NAMES = (
    "a abbr acronym b bdi bdo big cite code dfn em font i img ins kbd label mark o:p q samp small span strong "
    "sub sup tt u var wbr"
)
_ATTRIBUTES = r"(?:[^<>\"']++|\"[^\"<>]*+\"|'[^'<>]*+')*+"
_INLINE = re.compile(rf"</?(?:{'|'.join(_INLINE_NAMES.split())})(?:[\s/]{_ATTRIBUTES})?>", re.IGNORECASE)
_OTHER = re.compile(rf"<[/!?a-zA-Z]{_ATTRIBUTES}>")
_UNSEEN = re.compile(r"<(!--|style\b|script\b|title\b|template\b|noscript\b)", re.IGNORECASE)

_HIDING = (
    "display:none",
    "visibility:hidden",
    "visibility:collapse",
    "opacity:0",
    "font-size:0",
    "height:0",
    "width:0",
    "text-indent:-",
    "position:absolute",
    "position:fixed",
    "text-decoration:line-through",
)
_HIDING_TAG = re.compile(r"<(?:[^<>]*\shidden[\s=>/]|del\b|s\b|strike\b)")


def text_shows(text: str, shown: str) -> bool | None:
    """Return whether the block in a text part is the one of the digest; None: there is no block."""
    lines = text.split("\n")
    block = visible_block(lines)
    if block is None:
        return _if_torn(lines)
    return visible_hash(block) == shown


def html_shows(page: str, shown: str) -> bool | None:
    """Return whether the block in an HTML part is the one of the digest; None: there is no block."""
    seen, sheets = _without_unseen(page)
    bare = _OTHER.sub("\n", _INLINE.sub("", seen.replace("\n", " ")))
    lines = html.unescape(bare).split("\n")
    block = visible_block(lines)
    if block is None:
        return _if_torn(lines)
    begin, end = seen.find(BEGINS), seen.find(ENDS)
    marked = bare[bare.find(BEGINS) : bare.find(ENDS)]
    if not 0 <= begin < end or "<" in marked or _hides(seen[begin:end]) or "content:" in sheets:
        return False
    return visible_hash(block) == shown


def _if_torn(lines: list[str]) -> bool | None:
    """One of the two lines without the other, or several: what was a block is none any more."""
    return False if any(line.strip() in (BEGINS, ENDS) for line in lines) else None


def _hides(region: str) -> bool:
    """Return whether the tags of the block make a reader see less than they hold."""
    tags = region.lower()
    squeezed = "".join(tags.split())
    return any(word in squeezed for word in _HIDING) or _HIDING_TAG.search(tags) is not None


def _without_unseen(page: str) -> tuple[str, str]:
    """Return a page without comments, style sheets and what else is not shown; and its style sheets, without blanks."""
    lower = page.lower()
    kept, sheets, at = [], [], 0
    while (found := _UNSEEN.search(page, at)) is not None:
        kept.append(page[at : found.start()])
        name = found[1].lower()
        end = lower.find("-->" if name == "!--" else f"</{name}", found.end())
        sheets.append(lower[found.end() : end if end >= 0 else len(page)] if name == "style" else "")
        if end < 0:
            return "".join(kept), "".join("".join(sheets).split())
        close = page.find(">", end)
        at = close + 1 if close >= 0 else len(page)
    kept.append(page[at:])
    return "".join(kept), "".join("".join(sheets).split())
