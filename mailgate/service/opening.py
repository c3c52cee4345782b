"""Open a request: the keeper's own ruling on it, and a seat for each person who is to be asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from mailgate.errors import Forged
from mailgate.model.lifecycle import UNREACHABLE, Stage, Standing, State, Tally, Trigger, Vote, tally
from mailgate.model.policy import Gate, policy_digest, speaks_for
from mailgate.model.seating import Seat, gone_from, seated
from mailgate.model.verdict import Level
from mailgate.service.conclude import conclude
from mailgate.service.context import Serving
from mailgate.service.delegation import stand_ins
from mailgate.service.marks import check_action, mark_assignment, mark_ruling
from mailgate.service.posting import archive, order_mail, tell_operators
from mailgate.service.proof import actor_of, state_fields
from mailgate.service.stating import request_fields, seat_fields
from mailgate.store import Tx
from mailgate.store.answers import assignments_of, decisions_of
from mailgate.store.events import amend_event, append_event, events_of
from mailgate.store.requests import keep_policy
from mailgate.store.tables import Assignment, Decision, Event, Request
from mailgate.tokens import ServeKey, address_hash

_ID = re.compile(r"[a-z2-7]{16}")  # mailgate.chance.Chance.id
"""Whoever else makes up an id could pick one that some reader of it takes for two."""


def open_request(tx: Tx, serving: Serving, request: Request, event: Event) -> dict[str, Any]:
    """Rule on a new request, ask the first stage's people, and return what the record says about it.

    The deadline runs from here, not from the agent's call: before, nobody could have answered. A request that its agent
    took back before is recorded, and nobody is asked.

    Raises:
        Forged: the request was opened before, or is not the one that the event speaks of.
    """
    _check_new(tx, request, event)
    gate = serving.gate(request.action) or Gate()
    document = gate.document()
    request.policy = policy_digest(document)
    keep_policy(tx, request.policy, document)
    request.requester = requester_of(serving, request)
    request.opened_at = tx.now
    request.deadline_at = _after(tx.now, gate.timeout)
    request.remind_at = reminder_at(request, gate)
    request.escalate_at = next_step_at(request, gate, after=tx.now)
    mark_ruling(serving.key, request)
    tx.session.add(request)
    tx.session.flush()
    if request.state == State.PENDING:
        ask_stage(tx, serving, request, gate, 0, event)
    archive(tx, serving, "request", request, event, {})
    seats = assignments_of(tx, request.id)
    asked = {"to": [seat.address for seat in seats], "asked": [seat_fields(seat) for seat in seats]}
    said = asked | request_fields(request)
    configured = serving.config.gates.get(request.action)
    if configured is None or configured.document() != document:
        # Policies of gates are on record as they change; this one is that of no gate.
        said["policy_document"] = json.loads(document)
    return said


def _check_new(tx: Tx, request: Request, event: Event) -> None:
    """Raise Forged unless nothing but ``event`` and perhaps its cancelling has happened to ``request``."""
    known = [*assignments_of(tx, request.id), *decisions_of(tx, request.id)]
    records = [e for e in events_of(tx, request.id) if e.position is not None]
    if request.mark is not None or known or records:
        raise Forged("events", event.id, "the request it speaks of was opened before")
    if request.state not in (State.PENDING, State.CANCELLED):
        raise Forged("requests", request.id, f"it stands as {request.state} before anybody was asked")
    check_action(request)
    body = json.loads(event.body)
    fields = {"actor": actor_of(request)} | state_fields(tx, request)
    if not _ID.fullmatch(request.id) or {name: body.get(name) for name in fields} != fields:
        raise Forged("requests", request.id, "whose it is, or the agent's state, is not what was submitted")


def ask_stage(tx: Tx, serving: Serving, request: Request, gate: Gate, stage: int, event: Event) -> Sequence[str]:
    """Ask everybody of ``stage`` who was not asked for it yet; end the request where too few are left to ask.

    Where they are too few, those whom escalation may add are asked before it is given up.
    """
    stages = stages_of(serving, gate)
    asked = list(ask_people(tx, serving, request, gate, stages[stage].people if stages else (), stage, event))
    decisions = decisions_of(tx, request.id)
    for names in gate.reserve if stages else ():
        if tally_of(tx, serving, request, gate, decisions).standing is not Standing.OUT_OF_REACH:
            break
        people = serving.config.directory.expand(names)
        more = list(ask_people(tx, serving, request, gate, people, stage, event))
        if more:
            body = {"to": more, "reason": "too few others may approve it", "actor": {"system": "keeper"}}
            append_event(tx, "escalation", request.id, body, key=serving.key)
        asked += more
    if not stages or tally_of(tx, serving, request, gate, decisions).standing in UNREACHABLE:
        give_up(tx, serving, request, gate, decisions, because="too few people are left who may approve it")
    return asked


def give_up(
    tx: Tx, serving: Serving, request: Request, gate: Gate, decisions: Sequence[Decision], *, because: str
) -> None:
    """End a request whose quorum is out of reach: as rejected where a reject stands, else as undeliverable."""
    rejects = [d for d in decisions if d.verdict == "reject" and d.undone_at is None]
    trigger, told = (Trigger.REJECT, told_of(serving, gate, rejects[-1])) if rejects else (Trigger.EXHAUST, {})
    body = {"actor": {"system": "keeper"}, "reason": because}
    conclude(tx, request, trigger, kind="undeliverable", body=body, key=serving.key, note=because, **told)
    tell_operators(
        tx,
        serving,
        request,
        headline=f"{request.action} was given up: {because}.",
        next_step=f"Check the addresses, or name more approvers under [gates.{request.action}]; the requester never counts.",
    )


NOBODY = "a person"
"""Who rejected something, as far as an agent may know, where nobody is proven to have done it."""


def told_of(serving: Serving, gate: Gate, reject: Decision) -> dict[str, str]:
    """Return what an agent is told of a reject: no text and no name where nobody is proven to have written it."""
    if not speaks_for(Level(reject.level), gate):
        return {"reason": "", "decided_by": NOBODY}
    person = serving.config.people.get(reject.person)
    return {"reason": reject.reason, "decided_by": person.name if person else reject.person}


def ask_people(
    tx: Tx,
    serving: Serving,
    request: Request,
    gate: Gate,
    people: Iterable[str],
    stage: int,
    event: Event,
    kind: str = "request",
) -> Iterable[str]:
    """Give each of ``people`` a seat with its own secrets and order the mail that asks; yield who was asked.

    Who was asked for an earlier stage and did not answer keeps the seat and is asked again, for this one. The seats that
    there are must have been checked before (:func:`check_ruling`), since they are marked anew.
    """
    seats = {s.person: s for s in assignments_of(tx, request.id)}
    nobody = barred(serving, request, gate)
    instead = {p: d for p, d in stand_ins(tx, serving, request.action).items() if d not in nobody}
    sitting = {s.for_person: s.person for s in seats.values() if s.for_person and s.state not in _AWAY}
    people = tuple(people)
    named = {*people, *(p for s in stages_of(serving, gate) for p in s.people)}
    for asked in people:
        # Who is asked for himself, now or in a later stage, counts once: whoever he stands in for is asked, too.
        stand_in = instead.get(asked, asked)
        himself = asked in seats or stand_in in seats or stand_in in named
        person = sitting.get(asked) or (asked if himself else stand_in)
        seat = seats.get(person)
        if asked in nobody or person in nobody or not _is_one_person(serving, gate, person):
            continue
        if seat is not None and _is_asked(seat, stage):
            continue
        if seat is None:
            seat = seats[person] = _new_seat(tx, serving, request, person, stage)
        seat.stage = stage
        seat.for_person = asked if asked != person else None
        if seat.state == "revoked":
            _renew(serving, seat)
        mark_assignment(serving.key, seat, request)
        mail = order_mail(tx, serving, kind, request, to=seat, events=[event])
        seat.message_id = seat.message_id or mail.id
        tx.session.add(seat)
        if (
            event.mark is not None
        ):  # an agent's own word stays as it is; the record of a request names all who were asked
            asked_so_far = json.loads(event.body).get("asked", [])
            amend_event(tx, event, {"asked": [*asked_so_far, seat_fields(seat)]}, key=serving.key)
        yield person


_AWAY = frozenset({"revoked", "undeliverable"})
"""States of a seat whose holder stands in for nobody any more."""


def _is_asked(seat: Assignment, stage: int) -> bool:
    """Return whether nothing is left to ask the holder of a seat: he answered, is being asked, or cannot be reached."""
    return seat.stage >= stage if seat.state == "open" else seat.state != "revoked"


def _renew(serving: Serving, seat: Assignment) -> None:
    """Give somebody who may decide again a seat with other secrets: the earlier ones stay revoked."""
    seat.state, seat.address = "open", serving.config.people[seat.person].address
    seat.generation += 1
    seat.message_id = ""  # a thread of its own, perhaps in another mailbox
    seat.reply_hash, seat.bounce_hash = address_hashes(serving.key, seat.id, seat.generation)


def address_hashes(key: ServeKey, seat_id: str, generation: int) -> tuple[str, str]:
    """Return the hashes of the addresses to which a seat's replies and bounces come."""
    tokens = (key.reply_token(seat_id, generation), key.bounce_token(seat_id, generation))
    return address_hash(tokens[0]), address_hash(tokens[1])


