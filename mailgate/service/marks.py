"""What the serving side's marks cover: one function a table says which fields no other hand may write.

Every reader of a decision, a seat, a ruling or a mail to send comes through here, so that a row forged in the database
is a :class:`mailgate.errors.Forged` and never an approval.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from mailgate.errors import Forged
from mailgate.model.action import Action, read_action
from mailgate.model.evidence import format_time
from mailgate.model.policy import Gate, policy_digest, read_gate
from mailgate.store import Tx
from mailgate.store.answers import assignments_of, decisions_of
from mailgate.store.events import MARK, event_fields, events_of
from mailgate.store.requests import find_policy
from mailgate.store.tables import Assignment, Decision, Event, Outgoing, Request
from mailgate.tokens import ServeKey


def mark_ruling(key: ServeKey, request: Request) -> None:
    """Mark what the keeper ruled on a request."""
    request.mark = key.mark("ruling", _ruling(request))


def mark_assignment(key: ServeKey, assignment: Assignment, request: Request) -> None:
    """Mark a seat as made by the serving side."""
    assignment.mark = key.mark("assignment", _assignment(assignment, request))


def mark_decision(key: ServeKey, decision: Decision, request: Request) -> None:
    """Mark a decision as counted at the one door."""
    decision.mark = key.mark("decision", _decision(decision, request))


def mark_outgoing(key: ServeKey, mail: Outgoing) -> None:
    """Mark a mail to send as wanted by the serving side."""
    mail.mark = key.mark("outgoing", _outgoing(mail))


def check_ruling(tx: Tx, key: ServeKey, request: Request) -> tuple[Action, Gate]:
    """Return the action and the policy of a request that the keeper ruled on.

    Whoever acts on a request, or tells somebody about it, looks at its seats and decisions next, so these are checked, too.

    Raises:
        Forged: the ruling is not the keeper's, or the stored action or policy is not what it names, or a seat or decision
            of the request was not made by the serving side.
    """
    if not key.bears_mark("ruling", _ruling(request), request.mark):
        raise Forged("requests", request.id, "its ruling was not made by the keeper")
    action = check_action(request)
    document = find_policy(tx, request.policy or b"")
    if document is None or policy_digest(document) != request.policy:
        raise Forged("policies", request.id, "the policy kept for this request is not the one it was made under")
    check_seats(tx, key, request)
    check_decisions(tx, key, request)
    return action, read_gate(document)


def check_action(request: Request) -> Action:
    """Return the action of a request.

    Raises:
        Forged: its bytes, name and digest do not belong together.
    """
    try:
        action = read_action(request.canonical)
    except ValueError as error:
        raise Forged("requests", request.id, "its stored action cannot be read") from error
    if action.digest != request.digest or action.name != request.action:
        raise Forged("requests", request.id, "its stored action is not the one that its digest names")
    return action


def check_assignment(key: ServeKey, assignment: Assignment, request: Request) -> None:
    """Raise Forged unless the serving side made this seat, for this request and its action."""
    if not key.bears_mark("assignment", _assignment(assignment, request), assignment.mark):
        raise Forged("assignments", assignment.id, "this seat was not made by the serving side")
    if assignment.request_id != request.id or assignment.digest != request.digest:
        raise Forged("assignments", assignment.id, "the action is not the one this person was asked about")


def check_seats(tx: Tx, key: ServeKey, request: Request) -> Sequence[Assignment]:
    """Return the seats of a request.

    Raises:
        Forged: one of them was not made by the serving side.
    """
    seats = assignments_of(tx, request.id)
    for seat in seats:
        check_assignment(key, seat, request)
    return seats


def check_decisions(tx: Tx, key: ServeKey, request: Request) -> Sequence[Decision]:
    """Return the decisions on a request.

    Raises:
        Forged: one of them was not counted at the one door, or one that was counted there is gone, or was taken back
            on no record.
    """
    decisions = decisions_of(tx, request.id)
    counted = {
        json.loads(e.body)["decision"]
        for e in events_of(tx, request.id, "decision")
        if bears_event_mark(key, e, request)
    }
    undone = {
        json.loads(e.body)["undone"] for e in events_of(tx, request.id, "undo") if bears_event_mark(key, e, request)
    }
    for decision in decisions:
        if not key.bears_mark("decision", _decision(decision, request), decision.mark) or decision.id not in counted:
            raise Forged("decisions", decision.id, "this decision was not counted by the serving side")
        counted.remove(decision.id)
        if (decision.id in undone) != (decision.undone_at is not None):
            raise Forged("decisions", decision.id, "whether it was taken back is not what was recorded")
    if counted:
        raise Forged("decisions", min(counted), "this decision was counted, and its row was removed")
    return decisions


def check_outgoing(key: ServeKey, mail: Outgoing) -> None:
    """Raise Forged unless the serving side wants this mail sent."""
    if not key.bears_mark("outgoing", _outgoing(mail), mail.mark):
        raise Forged("outgoing", mail.id, "this mail was not ordered by the serving side")


def bears_event_mark(key: ServeKey, event: Event, request: Request | None) -> bool:
    """Return whether the serving side appended this event, about this asking of its request."""
    try:
        return key.bears_mark(MARK, event_fields(event, request), event.mark)
    except UnicodeDecodeError:
        return False


def _ruling(request: Request) -> dict[str, Any]:
    return {
        "id": request.id,
        "action": request.action,
        "digest": request.digest.hex(),
        "agent": request.agent,
        "run": request.run,
        "on_behalf_of": request.on_behalf_of,
        "policy": (request.policy or b"").hex(),
        "opened_at": request.opened_at and format_time(request.opened_at),
        "deadline_at": request.deadline_at and format_time(request.deadline_at),
        "requester": request.requester,
        "ruling": request.ruling,
        "intent": request.intent,
        "reasoning": request.reasoning,
        "confidence": request.confidence,
    }


def _assignment(assignment: Assignment, request: Request) -> dict[str, Any]:
    return {
        "ruling": (request.mark or b"").hex(),
        "id": assignment.id,
        "request": assignment.request_id,
        "person": assignment.person,
        "address": assignment.address,
        "stage": assignment.stage,
        "generation": assignment.generation,
        "digest": assignment.digest.hex(),
        "reply_hash": assignment.reply_hash,
        "bounce_hash": assignment.bounce_hash,
        "for": assignment.for_person,
    }


def _decision(decision: Decision, request: Request) -> dict[str, Any]:
    return {
        "ruling": (request.mark or b"").hex(),
        "id": decision.id,
        "request": decision.request_id,
        "assignment": decision.assignment_id,
        "person": decision.person,
        "stage": decision.stage,
        "verdict": decision.verdict,
        "level": decision.level,
        "channel": decision.channel,
        "reason": decision.reason,
        "decided_at": format_time(decision.decided_at),
        "evidence": decision.evidence,
    }


def _outgoing(mail: Outgoing) -> dict[str, Any]:
    return {
        "id": mail.id,
        "kind": mail.kind,
        "request": mail.request_id,
        "assignment": mail.assignment_id,
        "recipient": mail.recipient,
        "message_id": mail.message_id,
        "details": mail.details,
        "events": mail.events,
    }
