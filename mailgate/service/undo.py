"""Taking one's own decision back, as long as the action has not started. It is sticky: that person does not decide again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mailgate.model.lifecycle import UNREACHABLE, State, Trigger
from mailgate.model.policy import Gate
from mailgate.model.verdict import Level, Verdict
from mailgate.service.conclude import conclude
from mailgate.service.context import Serving
from mailgate.service.marks import check_ruling
from mailgate.service.opening import give_up, tally_of
from mailgate.service.proof import check_pending
from mailgate.store import Tx
from mailgate.store.answers import decisions_of
from mailgate.store.events import append_event
from mailgate.store.requests import lock_request
from mailgate.store.tables import Assignment, Decision, Request


class Undone(StrEnum):
    """What became of a wish to take a decision back."""

    DONE = "done"
    NOTHING = "nothing"  # this person has decided nothing
    REPEATED = "repeated"  # it was taken back before
    TOO_LATE = "too_late"  # the action was started, or the request has ended
    BELOW_LEVEL = "below_level"  # a no is taken back only by somebody proven as well as for a yes


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """What came of it, and the rows it speaks of as they stand now."""

    undone: Undone
    request: Request
    seat: Assignment
    decision: Decision | None = None


def undo(
    tx: Tx,
    serving: Serving,
    seat: Assignment,
    *,
    generation: int,
    level: Level,
    channel: str,
    evidence: Mapping[str, Any],
) -> TakenBack:
    """Take back what the person of ``seat`` decided; all in the caller's transaction.

    A yes that is taken back can only stop the action, so whoever holds the seat's secret may; a no has to be proven.

    Raises:
        Forged: a row that the serving side did not write; nothing changes.
    """
    request = lock_request(tx, seat.request_id)
    tx.session.refresh(seat)
    _, gate = check_ruling(tx, serving.key, request)
    check_pending(tx, serving.key, serving.verifier, request)
    mine = next((d for d in decisions_of(tx, request.id) if d.person == seat.person), None)
    refusal = _refusal(request, seat, gate, mine, generation, level)
    if refusal is not None or mine is None:
        return TakenBack(undone=refusal or Undone.NOTHING, request=request, seat=seat, decision=mine)
    mine.undone_at = tx.now
    tx.session.add(mine)
    tx.session.flush()
    body = {
        "undone": mine.id,
        "assignment": seat.id,
        "person": seat.person,
        "meaning": "undone",
        "level": level.value,
        "channel": channel,
        "evidence": dict(evidence),
    }
    _apply(tx, serving, request, gate, body)
    return TakenBack(undone=Undone.DONE, request=request, seat=seat, decision=mine)


def can_undo(request: Request, mine: Decision | None) -> bool:
    """Return whether a decision may still be taken back."""
    return mine is not None and mine.undone_at is None and request.state in (State.PENDING, State.APPROVED)


def _refusal(
    request: Request, seat: Assignment, gate: Gate, mine: Decision | None, generation: int, level: Level
) -> Undone | None:
    if mine is None or generation != seat.generation:
        return Undone.NOTHING
    if mine.undone_at is not None:
        return Undone.REPEATED
    if not can_undo(request, mine):
        return Undone.TOO_LATE
    if mine.verdict == Verdict.REJECT and not gate.takes_yes(level):
        return Undone.BELOW_LEVEL
    return None


def _apply(tx: Tx, serving: Serving, request: Request, gate: Gate, body: Mapping[str, Any]) -> None:
    """Let the request go where it stands without that decision."""
    if request.state == State.APPROVED:
        # Who was removed since may still stop what he had allowed.
        person = serving.config.people.get(str(body["person"]))
        who = person.name if person is not None else str(body["person"])
        conclude(tx, request, Trigger.WITHDRAW, kind="undo", body=body, key=serving.key, decided_by=who)
        return
    append_event(tx, "undo", request.id, dict(body) | {"outcome": "pending"}, key=serving.key)
    tx.session.flush()
    decisions: Sequence[Decision] = decisions_of(tx, request.id)
    if tally_of(tx, serving, request, gate, decisions).standing in UNREACHABLE:
        give_up(tx, serving, request, gate, decisions, because="an answer was taken back, and too few people are left")
