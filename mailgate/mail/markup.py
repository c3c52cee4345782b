"""Read an HTML part as the lines a person sees, and note what its containers say about them.

It knows block from inline elements, what is hidden, and the elements in which clients put quotes and signatures; it
knows no CSS but that of ``style`` attributes. HTML only turns into `Line` here: what is new text, says `reply`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from mailgate.errors import MailUnreadable
from mailgate.mail.frames import has_marker
from mailgate.mail.lines import MAX_LINES, Line, plain_lines
from mailgate.mail.tags import UNSEEN, tokens


def _named(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BLOCKS = _named(
    "address article aside blockquote body center dd details div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 "
    "header hr html li main nav ol p pre section table tbody tfoot thead tr ul"
)
_SPACED = _named("p table ul ol h1 h2 h3 h4 h5 h6 hr blockquote pre")
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)

_QUOTES = _named(
    "gmail_quote gmail_quote_container gmail_attr moz-cite-prefix moz-forward-container yahoo_quoted protonmail_quote "
    "tutanota_quote zmail_extra reply-intro isreplycontent isforwardcontent _originalcontent olk_src_body_section "
    "messagereplysection mail_android_quote sh-quoted-content front-blockquote ecxgmail_quote aolreplacedbody"
)
_CUTS = _named(
    "divrplyfwdmsg outlookmessageheader mail-editor-reference-message-container zwchr "
    "ms-outlook-mobile-reference-message __divider__ __headers__ origmsg"
)
_SEAMS = _named("appendonsend stopspelling")
_WRAPPERS = _named("gmail_quote gmail_quote_container ecxgmail_quote")  # about an attribution and one blockquote
_SIGNATURES = _named(
    "gmail_signature gmail_signature_prefix moz-signature signature ms-outlook-mobile-signature composer_signature "
    "protonmail_signature_block protonmail_signature_block-user protonmail_signature_block-proton k9mail-signature"
)
_NOTHING = re.compile(r"[+-]?0*\.?0+(?:px|pt|em|rem|ex|ch|cm|mm|in|pc|vh|vw|%)?")
_LONGEST_STYLE = 4000
"""Characters of a ``style``; a longer one is not looked at, so that what it would hide or quote counts as text."""

_STRUCK = _named("s strike del")
_TELLING = UNSEEN | _STRUCK | {"blockquote", "pre"}  # elements that say something without attributes
_RULE = "_____"

_LINE_END = re.compile(r"\r\n|[\r\n]")


def html_lines(source: str) -> tuple[Line, ...]:
    """Return the lines a reader of ``source`` sees, with what their containers say about them.

    Raises:
        MailUnreadable: it is out of all bounds.
    """
    page = _Page()
    try:
        for name, attributes, text in tokens(source):
            if not name:
                page.write(text)
            elif name.startswith("/"):
                page.close(name[1:])
            else:
                page.open(name, attributes)
    except ValueError as error:
        raise MailUnreadable("The HTML part has too many tags, or a character reference out of all bounds.") from error
    page.end_line()
    return tuple(page.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """What the elements around a position say. A ``scope`` is closed by its own end tag only, as a quote must be."""

    scope: bool = False
    unseen: bool = False
    hidden: bool = False  # with all that is in it
    tiny: bool = False  # by the size of its letters, which an element in it can set anew
    invisible: bool = False  # by its visibility, which an element in it can set anew
    quoted: bool = False
    sure: bool = False
    signature: bool = False
    wraps: bool = False  # in a wrapper of a quote, not in the quote
    loose: bool = False  # there, below the quote
    preformatted: bool = False
    struck: bool = False


class _Page:
    """The lines so far, the elements that are open, and the line being written."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._open = [("", _Place())]  # element name and place, outermost first
        self._names: list[Counter[str]] = [Counter()]  # names of open elements, one count for each scope
        self._written: list[str] = []
        self._begun = False  # whether something visible was written
        self._place = _Place()  # where that was

    def write(self, text: str) -> None:
        place = self._open[-1][1]
        if place.unseen:
            return
        if place.hidden or place.tiny or place.invisible:
            if has_marker(text):  # nobody sees it, but it is ours: what follows is not the sender's
                self._add(text.strip(), place)
            return
        pieces = _LINE_END.split(text) if place.preformatted else [re.sub(r"[ \t\r\n\f]+", " ", text)]
        for index, piece in enumerate(pieces):
            if index:
                self.end_line(even_empty=True)
            self._put(piece)

    def open(self, name: str, attributes: Mapping[str, str]) -> None:
        if name in _BLOCKS:
            if self._names[-1]["p"]:
                self.close("p")
            self._block(name)
        if name == "br":
            self.end_line(even_empty=True)
        elif name in ("td", "th"):
            self._put(" ")
        elif name == "hr":
            self._add(_RULE, self._open[-1][1])
        elif name == "img" and ("data-emoji" in attributes or "emoji" in attributes.get("class", "")):
            self.write(attributes.get("alt", ""))
        elif name == "input" and attributes.get("type", "").lower() != "hidden":
            self.write(attributes.get("value", ""))
        marks = _marks(attributes)
        if not marks.isdisjoint(_CUTS) and not self._open[-1][1].quoted:
            self.end_line()
            self.lines.append(Line(text="", raw="", cut=True))
        elif not marks.isdisjoint(_SEAMS) and not self._open[-1][1].quoted:
            self.end_line()
            self.lines.append(Line(text="", raw="", seam=True))
        if name not in _VOID:
            self._enter(name, attributes, marks)

    def _enter(self, name: str, attributes: Mapping[str, str], marks: frozenset[str]) -> None:
        outer = self._open[-1][1]
        style = _style(attributes)
        place = _inside(outer, name, attributes, marks, style)
        if place.scope or place.signature != outer.signature:
            self.end_line()
        if "solid" in style.get("border-top", "") or "solid" in style.get("border-top-style", ""):
            self._add(_RULE, place)
        self._open.append((name, place))
        if place.scope:
            self._names.append(Counter())
        self._names[-1][name] += 1
        if place.struck and not outer.struck:
            self._put("~~")

    def close(self, name: str) -> None:
        """Close the innermost open element of that name and what is still open in it; if there is none, do nothing."""
        if name == "p" and not self._names[-1][name]:
            self._block(name)  # as browsers do: the end of a paragraph that was never begun is an empty one
        while self._names[-1][name]:
            innermost, place = self._open[-1]
            outer = self._open[-2][1]
            if place.struck and not outer.struck:
                self._put("~~")
            if innermost in _BLOCKS or place.scope or place.signature != outer.signature:
                self._block(innermost)
            self._open.pop()
            self._names[-1][innermost] -= 1
            if place.scope:
                self._names.pop()
                self._loosen()
            if innermost == name:
                return

    def _loosen(self) -> None:
        """Note that a quote has ended, for the rest of its wrapper: what follows there may be the person's own words."""
        for index in range(len(self._open) - 1, -1, -1):
            name, place = self._open[index]
            if not place.wraps or place.loose:  # what is loose has made loose all about it
                return
            self._open[index] = name, replace(place, loose=True)

    def end_line(self, *, even_empty: bool = False) -> None:
        text = "".join(self._written)
        self._written.clear()
        self._begun = False
        if text.strip():
            self._add(text.strip(" "), self._place)
        elif even_empty:
            self._add("", self._open[-1][1])

    def _put(self, piece: str) -> None:
        if piece.strip() and not self._begun:
            self._place, self._begun = self._open[-1][1], True
        self._written.append(piece)

    def _block(self, name: str) -> None:
        self.end_line()
        if name in _SPACED and self.lines and self.lines[-1].text:
            self._add("", self._open[-1][1])

    def _add(self, text: str, place: _Place) -> None:
        if len(self.lines) > MAX_LINES:
            return  # it will not be read, so that the rest need not be made
        if place.quoted:
            line = Line(
                text=text, raw="> " + text, quoted=True, sure=place.sure, signature=place.signature, loose=place.loose
            )
        else:
            line = replace(plain_lines(text)[0], signature=place.signature)
        self.lines.append(line)


