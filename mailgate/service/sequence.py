"""The keeper's main work: make events records, in order, and order what follows from each, in one short transaction."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import structlog

from mailgate.errors import Forged
from mailgate.model.evidence import build_record
from mailgate.model.lifecycle import Standing, State
from mailgate.service.context import Serving
from mailgate.service.marks import bears_event_mark, check_decisions, check_ruling
from mailgate.service.opening import ask_stage, open_request, tally_of
from mailgate.service.posting import archive, order_mail, tell_operators
from mailgate.service.proof import get_approval
from mailgate.store import Tx
from mailgate.store.answers import assignments_of
from mailgate.store.events import next_position, unsequenced
from mailgate.store.requests import find_request
from mailgate.store.tables import Event, Request

log = structlog.get_logger(__name__)

BATCH = 64
"""Events a transaction: enough to spread its fsync, few enough that nobody waits for the writer's lock."""

BY_AGENTS = frozenset({"request", "executing", "outcome", "resumed", "resume_failed", "cancelled"})
"""What the agents' side may cause. Every other kind must bear the serving side's mark."""


def sequence(tx: Tx, serving: Serving) -> int:
    """Make the waiting events records and order the mails that follow; return how many there were."""
    events = unsequenced(tx, BATCH)
    position = next_position(tx)
    for event in events:
        try:
            extra = _check_and_follow(tx, serving, event)
        except Forged as error:
            _refuse(tx, serving, event, error)
            continue
        _record(tx, serving, event, position, extra)
        position += 1
    return len(events)


def _check_and_follow(tx: Tx, serving: Serving, event: Event) -> dict[str, Any]:
    """Return what the keeper adds to the record, once what follows from the event is ordered.

    Raises:
        Forged: an event that nobody entitled to it can have caused.
    """
    if event.kind not in BY_AGENTS and not bears_event_mark(serving.key, event):
        raise Forged("events", event.id, f"this {event.kind} was not caused by the serving side")
    request = find_request(tx, event.request_id) if event.request_id else None
    if request is None:
        return {}
    if event.kind in ("executing", "outcome"):
        get_approval(tx, serving.verifier, request)
    follow = _FOLLOW.get(event.kind)
    return follow(tx, serving, request, event) if follow else {}


def _record(tx: Tx, serving: Serving, event: Event, position: int, extra: dict[str, Any]) -> None:
    request = find_request(tx, event.request_id) if event.request_id else None
    event.record = build_record(
        log=serving.signer.name,
        index=position,
        event=event.kind,
        request=event.request_id or "",
        digest=request.digest if request else b"",
        at=event.at,
        nonce=tx.chance.bytes(16),
        body=json.loads(event.body) | extra,
    )
    event.position = position
    event.proof = serving.signer.prove(event.record, position)
    tx.session.add(event)
    tx.session.flush()


def _refuse(tx: Tx, serving: Serving, event: Event, error: Forged) -> None:
    """Keep the event as it is, say why it is no record, and tell the operators."""
    log.error("forged", table=error.table, row=error.row, why=error.why, request=event.request_id)
    event.refused = str(error)
    tx.session.add(event)
    request = find_request(tx, event.request_id) if event.request_id else None
    if request is not None:
        request.note = str(error)
        tx.session.add(request)
    tell_operators(
        tx,
        serving,
        request,
        headline=f"A forged entry was found in the database and refused: {error}.",
        next_step="Nothing was executed because of it. Find out who can write to the database.",
    )


def _opened(tx: Tx, serving: Serving, request: Request, event: Event) -> dict[str, Any]:
    return open_request(tx, serving, request, event)


def _decided(tx: Tx, serving: Serving, request: Request, event: Event) -> dict[str, Any]:
    """Send the receipt to everyone asked; ask the next stage where one is due."""
    body = json.loads(event.body)
    details = {"decision": body["decision"]}
    for seat in assignments_of(tx, request.id):
        order_mail(tx, serving, "receipt", request, to=seat, details=details, events=[event])
    archive(tx, serving, "receipt", request, event, details)
    if request.state == State.PENDING:
        _, gate = check_ruling(tx, serving.key, request)
        standing = tally_of(tx, serving, request, gate, check_decisions(tx, serving.key, request))
        if standing.standing is Standing.OPEN:
            ask_stage(tx, serving, request, gate, standing.stage, event)
    return {}


def _ended(tx: Tx, serving: Serving, request: Request, event: Event) -> dict[str, Any]:
    """Send the outcome to everyone asked."""
    outcome = json.loads(event.body)["outcome"]
    for seat in assignments_of(tx, request.id):
        order_mail(tx, serving, "outcome", request, to=seat, details={"outcome": outcome}, events=[event])
    archive(tx, serving, "outcome", request, event, {"outcome": outcome})
    if outcome == State.FAILED:
        tell_operators(
            tx,
            serving,
            request,
            headline=f"{request.action} was approved and then failed.",
            next_step=f"See `mailgate requests show {request.id}`.",
        )
    return {}


_FOLLOW: dict[str, Callable[[Tx, Serving, Request, Event], dict[str, Any]]] = {
    "request": _opened,
    "decision": _decided,
    "outcome": _ended,
    "expired": _ended,
    "lapsed": _ended,
    "withdrawn": _ended,
    "undeliverable": _ended,
    "cancelled": _ended,
    "settled": _ended,
}
"""What the keeper orders when an event becomes a record. A missing kind orders nothing."""
