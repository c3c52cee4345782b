"""What follows when an event becomes a record: whom the keeper asks, and which mails it orders."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from mailgate.errors import Forged
from mailgate.model.lifecycle import Standing, State
from mailgate.model.policy import Gate
from mailgate.service.context import Serving
from mailgate.service.marks import check_ruling
from mailgate.service.opening import ask_stage, open_request, tally_of
from mailgate.service.posting import archive, order_mail, tell_operators
from mailgate.service.signatures import name_of
from mailgate.store import Tx
from mailgate.store.answers import assignments_of, decisions_of
from mailgate.store.events import events_of
from mailgate.store.tables import Event, Request


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
        headline=f"Agent {request.agent} could not be resumed with the outcome of {request.action}.",
        next_step=f"See the worker's log and `mailgate requests show {request.id}`; the outcome stays.",
    )
    return {}


FOLLOW: dict[str, Callable[[Tx, Serving, Request, Event], dict[str, Any]]] = {
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

HAVE_A_MAIL = FOLLOW.keys() - {"resume_failed"} | {"seal", "digest"}
"""Kinds of events of which the archive gets a mail of its own; the records of others ride in the next one."""