def _new_seat(tx: Tx, serving: Serving, request: Request, person: str, stage: int) -> Assignment:
    seat_id, generation = tx.chance.id(), 1
    reply_hash, bounce_hash = address_hashes(serving.key, seat_id, generation)
    return Assignment(
        id=seat_id,
        request_id=request.id,
        person=person,
        address=serving.config.people[person].address,
        stage=stage,
        generation=generation,
        digest=request.digest,
        reply_hash=reply_hash,
        bounce_hash=bounce_hash,
        state="open",
        created_at=tx.now,
    )


def stages_of(serving: Serving, gate: Gate) -> list[Stage]:
    """Return the stages of ``gate`` with the people who hold them now: somebody who was removed does not count."""
    directory = serving.config.directory
    named = [(directory.expand(s.approvers), s.quorum) for s in gate.asked()]
    return [Stage(people=tuple(p for p in who if _is_one_person(serving, gate, p)), quorum=q) for who, q in named]


def reserve_of(serving: Serving, gate: Gate) -> tuple[str, ...]:
    """Return everybody whom escalation may add, in the order in which they are asked."""
    return serving.config.directory.expand([name for step in gate.reserve for name in step])


def next_step_at(request: Request, gate: Gate, *, after: datetime) -> datetime | None:
    """Return when the next step of the escalation is due, ``after`` an instant and before the deadline; None: no more."""
    assert request.opened_at is not None
    due = (request.opened_at + step.after for step in gate.escalation)
    return _earlier(next((at for at in due if at > after), None), request.deadline_at)


