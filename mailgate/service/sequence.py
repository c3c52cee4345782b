"""The keeper's main work: make events records, in order, and order what follows from each, in one short transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from sqlmodel import select

from mailgate.errors import Forged
from mailgate.mail.passages import quoted
from mailgate.model.canonical import canonical_bytes
from mailgate.model.evidence import build_record
from mailgate.model.lifecycle import FINAL, Standing, State
from mailgate.model.policy import Gate
from mailgate.service.context import Serving
from mailgate.service.marks import bears_event_mark, check_ruling
from mailgate.service.opening import ask_stage, open_request, tally_of
from mailgate.service.posting import archive, order_mail, tell_operators
from mailgate.service.proof import AGENTS_ENDS, read_history
from mailgate.service.signatures import name_of
from mailgate.store import Tx
from mailgate.store.answers import assignments_of, decisions_of
from mailgate.store.events import events_of, next_position, unsequenced
from mailgate.store.requests import find_request
from mailgate.store.tables import Event, Request

log = structlog.get_logger(__name__)

BATCH = 64
"""Events a transaction: enough to spread its fsync, few enough that nobody waits for the writer's lock."""

BY_AGENTS: Mapping[str, frozenset[str]] = {
    "request": frozenset({"actor", "rules", "checkpoint_sha256", "checkpoint_type", "checkpoint_version"}),
    "executing": frozenset({"actor", "attempt"}),
    "outcome": frozenset({"actor", "attempt", "error", "effect", "outcome", "told_sha256"}),
    "cancelled": frozenset({"actor", "outcome", "told_sha256"}),
    "resumed": frozenset({"actor"}),
    "resume_failed": frozenset({"actor", "attempts", "error"}),
}
"""What the agents' side may cause, and what it may say of it: the log key's word stands behind every record.

Every other kind must bear the serving side's mark.
"""


def sequence(tx: Tx, serving: Serving) -> int:
    """Make the waiting events records and order the mails that follow; return how many there were."""
    position = _free_positions(tx, serving)
    events = sorted(unsequenced(tx, BATCH), key=lambda e: (e.kind != "request", e.at, _ORDER.get(e.kind, 0)))
    for event in events:
        try:
            with tx.session.begin_nested():  # what a refused event ordered before it was refused is undone
                extra = _check_and_follow(tx, serving, event)
        except Forged as error:
            _refuse(tx, serving, event, error)
            continue
        _record(tx, serving, event, position, extra)
        position += 1
    return len(events)


def _free_positions(tx: Tx, serving: Serving) -> int:
    """Return the next position, once the newest one is a record of ours: else anybody could tear a hole into the log.

    A row that merely claims the newest position loses it. A record that was moved there goes back to its place; any other
    row waits again: an event of ours becomes a record, any other is refused.
    """
    while (newest := next_position(tx) - 1) >= 0:
        event = tx.session.exec(select(Event).where(Event.position == newest)).one()
        index = _own_index(serving, event)
        if index == newest:
            break
        log.error("forged", table="events", row=event.id, why="its position was not given by the keeper")
        if index is not None and tx.session.exec(select(Event).where(Event.position == index)).first() is None:
            event.position = index
        else:
            event.position, event.record, event.proof, event.refused = None, None, "", ""
        tx.session.add(event)
        tx.session.flush()
    return max(newest + 1, 0)


def _own_index(serving: Serving, event: Event) -> int | None:
    """Return the index at which the keeper recorded ``event``, or None if it did not."""
    try:
        return serving.verifier.read(event.record or b"", event.proof).index
    except Forged:
        return None


def _check_and_follow(tx: Tx, serving: Serving, event: Event) -> dict[str, Any]:
    """Return what the keeper adds to the record, once what follows from the event is ordered.

    Raises:
        Forged: an event that nobody entitled to it can have caused.
    """
    request = find_request(tx, event.request_id) if event.request_id else None
    if event.kind not in BY_AGENTS:
        if not bears_event_mark(serving.key, event, request):
            raise Forged("events", event.id, f"this {event.kind} was not caused by the serving side")
        if event.request_id is None:
            return {}
    if request is None:
        raise Forged("events", event.id, f"this {event.kind} speaks of no request")
    if event.kind in BY_AGENTS:
        _check_agents_word(tx, serving, request, event)
    if event.kind != "request":
        # The record names the request's action: it must still be the one that was ruled on.
        check_ruling(tx, serving.key, request)
    follow = _FOLLOW.get(event.kind)
    return follow(tx, serving, request, event) if follow else {}


def _check_agents_word(tx: Tx, serving: Serving, request: Request, event: Event) -> None:
    """Raise Forged unless the agents' side may say this, and may say it now."""
    try:
        body = json.loads(event.body)
        canonical_bytes(body)  # JSON readers take NaN and endless nesting, records do not
        known = body.keys() <= BY_AGENTS[event.kind]
    except (ValueError, AttributeError, RecursionError) as error:
        raise Forged("events", event.id, f"this {event.kind} cannot be read") from error
    outcome, may_end = body.get("outcome"), AGENTS_ENDS[event.kind]
    is_theirs = (outcome == request.state and request.state in may_end) if may_end else outcome is None
    if not known or not is_theirs:
        raise Forged("events", event.id, f"this {event.kind} says what its author has no say in")
    history = read_history(tx, serving.verifier, request)
    if event.kind in ("executing", "outcome") and history.approval is None:
        raise Forged("requests", request.id, f"it stands as {request.state}, but no signed decision approves it")
    if event.kind == "outcome" and history.started is None:
        raise Forged("events", event.id, "this outcome speaks of an action that was never started")
    if event.kind in ("outcome", "cancelled") and history.end is not None:
        raise Forged("events", event.id, f"this {event.kind} speaks of a request that had ended")
    if event.kind == "cancelled" and history.approval is not None:
        raise Forged("events", event.id, "this cancelled speaks of a request that was approved")
    if event.kind in ("resumed", "resume_failed") and request.state not in FINAL:
        raise Forged("events", event.id, f"this {event.kind} speaks of a request that has not ended")


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


