"""A person at NeoMutt: what it really quotes and writes, top and bottom, plain and HTML, is read as the person meant it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mailgate.store.tables import Decision, Incoming
from tests.clients.conftest import Asked, AskedMany, short_code
from tests.conftest import unavailable
from tests.deployment import Deployment, eventually
from tests.site.neomutt import INSTALL, Form, NeoMutt, Place, find_neomutt

SIGNATURE = "Bob Example\nHead of Finance\nTel. +44 20 7946 0991"
Sitting = Callable[..., NeoMutt]

STYLES: dict[str, dict[str, Any]] = {
    "plain, on top": {},
    "plain, on top, signature below the quote": {"signature": SIGNATURE},
    "plain, on top, signature above the quote": {"signature": SIGNATURE, "signature_on_top": True},
    "plain, below the quote": {"place": Place.BOTTOM},
    "plain, below the quote, signature": {"place": Place.BOTTOM, "signature": SIGNATURE},
    "HTML, on top, signature": {"form": Form.HTML, "signature": SIGNATURE},
    "HTML, below the quote, signature": {"form": Form.HTML, "place": Place.BOTTOM, "signature": SIGNATURE},
    "both, on top, signature": {"form": Form.BOTH, "signature": SIGNATURE},
    "both, below the quote": {"form": Form.BOTH, "place": Place.BOTTOM},
}

SOME = ("plain, on top, signature below the quote", "plain, below the quote, signature", "HTML, on top, signature")
"""For what is read like an approval: one of each kind, to be quick."""


@pytest.fixture
def at_neomutt(house: Deployment, tmp_path: Path) -> Sitting:
    """Return a function that seats a person at a NeoMutt of their own."""
    if find_neomutt() is None:
        unavailable(f"These tests need NeoMutt; as root: {INSTALL}")

    def sit(person: str, at: str = "") -> NeoMutt:
        name = f"{person.title()} Example"
        return NeoMutt(site=house.site, address=house.people[person], name=name, folder=tmp_path / person / at)

    return sit


def answer_in(styles: Collection[str], asked_many: AskedMany, at_neomutt: Sitting, text: str) -> dict[str, str]:
    """Ask once for each style, let Bob answer each in its style, and return style → request."""
    requests = dict(zip(styles, asked_many(len(styles)), strict=True))

    def answer(style: str) -> None:
        at_neomutt("bob", at=slug(style)).reply(short_code(requests[style]), text, **STYLES[style])

    with ThreadPoolExecutor(4) as people:
        list(people.map(answer, requests))
    return requests


def slug(style: str) -> str:
    """Return the name of a style as that of a folder."""
    return re.sub(r"\W+", "-", style)


def decision(house: Deployment, request: str) -> tuple[str, str, str, str]:
    """Wait for the one decision on a request: verdict, level, channel, reason."""
    [row] = eventually(lambda: house.rows(Decision, request_id=request), why="A decision")
    return row.verdict, row.level, row.channel, row.reason


def test_approve_is_counted_in_every_style(house: Deployment, asked_many: AskedMany, at_neomutt: Sitting) -> None:
    """APPROVE above or below the real quote, with or without a signature, in text, HTML or both, approves."""
    requests = answer_in(STYLES, asked_many, at_neomutt, "APPROVE")
    counted = {style: decision(house, request) for style, request in requests.items()}
    assert counted == dict.fromkeys(STYLES, ("approve", "aligned", "reply", ""))


def test_reject_is_counted_with_its_reason(house: Deployment, asked_many: AskedMany, at_neomutt: Sitting) -> None:
    """The reason is what the person typed, over two lines, and nothing of quote or signature."""
    requests = answer_in(SOME, asked_many, at_neomutt, "Reject: the parcel has arrived,\nsee the tracking page.")
    counted = {style: decision(house, request) for style, request in requests.items()}
    reason = "the parcel has arrived,\nsee the tracking page."
    assert counted == dict.fromkeys(SOME, ("reject", "aligned", "reply", reason))


def test_nothing_typed_decides_nothing(house: Deployment, asked_many: AskedMany, at_neomutt: Sitting) -> None:
    """The draft as NeoMutt makes it, our whole mail quoted and perhaps a signature, is no answer; the person is asked."""
    requests = answer_in(SOME, asked_many, at_neomutt, "")
    for style, request in requests.items():
        assert "nothing was decided" in house.mail_to("bob", short_code(request), "Please answer again").words, style
        assert (house.state(request), house.rows(Decision, request_id=request)) == ("pending", []), style


def test_the_clarification_can_be_answered(house: Deployment, asked: Asked, at_neomutt: Sitting) -> None:
    """What NeoMutt quotes then holds the person's own first answer, and is still not taken for it."""
    request, _ = asked()
    bob = at_neomutt("bob")
    bob.reply(short_code(request), "approve if it is below 100 EUR")
    house.mail_to("bob", short_code(request), "Please answer again", "approve if it is below 100 EUR")
    assert house.state(request) == "pending"
    bob.reply(short_code(request), "REJECT\nToo much.", nth=2)
    assert decision(house, request) == ("reject", "aligned", "reply", "Too much.")


def test_whoever_it_was_redirected_to_cannot_approve(
    house: Deployment, asked: Asked, at_neomutt: Sitting, record_property: Callable[[str, object], None]
) -> None:
    """Sent on as it is, the mail has the secret address; another person's approval to it is recorded and not counted."""
    request, _ = asked()
    at_neomutt("bob").redirect(short_code(request), house.people["carol"])
    house.mail_to("carol", short_code(request))
    at_neomutt("carol").reply(short_code(request), "APPROVE")
    house.mail_to("bob", short_code(request), "without proof that it is from you")
    assert (house.state(request), house.rows(Decision, request_id=request)) == ("pending", [])
    [kept] = house.rows(Incoming, sender=house.people["carol"])
    assert (kept.verdict, kept.level) == ("approve", "token")
    record_property("attack", "A request mail is redirected in a terminal mail program, and the reader replies APPROVE")
    record_property(
        "happened", "Not counted: the sender is another person. Recorded, and the person who was asked is told."
    )


def test_a_forwarded_mail_with_approve_above_it_is_set_aside(
    house: Deployment, asked: Asked, at_neomutt: Sitting, record_property: Callable[[str, object], None]
) -> None:
    """Forwarded as text to the gate's bare address, it belongs to nobody's seat and is quarantined."""
    request, _ = asked()
    at_neomutt("bob").forward(short_code(request), house.gate, "APPROVE")
    [kept] = eventually(lambda: house.rows(Incoming, state="quarantined"), why="Being set aside")
    assert (kept.assignment_id, "secret address" in kept.why) == (None, True), kept.why
    assert house.state(request) == "pending"
    record_property("attack", "A request mail is forwarded to mailgate's own address with APPROVE above it")
    record_property("happened", "Quarantined: it came to no secret address.")