def reminder_at(request: Request, gate: Gate) -> datetime | None:
    """Return when those who have not answered are asked once more, before the deadline; None: never."""
    assert request.opened_at is not None
    return _earlier(_after(request.opened_at, gate.remind_after), request.deadline_at)


def is_entitled(tx: Tx, serving: Serving, request: Request, gate: Gate, seat: Assignment) -> bool:
    """Return whether the person of ``seat`` may still decide.

    Not who was removed, moved, found to be the requester, or whose time to stand in for somebody is over.
    """
    person = serving.config.people.get(seat.person)
    asked = (*stages_of(serving, gate)[seat.stage].people, *reserve_of(serving, gate))
    is_known = person is not None and person.address == seat.address and (seat.for_person or seat.person) in asked
    if seat.for_person and stand_ins(tx, serving, request.action).get(seat.for_person) != seat.person:
        return False
    nobody = barred(serving, request, gate)
    return (
        is_known
        and _is_one_person(serving, gate, seat.person)
        and seat.person not in nobody
        and seat.for_person not in nobody
    )


def requester_of(serving: Serving, request: Request) -> str | None:
    """Return the id of the person the agent acts for, if that is somebody we know."""
    return serving.config.directory.find_by_address(request.on_behalf_of) if request.on_behalf_of else None


def barred(serving: Serving, request: Request, gate: Gate) -> frozenset[str]:
    """Return who must not approve: the requester, by the addresses of then and of now, unless somebody works alone."""
    if gate.single_operator:
        return frozenset()
    return frozenset(filter(None, (request.requester, requester_of(serving, request))))


def _is_one_person(serving: Serving, gate: Gate, person: str) -> bool:
    """Return whether the gate takes somebody for a person of his own: behind a shared mailbox it could be anybody."""
    found = serving.config.people.get(person)
    return not (gate.named_people and found is not None and found.group)


def tally_of(tx: Tx, serving: Serving, request: Request, gate: Gate, decisions: Sequence[Decision]) -> Tally:
    """Return what ``decisions`` amount to now. They and the request's seats are checked before (:func:`check_ruling`)."""
    seats = [
        Seat(person=s.person, stage=s.stage, state=s.state, stands_in_for=s.for_person)
        for s in assignments_of(tx, request.id)
    ]
    stages = seated(
        stages_of(serving, gate),
        reserve_of(serving, gate),
        seats,
        nobody=barred(serving, request, gate),
        people=serving.config.people,
    )
    standing = [d for d in decisions if d.undone_at is None]
    votes = [Vote(person=d.person, stage=d.stage, approves=d.verdict == "approve") for d in standing]
    gone = gone_from(seats, (d.person for d in decisions if d.undone_at))
    return tally(stages, votes, requester=None, veto=gate.veto, gone=gone)


def _after(now: datetime, length: timedelta | None) -> datetime | None:
    return None if length is None else now + length


def _earlier(instant: datetime | None, deadline: datetime | None) -> datetime | None:
    """Drop what would come only after the deadline."""
    return None if instant is None or (deadline is not None and instant >= deadline) else instant
