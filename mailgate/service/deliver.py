"""The outbox's work: render each mail once, keep its bytes, send them until a server takes them or says no for good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from mailgate.errors import Forged, MailgateError, MailRefused, MailServerError, StoreUnavailable
from mailgate.mail.smtp import SmtpSender
from mailgate.service.codes import FRESH_FOR
from mailgate.service.context import Serving
from mailgate.service.keep import lose_seat
from mailgate.service.letters import Made, render
from mailgate.service.marks import check_outgoing
from mailgate.service.posting import ANSWERS, tell_operators
from mailgate.service.stating import note_shown
from mailgate.store import Tx
from mailgate.store.answers import find_assignment
from mailgate.store.mails import change_outgoing, claim_outgoing, prolong_claim, set_sealed
from mailgate.store.requests import find_request
from mailgate.store.tables import Outgoing
from mailgate.tokens import tagged_address

log = structlog.get_logger(__name__)

CLAIM = timedelta(seconds=30)
"""An outbox that claimed a mail and was silent for longer is dead, and another one sends the same bytes; a living one says
so while it sends (:func:`stay_alive`)."""

LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A mail with its bytes, ready to be sent."""

    row: Outgoing
    sender: str
    raw: bytes


def take_due(serving: Serving, limit: int) -> list[Ready]:
    """Claim mails that are due, render those that have no bytes yet, and return them ready to send."""
    with serving.store.write() as tx:
        rows: Sequence[Outgoing] = claim_outgoing(tx, limit, CLAIM)
    return [ready for row in rows if (ready := _prepared(serving, row)) is not None]


def _prepared(serving: Serving, row: Outgoing) -> Ready | None:
    try:
        check_outgoing(serving.key, row)
        with serving.store.read() as tx:
            kept = tx.session.get_one(Outgoing, row.id).sealed
            made = None if kept is not None else render(tx, serving, row)
        if kept is None and made is None:
            _drop(serving, row)
            return None
        raw = made.raw if made is not None else serving.key.unseal(kept or b"", label=_label(row))
        if made is not None and not _keep_bytes(serving, row, made):
            return None  # another outbox was faster; it has the bytes that count
    except Forged as error:
        _give_up(serving, row, f"{error.message} {error.hint}".strip())
        return None
    except StoreUnavailable:
        raise
    except Exception as error:  # one mail that cannot be made must not keep the others from being sent
        why = error.message if isinstance(error, MailgateError) else f"{type(error).__name__}: {error}"
        _await_repair(serving, row, why)
        return None
    return Ready(row=row, sender=_envelope_sender(serving, row), raw=raw)


def _drop(serving: Serving, row: Outgoing) -> None:
    why = "its person was asked anew meanwhile"
    log.info("not_sent", mail=row.id, kind=row.kind, request=row.request_id, why=why)
    with serving.store.write() as tx:
        change_outgoing(tx, row.id, state="failed", claimed_until=None, last_error=f"not sent: {why}")


def _keep_bytes(serving: Serving, row: Outgoing, made: Made) -> bool:
    nonce = serving.store.chance.bytes(12)
    sealed = serving.key.seal(made.raw, label=_label(row), nonce=nonce)
    with serving.store.write() as tx:
        if not set_sealed(tx, row.id, sealed):
            return False
        seat = find_assignment(tx, row.assignment_id) if row.assignment_id and made.shown else None
        if seat is not None:
            note_shown(serving, seat, made.shown)
            tx.session.add(seat)
        return True


def stay_alive(serving: Serving, mail_id: str) -> None:
    """Say that this outbox is still sending a mail."""
    with serving.store.write() as tx:
        prolong_claim(tx, mail_id, CLAIM)


