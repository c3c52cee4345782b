"""Whether a rendered mail says what its letter says: everything, in both parts alike, and nothing that decides or acts.

Templates can be replaced, and agents write into them. So each mail is checked as it is made, not the template once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from html.parser import HTMLParser

from mailgate.errors import ComposeError
from mailgate.mail.folding import opens_decision, squeezed
from mailgate.mail.letter import MARKER, RECORD_BEGINS, RECORD_ENDS, Letter

_INLINE = frozenset({"a", "b", "bdi", "code", "em", "i", "span", "strong"})
_BLOCKS = frozenset(
    {"body", "br", "center", "div", "h1", "h2", "h3", "hr", "html", "li", "ol", "p", "pre", "table"}
    | {"tbody", "td", "th", "thead", "tr", "ul"}
)
_HEAD = frozenset({"head", "meta", "style", "title"})
_LOADING_STYLE = re.compile(r"(?i)url\s*\(|@import|expression\s*\(|behavior\s*:|image-set")
_ATTRIBUTES = frozenset(
    {"align", "border", "cellpadding", "cellspacing", "charset", "class", "content", "dir", "height", "lang", "name"}
    | {"role", "style", "valign", "width"}
)
_URL = re.compile(r"(?i)https?://\S+")


def check_mail(letter: Letter, text: str, html: str) -> None:
    """Raise ComposeError unless both parts say all of ``letter``, alike, and nothing in them decides, loads or runs.

    Raises:
        ComposeError: the sentence names the part and the first thing that is wrong.
    """
    page = read_html(html)
    visible = "\n".join(page.lines)
    _check_links(letter, text, page)
    for part, words in (("txt", text), ("html", visible)):
        name = f"templates/mail/{letter.kind}.{part}.j2"
        _check_lines(name, words)
        _check_complete(name, letter, words)
    if letter.marker and text.split("\n", 1)[0] != letter.marker:
        raise ComposeError(f"templates/mail/{letter.kind}.txt.j2 does not begin with the reply marker line.")
    if letter.recorded and _comparable(letter, block(text)) != _comparable(letter, block(visible)):
        raise ComposeError(
            f"The text and HTML templates of {letter.kind} mails do not say the same in the record block."
        )


def block(text: str) -> str:
    """Return what stands between the two lines of the visible record block, white space removed.

    Raises:
        ComposeError: there is not exactly one block.
    """
    lines = [line.strip() for line in text.split("\n")]
    if lines.count(RECORD_BEGINS) != 1 or lines.count(RECORD_ENDS) != 1:
        raise ComposeError("A mail template does not print both lines of the record block, once.")
    return squeezed("\n".join(lines[lines.index(RECORD_BEGINS) + 1 : lines.index(RECORD_ENDS)]))


class _Page(HTMLParser):
    """The visible lines and the links of an HTML part; refuses what a mail must not hold."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = [""]
        self.links: list[str] = []
        self._unseen = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _INLINE | _BLOCKS | _HEAD:
            raise ComposeError(f"The HTML part holds <{tag}>, which a mail of ours must not.")
        for name, value in attrs:
            if tag == "a" and name == "href":
                self.links.append(value or "")
            elif name not in _ATTRIBUTES or _LOADING_STYLE.search(value or ""):
                raise ComposeError(f"The HTML part holds <{tag} {name}>, which a mail of ours must not.")
        if tag in _BLOCKS:
            self.lines.append("")
        if tag in {"style", "title"}:
            self._unseen = tag

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.lines.append("")
        if tag == self._unseen:
            self._unseen = ""

    def handle_data(self, data: str) -> None:
        if self._unseen == "style" and _LOADING_STYLE.search(data):
            raise ComposeError("The style sheet of the HTML part loads something, which a mail of ours must not.")
        if not self._unseen:
            self.lines[-1] += data.replace("\n", " ")


def read_html(html: str) -> _Page:
    """Return the visible lines and the links of an HTML part.

    Raises:
        ComposeError: a tag, attribute or style that could load, run, or send anything.
    """
    page = _Page()
    page.feed(html)
    page.close()
    return page


def _check_links(letter: Letter, text: str, page: _Page) -> None:
    answering = letter.answering
    meant = [answering.link_url] if answering and answering.is_live and answering.link_url else []
    if page.links != meant or any(_URL.search(line) for line in page.lines):
        raise ComposeError(f"templates/mail/{letter.kind}.html.j2 holds other links than the one to the decide page.")
    if _URL.findall(text) != meant:
        raise ComposeError(f"templates/mail/{letter.kind}.txt.j2 holds other links than the one to the decide page.")


def _check_lines(name: str, text: str) -> None:
    for line in text.split("\n"):
        if opens_decision(line):
            raise ComposeError(f"{name} prints a line that could be read as an answer: {line.strip()[:60]!r}.")


def _check_complete(name: str, letter: Letter, text: str) -> None:
    said = squeezed(text)
    if letter.marker and said.count(MARKER) != 1:
        raise ComposeError(f"{name} does not print the reply marker line exactly once.")
    missing = [part for part in _texts(letter) if squeezed(part) not in said]
    if missing:
        raise ComposeError(f"{name} does not show {missing[0][:80]!r}, which this mail has to say.")


def _texts(value: object, name: str = "") -> Iterator[str]:
    """Yield every text of a letter that both parts have to show."""
    if name in {"kind", "files", "link_url"}:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _texts(item)
    elif is_dataclass(value):
        for part in fields(value):
            yield from _texts(getattr(value, part.name), part.name)


def _comparable(letter: Letter, words: str) -> str:
    # The text part prints the address that the HTML part holds in its link.
    url = letter.answering.link_url if letter.answering and letter.answering.is_live else ""
    return words.replace(url, "") if url else words
