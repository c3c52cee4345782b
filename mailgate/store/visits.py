"""Queries about visits of links. Each seat's are bounded: nobody can grow the database by opening a link."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import col, func, select

from mailgate.store.engine import Tx
from mailgate.store.tables import Assignment, Outgoing, Visit

MOST_VISITS = 50
"""Of one seat, kept singly. Later ones share one more row, which shows the latest and counts them."""


def keep_visits(tx: Tx, assignment_id: str, visits: Sequence[dict[str, Any]]) -> None:
    """Keep visits of one seat's link, given by their columns, earliest first."""
    last = tx.session.exec(select(func.max(Visit.number)).where(Visit.assignment_id == assignment_id)).one() or 0
    singly = max(MOST_VISITS - last, 0)
    for number, values in enumerate(visits[:singly], last + 1):
        tx.session.add(Visit(assignment_id=assignment_id, number=number, **values))
    if more := visits[singly:]:
        row = tx.session.get(Visit, (assignment_id, MOST_VISITS + 1))
        row = row or Visit(assignment_id=assignment_id, number=MOST_VISITS + 1, times=0, **more[-1])
        row.times += len(more)
        for name, value in more[-1].items():
            setattr(row, name, value)
        tx.session.add(row)
    tx.session.flush()


def sent_to_seat(tx: Tx, seat: Assignment, kinds: Collection[str]) -> Sequence[datetime]:
    """Return when mails of ``kinds`` to a seat were taken by the server, earliest first."""
    wanted = select(Outgoing.sent_at).where(
        Outgoing.request_id == seat.request_id,
        Outgoing.assignment_id == seat.id,
        col(Outgoing.kind).in_(sorted(kinds)),
        col(Outgoing.sent_at).is_not(None),
    )
    return sorted(at for at in tx.session.exec(wanted).all() if at is not None)


def visits_of(tx: Tx, request_id: str) -> Sequence[tuple[Visit, str]]:
    """Return the visits of a request's links, each with the person whose link it was; earliest first."""
    wanted = (
        select(Visit, Assignment.person)
        .join(Assignment, col(Assignment.id) == col(Visit.assignment_id))
        .where(Assignment.request_id == request_id)
    )
    return tx.session.exec(wanted.order_by(col(Visit.at), col(Visit.number))).all()
