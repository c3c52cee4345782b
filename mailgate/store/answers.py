"""Queries about assignments and decisions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, bindparam, update
from sqlmodel import col, or_, select

from mailgate.model.lifecycle import State
from mailgate.store.engine import Tx
from mailgate.store.tables import Assignment, Decision, Delegation, Outgoing, Question, Request


def assignments_of(tx: Tx, request_id: str) -> Sequence[Assignment]:
    """Return every seat of a request, in the order they were made."""
    return tx.remember("assignments", request_id, lambda: tx.session.exec(_SEATS, params={"request": request_id}).all())


def find_assignment(tx: Tx, assignment_id: str) -> Assignment | None:
    """Return the seat with ``assignment_id`` or None."""
    return tx.session.get(Assignment, assignment_id)


def find_by_address(tx: Tx, hashes: Sequence[str]) -> Sequence[Assignment]:
    """Return the seats whose reply or bounce address has one of ``hashes``."""
    if not hashes:
        return []
    wanted = select(Assignment).where(
        or_(col(Assignment.reply_hash).in_(hashes), col(Assignment.bounce_hash).in_(hashes))
    )
    return tx.session.exec(wanted).all()


def find_questions(tx: Tx, hashes: Sequence[str]) -> Sequence[Question]:
    """Return the questions whose answers come to addresses with one of ``hashes``."""
    if not hashes:
        return []
    return tx.session.exec(select(Question).where(col(Question.reply_hash).in_(hashes))).all()


def questions_of(tx: Tx, request_id: str) -> Sequence[Question]:
    """Return the questions about a request, in order."""
    wanted = select(Question).where(Question.request_id == request_id)
    return tx.session.exec(wanted.order_by(col(Question.created_at), col(Question.id))).all()


def find_sent(tx: Tx, hashes: Sequence[str]) -> Sequence[Outgoing]:
    """Return the mails of ours whose Message-ID has one of ``hashes``: the second locator, each recipient has ids of his own."""
    if not hashes:
        return []
    return tx.session.exec(select(Outgoing).where(col(Outgoing.message_id).in_(hashes))).all()


def change_assignment(tx: Tx, assignment: Assignment, **values: Any) -> None:
    """Set columns of one seat."""
    tx.session.flush()
    tx.session.connection().execute(update(Assignment).where(col(Assignment.id) == assignment.id).values(**values))
    tx.session.refresh(assignment)


def use_code_try(tx: Tx, assignment: Assignment, limit: int) -> bool:
    """Count one try at the code; False if the ``limit`` was used up before. Counts once however many ask at a time."""
    tx.session.flush()
    result = tx.session.connection().execute(
        update(Assignment)
        .where(col(Assignment.id) == assignment.id, col(Assignment.code_tries) < limit)
        .values(code_tries=Assignment.code_tries + 1)
    )
    tx.session.refresh(assignment)
    assert isinstance(result, CursorResult)
    return result.rowcount == 1


def stand_ins_over(tx: Tx) -> Sequence[Assignment]:
    """Return the open seats of people who stand in for somebody in whose place somebody else, or nobody, is to be asked now.

    Only of pending requests: what is approved or runs asks nobody any more. The latest delegation for a gate counts.
    """
    wanted = select(Assignment, Request.action).where(
        col(Assignment.request_id) == col(Request.id),
        col(Request.state) == State.PENDING,
        col(Assignment.state) == "open",
        col(Assignment.for_person).is_not(None),
    )
    found = tx.session.exec(wanted).all()
    rows = delegations_at(tx, tx.now) if found else ()
    return [seat for seat, action in found if _latest(rows, seat.for_person, action) != seat.person]


def _latest(rows: Sequence[Delegation], principal: str | None, action: str) -> str | None:
    """Return who is to be asked in somebody's place, by ``rows`` that hold; None: nobody."""
    return next((r.delegate for r in reversed(rows) if r.principal == principal and r.gate in ("", action)), None)


def all_delegations(tx: Tx) -> Sequence[Delegation]:
    """Return every delegation that was ever made, earliest first."""
    return tx.session.exec(select(Delegation).order_by(col(Delegation.since), col(Delegation.id))).all()


def delegations_at(tx: Tx, now: datetime) -> Sequence[Delegation]:
    """Return the delegations that hold at ``now``, earliest made first."""
    wanted = select(Delegation).where(col(Delegation.since) <= now, col(Delegation.until) > now)
    return tx.session.exec(wanted.order_by(col(Delegation.since), col(Delegation.id))).all()


def decisions_of(tx: Tx, request_id: str) -> Sequence[Decision]:
    """Return the decisions on a request, in order."""
    return tx.remember(
        "decisions", request_id, lambda: tx.session.exec(_DECISIONS, params={"request": request_id}).all()
    )


# Built once: the hot path asks them several times an answer, and building costs as much as asking.
_SEATS = (
    select(Assignment)
    .where(col(Assignment.request_id) == bindparam("request"))
    .order_by(col(Assignment.created_at), col(Assignment.id))
)
_DECISIONS = (
    select(Decision)
    .where(col(Decision.request_id) == bindparam("request"))
    .order_by(col(Decision.decided_at), col(Decision.id))
)
