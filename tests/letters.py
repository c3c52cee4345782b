"""Letters and headers for tests of what mails and pages say and look like; everything in them is invented."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mailgate.mail.brief import Ask, Seat, Signature
from mailgate.mail.compose import Headers, Templates, subject_line

SHIPPED = Path(__file__).parent.parent / "templates"
AT = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
TOKEN = "WyJhIiwxLCJhYmNkZWYwMSJd.uSx3kYw2m0ZQm1V7yB2cE4dX9sA"
LINK = f"https://approvals.example.com/d/{TOKEN}/"
CODE = "482913"
MARKER = "mailgate-reply-above-k3v9q2ab"

_TEMPLATES: list[Templates] = []


def templates() -> Templates:
    """Return the shipped templates, compiled once."""
    if not _TEMPLATES:
        _TEMPLATES.append(Templates.load(SHIPPED))
    return _TEMPLATES[0]


def ask(**changes: Any) -> Ask:
    """Return a request for a refund, with ``changes``."""
    usual = Ask(
        deployment="approvals",
        action="issue_refund",
        short_code="R-7K2M9Q",
        digest="ab" * 32,
        arguments={"order_id": "A-1001", "amount": 120.0, "currency": "EUR"},
        agent="support",
        run="run-7",
        summary="Refund 120.0 EUR on order A-1001",
        on_behalf_of="erin@example.com",
        reasoning="The customer was charged twice.",
        confidence=0.62,
        if_approved="The customer is refunded at once; this cannot be undone.",
        if_rejected="It tries another way.",
        deadline_at=AT,
        valid_for=timedelta(minutes=15),
    )
    return replace(usual, **changes)


def seat(**changes: Any) -> Seat:
    """Return Bob's seat, with ``changes``."""
    usual = Seat(
        name="Bob Brown", zone="Europe/Berlin", nonce="k3v9q2ab", link=LINK, code=CODE, others=("Alice Adams",)
    )
    return replace(usual, **changes)


def signature(**changes: Any) -> Signature:
    """Return Bob's approval, with ``changes``."""
    usual = Signature(
        name="Bob Brown",
        address="bob@example.com",
        verdict="approved",
        at=AT,
        level="link+code",
        reason="Looked it up.",
    )
    return replace(usual, **changes)


def headers(**changes: Any) -> Headers:
    """Return the headers of a request to Bob, with ``changes``."""
    usual = Headers(
        message_id="<r-7k2m9q.1@gate.example.com>",
        sender=("Approvals", "approvals@gate.example.com"),
        recipient=("Bob Brown", "bob@example.com"),
        reply_to=("Approvals", "gate+abcdefghijklmnopqrstuvwxyz@gate.example.com"),
        date=AT,
        subject=subject_line("issue_refund", "R-7K2M9Q"),
        instance="approvals",
    )
    return replace(usual, **changes)
