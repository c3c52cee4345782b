"""One request from its records: the rows that it had in the database when they were written.

The records are the log's own and were verified before. What they do not say is not made up; docs/how-to/rebuild.md lists it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from mailgate.model.canonical import canonical_bytes
from mailgate.model.lifecycle import FINAL, TRANSITIONS, State, Trigger, advance
from mailgate.model.policy import Gate
from mailgate.model.records import Record
from mailgate.model.verdict import Verdict
from mailgate.service.conclude import closed, resumption_of
from mailgate.service.inspect import lifted_key
from mailgate.service.keep import NOBODY_ANSWERED
from mailgate.service.marks import mark_assignment, mark_decision
from mailgate.service.opening import address_hashes, next_step_at, reminder_at
from mailgate.service.proof import AGENTS_ENDS
from mailgate.service.questions import mark_question, question_token
from mailgate.store.tables import Assignment, Decision, Execution, Question, Request, Resumption
from mailgate.tokens import ServeKey, address_hash


@dataclass(slots=True, kw_only=True)
class Rows:
    """The rows of one request, record by record; seats, decisions and questions by id."""

    key: ServeKey
    lease: timedelta
    request: Request
    seats: dict[str, Assignment] = field(default_factory=dict)
    decisions: dict[str, Decision] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)
    resumption: Resumption | None = None
    reminded: bool = False
    stepped_at: datetime | None = None

    def all(self) -> list[Any]:
        """Return every row but the request itself."""
        found: list[Any] = [*self.seats.values(), *self.decisions.values(), *self.questions.values(), *self.executions]
        return [*found, self.resumption] if self.resumption is not None else found


def asked_request(record: Record) -> Request:
    """Return a request as it was when people were asked, by its first record; not marked yet.

    Raises:
        KeyError, TypeError, ValueError: a record that does not say what such a record says.
    """
    body, actor = record.body, record.body["actor"]
    return Request(
        id=record.request,
        action=body["action"],
        canonical=body["canonical"].encode(),
        digest=record.digest,
        agent=actor["agent"],
        run=actor["run"],
        key=body["key"],
        on_behalf_of=actor["on_behalf_of"],
        intent=body["intent"],
        reasoning=body["reasoning"],
        confidence=body["confidence"],
        rule=body["rules"][0]["id"],
        ruling=body["ruling"],
        state=State.PENDING,
        created_at=record.at,
        policy=bytes.fromhex(body["policy"]),
        requester=body["requester"],
        opened_at=datetime.fromisoformat(body["opened_at"]),
        deadline_at=_instant(body["deadline"]),
    )


def restore(
    key: ServeKey, lease: timedelta, request: Request, records: Sequence[Record], gate: Gate | None
) -> list[Any]:
    """Let a request go the way that its records say, and return the rows that belong to it, with marks.

    Args:
        lease: how long a worker may be silent; none is heard of after the last record.
        request: from :func:`asked_request`, marked.
        records: all of it, in the order of the log.
        gate: the policy it was made under; None where no record has it any more.

    Raises:
        IllegalTransition: the records say what cannot happen.
        KeyError, TypeError, ValueError: a record that does not say what such a record says.
    """
    rows = Rows(key=key, lease=lease, request=request)
    request.key = records[0].body["key"]
    for record in records:
        step = _STEPS.get(record.event)
        if step is not None:
            step(rows, record)
        _ask(rows, record)
        if record.body.get("outcome") in AGENTS_ENDS.get(record.event, FINAL):
            _end(rows, record)
    if gate is not None:
        request.remind_at = None if rows.reminded else reminder_at(request, gate)
        assert request.opened_at is not None
        request.escalate_at = next_step_at(request, gate, after=rows.stepped_at or request.opened_at)
    for seat in rows.seats.values():
        mark_assignment(key, seat, request)
    for decision in rows.decisions.values():
        mark_decision(key, decision, request)
    for question in rows.questions.values():
        mark_question(key, question, request)
    return rows.all()


def _ask(rows: Rows, record: Record) -> None:
    """Seat whoever was asked with a record: for the first time, again, or for a later stage."""
    for said in record.body.get("asked", ()):
        before = rows.seats.get(said["assignment"])
        reply_hash, bounce_hash = address_hashes(rows.key, said["assignment"], said["generation"])
        rows.seats[said["assignment"]] = Assignment(
            id=said["assignment"],
            request_id=rows.request.id,
            person=said["person"],
            address=said["address"],
            stage=said["stage"],
            generation=said["generation"],
            digest=rows.request.digest,
            reply_hash=reply_hash,
            bounce_hash=bounce_hash,
            state="open",
            created_at=datetime.fromisoformat(said["since"]),
            away=before is not None and before.away,
            for_person=said["for"],
        )


def _decided(rows: Rows, record: Record) -> None:
    body, seat = record.body, rows.seats[record.body["assignment"]]
    seat.state = "answered"
    approves = body["meaning"] == "approved"
    rows.decisions[body["decision"]] = Decision(
        id=body["decision"],
        request_id=rows.request.id,
        assignment_id=seat.id,
        person=body["approver"]["person"],
        stage=body["stage"],
        verdict=(Verdict.APPROVE if approves else Verdict.REJECT).value,
        level=body["level"],
        channel=body["channel"],
        reason=body["reason"],
        decided_at=record.at,
        evidence=canonical_bytes(body["evidence"]).decode(),
    )
    if body["outcome"] == State.APPROVED:
        request = rows.request
        request.state = advance(State(request.state), Trigger.APPROVE)
        request.approved_at, request.valid_until = record.at, _instant(body["valid_until"])
        request.decided_by = body["approver"]["name"]


def _undone(rows: Rows, record: Record) -> None:
    rows.decisions[record.body["undone"]].undone_at = record.at


def _bounced(rows: Rows, record: Record) -> None:
    rows.seats[record.body["assignment"]].state = "undeliverable"


def _revoked(rows: Rows, record: Record) -> None:
    for seat in rows.seats.values():
        if seat.person in record.body["people"]:
            seat.state = "revoked"


def _away(rows: Rows, record: Record) -> None:
    rows.seats[record.body["assignment"]].away = True


def _reminded(rows: Rows, record: Record) -> None:
    rows.reminded = True


def _escalated(rows: Rows, record: Record) -> None:
    if record.body["reason"] == NOBODY_ANSWERED:
        rows.stepped_at = record.at


def _questioned(rows: Rows, record: Record) -> None:
    body = record.body
    rows.questions[body["question"]] = Question(
        id=body["question"],
        request_id=rows.request.id,
        assignment_id=body["assignment"],
        person=body["to"],
        address=body["address"],
        text=body["text"],
        # Its address stays: what comes there decides nothing.
        reply_hash=address_hash(question_token(rows.key, body["question"])),
        created_at=record.at,
    )


def _answered(rows: Rows, record: Record) -> None:
    rows.questions[record.body["question"]].answered_at = record.at


def _started(rows: Rows, record: Record) -> None:
    state = State(rows.request.state)
    rows.request.state = advance(state, Trigger.RECLAIM if state is State.EXECUTING else Trigger.CLAIM)
    rows.executions.append(
        Execution(
            request_id=rows.request.id,
            attempt=record.body["attempt"],
            worker=record.body["actor"]["worker"],
            idempotent=record.body["idempotent"],
            claimed_at=record.at,
            lease_until=record.at + rows.lease,
        )
    )


def _reported(rows: Rows, record: Record) -> None:
    for execution in rows.executions:
        if execution.attempt == record.body["attempt"]:
            execution.finished_at = record.at


def _left_in_doubt(rows: Rows, record: Record) -> None:
    rows.request.state = advance(State(rows.request.state), Trigger.DIE)
    rows.request.note = record.body["reason"]


def _reasoned(rows: Rows, record: Record) -> None:
    rows.request.reason_later = record.body["reason"]


def _lifted(rows: Rows, record: Record) -> None:
    rows.request.lifted_at = record.at
    rows.request.key = lifted_key(rows.request)


def _resumed(rows: Rows, record: Record) -> None:
    if rows.resumption is not None:
        rows.resumption.state, rows.resumption.finished_at = "done", record.at


def _parked(rows: Rows, record: Record) -> None:
    if rows.resumption is not None:
        rows.resumption.state, rows.resumption.last_error = "parked", record.body["error"]
        rows.resumption.attempts = record.body["attempts"]


def _end(rows: Rows, record: Record) -> None:
    """Bring a request to the outcome of a record, close its seats, and make its agent due to hear of it."""
    request, outcome = rows.request, State(record.body["outcome"])
    request.state = advance(State(request.state), _ENDINGS.get((State(request.state), outcome), _CANNOT_BE[outcome]))
    request.finished_at = record.at
    told = record.body["told"]
    request.result = None if told["result"] is None else told["result"].encode()
    for name in ("error", "effect", "reason", "decided_by"):
        setattr(request, name, told[name])
    note = _NOTES.get(record.event)
    if note is not None:
        request.note = note(record.body)
    closed(rows.seats.values())
    rows.resumption = rows.resumption or resumption_of(request, record.at)


_ENDINGS = {(state, outcome): trigger for (state, trigger), outcome in TRANSITIONS.items() if outcome in FINAL}
"""What happened to a request that stood somewhere and ended as something: there is one way for each pair."""

_CANNOT_BE = {outcome: trigger for (_, trigger), outcome in TRANSITIONS.items() if outcome in FINAL}
"""What to say cannot happen, where a record says it did."""

_NOTES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "expired": lambda body: str(body.get("reason", "")),
    "undeliverable": lambda body: str(body["reason"]),
    "cancelled": lambda body: f"by {body['actor']['by']}",
}

_STEPS: Mapping[str, Callable[[Rows, Record], None]] = {
    "decision": _decided,
    "undo": _undone,
    "bounce": _bounced,
    "revoked": _revoked,
    "away": _away,
    "reminder": _reminded,
    "escalation": _escalated,
    "question": _questioned,
    "answer": _answered,
    "executing": _started,
    "outcome": _reported,
    "in_doubt": _left_in_doubt,
    "reason": _reasoned,
    "lifted": _lifted,
    "resumed": _resumed,
    "resume_failed": _parked,
}
"""What each kind of record does besides asking people and ending the request. Whatever is missing changes no row."""


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
