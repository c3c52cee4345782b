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
_HIDING_STYLE = re.compile(
    r"(?i)display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|opacity\s*:\s*0(?![.\d]*[1-9])|mso-hide"
    r"|(?:font-size|line-height|(?:max-)?(?:height|width))\s*:\s*0(?![.\d]*[1-9])|text-indent\s*:\s*-|(?<![\w-])color\s*:\s*transparent"
    r"|position\s*:\s*(?:absolute|fixed)|clip(?:-path)?\s*:|(?<![\w-])content\s*:"
)
_ATTRIBUTES = frozenset(
    {"align", "border", "cellpadding", "cellspacing", "charset", "class", "content", "dir", "height", "lang", "name"}
    | {"role", "style", "valign", "width"}
)
_URL = re.compile(r"(?i)https?://\S+")


def check_mail(letter: Letter, text: str, html: str) -> None:
    """Raise ComposeError unless both parts say all of ``letter``, alike, and nothing in them decides, loads, runs or hides.

    Raises:
        ComposeError: the sentence names the template of the part and the first thing that is wrong.
    """
    page = read_html(html, letter)
    visible = "\n".join(page.lines)
    _check_links(letter, text, page)
    for part, words in (("txt", text), ("html", visible)):
        _check_lines(letter, part, words)
        _check_complete(letter, part, words)
    if letter.marker and text.split("\n", 1)[0] != letter.marker:
        raise _wrong(letter, "txt", "does not begin with the reply marker line", printed=text.split("\n", 1)[0])
    if letter.recorded:
        _check_alike(letter, _block(letter, "txt", text), _block(letter, "html", visible))


def block(text: str) -> str:
    """Return what stands between the two lines of the visible record block, white space removed.

    Raises:
        ComposeError: there is not exactly one block.
    """
    lines = [line.strip() for line in text.split("\n")]
    if lines.count(RECORD_BEGINS) != 1 or lines.count(RECORD_ENDS) != 1:
        raise ComposeError("A mail template does not print both lines of the record block, once.")
    return squeezed("\n".join(lines[lines.index(RECORD_BEGINS) + 1 : lines.index(RECORD_ENDS)]))


def _block(letter: Letter, part: str, words: str) -> str:
    lines = [line.strip() for line in words.split("\n")]
    for line in (RECORD_BEGINS, RECORD_ENDS):
        if lines.count(line) > 1:
            raise _wrong(letter, part, "prints a line of the record block twice", printed=line)
        if line not in lines:
            raise _wrong(letter, part, "does not print both lines of the record block", missing=line)
    return _comparable(letter, block(words))


def _check_alike(letter: Letter, text: str, html: str) -> None:
    if text == html:
        return
    same = next((i for i, (a, b) in enumerate(zip(text, html, strict=False)) if a != b), min(len(text), len(html)))
    one, other = html[same : same + 40], text[same : same + 40]
    subject = f"templates/mail/{letter.kind}.html.j2"
    raise ComposeError(
        f"{subject} and {letter.kind}.txt.j2 do not say the same in the record block; white space aside, the one goes on "
        f"with {one!r} where the other has {other!r}.",
        subject=subject,
        printed=[("html", one), ("txt", other)],
    )


def _wrong(letter: Letter, part: str, problem: str, *, printed: str = "", missing: str = "") -> ComposeError:
    subject = f"templates/mail/{letter.kind}.{part}.j2"
    return ComposeError(
        f"{subject} {problem}.",
        subject=subject,
        printed=[(part, printed)] if printed else (),
        missing=(part, missing) if missing else None,
    )


class _Page(HTMLParser):
    """The visible lines and the links of an HTML part; ``wrong`` is what it must not hold, and how that begins."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = [""]
        self.links: list[str] = []
        self.wrong: list[tuple[str, str]] = []
        self._unseen = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _INLINE | _BLOCKS | _HEAD:
            self.wrong.append((f"<{tag}>", f"<{tag}"))
        for name, value in attrs:
            if tag == "a" and name == "href":
                self.links.append(value or "")
            elif name not in _ATTRIBUTES or _LOADING_STYLE.search(value or ""):
                self.wrong.append((f"<{tag} {name}>", f'{name}="{value}"'))
            elif _hides(name, value or ""):
                self.wrong.append((f"<{tag} {name}> that hides something", value or ""))
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
        if self._unseen == "style":
            for pattern, does in ((_LOADING_STYLE, "loads"), (_HIDING_STYLE, "hides")):
                if found := pattern.search(data):
                    self.wrong.append((f"a style sheet that {does} something", found[0]))
        if not self._unseen:
            self.lines[-1] += data.replace("\n", " ")

    def handle_comment(self, data: str) -> None:
        self.wrong.append(("a comment", data.strip()[:40]))

    def handle_pi(self, data: str) -> None:
        self.wrong.append(("a processing instruction", data[:40]))

    def unknown_decl(self, data: str) -> None:
        self.wrong.append(("a marked section", data[:40]))


def read_html(html: str, letter: Letter | None = None) -> _Page:
    """Return the visible lines and the links of an HTML part.

    Raises:
        ComposeError: a tag, attribute or style that could load, run, send or hide anything.
    """
    page = _Page()
    page.feed(html)
    page.close()
    for what, printed in page.wrong[:1]:
        if letter is None:
            raise ComposeError(f"The HTML part holds {what}, which a mail of ours must not.")
        raise _wrong(letter, "html", f"holds {what}, which a mail of ours must not", printed=printed)
    return page


def _hides(name: str, value: str) -> bool:
    return (name == "style" and bool(_HIDING_STYLE.search(value))) or (
        name in {"width", "height"} and value.strip() == "0"
    )


def _check_links(letter: Letter, text: str, page: _Page) -> None:
    answering = letter.answering
    meant = [answering.link_url] if answering and answering.is_live and answering.link_url else []
    bare = [found for line in page.lines for found in _URL.findall(line)]
    for part, links in (("html", [*page.links, *bare]), ("txt", _URL.findall(text))):
        if links != meant:
            other = next((link for link in links if link not in meant), "")
            problem = "holds other links than the one to the decide page"
            raise _wrong(letter, part, problem, printed=other, missing="" if other else "".join(meant))


def _check_lines(letter: Letter, part: str, text: str) -> None:
    for line in text.split("\n"):
        if opens_decision(line):
            shown = line.strip()
            raise _wrong(
                letter, part, f"prints a line that could be read as an answer: {shown[:60]!r}", printed=shown[:60]
            )


def _check_complete(letter: Letter, part: str, text: str) -> None:
    said = squeezed(text)
    if letter.marker and said.count(MARKER) != 1:
        problem = "does not print the reply marker line exactly once"
        twice = MARKER in said
        raise _wrong(letter, part, problem, printed=MARKER if twice else "", missing="" if twice else letter.marker)
    missing = next((words for words in _texts(letter) if squeezed(words) not in said), "")
    if missing:
        raise _wrong(letter, part, f"does not show {missing[:80]!r}, which this mail has to say", missing=missing)


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
