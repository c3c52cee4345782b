"""The keeper's other work: what happens because time passed. Never an approval."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import structlog
from sqlmodel import col

from mailgate.errors import Forged
from mailgate.model.evidence import format_time
from mailgate.model.lifecycle import UNREACHABLE, State, Trigger
from mailgate.model.policy import Gate
from mailgate.service.archiving import mind_the_archive
from mailgate.service.complaints import complain, founded
from mailgate.service.conclude import conclude
from mailgate.service.context import Serving
from mailgate.service.digesting import digest_if_due
from mailgate.service.marks import bears_event_mark, check_ruling
from mailgate.service.opening import ask_people, barred, give_up, next_step_at, tally_of
from mailgate.service.posting import order_mail, tell_operators
from mailgate.service.proof import read_history
from mailgate.service.reseating import let_stand_ins_go
from mailgate.service.sealing import seal_if_due
from mailgate.store import Tx
from mailgate.store.answers import assignments_of, decisions_of
from mailgate.store.events import append_event, events_of
from mailgate.store.mails import oldest_read_at, unread_before
from mailgate.store.requests import due, in_state, lock_request, move
from mailgate.store.tables import Assignment, Event, Execution, Request
from mailgate.store.work import executions_of, silent_executions

log = structlog.get_logger(__name__)

MOST_ATTEMPTS = 5
"""Runs of an idempotent action whose worker died each time; then a person has to look."""

LONGEST_SILENCE = timedelta(hours=1)
"""How long an idempotent action waits for a worker that runs it again."""

NOBODY_ANSWERED = "nobody answered in time"
"""Why more people are asked once a step of the escalation is due; by other reasons the steps stay as they are."""

_SYSTEM: dict[str, Any] = {"actor": {"system": "keeper"}}


def keep(tx: Tx, serving: Serving) -> int:
    """Let everything happen that is due by now; return how many requests it touched."""
    touched = 0
    for step in (_find_unfounded, let_stand_ins_go, _expire, _remind, _escalate, _lapse, _leave_in_doubt):
        for request in step(tx, serving):
            touched += 1
            log.info("kept", step=step.__name__.strip("_"), request=request.id, state=request.state)
    touched += digest_if_due(tx, serving)
    return touched + seal_if_due(tx, serving) + mind_the_archive(tx, serving)


def _expire(tx: Tx, serving: Serving) -> Iterator[Request]:
    """End what nobody answered in time, once every answer that arrived in time was read, or after ``grace``."""
    grace = serving.config.imap.grace
    for found in due(tx, State.PENDING, col(Request.deadline_at)):
        assert found.deadline_at is not None
        unread = _unread(tx, serving, found)
        if unread and tx.now < found.deadline_at + grace:
            continue
        request = lock_request(tx, found.id)
        if not founded(tx, serving, request):
            continue
        body = _SYSTEM | {"deadline": format_time(found.deadline_at)}
        if unread:
            read_at = oldest_read_at(tx)
            body |= {"mailbox_read_until": read_at and format_time(read_at), "reason": unread}
        conclude(tx, request, Trigger.EXPIRE, kind="expired", body=body, key=serving.key, note=unread)
        yield request


def _unread(tx: Tx, serving: Serving, request: Request) -> str:
    """Return why an answer that arrived by the deadline may still be unread; empty if every mailbox was read past it."""
    assert request.deadline_at is not None
    read_at = oldest_read_at(tx)
    if read_at is None and serving.config.imap.username:
        return "the mailbox could never be read"
    if read_at is not None and read_at <= request.deadline_at:
        return f"the mailbox could not be read since {read_at:%Y-%m-%d %H:%M} UTC"
    return "a mail that arrived in time was not read" if unread_before(tx, request.deadline_at) else ""


def _remind(tx: Tx, serving: Serving) -> Iterator[Request]:
    """Ask once more those who have not answered."""
    for found in due(tx, State.PENDING, col(Request.remind_at)):
        request = lock_request(tx, found.id)
        request.remind_at = None
        tx.session.add(request)
        if not founded(tx, serving, request) or not _is_time(tx, serving, request, "remind_after", "reminder"):
            continue
        seats = [s for s in assignments_of(tx, request.id) if s.state == "open"]
        event = append_event(tx, "reminder", request.id, _SYSTEM | {"to": [s.address for s in seats]}, key=serving.key)
        for seat in seats:
            order_mail(tx, serving, "reminder", request, to=seat, events=[event])
        yield request


def _is_time(tx: Tx, serving: Serving, request: Request, key: str, kind: str) -> bool:
    """Return whether the policy says so, too, and for the first time: the column beside it can be written by anybody."""
    _, gate = check_ruling(tx, serving.key, request)
    length = getattr(gate, key)
    assert request.opened_at is not None
    return length is not None and request.opened_at + length <= tx.now and not events_of(tx, request.id, kind)


def _escalate(tx: Tx, serving: Serving) -> Iterator[Request]:
    """Ask more people; the quorum stays."""
    for found in due(tx, State.PENDING, col(Request.escalate_at)):
        request = lock_request(tx, found.id)
        request.escalate_at = None
        tx.session.add(request)
        if not founded(tx, serving, request):
            continue
        _, gate = check_ruling(tx, serving.key, request)
        request.escalate_at = next_step_at(request, gate, after=tx.now)
        assert request.opened_at is not None
        # By the policy's own times: the column beside it can be written by anybody.
        steps = [step.ask for step in gate.escalation if request.opened_at + step.after <= tx.now]
        if _ask_as_well(tx, serving, request, gate, [n for names in steps for n in names], NOBODY_ANSWERED):
            yield request


def ask_more(tx: Tx, serving: Serving, request: Request, *, because: str) -> list[str]:
    """Ask the people of the next step of the escalation in which somebody was not asked yet; return them."""
    _, gate = check_ruling(tx, serving.key, request)
    asked = (_ask_as_well(tx, serving, request, gate, names, because) for names in gate.reserve)
    return next((people for people in asked if people), [])


def _ask_as_well(
    tx: Tx, serving: Serving, request: Request, gate: Gate, names: Sequence[str], because: str
) -> list[str]:
    """Ask those of ``names`` (people and groups) who were not asked yet; return them."""
    seats = [s for s in assignments_of(tx, request.id) if s.state != "revoked"]
    asked = {*barred(serving, request, gate), *(s.person for s in seats), *(s.for_person for s in seats)}
    more = [p for p in serving.config.directory.expand(names) if p not in asked]
    if not more:
        return []
    stage = tally_of(tx, serving, request, gate, decisions_of(tx, request.id)).stage
    event = append_event(tx, "escalation", request.id, _SYSTEM | {"to": more, "reason": because}, key=serving.key)
    return list(ask_people(tx, serving, request, gate, more, stage, event, "escalation"))


def escalate_for_absent(tx: Tx, serving: Serving, seat: Assignment) -> None:
    """Ask more people at once where somebody is away and the gate wants that."""
    request = lock_request(tx, seat.request_id)
    if request.state != State.PENDING or not founded(tx, serving, request):
        return
    _, gate = check_ruling(tx, serving.key, request)
    if gate.escalate_when_away:
        ask_more(tx, serving, request, because=f"{seat.person} is away")


def lose_seat(tx: Tx, serving: Serving, seat: Assignment, *, because: str) -> None:
    """Note that a person cannot be reached: escalate, or end the request where too few are left."""
    request = lock_request(tx, seat.request_id)
    if request.state != State.PENDING or seat.state != "open" or not founded(tx, serving, request):
        return
    seat.state = "undeliverable"
    tx.session.add(seat)
    body = _SYSTEM | {"assignment": seat.id, "person": seat.person, "reason": because}
    event = append_event(tx, "bounce", request.id, body, key=serving.key)
    tx.session.flush()
    _, gate = check_ruling(tx, serving.key, request)
    himself = (seat.for_person,) if seat.for_person else ()
    if list(ask_people(tx, serving, request, gate, himself, seat.stage, event)):
        return
    if ask_more(tx, serving, request, because=f"{seat.person} cannot be reached"):
        return
    tx.session.flush()
    decisions = decisions_of(tx, request.id)
    if tally_of(tx, serving, request, gate, decisions).standing in UNREACHABLE:
        person = serving.config.people.get(seat.person)
        name = person.name if person else seat.person
        because = f"{name} cannot be reached ({because}), and nobody else is left to ask"
        give_up(tx, serving, request, gate, decisions, because=because)


def _lapse(tx: Tx, serving: Serving) -> Iterator[Request]:
    """End what was approved and not started in time."""
    for found in due(tx, State.APPROVED, col(Request.valid_until)):
        request = lock_request(tx, found.id)
        if _approved(tx, serving, request):
            conclude(tx, request, Trigger.LAPSE, kind="lapsed", body=_SYSTEM, key=serving.key)
            yield request


def _leave_in_doubt(tx: Tx, serving: Serving) -> Iterator[Request]:
    """Say of actions whose worker died inside that nobody knows; a person has to find out."""
    for found, execution in silent_executions(tx):
        latest = executions_of(tx, found.id)[-1]
        if execution.attempt != latest.attempt or _runs_again(tx, latest):
            continue
        request = lock_request(tx, found.id)
        if not _approved(tx, serving, request):
            continue
        why = f"worker {execution.worker} fell silent inside the action"
        move(tx, request, Trigger.DIE, note=why)
        body = _SYSTEM | {"worker": execution.worker, "reason": why}
        append_event(tx, "in_doubt", request.id, body, key=serving.key)
        tell_operators(
            tx,
            serving,
            request,
            headline=f"{request.action} was started, and its worker died. Whether it took effect is not known.",
            next_step=f"Find out, then run: mailgate requests settle {request.id} --as succeeded   (or --as failed)",
        )
        yield request


def _runs_again(tx: Tx, latest: Execution) -> bool:
    """Return whether a worker will run it again, or does so already: not for ever, or nobody would hear of a crash loop."""
    waited = tx.now - latest.lease_until
    return latest.idempotent and latest.attempt < MOST_ATTEMPTS and waited < LONGEST_SILENCE


def _find_unfounded(tx: Tx, serving: Serving) -> Iterator[Request]:
    """Find requests that stand as approved or running although no decision says so: somebody wrote the state."""
    for request in (*in_state(tx, State.APPROVED), *in_state(tx, State.EXECUTING)):
        try:
            _check_approved(tx, serving, request)
        except Forged as error:
            if complain(tx, serving, request, error):
                yield request


def has_unfounded(tx: Tx) -> bool:
    """Return whether :func:`keep` should look at what stands as approved: a look before a write, without any proof."""
    standing = (*in_state(tx, State.APPROVED), *in_state(tx, State.EXECUTING))
    return any(not r.note and not any(map(_seems_to_approve, events_of(tx, r.id, "decision"))) for r in standing)


def _seems_to_approve(event: Event) -> bool:
    return b'"outcome":"approved"' in event.body and not event.refused


def _check_approved(tx: Tx, serving: Serving, request: Request) -> None:
    """Raise Forged unless a decision approves ``request``: one on record, or one that waits for being recorded."""
    if any(e.position is None and bears_event_mark(serving.key, e, request) for e in events_of(tx, request.id, "undo")):
        raise Forged("requests", request.id, f"an answer was taken back, and it was turned back to {request.state}")
    waiting = [e for e in events_of(tx, request.id, "decision") if e.position is None and not e.refused]
    if any(_seems_to_approve(e) and bears_event_mark(serving.key, e, request) for e in waiting):
        return
    history = read_history(tx, serving.verifier, request)
    if history.approval is None:
        raise Forged("requests", request.id, f"it stands as {request.state}, but no decision was counted")
    if history.end is not None or (history.started is not None and request.state == State.APPROVED):
        raise Forged("requests", request.id, f"it was started or ended before, and was turned back to {request.state}")
    until = request.valid_until and format_time(request.valid_until)
    if request.state == State.APPROVED and until != history.approval.body["valid_until"]:
        raise Forged("requests", request.id, "the decision says another time until which it may start")


def _approved(tx: Tx, serving: Serving, request: Request) -> bool:
    try:
        _check_approved(tx, serving, request)
    except Forged:
        return False  # said by _find_unfounded, in the same turn
    return True
