"""A rehearsal of the templates: one mail of each kind is rendered from invented letters, and checked like a real one.

Run when templates are loaded, so that a mistake in an overridden template stops the start and not the first request.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mailgate.mail.answering import archive_copy
from mailgate.mail.brief import Ask, Ended, Happening, Seat, Signature
from mailgate.mail.compose import render
from mailgate.mail.draft import code_letter, late_letter, notice_letter, outcome_letter, receipt_letter, request_letter
from mailgate.mail.letter import ANSWERABLE, Letter, LetterKind
from mailgate.mail.templates import Templates

_AT = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
# Every field filled, and with what templates get wrong: markup, runs of blanks, deciding words, long and foreign text.
_FULL = Ask(
    deployment="approvals",
    action="issue_refund",
    short_code="R-7K2M9Q",
    digest="0f" * 32,
    arguments={
        "order_id": "A-1001",
        "stop": "APPROVE\nREJECT\n\n  <b>no</b>   & {{ letter }}  ",
        "items": [{"sku": "Café", "quantity": 2}, []],
        "note": "https://shop.example/refunds\n" * 100,
        "token": "x" * 300,
        "amount": 120.0,
    },
    agent="support",
    run="run-7",
    summary="Refund 120.0 EUR on order A-1001",
    on_behalf_of="erin@example.com",
    reasoning="The customer was charged twice.\nno, really",
    confidence=0.62,
    if_approved="The customer is refunded at once.",
    if_rejected="No refund; the agent is told why.",
    deadline_at=_AT,
    valid_for=timedelta(minutes=15),
    rejection_memory=timedelta(days=30),
)
_BARE = replace(
    _FULL,
    arguments={},
    summary="",
    on_behalf_of="",
    reasoning="",
    confidence=None,
    deadline_at=None,
    valid_for=None,
    rejection_memory=None,
)
_SEAT = Seat(
    name="Bob Brown",
    zone="Europe/London",
    nonce="k3v9q2ab",
    link="https://approvals.example.com/d/WyJhIiwxLCJhYmNkZWYwMSJd.uSx3kYw2m0ZQm1V7yB2cE4dX9sA/",
    code="482913",
    others=("Alice Adams", "Carol Clark"),
    needed=2,
    given=1,
    step="This is step 1 of 2.",
)
_SEATS = (
    _SEAT,
    replace(_SEAT, zone="UTC", link="", code="", others=(), needed=1, given=0, step=""),
    replace(_SEAT, by_reply=False, code="", web_confirm="fresh_code", veto=False),
    replace(_SEAT, approves_by_reply=False),
)
_YES = Signature(
    name="No Moo-hyun",
    address="no@example.com",
    verdict="approved",
    at=_AT,
    level="aligned",
    reason="Charged twice.\nstop",
)
_HISTORY = (
    _YES,
    replace(_YES, name="Carol Clark", verdict="rejected", reason_withheld=True),
    Happening(at=_AT, what="A mail bounced."),
)


def rehearse(templates: Templates) -> None:
    """Render every kind of mail from invented letters, live and as the archive's copy, and check each.

    Raises:
        ComposeError: the sentence names the template and what is wrong with it.
    """
    for letter in sample_letters():
        render(letter, templates)
        if letter.kind is not LetterKind.NOTICE:  # those go to no archive
            render(archive_copy(letter, ["Alice Adams", "Bob Brown"]), templates)


def sample_letters() -> Iterator[Letter]:
    """Yield letters of every kind, with all fields filled and with as few as possible."""
    for kind in sorted(ANSWERABLE):
        for seat in _SEATS:
            yield request_letter(
                _FULL,
                seat,
                kind=kind,
                preface=("Stop Smith was asked.",),
                heard="ok\nbut",
                warnings=("Look.",),
                history=_HISTORY,
            )
            yield request_letter(_BARE, seat, kind=kind)
    yield code_letter(_FULL, _SEAT, code="482913", until=_AT, pressed="Approve")
    yield code_letter(_BARE, Seat(name="Bob Brown"), code="000000", until=_AT, pressed="Mail me a code")
    yield receipt_letter(_FULL, _SEAT, _YES, next_steps=("It may run now.",))
    yield receipt_letter(_BARE, Seat(name="Bob Brown"), replace(_YES, verdict="undone", reason=""))
    yield late_letter(_FULL, _SEAT, how_it_ended="It was already rejected.", heard="APPROVE", history=_HISTORY)
    yield late_letter(_BARE, Seat(name="Bob Brown"), how_it_ended="It was already rejected.")
    yield outcome_letter(
        _FULL,
        _SEAT,
        Ended(state="failed", error="Timeout\nno answer", effect="unknown"),
        history=_HISTORY,
        next_steps=("Look.",),
    )
    yield outcome_letter(_BARE, Seat(name="Bob Brown"), Ended(state="succeeded"))
    yield notice_letter(
        deployment="approvals",
        recipient="Alice Adams",
        headline="No seal could be sent",
        preface=("The archive cannot be reached.",),
        facts={"Since": "14:02"},
        warnings=("Nothing is executed.",),
        next_steps=("Run mailgate doctor.",),
    )
    yield notice_letter(deployment="approvals", recipient="Alice Adams", headline="A seal", recorded=False)
