"""The one door: here, and nowhere else, an answer becomes a decision. Reply and link both come through it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from mailgate.model.canonical import canonical_bytes
from mailgate.model.evidence import format_time
from mailgate.model.lifecycle import Standing, State, Trigger
from mailgate.model.policy import Gate
from mailgate.model.verdict import Level, Verdict, meets
from mailgate.service.conclude import conclude
from mailgate.service.context import Serving
from mailgate.service.marks import check_ruling, mark_decision
from mailgate.service.opening import give_up, is_entitled, requester_of, tally_of, told_of
from mailgate.service.proof import check_pending
from mailgate.service.refusals import record_refusal
from mailgate.service.stating import shown_to
from mailgate.store import Tx
from mailgate.store.answers import decisions_of
from mailgate.store.events import append_event
from mailgate.store.requests import lock_request, move
from mailgate.store.tables import Assignment, Decision, Request


class Counted(StrEnum):
    """What became of an answer."""

    COUNTED = "counted"
    REPEATED = "repeated"  # this person decided before; that decision stands
    SUPERSEDED = "superseded"  # the request was decided, ended or timed out before
    BELOW_LEVEL = "below_level"  # the sender was not proven well enough for this gate
    NOT_ENTITLED = "not_entitled"  # revoked, removed, or the requester himself


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A proven verdict on its way through the door.

    Attributes:
        given_at: when the answer was given: received by the mail server, or posted.
        generation: of the secret that was used; an earlier one was revoked.
        evidence: plain JSON, what was checked.
    """

    assignment_id: str
    generation: int
    verdict: Verdict
    level: Level
    channel: str
    given_at: datetime
    reason: str = ""
    evidence: Mapping[str, Any]
    incoming_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """What the door says, and the rows it speaks of as they stand now."""

    counted: Counted
    request: Request
    seat: Assignment
    decision: Decision | None = None


def decide(tx: Tx, serving: Serving, seat: Assignment, answer: Answer) -> Ruled:
    """Count ``answer``, or say why it is not counted; all in the caller's transaction.

    Raises:
        Forged: a row that the serving side did not write; nothing is counted.
    """
    request = lock_request(tx, seat.request_id)
    tx.session.refresh(seat)
    _, gate = check_ruling(tx, serving.key, request)
    decisions = decisions_of(tx, request.id)
    check_pending(tx, serving.key, serving.verifier, request)
    mine = next((d for d in decisions if d.person == seat.person), None)
    refusal = _refusal(tx, serving, request, seat, gate, answer, mine)
    if refusal is not None:
        _record_refusal(tx, serving, request, seat, answer, refusal)
        return Ruled(counted=refusal, request=request, seat=seat, decision=mine)
    decision = _new_decision(tx, serving, request, seat, answer)
    result = tally_of(tx, serving, request, gate, [*decisions, decision])
    seat.state = "answered"
    tx.session.add(seat)
    _apply(tx, serving, request, gate, seat, decision, result.standing)
    return Ruled(counted=Counted.COUNTED, request=request, seat=seat, decision=decision)


def _refusal(
    tx: Tx, serving: Serving, request: Request, seat: Assignment, gate: Gate, answer: Answer, mine: Decision | None
) -> Counted | None:
    """Return why ``answer`` is not counted, or None."""
    if mine is not None:
        return Counted.REPEATED
    late = request.deadline_at is not None and answer.given_at > request.deadline_at
    if request.state != State.PENDING or late:
        return Counted.SUPERSEDED
    is_holder = seat.state == "open" and answer.generation == seat.generation
    if not is_holder or not is_entitled(tx, serving, request, gate, seat):
        return Counted.NOT_ENTITLED
    if answer.channel == "reply" and not meets(answer.level, Level.TOKEN):
        return Counted.BELOW_LEVEL
    if answer.verdict is Verdict.APPROVE and not gate.takes_yes(answer.level):
        return Counted.BELOW_LEVEL
    return None


def _new_decision(tx: Tx, serving: Serving, request: Request, seat: Assignment, answer: Answer) -> Decision:
    if answer.verdict not in (Verdict.APPROVE, Verdict.REJECT):
        raise ValueError(f"{answer.verdict} is not a decision")
    decision = Decision(
        id=tx.chance.id(),
        request_id=request.id,
        assignment_id=seat.id,
        person=seat.person,
        stage=seat.stage,
        verdict=answer.verdict.value,
        level=answer.level.value,
        channel=answer.channel,
        reason=answer.reason,
        decided_at=tx.now,
        evidence=canonical_bytes(dict(answer.evidence)).decode(),
        incoming_id=answer.incoming_id,
    )
    mark_decision(serving.key, decision, request)
    tx.session.add(decision)
    tx.session.flush()
    return decision


def _apply(
    tx: Tx,
    serving: Serving,
    request: Request,
    gate: Gate,
    seat: Assignment,
    decision: Decision,
    standing: Standing,
) -> None:
    """Move the request where the decision brings it, and append the event that says so."""
    body = _body(serving, request, seat, decision)
    match standing:
        case Standing.APPROVED:
            not_before = tx.now + gate.cooling_off
            valid_until = not_before + gate.valid_for
            who = serving.config.people[decision.person].name
            move(tx, request, Trigger.APPROVE, approved_at=tx.now, valid_until=valid_until, decided_by=who)
            body |= {
                "outcome": "approved",
                "valid_until": format_time(valid_until),
                "not_before": format_time(not_before),
            }
            append_event(tx, "decision", request.id, body, key=serving.key)
        case Standing.REJECTED:
            told = told_of(serving, gate, decision)
            conclude(tx, request, Trigger.REJECT, kind="decision", body=body, key=serving.key, **told)
        case Standing.OPEN | Standing.OUT_OF_REACH:
            append_event(tx, "decision", request.id, body | {"outcome": "pending"}, key=serving.key)
    if standing is Standing.OUT_OF_REACH:
        decisions = decisions_of(tx, request.id)
        give_up(tx, serving, request, gate, decisions, because="too few people are left who may approve it")


def _body(serving: Serving, request: Request, seat: Assignment, decision: Decision) -> dict[str, Any]:
    person = serving.config.people[decision.person]
    return {
        "decision": decision.id,
        "assignment": decision.assignment_id,
        "approver": {"person": decision.person, "name": person.name, "address": person.address},
        "meaning": "approved" if decision.verdict == "approve" else "rejected",
        "level": decision.level,
        "channel": decision.channel,
        "reason": decision.reason,
        "actor": {"agent": request.agent, "run": request.run, "on_behalf_of": request.on_behalf_of},
        "policy": (request.policy or b"").hex(),
        "stage": seat.stage,
        "shown": shown_to(serving, seat),
        "evidence": json.loads(decision.evidence),
        **({"for": seat.for_person} if seat.for_person else {}),
        **({"self_approved": True} if decision.person == requester_of(serving, request) else {}),
    }


def _record_refusal(
    tx: Tx, serving: Serving, request: Request, seat: Assignment, answer: Answer, refusal: Counted
) -> None:
    body = {
        "assignment": seat.id,
        "person": seat.person,
        "meaning": answer.verdict.value,
        "level": answer.level.value,
        "channel": answer.channel,
        "because": refusal.value,
        "state": request.state,
    }
    record_refusal(tx, serving, "superseded", request.id, body)
