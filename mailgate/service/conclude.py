"""End a request: one function moves it to an outcome, closes its seats and makes the agent due to hear of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from mailgate.model.lifecycle import Trigger
from mailgate.service.stating import told_digest, told_fields
from mailgate.store import Tx
from mailgate.store.answers import assignments_of
from mailgate.store.events import append_event
from mailgate.store.requests import move
from mailgate.store.tables import Assignment, Event, Request, Resumption
from mailgate.tokens import ServeKey


def conclude(
    tx: Tx,
    request: Request,
    trigger: Trigger,
    *,
    kind: str,
    body: Mapping[str, Any],
    key: ServeKey | None,
    **values: Any,
) -> Event:
    """Move ``request`` to the outcome that follows ``trigger`` and return the event that says so.

    Args:
        kind: of the event; its body gets the outcome, and what the agent is told of it, with its digest.
        key: the serve key, or None where a worker reports what it did.
        values: columns of the request to set besides; what an agent is told of it and is not among them is emptied.

    Raises:
        IllegalTransition: it cannot end this way from where it stands.
    """
    outcome = move(tx, request, trigger, finished_at=tx.now, **(_NOTHING_TOLD | values))
    tx.session.add_all(closed(assignments_of(tx, request.id)))
    if tx.session.get(Resumption, request.id) is None:
        tx.session.add(resumption_of(request, tx.now))
    told = told_fields(request)
    said = dict(body) | {"outcome": outcome.value, "told": told, "told_sha256": told_digest(told)}
    return append_event(tx, kind, request.id, said, key=key)


def closed(seats: Iterable[Assignment]) -> Sequence[Assignment]:
    """Close the seats that were still open, and return them."""
    still_open = [seat for seat in seats if seat.state == "open"]
    for seat in still_open:
        seat.state = "closed"
    return still_open


def resumption_of(request: Request, at: datetime) -> Resumption:
    """Return the handing back of an outcome that waits from an instant on."""
    return Resumption(request_id=request.id, agent=request.agent, state="waiting", next_at=at)


_NOTHING_TOLD: dict[str, Any] = {"result": None, "error": "", "effect": "none", "reason": "", "decided_by": ""}
"""An agent is told only what the end itself says, whatever lay in these columns before."""
