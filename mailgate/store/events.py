"""The event log's queries: append, take the unsequenced, find records. One function appends; only the keeper sequences."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam
from sqlmodel import col, select

from mailgate.model.canonical import canonical_bytes
from mailgate.model.evidence import format_time
from mailgate.store.engine import Tx
from mailgate.store.tables import Event, Request
from mailgate.tokens import ServeKey

MARK = "event"


def append_event(tx: Tx, kind: str, request_id: str | None, body: Mapping[str, Any], *, key: ServeKey | None) -> Event:
    """Append what happened, in the transaction in which it happened.

    Args:
        key: the serve key, for events that only people or the serving side may cause; None on the agents' side.
    """
    event = Event(id=tx.chance.id(), request_id=request_id, kind=kind, body=canonical_bytes(dict(body)), at=tx.now)
    if key is not None:
        request = tx.session.get_one(Request, request_id) if request_id else None
        event.mark = key.mark(MARK, event_fields(event, request))
    tx.session.add(event)
    return event


def amend_event(tx: Tx, event: Event, more: Mapping[str, Any], *, key: ServeKey) -> None:
    """Let an event of this very transaction say more, such as what followed from it at once."""
    event.body = canonical_bytes(json.loads(event.body) | dict(more))
    request = tx.session.get_one(Request, event.request_id) if event.request_id else None
    event.mark = key.mark(MARK, event_fields(event, request))
    tx.session.add(event)


def event_fields(event: Event, request: Request | None) -> dict[str, Any]:
    """Return what an event's mark covers: the ruling on its request, too, so that it speaks of no other asking.

    Ids can be used again by whoever can delete rows; the keeper's mark on its ruling cannot.
    """
    return {
        "ruling": (request.mark or b"").hex() if request else "",
        "id": event.id,
        "request": event.request_id,
        "kind": event.kind,
        "body": event.body.decode(),
        "at": format_time(event.at),
    }


def unsequenced(tx: Tx, limit: int) -> Sequence[Event]:
    """Return events that are neither records yet nor refused, in the order they happened.

    By absence of a position, never by a high-water mark: ids are not in commit order.
    """
    return tx.session.exec(_UNSEQUENCED, params={"most": limit}).all()


def has_records(tx: Tx) -> bool:
    """Return whether anything was recorded."""
    return tx.session.exec(select(Event.id).where(col(Event.position).is_not(None)).limit(1)).first() is not None


def unarchived(tx: Tx) -> Sequence[Event]:
    """Return the records that no archive mail carries yet, in their order."""
    wanted = select(Event).where(col(Event.archived).is_(False), col(Event.position).is_not(None))
    return tx.session.exec(wanted.order_by(col(Event.position))).all()


def events_of(tx: Tx, request_id: str, *kinds: str) -> Sequence[Event]:
    """Return a request's events, of ``kinds`` only where given, in the order they happened."""
    found = tx.remember("events", request_id, lambda: tx.session.exec(_EVENTS, params={"request": request_id}).all())
    return [e for e in found if e.kind in kinds] if kinds else found


def unbound_events(tx: Tx, kind: str) -> Sequence[Event]:
    """Return the events of a kind that belong to no request, in the order they happened."""
    wanted = select(Event).where(Event.kind == kind, col(Event.request_id).is_(None))
    return tx.session.exec(wanted.order_by(col(Event.at), col(Event.id))).all()


def events_at(tx: Tx, positions: Sequence[int]) -> Sequence[Event]:
    """Return the records at these indices, in their order."""
    return tx.session.exec(select(Event).where(col(Event.position).in_(positions)).order_by(col(Event.position))).all()


def latest_unbound(tx: Tx, kind: str) -> Event | None:
    """Return the latest event of a kind that belongs to no request."""
    wanted = select(Event).where(Event.kind == kind, col(Event.request_id).is_(None), col(Event.refused) == "")
    return tx.session.exec(wanted.order_by(col(Event.at).desc(), col(Event.id).desc()).limit(1)).first()


def get_events(tx: Tx, ids: Sequence[str]) -> Sequence[Event]:
    """Return the events with ``ids``, in the order of their records."""
    return tx.session.exec(select(Event).where(col(Event.id).in_(ids)).order_by(col(Event.position))).all()


# Built once: building costs as much as asking.
_EVENTS = select(Event).where(col(Event.request_id) == bindparam("request")).order_by(col(Event.at), col(Event.id))
_UNSEQUENCED = (
    select(Event)
    .where(col(Event.position).is_(None), col(Event.refused) == "")
    .order_by(col(Event.at), col(Event.id))
    .limit(bindparam("most"))
)
