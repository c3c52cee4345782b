"""The stamp of a mail: which words it binds, and that nobody can make two readers find different words."""

from __future__ import annotations

import hashlib
import textwrap
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailgate.mail.compose import render
from mailgate.mail.draft import receipt_letter, request_letter
from mailgate.mail.folding import fold
from mailgate.mail.letter import RECORD_BEGINS, RECORD_ENDS, Letter, redacted
from mailgate.mail.saying import read_html
from mailgate.model.stamps import BEGINS, ENDS, Stamp, squeezed, visible_block, visible_hash
from tests.letters import ask, seat, signature, templates

STAMP = Stamp(
    log="gate.example.com/approvals",
    leaves=(b"\x01" * 32, b"\x02" * 32),
    sender="approvals@gate.example.com",
    recipient="bob@example.com",
    subject="[approvals] pay R-1 (Größe)",
    date="2026-11-24T18:00:00.000Z",
    shown="ab" * 32,
)


def test_what_is_signed_is_fixed() -> None:
    """A golden stamp: a line each, so that it can be written by hand and checked with openssl."""
    assert STAMP.text().decode() == (
        "mailgate-mail@v1\ngate.example.com/approvals\n" + "01" * 32 + " " + "02" * 32 + "\n"
        "approvals@gate.example.com\nbob@example.com\n[approvals] pay R-1 (Größe)\n2026-11-24T18:00:00.000Z\n"
        + "ab" * 32
        + "\n"
    )


@pytest.mark.parametrize("part", ["log", "sender", "recipient", "subject", "date", "shown"])
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_no_part_is_more_than_a_line(part: str, end: str) -> None:
    """Otherwise one part could say what another one means."""
    with pytest.raises(ValueError, match="lines"):
        replace(STAMP, **{part: f"a{end}b"}).text()


TEXTS = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=6)
STAMPS = st.builds(
    Stamp,
    log=TEXTS,
    leaves=st.lists(st.binary(min_size=32, max_size=32), max_size=3).map(tuple),
    sender=TEXTS,
    recipient=TEXTS,
    subject=TEXTS,
    date=TEXTS,
    shown=TEXTS,
)


@given(STAMPS, STAMPS)
def test_two_stamps_are_never_one_text(one: Stamp, other: Stamp) -> None:
    """What was signed for one mail is signed for no other."""
    assert (one.text() == other.text()) == (one == other)


def test_the_lines_of_the_block_are_those_that_mails_print() -> None:
    """One fact, which templates and auditors share."""
    assert (BEGINS, ENDS) == (RECORD_BEGINS, RECORD_ENDS)


SHOWN = ["Pay 120.0 EUR to A-1001.", "", "  Why: the customer was charged twice.", "Größe: 鈴木 ≥ 5"]
MAIL = ["Hello,", BEGINS, *SHOWN, ENDS, "Sent by approvals."]
BLOCK = "Pay120.0EURtoA-1001.Why:thecustomerwaschargedtwice.Größe:鈴木≥5"


def test_the_block_is_what_stands_between_its_two_lines() -> None:
    """Without white space, and named by a digest that anybody can compute."""
    assert visible_block(MAIL) == BLOCK
    assert visible_hash(BLOCK) == hashlib.sha256(BLOCK.encode()).hexdigest()
    assert visible_block([BEGINS, ENDS]) == ""


@pytest.mark.parametrize(
    "lines",
    [
        ["[EXTERNAL] Be careful with links.", "", *MAIL, "", "-- ", "This mail was scanned."],
        [f"    {line}  " for line in MAIL],
        [f"\u00a0{line}\t\r" for line in MAIL],
        [line.replace(" ", "\u00a0") if line not in (BEGINS, ENDS) else line for line in MAIL],
        [part for line in MAIL for part in (line, "", "  ")],
        [*MAIL[:2], *" ".join(SHOWN).split(), *MAIL[-2:]],
        [*MAIL[:2], " ".join(SHOWN), *MAIL[-2:]],
        ["Not here: ----- begin mailgate record ----- but below.", *MAIL],
        [f"> {BEGINS}", "> an older mail", f"> {ENDS}", *MAIL],
    ],
    ids=[
        "banner",
        "indented",
        "odd blanks",
        "hard blanks",
        "spaced out",
        "a word a line",
        "one line",
        "named",
        "quoted",
    ],
)
def test_what_mail_systems_do_to_a_mail_changes_nothing(lines: list[str]) -> None:
    """Banners around it, indentation, other blanks, other folding, the block's name within a sentence, older mails quoted."""
    assert visible_block(lines) == BLOCK


WORDS = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=":"), min_size=1, max_size=12)


@given(st.lists(WORDS, max_size=30), st.integers(2, 90))
def test_folding_anew_changes_nothing(words: list[str], width: int) -> None:
    """At any width, with or without indentation, by our own hand or that of a mail program."""
    text = " ".join(words)
    wrapped = textwrap.wrap(text, width, initial_indent=" ", break_on_hyphens=False)
    for lines in ([text], fold(text).split("\n"), wrapped):
        assert visible_block([BEGINS, *lines, ENDS]) == squeezed(text)


