"""Our own mail never decides: every kind that the service sends, quoted back in every client's frame, whole or in part.

What is quoted is what really went out, with agents and people writing deciding words wherever they can.
"""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Callable, Iterator

import pytest

from mailgate.mail.letter import RECORD_BEGINS, RECORD_ENDS
from mailgate.mail.reply import new_text_of_html, new_text_of_plain
from mailgate.mail.saying import read_html
from mailgate.mail.templates import Templates
from mailgate.model.verdict import Verdict, read_verdict
from tests.frames import MARKUP, PLAIN, Frame
from tests.service.rig import Place, Rig, make_database
from tests.service.sent import KINDS, SECTIONS, Sent, play

DECIDES = {Verdict.APPROVE, Verdict.REJECT, Verdict.QUESTION, Verdict.UNDO}
Change = Callable[[str], str]
Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def mails(
    tmp_path_factory: pytest.TempPathFactory, shipped_templates: Templates, module_patch: pytest.MonkeyPatch
) -> list[Sent]:
    """Play requests once for all tests here; return the mails that were sent."""
    folder = tmp_path_factory.mktemp("sent")
    make_database(folder / "empty.db")
    place = Place(folder / "rig")
    place.clear(folder / "empty.db")
    rig = Rig(place, shipped_templates, SECTIONS)
    sent = play(rig)
    rig.close()
    return sent


@pytest.fixture(scope="module")
def module_patch() -> Iterator[pytest.MonkeyPatch]:
    """Let no page wait for the keeper, which tests play themselves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mailgate.service.link.GIVE_WAY_SECONDS", 0.0)
        yield patch


def test_every_kind_of_mail_was_sent(mails: list[Sent]) -> None:
    """What is tested here leaves no kind of mail out, and each can tempt: deciding words stand in all that quote somebody."""
    assert {mail.kind for mail in mails} == KINDS
    assert {mail.kind for mail in mails if "| APPROVE" in mail.text} >= KINDS - {"why"}


# What clients do to the text of a mail before they quote it.


def whole(text: str) -> str:
    """Leave it as it is."""
    return text


def wrapped_at(width: int) -> Change:
    """Break lines that are longer, as clients do that wrap what they quote."""

    def wrap(text: str) -> str:
        lines = text.split("\n")
        return "\n".join(
            part for line in lines for part in (textwrap.wrap(line, width, break_long_words=False) or [""])
        )

    return wrap


def reflowed_at(width: int) -> Change:
    """Join the lines of each paragraph and break them anew."""

    def reflow(text: str) -> str:
        return "\n\n".join(textwrap.fill(" ".join(part.split()), width) for part in text.split("\n\n"))

    return reflow


def squeezed(text: str) -> str:
    """Lose empty lines, indentation, and our bars and numbers."""
    lines = [re.sub(r"^[\s|]+|^\d+\. ", "", line) for line in text.split("\n")]
    return "\n".join(line for line in lines if line)


def without_marker(text: str) -> str:
    """Lose the line that clients hide or cut off first."""
    return re.sub(r"mailgate-reply-above-\w+\n*", "", text)


def lower_half(text: str) -> str:
    """Quote only the end."""
    lines = text.split("\n")
    return "\n".join(lines[len(lines) // 2 :])


def upper_half(text: str) -> str:
    """Quote only the beginning."""
    lines = text.split("\n")
    return "\n".join(lines[: len(lines) // 2])


CHANGES: list[Change] = [
    *(whole, wrapped_at(72), wrapped_at(76), reflowed_at(72), reflowed_at(76)),
    *(squeezed, without_marker, lower_half, upper_half),
]


def flattened(mail: Sent) -> str:
    """Return the visible lines of the HTML part, as clients do that quote HTML as text."""
    return "\n".join(line.strip() for line in read_html(mail.html).lines)


def shouted(mail: Sent) -> str:
    """Return the HTML part as Roundcube makes text of it: headings in capitals, the link listed at the end."""
    html = re.sub(
        r"(<h[12][^>]*>)(.*?)(</h[12]>)", lambda m: m[1] + re.sub(r">[^<]*<|^[^<]*", _up, m[2]) + m[3], mail.html
    )
    links = re.findall(r'href="([^"]*)"', mail.html)
    text = "\n\n".join(line.strip() for line in read_html(html).lines if line.strip())
    return text + (
        "\n\nLinks:\n------\n" + "\n".join(f"[{n}] {link}" for n, link in enumerate(links, 1)) if links else ""
    )


def _up(match: re.Match[str]) -> str:
    return match[0].upper()


def empty_replies(mails: list[Sent], frame: Frame, turn: int) -> Iterator[tuple[str, str]]:
    """Yield replies that say nothing and quote ours, each mail in one of its forms and changes; others in another turn."""
    ways = list(itertools.product((as_text, flattened, shouted), CHANGES))
    for index, mail in enumerate(mails):
        form, change = ways[(turn * len(mails) + index) % len(ways)]
        yield mail.kind, frame("", change(form(mail)))


def as_text(mail: Sent) -> str:
    """Return the text part."""
    return mail.text


@pytest.mark.parametrize(("turn", "frame"), list(enumerate(PLAIN.values())), ids=PLAIN.keys())
def test_no_plain_quote_of_any_mail_decides(mails: list[Sent], turn: int, frame: Frame) -> None:
    """An empty reply with our mail quoted as text, whole, in part, re-wrapped or flattened, says nothing."""
    for kind, reply in empty_replies(mails, frame, turn):
        assert read_verdict(new_text_of_plain(reply)).verdict not in DECIDES, (kind, reply[:300])


@pytest.mark.parametrize(("turn", "frame"), list(enumerate(MARKUP.values())), ids=MARKUP.keys())
def test_no_html_quote_of_any_mail_decides(mails: list[Sent], turn: int, frame: Frame) -> None:
    """The same with our HTML inside the client's HTML, and with text that the client turned into HTML."""
    for index, mail in list(enumerate(mails))[turn % 3 :: 3]:  # a third in each frame: HTML takes longer to read
        body = re.sub(r"(?s).*<body[^>]*>|</body>.*", "", mail.html)
        if index % 2:
            reply = frame("", "QUOTED").replace("QUOTED", body)
        else:
            reply = frame("", CHANGES[(index + turn) % len(CHANGES)](mail.text))
        assert read_verdict(new_text_of_html(reply)).verdict not in DECIDES, mail.kind