def _take_over(tx: Tx, serving: Serving, request: Request, gate: Gate) -> None:
    """Ask the operators to take a rejected task over, where the gate says so."""
    if request.state == State.REJECTED and gate.on_reject == "escalate":
        tell_operators(
            tx,
            serving,
            request,
            headline=f"{request.action} was rejected, and the agent stops here. Please take the task over.",
            next_step=f"See `mailgate requests show {request.id}` for everything about it.",
            takeover=True,
        )


def _decided(tx: Tx, serving: Serving, request: Request, event: Event) -> dict[str, Any]:
    """Send the receipt to everyone asked; ask the next stage where one is due."""
    body = json.loads(event.body)
    details = {"decision": body["decision"]}
    for seat in assignments_of(tx, request.id):
        order_mail(tx, serving, "receipt", request, to=seat, details=details, events=[event])
    archive(tx, serving, "receipt", request, event, details)
    _, gate = check_ruling(tx, serving.key, request)
    _take_over(tx, serving, request, gate)
    if request.state == State.PENDING:
        standing = tally_of(tx, serving, request, gate, decisions_of(tx, request.id))
        if standing.standing is Standing.OPEN:
            ask_stage(tx, serving, request, gate, standing.stage, event)
    return {}


def _question(tx: Tx, serving: Serving, request: Request, event: Event) -> dict[str, Any]:
    """Send the question to whoever may know; the archive's copy cannot be answered."""
    body = json.loads(event.body)
    details = {"asker": name_of(serving, body["person"]), "question": body["text"], "to": body["to"]}
    person = serving.config.people.get(body["to"])
    if person is not None:
        order_mail(
            tx,
            serving,
            "question",
            request,
            to=person.address,
            details=details | {"id": body["question"]},
            events=[event],
        )
    archive(tx, serving, "question", request, event, details)
    return {}


def _answer(tx: Tx, serving: Serving, request: Request, event: Event) -> dict[str, Any]:
    """Ask everybody who can still decide once more, with the question and its answer."""
    body = json.loads(event.body)
    asked = next(
        (b for e in events_of(tx, request.id, "question") if (b := json.loads(e.body))["question"] == body["question"]),
        None,
    )
    if asked is None:
        raise Forged("events", event.id, "this answer speaks of no question")
    details = {
        "asker": name_of(serving, asked["person"]),
        "question": asked["text"],
        "by": name_of(serving, body["person"]),
        "answer": body["text"],
    }
    for seat in assignments_of(tx, request.id):
        if seat.state == "open":
            order_mail(tx, serving, "answer", request, to=seat, details=details, events=[event])
    archive(tx, serving, "answer", request, event, details)
    return {}


def _undone(tx: Tx, serving: Serving, request: Request, event: Event) -> dict[str, Any]:
    """Send what it means to everyone asked: an outcome where the request ended by it, else a receipt."""
    body = json.loads(event.body)
    if body["outcome"] != State.PENDING:
        return _ended(tx, serving, request, event)
    details = {"decision": body["undone"], "undone": True}
    for seat in assignments_of(tx, request.id):
        order_mail(tx, serving, "receipt", request, to=seat, details=details, events=[event])
    archive(tx, serving, "receipt", request, event, details)
    return {}


def _ended(tx: Tx, serving: Serving, request: Request, event: Event) -> dict[str, Any]:
    """Send the outcome to everyone asked."""
    outcome = json.loads(event.body)["outcome"]
    for seat in assignments_of(tx, request.id):
        order_mail(tx, serving, "outcome", request, to=seat, details={"outcome": outcome}, events=[event])
    archive(tx, serving, "outcome", request, event, {"outcome": outcome})
    _take_over(tx, serving, request, check_ruling(tx, serving.key, request)[1])
    if outcome == State.FAILED:
        tell_operators(
            tx,
            serving,
            request,
            headline=f"{request.action} was approved and then failed.",
            next_step=f"See `mailgate requests show {request.id}`.",
        )
    return {}


def _parked(tx: Tx, serving: Serving, request: Request, event: Event) -> dict[str, Any]:
    """Tell the operators that an agent's own code fails."""
    tell_operators(
        tx,
        serving,
        request,
        headline=f"Agent {quoted(request.agent)} could not be resumed with the outcome of {request.action}.",
        next_step=f"See the worker's log and `mailgate requests show {request.id}`; the outcome stays.",
    )
    return {}


_ORDER = {
    kind: rank
    for rank, kind in enumerate(
        ("bounce", "escalation", "decision", "undo", "superseded", "executing", "outcome", "undeliverable", "resumed"),
        start=1,
    )
}
"""The order of events of one instant: those of one transaction have the same time, and their ids are random."""

_FOLLOW: dict[str, Callable[[Tx, Serving, Request, Event], dict[str, Any]]] = {
    "request": _opened,
    "decision": _decided,
    "undo": _undone,
    "question": _question,
    "answer": _answer,
    "outcome": _ended,
    "expired": _ended,
    "lapsed": _ended,
    "withdrawn": _ended,
    "undeliverable": _ended,
    "cancelled": _ended,
    "settled": _ended,
    "resume_failed": _parked,
}
"""What the keeper orders when an event becomes a record. A missing kind orders nothing."""