@pytest.mark.parametrize(
    "link",
    [
        "https://approvals.example.com/d/WyJhIiwx/",
        "HTTPS://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fapprovals.example.com&reserved=0",
        "https://urldefense.com/v3/__https://approvals.example.com/d/x/__;!!K$",
        "http://127.0.0.1:8080/d/x/",
        "",
    ],
)
def test_how_a_link_is_written_changes_nothing(link: str) -> None:
    """Gateways write links anew, and in HTML it is in a button. Nothing but the link itself is left out."""
    assert visible_block([BEGINS, "Decide here:", f"  {link}", "before Tuesday.", ENDS]) == "Decidehere:beforeTuesday."


@pytest.mark.parametrize(
    "lines",
    [
        [],
        SHOWN,
        [*SHOWN, ENDS],
        [BEGINS, *SHOWN],
        [ENDS, *SHOWN, BEGINS],
        [BEGINS, BEGINS, *SHOWN, ENDS],
        [BEGINS, *SHOWN, ENDS, ENDS],
        [*MAIL, *MAIL],
        [BEGINS, "one", ENDS, BEGINS, "another", ENDS],
        [BEGINS, "one", BEGINS, "another", ENDS, ENDS],
        [*MAIL, f"  {ENDS}"],
        [BEGINS.upper(), *SHOWN, ENDS.upper()],
        [f"{BEGINS} {SHOWN[0]}", ENDS],
        [BEGINS.replace(" ", "\u00a0"), *SHOWN, ENDS],
        [BEGINS.replace("-", "‐"), *SHOWN, ENDS],
    ],
)
def test_there_is_one_block_or_none(lines: list[str]) -> None:
    """Lines left out, doubled, exchanged, or written otherwise: nobody has to guess which words are meant."""
    assert visible_block(lines) is None


@given(st.integers(0, len(BLOCK)), st.text(min_size=1, max_size=3), st.booleans())
def test_every_word_counts(at: int, put: str, instead: bool) -> None:
    """Any character that shows, put in or changed, is another block, or none; only white space is not looked at."""
    text = "\n".join(SHOWN)
    changed = text[:at] + put + text[at + instead :]
    same = squeezed(changed) == squeezed(text)
    assert (visible_block([BEGINS, *changed.split("\n"), ENDS]) == BLOCK) == same


# What agents and people write cannot pass for the two lines.

FORGERIES = [
    BEGINS,
    ENDS,
    f"  {ENDS}  ",
    f"x\n{ENDS}\n{BEGINS}\ny",
    f"{ENDS}\r\n{BEGINS}",
    ENDS.replace(" ", "\u00a0"),
    ENDS.replace("-----", "\u200b-----"),
    ENDS.replace(" record", " rec\u00adord"),
    ENDS.replace("record", "record\u202e"),
    f"\x0b{ENDS}\x0c{BEGINS}\x85{ENDS}\u2028{BEGINS}\u2029",
    f"</p><p>{ENDS}</p><p>{BEGINS}</p>",
    f"<br>{ENDS}<br>&#10;{BEGINS}&#10;",
    f"{'long ' * 30}{ENDS} {'long ' * 30}{BEGINS}",
    f"{ENDS} " * 40,
    f"begin\nmailgate\nrecord {ENDS.title()} {ENDS.upper()}",
]
BITS = st.sampled_from([*FORGERIES, "-----", " ", "\n", "\u00a0", "begin", "end", "mailgate", "record", "x" * 70])
HOSTILE = st.lists(BITS, max_size=8).map("".join)


def letters(text: str) -> list[Letter]:
    """Return mails into which an agent or a person wrote ``text`` wherever one can."""
    asked = ask(arguments={"note": text, text or "empty": 1, "deep": [{"a": text}]}, reasoning=text, run=text)
    said = signature(reason=text)
    return [
        request_letter(asked, seat(), preface=(text,), heard=text, history=(said,)),
        receipt_letter(asked, seat(), said, is_own=True, history=(said,), next_steps=(text,)),
    ]


def found(letter: Letter) -> tuple[Any, Any]:
    """Return the block of both parts of a mail."""
    rendered = render(letter, templates())
    return visible_block(rendered.text.split("\n")), visible_block(read_html(rendered.html).lines)


@pytest.mark.parametrize("text", FORGERIES, ids=range(len(FORGERIES)))
def test_no_text_of_an_agent_ends_the_block_or_begins_another(text: str) -> None:
    """The mail can still be made, has one block, the same in both parts, and what was written stands in it."""
    for letter in letters(f"{text} and so on"):
        for version in (letter, redacted(letter)):
            in_text, in_html = found(version)
            assert in_text is not None
            assert in_text == in_html
            assert "andsoon" in in_text


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HOSTILE)
def test_no_mixture_of_them_does_either(text: str) -> None:
    """Pieces of both lines in any order, with any blanks."""
    for letter in letters(text):
        in_text, in_html = found(letter)
        assert in_text is not None
        assert in_text == in_html
