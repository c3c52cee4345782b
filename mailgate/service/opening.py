"""Open a request: the keeper's own ruling on it, and a seat for each person who is to be asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from mailgate.errors import Forged
from mailgate.model.evidence import format_time
from mailgate.model.lifecycle import Stage, Tally, Trigger, Vote, tally
from mailgate.model.policy import Gate, policy_digest
from mailgate.service.conclude import conclude
from mailgate.service.context import Serving
from mailgate.service.marks import check_action, mark_assignment, mark_ruling
from mailgate.service.posting import archive, order_mail, tell_operators
from mailgate.store import Tx
from mailgate.store.answers import assignments_of
from mailgate.store.requests import keep_policy
from mailgate.store.tables import Assignment, Decision, Event, Request
from mailgate.tokens import address_hash


def open_request(tx: Tx, serving: Serving, request: Request, event: Event) -> dict[str, Any]:
    """Rule on a new request, ask the first stage's people, and return what the record says about it.

    The deadline runs from here, not from the agent's call: before, nobody could have answered.

    Raises:
        Forged: the request was opened before, or its action does not match its digest.
    """
    if request.mark is not None:
        raise Forged("events", event.id, "the request it speaks of was opened before")
    check_action(request)
    gate = serving.gate(request.action) or Gate()
    document = gate.document()
    request.policy = policy_digest(document)
    keep_policy(tx, request.policy, document)
    request.opened_at = tx.now
    request.deadline_at = _after(tx.now, gate.timeout)
    request.remind_at = _earlier(_after(tx.now, gate.remind_after), request.deadline_at)
    request.escalate_at = _earlier(_after(tx.now, gate.escalate_after), request.deadline_at)
    mark_ruling(serving.key, request)
    tx.session.add(request)
    tx.session.flush()
    people = ask_stage(tx, serving, request, gate, 0, event)
    archive(tx, serving, "request", request, event, {})
    return {
        "to": [serving.config.people[p].address for p in people],
        "policy": request.policy.hex(),
        "deadline": request.deadline_at and format_time(request.deadline_at),
    }


def ask_stage(tx: Tx, serving: Serving, request: Request, gate: Gate, stage: int, event: Event) -> Sequence[str]:
    """Give a seat to everybody of ``stage`` who has none; end the request where too few are left to ask."""
    stages = stages_of(serving, gate)
    asked = list(ask_people(tx, serving, request, stages[stage].people if stages else (), stage, event))
    standing = tally_of(tx, serving, request, gate, ())
    if not stages or standing.standing.value == "out of reach":
        body = {"actor": {"system": "keeper"}, "reason": "too few people may approve it"}
        conclude(tx, request, Trigger.EXHAUST, kind="undeliverable", body=body, key=serving.key, note=body["reason"])
        tell_operators(
            tx,
            serving,
            request,
            headline=f"Nobody could be asked about {request.action}.",
            next_step=f"Name more approvers under [gates.{request.action}]; the requester never counts.",
        )
    return asked


def ask_people(
    tx: Tx, serving: Serving, request: Request, people: Iterable[str], stage: int, event: Event, kind: str = "request"
) -> Iterable[str]:
    """Give each of ``people`` a seat with its own secrets and order the mail that asks; yield who was asked."""
    seated = {a.person for a in assignments_of(tx, request.id)}
    requester = requester_of(serving, request)
    for person in people:
        if person in seated or person == requester:
            continue
        seat = _new_seat(tx, serving, request, person, stage)
        mail = order_mail(tx, serving, kind, request, to=seat, events=[event])
        seat.message_id = mail.message_id
        tx.session.add(seat)
        yield person


def _new_seat(tx: Tx, serving: Serving, request: Request, person: str, stage: int) -> Assignment:
    seat_id, generation = tx.chance.id(), 1
    seat = Assignment(
        id=seat_id,
        request_id=request.id,
        person=person,
        address=serving.config.people[person].address,
        stage=stage,
        generation=generation,
        digest=request.digest,
        reply_hash=address_hash(serving.key.reply_token(seat_id, generation)),
        bounce_hash=address_hash(serving.key.bounce_token(seat_id, generation)),
        state="open",
        created_at=tx.now,
    )
    mark_assignment(serving.key, seat)
    return seat


def stages_of(serving: Serving, gate: Gate) -> list[Stage]:
    """Return the stages of ``gate`` with the people who hold them now: somebody who was removed does not count."""
    directory = serving.config.directory
    return [Stage(people=directory.expand(s.approvers), quorum=s.quorum) for s in gate.asked()]


def requester_of(serving: Serving, request: Request) -> str | None:
    """Return the id of the person the agent acts for, if that is somebody we know."""
    return serving.config.directory.find_by_address(request.on_behalf_of) if request.on_behalf_of else None


def tally_of(tx: Tx, serving: Serving, request: Request, gate: Gate, decisions: Sequence[Decision]) -> Tally:
    """Return what ``decisions`` (checked ones) amount to now."""
    seats = assignments_of(tx, request.id)
    stages = stages_of(serving, gate)
    for extra in serving.config.directory.expand(gate.escalate_to):
        seat = next((s for s in seats if s.person == extra), None)
        if seat is not None and extra not in stages[seat.stage].people:
            # Escalation adds people to the stage that was being asked; the quorum stays.
            stages[seat.stage] = Stage(people=(*stages[seat.stage].people, extra), quorum=stages[seat.stage].quorum)
    votes = [Vote(person=d.person, stage=d.stage, approves=d.verdict == "approve") for d in decisions]
    gone = frozenset(s.person for s in seats if s.state == "undeliverable")
    return tally(stages, votes, requester=requester_of(serving, request), veto=gate.veto, gone=gone)


def _after(now: datetime, length: timedelta | None) -> datetime | None:
    return None if length is None else now + length


def _earlier(instant: datetime | None, deadline: datetime | None) -> datetime | None:
    """Drop what would come only after the deadline."""
    return None if instant is None or (deadline is not None and instant >= deadline) else instant
