"""Mails as a mail server hands them out, and intake without one: stored, then concluded."""

from __future__ import annotations

from datetime import datetime

from mailgate.service.intake import conclude_mail, incoming_label
from mailgate.store.mails import incoming_in_state
from mailgate.store.tables import Incoming
from mailgate.tokens import tagged_address
from tests.service.rig import PEOPLE, Rig

AUTHSERV_ID = "mx.gate.example.com"
"""Rigs that read replies are configured to believe it."""


def reply(
    rig: Rig,
    request_id: str,
    person: str = "bob",
    text: str = "APPROVE",
    *,
    token: str | None = None,
    aligned: bool = True,
    answers: str = "",
    mode: str = "plus",
) -> bytes:
    """Return a person's reply to the mail that asked.

    Args:
        token: another secret part of the address than that of the person's own seat.
        aligned: whether our server vouches for the sender's domain.
        answers: the Message-ID in References.
    """
    if token is None:
        seat = rig.seat(request_id, person)
        token = rig.serving.key.reply_token(seat.id, seat.generation)
    lines = (
        *([f"Authentication-Results: {AUTHSERV_ID}; dmarc=pass header.from=example.com"] if aligned else []),
        f"From: {PEOPLE[person]['name']} <{PEOPLE[person]['address']}>",
        f"To: {tagged_address('approvals@gate.example.com', token, mode)}",
        "Subject: Re: a request",
        "Date: Tue, 24 Nov 2026 09:30:00 +0000",
        f"Message-ID: <{rig.chance.id()}@example.com>",
        *([f"References: {answers}"] if answers else []),
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "",
        text,
        "",
    )
    return "\r\n".join(lines).encode()


def receive(rig: Rig, raw: bytes, *, received_at: datetime | None = None, mail_id: str = "mail") -> Incoming:
    """Store a mail, as intake does when it arrives."""
    with rig.serving.store.write() as tx:
        uid = int.from_bytes(tx.chance.bytes(3))
        row = Incoming(
            id=mail_id,
            mailbox="m",
            folder="f",
            uidvalidity=1,
            uid=uid,
            sha256=mail_id,
            sealed=b"",
            size=len(raw),
            fetched_at=tx.now,
            received_at=received_at or tx.now,
            state="new",
        )
        row.sealed = rig.serving.key.seal(raw, label=incoming_label(row), nonce=tx.chance.bytes(12))
        tx.session.add(row)
        return row


def conclude_all(rig: Rig) -> None:
    """Conclude every mail that waits."""
    with rig.serving.store.read() as tx:
        waiting = [row.id for row in incoming_in_state(tx, "new")]
    for mail_id in waiting:
        conclude_mail(rig.serving, mail_id)


def deliver(rig: Rig, raw: bytes, *, received_at: datetime | None = None, mail_id: str = "mail") -> Incoming:
    """Store and conclude one mail; return its row."""
    receive(rig, raw, received_at=received_at, mail_id=mail_id)
    conclude_all(rig)
    return rig.row(Incoming, id=mail_id)
