"""The keeper's other work: what happens because time passed. Never an approval."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import structlog
from sqlmodel import col

from mailgate.errors import Forged
from mailgate.model.evidence import format_time
from mailgate.model.lifecycle import State, Trigger
from mailgate.service.conclude import conclude
from mailgate.service.context import Serving
from mailgate.service.marks import bears_event_mark, check_decisions, check_ruling
from mailgate.service.opening import ask_people, stages_of, tally_of
from mailgate.service.posting import order_mail, tell_operators
from mailgate.service.proof import find_approval
from mailgate.store import Tx
from mailgate.store.answers import assignments_of
from mailgate.store.events import append_event, events_of
from mailgate.store.mails import oldest_read_at, unread_before
from mailgate.store.requests import due, in_state, lock_request, move
from mailgate.store.tables import Assignment, Request
from mailgate.store.work import silent_executions

log = structlog.get_logger(__name__)

_SYSTEM = {"actor": {"system": "keeper"}}


def keep(tx: Tx, serving: Serving) -> int:
    """Let everything happen that is due by now; return how many requests it touched."""
    touched = 0
    for step in (_expire, _remind, _escalate, _lapse, _leave_in_doubt, _find_unfounded):
        for request in step(tx, serving):
            touched += 1
            log.info("kept", step=step.__name__.strip("_"), request=request.id, state=request.state)
    return touched


def _expire(tx: Tx, serving: Serving) -> Iterator[Request]:
    """End what nobody answered in time, once every answer that arrived in time was read."""
    grace = serving.config.imap.grace
    for found in due(tx, State.PENDING, col(Request.deadline_at)):
        if found.deadline_at is None or _may_be_unread(tx, found, grace):
            continue
        request = lock_request(tx, found.id)
        if _founded(tx, serving, request):
            body = _SYSTEM | {"deadline": format_time(found.deadline_at)}
            conclude(tx, request, Trigger.EXPIRE, kind="expired", body=body, key=serving.key)
            yield request


def _may_be_unread(tx: Tx, request: Request, grace: timedelta) -> bool:
    """Return whether an answer that arrived by the deadline may still be unread; after ``grace`` that no longer counts."""
    assert request.deadline_at is not None
    if tx.now >= request.deadline_at + grace:
        return False
    read_at = oldest_read_at(tx)
    return (read_at is not None and read_at <= request.deadline_at) or unread_before(tx, request.deadline_at)


def _remind(tx: Tx, serving: Serving) -> Iterator[Request]:
    """Ask once more those who have not answered."""
    for found in due(tx, State.PENDING, col(Request.remind_at)):
        request = lock_request(tx, found.id)
        request.remind_at = None
        tx.session.add(request)
        if not _founded(tx, serving, request):
            continue
        seats = [s for s in assignments_of(tx, request.id) if s.state == "open"]
        event = append_event(tx, "reminder", request.id, _SYSTEM | {"to": [s.address for s in seats]}, key=serving.key)
        for seat in seats:
            order_mail(tx, serving, "reminder", request, to=seat, events=[event])
        yield request


def _escalate(tx: Tx, serving: Serving) -> Iterator[Request]:
    """Ask more people; the quorum stays."""
    for found in due(tx, State.PENDING, col(Request.escalate_at)):
        request = lock_request(tx, found.id)
        if _founded(tx, serving, request):
            escalate(tx, serving, request, because="nobody answered in time")
            yield request


def escalate(tx: Tx, serving: Serving, request: Request, *, because: str) -> list[str]:
    """Ask the people of ``escalate_to`` as well; return who was asked."""
    _, gate = check_ruling(tx, serving.key, request)
    request.escalate_at = None
    tx.session.add(request)
    more = serving.config.directory.expand(gate.escalate_to)
    stage = tally_of(tx, serving, request, gate, check_decisions(tx, serving.key, request)).stage
    event = append_event(tx, "escalation", request.id, _SYSTEM | {"to": list(more), "reason": because}, key=serving.key)
    return list(ask_people(tx, serving, request, more, stage, event, "escalation"))


def lose_seat(tx: Tx, serving: Serving, seat: Assignment, *, because: str) -> None:
    """Note that a person cannot be reached: escalate, or end the request where too few are left."""
    request = lock_request(tx, seat.request_id)
    if request.state != State.PENDING or seat.state != "open":
        return
    seat.state = "undeliverable"
    tx.session.add(seat)
    body = _SYSTEM | {"assignment": seat.id, "person": seat.person, "reason": because}
    append_event(tx, "bounce", request.id, body, key=serving.key)
    _, gate = check_ruling(tx, serving.key, request)
    if escalate(tx, serving, request, because=f"{seat.person} cannot be reached"):
        return
    tx.session.flush()
    standing = tally_of(tx, serving, request, gate, check_decisions(tx, serving.key, request))
    if standing.standing.value != "open" or not stages_of(serving, gate):
        note = (
            f"{serving.config.people[seat.person].name} cannot be reached ({because}), and nobody else is left to ask"
        )
        conclude(
            tx,
            request,
            Trigger.EXHAUST,
            kind="undeliverable",
            body=_SYSTEM | {"reason": note},
            key=serving.key,
            note=note,
        )
        tell_operators(
            tx,
            serving,
            request,
            headline=f"{request.action} was given up: {note}.",
            next_step="Check the address, or name more approvers.",
        )


def _lapse(tx: Tx, serving: Serving) -> Iterator[Request]:
    """End what was approved and not started in time."""
    for found in due(tx, State.APPROVED, col(Request.valid_until)):
        request = lock_request(tx, found.id)
        conclude(tx, request, Trigger.LAPSE, kind="lapsed", body=_SYSTEM, key=serving.key)
        yield request


def _leave_in_doubt(tx: Tx, serving: Serving) -> Iterator[Request]:
    """Say of actions whose worker died inside that nobody knows; a person has to find out."""
    for found, execution in silent_executions(tx):
        if execution.idempotent:
            continue  # a worker that knows the action runs it again
        request = lock_request(tx, found.id)
        move(tx, request, Trigger.DIE, note=f"worker {execution.worker} fell silent inside the action")
        append_event(tx, "in_doubt", request.id, _SYSTEM | {"worker": execution.worker}, key=serving.key)
        tell_operators(
            tx,
            serving,
            request,
            headline=f"{request.action} was started, and its worker died. Whether it took effect is not known.",
            next_step=f"Find out, then run: mailgate requests settle {request.id} --as succeeded   (or --as failed)",
        )
        yield request


def _find_unfounded(tx: Tx, serving: Serving) -> Iterator[Request]:
    """Find requests that stand as approved or running although no decision says so: somebody wrote the state."""
    for request in (*in_state(tx, State.APPROVED), *in_state(tx, State.EXECUTING)):
        if request.note:
            continue
        try:
            waiting = [e for e in events_of(tx, request.id, "decision") if e.position is None and not e.refused]
            if any(bears_event_mark(serving.key, e) for e in waiting):
                continue
            if find_approval(tx, serving.verifier, request) is None:
                raise Forged("requests", request.id, f"it stands as {request.state}, but no decision was counted")
        except Forged as error:
            _complain(tx, serving, request, error)
            yield request


def has_unfounded(tx: Tx) -> bool:
    """Return whether :func:`keep` should look at what stands as approved: a look before a write."""
    standing = (*in_state(tx, State.APPROVED), *in_state(tx, State.EXECUTING))
    return any(not r.note and not events_of(tx, r.id, "decision") for r in standing)


def _founded(tx: Tx, serving: Serving, request: Request) -> bool:
    """Return whether the keeper itself ruled on this request; complain once where the row says otherwise."""
    try:
        check_ruling(tx, serving.key, request)
    except Forged as error:
        if not request.note:
            _complain(tx, serving, request, error)
        return False
    return True


def _complain(tx: Tx, serving: Serving, request: Request, error: Forged) -> None:
    log.error("forged", table=error.table, row=error.row, why=error.why, request=request.id)
    request.note = str(error)
    tx.session.add(request)
    tell_operators(
        tx,
        serving,
        request,
        headline=f"A forged entry was found in the database: {error}.",
        next_step="Nothing was executed because of it. Find out who can write to the database.",
    )
