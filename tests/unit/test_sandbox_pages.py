"""How the web inbox writes things down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from mailgate.config import shipped
from mailgate.sandbox.inbox import answer_text
from mailgate.sandbox.pages import Pages, clock, excerpt, frame_steps, framed, initials, linked, tint
from mailgate.sandbox.reading import read_mail

NOON = datetime(2026, 11, 3, 12, 0).astimezone()


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("see https://x.test/d/abc-/.", "https://x.test/d/abc-/"),
        ("(http://127.0.0.1:8080/d/a?b=1&c=2)", "http://127.0.0.1:8080/d/a?b=1&amp;c=2"),
        ("<https://x.test/a>", "https://x.test/a"),
    ],
)
def test_addresses_can_be_followed(text: str, url: str) -> None:
    """A web address becomes a link without the punctuation around it."""
    assert f'href="{url}"' in linked(text)


@given(st.text(st.sampled_from("<>&\"' \nahttps:/.x()"), max_size=40) | st.text())
def test_text_stays_text(text: str) -> None:
    """Apart from the links themselves nothing in a text becomes markup."""
    rest = linked(text)
    while '<a href="' in rest:
        before, _, after = rest.partition('<a href="')
        rest = before + after.partition('">')[2].replace("</a>", "", 1)
    assert not {"<", ">", '"'} & set(rest)


@pytest.mark.parametrize("scheme", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd"])
def test_only_web_addresses_are_linked(scheme: str) -> None:
    """Nothing but http and https can be followed."""
    assert "<a" not in linked(scheme)


@pytest.mark.parametrize(
    ("before", "shown"),
    [(timedelta(hours=1), "11:00"), (timedelta(days=2), "1 Nov"), (timedelta(days=400), "29 Sep 2025")],
)
def test_times_are_as_short_as_they_can_be(before: timedelta, shown: str) -> None:
    """Today it is the hour, this year the day, else the year too."""
    assert shown == clock((NOON - before).astimezone(UTC), NOON)


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Alice Adams", "AA"), ("Approvals", "A"), ("Ann B. Clark", "AC"), ("bob@x.test", "BT"), ("", "?")],
)
def test_badge_has_one_or_two_letters(name: str, letters: str) -> None:
    """A badge shows the first letters of the first and the last name."""
    assert letters == initials(name)


def test_colour_depends_on_the_address_alone() -> None:
    """One address has one colour, and the usual people differ."""
    usual = [f"{n}@sandbox.test" for n in ("alice", "bob", "carol", "approvals", "archive")]
    assert tint("ALICE@sandbox.test") == tint("alice@sandbox.test")
    assert len({tint(a) for a in usual}) == 5


def test_excerpt_is_what_was_said() -> None:
    """The line in a list skips marker lines and stops at the quote."""
    raw = b"From: a@b\n\nmailgate-reply-above-0123456789\n----- begin -----\nAPPROVE\n\nOn Mon, 2 Nov 2026, X wrote:\n> REJECT\n"
    raw = raw.replace(b"\n", b"\r\n")
    assert excerpt(read_mail(raw)) == "APPROVE"


def test_frame_grows_with_the_mail() -> None:
    """A longer mail gets a larger frame, up to a bound, and a narrow screen a longer one."""
    short, long = (read_mail(b"From: a@b\r\n\r\n" + b"word " * n) for n in (10, 900))
    assert frame_steps(short, 75) < frame_steps(long, 75) <= frame_steps(long, 38) <= 34


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<html><HEAD lang=x><t>", '<html><HEAD lang=x><base target="_blank"><t>'),
        ("<header>x", '<base target="_blank"><header>x'),
    ],
)
def test_links_of_a_framed_mail_open_elsewhere(html: str, expected: str) -> None:
    """The base comes first in the head, or in front of a mail without one."""
    assert expected == framed(html)


@pytest.mark.parametrize(
    ("start", "text", "said"),
    [
        ("approve", "", "APPROVE"),
        ("approve", " fine\r\n", "APPROVE\n\nfine"),
        ("reject", "", "REJECT"),
        ("reject", "too much", "REJECT: too much"),
        ("free", "a\r\nb", "a\nb"),
        ("nonsense", "words", "words"),
    ],
)
def test_reply_box_makes_the_first_line(start: str, text: str, said: str) -> None:
    """The chosen word is the first line; a reason stands behind REJECT, an addition below APPROVE."""
    assert said == answer_text(start, text)


def test_empty_answer_is_not_sent() -> None:
    """Nothing chosen and nothing written is no answer."""
    with pytest.raises(ValueError, match="APPROVE or REJECT"):
        answer_text("free", " \r\n ")


def test_missing_value_is_an_error() -> None:
    """A template that is given too little fails instead of showing a gap."""
    with pytest.raises(UndefinedError):
        Pages(shipped("templates/sandbox")).render("problem")