def visible_lines(mail: Sent) -> set[str]:
    """Return every visible line: of both parts, and of the text quoted up to twice and wrapped at 72 and 76 columns."""
    lines = {*mail.text.split("\n"), *flattened(mail).split("\n"), *shouted(mail).split("\n")}
    for depth, width in itertools.product(("", "> ", "> > "), (72, 76)):
        for line in mail.text.split("\n"):
            lines.update(
                part.removeprefix(depth) for part in textwrap.wrap(depth + line, width, break_long_words=False)
            )
    return lines


def test_no_line_of_any_mail_decides_as_the_first_of_a_reply(mails: list[Sent], record_property: Record) -> None:
    """Every single visible line, alone: whatever a client leaves of our mail, it begins with none that is an answer."""
    for mail in mails:
        for line in visible_lines(mail):
            assert read_verdict(new_text_of_plain(line)).verdict not in DECIDES, (mail.kind, line)
    record_property("attack", "A mail of ours comes back as a reply, cut, re-wrapped or flattened by the client")
    record_property("happened", "No line of it reads as an answer; the person is asked again.")


def test_no_rest_of_any_mail_decides_without_any_mark(mails: list[Sent]) -> None:
    """From any line on, nothing above it and no quote mark left, re-wrapped as it may be: nothing is decided."""
    for mail in mails:
        for text in (mail.text, flattened(mail), reflowed_at(72)(flattened(mail)), wrapped_at(76)(shouted(mail))):
            lines = without_marker(text).split("\n")
            for start in range(0, len(lines), 3):
                rest = "\n".join(lines[start:])
                if RECORD_ENDS in rest:
                    assert read_verdict(new_text_of_plain(rest)).verdict not in DECIDES, (mail.kind, rest[:200])


def test_a_mail_that_lost_its_marker_is_known_by_its_record(mails: list[Sent]) -> None:
    """Above the line that opens the record stands what the person wrote, below it nothing of theirs."""
    for mail in mails:
        if RECORD_BEGINS in mail.text:
            quoted = without_marker(mail.text)
            assert new_text_of_plain(f"REJECT: not now\n\n{quoted}").strip() == "REJECT: not now"
