"""The six digits that the page behind a link asks for: those printed in its mail, or fresh ones mailed at a press.

Neither is stored anywhere. A fresh code is derived from the id of the mail that brings it, which is random, so what there
is to keep is that mail's own row: marked, with the instant until which its code holds. It holds for its seat, until then,
until another one is mailed, and for one decision.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mailgate.model.evidence import format_time
from mailgate.service.context import Serving
from mailgate.service.marks import check_outgoing
from mailgate.service.posting import order_mail
from mailgate.store import Tx
from mailgate.store.answers import decisions_of, use_code_try
from mailgate.store.mails import outgoing_to_seat
from mailgate.store.tables import Assignment, Outgoing, Request

CODE_TRIES = 5
"""With a million codes, five tries succeed once in 200,000 links; then the link is closed for approving."""

FRESH_FOR = timedelta(minutes=10)
"""Long enough to find a mail that was greylisted once; a code read over a shoulder is soon worth nothing."""

MOST_FRESH = 3
FRESH_WINDOW = timedelta(hours=1)
"""Whoever has a link can have this many mails sent in this time, and no more: it must not serve to flood a mailbox."""


class Checked(StrEnum):
    """What a typed code turned out to be."""

    RIGHT = "right"
    WRONG = "wrong"
    USED_UP = "used_up"  # it was not even compared: five tries were made before
    STALE = "stale"  # nor this one: no fresh code holds now


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """A fresh code that was mailed to the person of a seat, and holds.

    Attributes:
        mail: the id of its mail.
        until: when it stops to hold.
    """

    mail: str
    recipient: str
    mailed_at: datetime
    until: datetime

    @property
    def hint(self) -> str:
        """Where it was mailed, as whoever holds the link may know it: ``b…@example.com``."""
        local, _, domain = self.recipient.rpartition("@")
        return f"{local[:1]}…@{domain}"


def check_printed(tx: Tx, serving: Serving, seat: Assignment, code: str) -> Checked:
    """Compare ``code`` with the one printed in the mail of ``seat``; each comparison is one of five tries."""
    return _compare(tx, seat, code, serving.key.code(seat.id, seat.generation))


def check_fresh(
    tx: Tx, serving: Serving, request: Request, seat: Assignment, code: str
) -> tuple[Checked, Fresh | None]:
    """Compare ``code`` with the fresh one that holds now; each comparison is one of five tries.

    Raises:
        Forged: a mail with a code that the serving side did not order.
    """
    fresh = find_fresh(tx, serving, request, seat)
    if fresh is None:
        return Checked.STALE, None
    return _compare(tx, seat, code, serving.key.fresh_code(seat.id, seat.generation, fresh.mail)), fresh


def find_fresh(tx: Tx, serving: Serving, request: Request, seat: Assignment) -> Fresh | None:
    """Return the fresh code of ``seat`` that holds now: the latest mailed, in time, and not used for a decision.

    Raises:
        Forged: a mail with a code that the serving side did not order.
    """
    latest = max(_mailed(tx, serving, request, seat), key=lambda fresh: (fresh.until, fresh.mail), default=None)
    if latest is None or latest.until <= tx.now:
        return None
    spent = {json.loads(d.evidence or "{}").get("code_mail") for d in decisions_of(tx, request.id)}
    return None if latest.mail in spent else latest


def mail_fresh(tx: Tx, serving: Serving, request: Request, seat: Assignment, *, pressed: str) -> Fresh | None:
    """Order the mail that brings a fresh code, which voids the one before; None if enough were mailed of late.

    It goes to the address that the configuration has for the person now.

    Args:
        pressed: the button, as the mail names it.

    Raises:
        Forged: a seat, or an earlier mail, that the serving side did not make.
    """
    person = serving.config.people.get(seat.person)
    if person is None or next_fresh_at(tx, serving, request, seat) is not None:
        return None
    until = tx.now + FRESH_FOR
    details = {"until": format_time(until), "pressed": pressed}
    mail = order_mail(tx, serving, "code", request, to=seat, details=details, address=person.address)
    return Fresh(mail=mail.id, recipient=mail.recipient, mailed_at=tx.now, until=until)


def next_fresh_at(tx: Tx, serving: Serving, request: Request, seat: Assignment) -> datetime | None:
    """Return when another fresh code may be mailed to ``seat``; None: now."""
    mailed = sorted(fresh.mailed_at for fresh in _mailed(tx, serving, request, seat))
    if len(mailed) < MOST_FRESH:
        return None
    at = mailed[-MOST_FRESH] + FRESH_WINDOW
    return at if at > tx.now else None


def holds_until(mail: Outgoing) -> datetime:
    """Return until when the code holds that a mail of kind ``code`` brings."""
    return datetime.fromisoformat(str(json.loads(mail.details)["until"]))


def _mailed(tx: Tx, serving: Serving, request: Request, seat: Assignment) -> Iterator[Fresh]:
    """Yield the fresh codes that were mailed to ``seat``. When, says what is marked, not the column beside it."""
    for mail in outgoing_to_seat(tx, request.id, seat.id, "code"):
        check_outgoing(serving.key, mail)
        until = holds_until(mail)
        yield Fresh(mail=mail.id, recipient=mail.recipient, mailed_at=until - FRESH_FOR, until=until)


def _compare(tx: Tx, seat: Assignment, typed: str, right: str) -> Checked:
    if not use_code_try(tx, seat, CODE_TRIES):
        return Checked.USED_UP
    given = "".join(c for c in typed if not (c.isspace() or c == "-"))
    return Checked.RIGHT if hmac.compare_digest(given.encode(), right.encode()) else Checked.WRONG