async def send_one(serving: Serving, sender: SmtpSender, ready: Ready) -> None:
    """Send one mail and store what the server said."""
    row = ready.row
    try:
        answer = await sender.send(ready.sender, row.recipient, ready.raw)
    except MailRefused as error:
        _refused(serving, row, error)
    except MailServerError as error:
        if _later(serving, row, error.message):
            log.warning("send_later", mail=row.id, attempts=row.attempts + 1, why=error.message)
    else:
        with serving.store.write() as tx:
            change_outgoing(tx, row.id, state="sent", sealed=None, sent_at=tx.now, claimed_until=None, last_error="")
        log.info("sent", mail=row.id, kind=row.kind, request=row.request_id, answer=answer[:80])


def _later(serving: Serving, row: Outgoing, why: str) -> bool:
    """Try again after a pause; False if that went on for so long that the mail was given up."""
    settings = serving.config.smtp
    with serving.store.write() as tx:
        if tx.now - row.created_at >= (FRESH_FOR if row.kind == "code" else settings.give_up_after):
            _fail(tx, serving, row, f"it could not be sent in time; last: {why}")
            return False
        pause = min(settings.retry_after * 2 ** min(row.attempts, 12), LONGEST_PAUSE)
        change_outgoing(
            tx,
            row.id,
            attempts=row.attempts + 1,
            next_at=tx.now + pause,
            claimed_until=None,
            last_error=why,
        )
    return True


def _await_repair(serving: Serving, row: Outgoing, why: str) -> None:
    """Keep a mail that cannot be made until somebody has mended its template; operators are told once."""
    log.error("not_rendered", mail=row.id, kind=row.kind, request=row.request_id, why=why)
    if _later(serving, row, why) and row.attempts == 0 and row.kind != "notice":
        with serving.store.write() as tx:
            request = find_request(tx, row.request_id) if row.request_id else None
            headline = f"A mail ({row.kind}) to {row.recipient} cannot be made: {why}"
            tell_operators(
                tx, serving, request, headline=headline, next_step="Mend it; the mail then goes out by itself."
            )


def _refused(serving: Serving, row: Outgoing, error: MailRefused) -> None:
    with serving.store.write() as tx:
        _fail(tx, serving, row, error.message)


def _give_up(serving: Serving, row: Outgoing, why: str) -> None:
    """Send nothing: the mail was forged, and a person has to look."""
    log.error("forged", table="outgoing", row=row.id, why=why, request=row.request_id)
    with serving.store.write() as tx:
        change_outgoing(tx, row.id, state="failed", last_error=why)
        tell_operators(
            tx,
            serving,
            None,
            headline=f"A forged mail was found in the database and not sent: {why}",
            next_step="Find out who can write to the database.",
        )


def _fail(tx: Tx, serving: Serving, row: Outgoing, why: str) -> None:
    change_outgoing(tx, row.id, state="failed", sealed=None, claimed_until=None, last_error=why)
    log.error("undeliverable", mail=row.id, kind=row.kind, request=row.request_id, why=why)
    seat = find_assignment(tx, row.assignment_id) if row.assignment_id else None
    if seat is not None and row.kind in ("request", "escalation"):
        lose_seat(tx, serving, seat, because=why)
    elif row.kind == "notice":
        return  # telling the operators that operators cannot be told would go on for ever
    else:
        request = find_request(tx, row.request_id) if row.request_id else None
        headline = f"A mail ({row.kind}) to {row.recipient} could not be sent: {why}"
        tell_operators(tx, serving, request, headline=headline, next_step="Check the address and the mail server.")


def _envelope_sender(serving: Serving, row: Outgoing) -> str:
    """Return where bounces go: to the seat's own bounce address; nowhere for mail that answers a mail."""
    if row.kind in ANSWERS:
        return ""
    base = serving.config.smtp.address
    if row.assignment_id is None:
        return base
    with serving.store.read() as tx:
        seat = find_assignment(tx, row.assignment_id)
        generation = seat.generation if seat else 1
    token = serving.key.bounce_token(row.assignment_id, generation)
    return tagged_address(base, token, serving.config.imap.reply_address)


def _label(row: Outgoing) -> str:
    return f"outgoing {row.id}"
