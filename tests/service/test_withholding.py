"""Bytes that can still decide are found however a mail program, a gateway or a hurried person wrote them down."""

from __future__ import annotations

import base64
import quopri
import urllib.parse
from collections.abc import Callable

import pytest

from mailgate.service.questions import question_token
from mailgate.service.withholding import can_still_decide
from mailgate.store.tables import Question
from tests.service.rig import Rig
from tests.service.test_questions import ask, reading, write

__all__ = ["reading"]

HEADER = b"From: bob@example.com\r\nTo: approvals@gate.example.com\r\nMIME-Version: 1.0\r\n"


def plain(text: str) -> bytes:
    """Return a mail with ``text`` as it is."""
    return HEADER + b"\r\n" + text.encode() + b"\r\n"


def quoted_printable(text: str) -> bytes:
    """Return a mail whose lines are broken in the middle of words."""
    encoded = quopri.encodestring(f"Größe: {text}".encode()).replace(b"\n", b"\r\n")
    return HEADER + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + encoded


def in_base64(text: str) -> bytes:
    """Return a mail whose text is base64, and not at the beginning of a line of it."""
    encoded = base64.encodebytes(f"{'x' * 100} {text} {'y' * 100}".encode()).replace(b"\n", b"\r\n")
    return HEADER + b"Content-Transfer-Encoding: base64\r\n\r\n" + encoded


def as_a_safe_link(text: str) -> bytes:
    """Return a mail in which a gateway has written the link into its own."""
    return plain(f"https://eur01.safelinks.example/?url={urllib.parse.quote(text, safe='')}&reserved=0")


def shouted(text: str) -> bytes:
    """Return a mail with ``text`` as some mail systems write addresses."""
    return plain(text.upper())


def can_decide(rig: Rig, raw: bytes) -> bool:
    """Return whether the bytes are found to hold something alive."""
    with rig.serving.store.read() as tx:
        return can_still_decide(tx, rig.serving, raw)


WRITTEN = [plain, quoted_printable, in_base64, as_a_safe_link]


@pytest.mark.parametrize("written", WRITTEN)
def test_a_link_is_found_while_it_can_decide(rig: Rig, written: Callable[[str], bytes]) -> None:
    """And not once its request has ended."""
    request_id = rig.ask()
    raw = written(f"see https://approvals.example.com/d/{rig.token(rig.seat(request_id, 'bob'))}/ please")
    assert can_decide(rig, raw)
    rig.mg.cancel(request_id)
    assert not can_decide(rig, raw)


@pytest.mark.parametrize("written", [*WRITTEN, shouted])
@pytest.mark.parametrize("kind", ["reply", "bounce"])
def test_an_address_is_found_while_it_can_decide(rig: Rig, written: Callable[[str], bytes], kind: str) -> None:
    """Also in the header, where every reply has one; and not once its request has ended."""
    request_id = rig.ask()
    seat, key = rig.seat(request_id, "bob"), rig.serving.key
    token = (key.reply_token if kind == "reply" else key.bounce_token)(seat.id, seat.generation)
    raw = written(f"To: approvals+{token}@gate.example.com")
    assert can_decide(rig, raw)
    assert can_decide(rig, raw.replace(b"To: approvals@", f"To: approvals+{token}@".encode()))
    rig.mg.cancel(request_id)
    assert not can_decide(rig, raw)


def test_the_address_of_a_question_is_found(reading: Rig) -> None:
    """Whoever writes there is heard by those who decide."""
    request_id = ask(reading)
    write(reading, request_id, "QUESTION: was the first charge booked?")
    token = question_token(reading.serving, reading.row(Question).id)
    assert can_decide(reading, plain(f"approvals+{token}@gate.example.com"))
    reading.mg.cancel(request_id)
    assert not can_decide(reading, plain(f"approvals+{token}@gate.example.com"))


def test_what_only_looks_like_a_secret_is_none(rig: Rig) -> None:
    """Other people's links and long words; the request is open all the time."""
    rig.ask()
    for text in (
        "https://example.com/d/WyJhIiwxLCJhYmNkZWYwMSJd.uSx3kYw2m0ZQm1V7yB2cE4dX9sA/",
        "a" * 26,
        "b" * 500,
        "",
    ):
        assert not can_decide(rig, plain(text))


def test_so_many_that_nobody_quotes_them_are_not_looked_up(rig: Rig) -> None:
    """Who made them up is not to keep the outbox busy; in doubt, nothing of it goes out."""
    words = " ".join(f"{number:026d}".translate(str.maketrans("0189", "abcd")) for number in range(2, 300))
    assert can_decide(rig, plain(words))
