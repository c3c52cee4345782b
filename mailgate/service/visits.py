"""Visits of links, as evidence: when each came after the mail, from which network, and what the program called itself.

Machines open links (design section 8), and whoever looks at a decision later wants to know what else was there. A visit
changes nothing about its request, makes no record, and is kept apart from everything that decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mailgate.service.context import Serving
from mailgate.store import Tx
from mailgate.store.answers import find_assignment
from mailgate.store.tables import Assignment
from mailgate.store.visits import keep_visits as store_visits
from mailgate.store.visits import sent_to_seat

_WITH_LINK = frozenset({"request", "reminder", "escalation", "answer", "clarification"})
"""The kinds of mail that have the link in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One visit of a genuine link, as the web side saw it.

    Attributes:
        assignment: the id that the link's token names.
        ago: how long before it is stored.
        came_of: one word or two: ``shown``, ``counted``, ``code_wrong``, ``from_another_page`` …
        program: what the visiting program calls itself; bounded, harmless to print.
        network: that the address lies in, such as ``192.0.2.0/24``; may be empty.
    """

    assignment: str
    ago: timedelta
    method: str
    came_of: str
    program: str
    network: str


def keep_visits(serving: Serving, seen: Iterable[Seen]) -> None:
    """Keep visits, of each seat the first ones singly and the number of all others.

    Raises:
        StoreUnavailable: nothing was kept.
    """
    of_seats: dict[str, list[Seen]] = {}
    for visit in seen:
        of_seats.setdefault(visit.assignment, []).append(visit)
    with serving.store.write() as tx:
        for assignment, visits in of_seats.items():
            seat = find_assignment(tx, assignment)
            if seat is not None:
                store_visits(tx, seat.id, _rows(tx, seat, visits))


def _rows(tx: Tx, seat: Assignment, visits: Sequence[Seen]) -> list[dict[str, Any]]:
    sent = sent_to_seat(tx, seat, _WITH_LINK)
    return [
        {
            "at": tx.now - visit.ago,
            "seconds_after_mail": _after_mail(sent, tx.now - visit.ago),
            "method": visit.method,
            "came_of": visit.came_of,
            "program": visit.program,
            "network": visit.network,
        }
        for visit in visits
    ]


def _after_mail(sent: Sequence[datetime], at: datetime) -> float | None:
    """Return the seconds since the latest mail with this link was sent; None if none was sent yet.

    Some servers follow links while they take the mail: then the first one counts, and the figure may be negative.
    """
    if not sent:
        return None
    before = [instant for instant in sent if instant <= at]
    return round((at - (before[-1] if before else sent[0])).total_seconds(), 3)