def _marks(attributes: Mapping[str, str]) -> frozenset[str]:
    """Return the names by which clients tell an element, without the ``x_`` that Outlook puts before foreign ones."""
    if not attributes:
        return frozenset()
    texts = (attributes.get(key, "") for key in ("class", "id", "name", "data-marker"))
    return frozenset(word.removeprefix("x_") for text in texts for word in text.lower()[:1000].split())


def _style(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return the declarations of a ``style`` attribute, without blanks, in lower case; the last of a name counts."""
    text = attributes.get("style", "")
    if not text or len(text) > _LONGEST_STYLE:
        return {}
    pairs = (re.sub(r"\s+|!\s*important", "", declaration).partition(":") for declaration in text.lower().split(";"))
    return {name: value for name, _, value in pairs}


def _inside(
    outer: _Place, name: str, attributes: Mapping[str, str], marks: frozenset[str], style: Mapping[str, str]
) -> _Place:
    """Return the place inside an element; most elements change nothing."""
    if not attributes and name not in _TELLING and not outer.scope:
        return outer
    sure = _surely_quotes(name, attributes, marks)
    quotes = sure or name == "blockquote"
    size, visibility, spaces = style.get("font-size", ""), style.get("visibility", ""), style.get("white-space", "")
    return _Place(
        scope=quotes,
        unseen=outer.unseen or name in UNSEEN,
        hidden=outer.hidden or _hides(attributes, style),
        tiny=_NOTHING.fullmatch(size) is not None if _is_size(size) else outer.tiny,
        invisible=visibility in ("hidden", "collapse") if visibility else outer.invisible,
        quoted=outer.quoted or quotes,
        sure=outer.sure or sure,
        signature=outer.signature or not marks.isdisjoint(_SIGNATURES) or "data-signatureblock" in attributes,
        wraps=(not quotes and outer.wraps)
        or (name != "blockquote" and not outer.quoted and not marks.isdisjoint(_WRAPPERS)),
        loose=outer.loose and not quotes,
        preformatted=spaces != "normal" and (outer.preformatted or name == "pre" or spaces.startswith("pre")),
        struck=outer.struck or name in _STRUCK or any("line-through" in value for value in style.values()),
    )


def _hides(attributes: Mapping[str, str], style: Mapping[str, str]) -> bool:
    """Whether an element hides all that is in it, whatever is said there."""
    if style.get("display", "none" if "hidden" in attributes else "") == "none":
        return True
    if _NOTHING.fullmatch(style.get("opacity", "")):
        return True
    return _NOTHING.fullmatch(style.get("max-height", "")) is not None and style.get("overflow") == "hidden"


def _is_size(size: str) -> bool:
    """Whether a size of letters stands on its own; "2em" and "80%" of nothing are nothing."""
    if not size or _NOTHING.fullmatch(size):
        return bool(size)
    return size.endswith("rem") or not size.endswith(("em", "%", "ex", "ch", "inherit", "smaller", "larger"))


def _surely_quotes(name: str, attributes: Mapping[str, str], marks: frozenset[str]) -> bool:
    """Whether an element quotes: a container that only clients make, or a ``blockquote`` that cites.

    A bar on its left proves nothing; people set their own words off so.
    """
    if not marks.isdisjoint(_QUOTES) or any(mark.endswith("yahoo_quoted") for mark in marks):
        return True
    if attributes.get("name", "").lower() == "quote":  # GMX and kin; as a class it is anybody's
        return True
    return name == "blockquote" and ("cite" in attributes or attributes.get("type", "").lower() == "cite")
