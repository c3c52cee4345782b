"""Replay the records of one request: did everything in it happen as it may? Standard library only.

The state comes from the transition table that ran live, the people whose yes counts from the same seating, and whether
they were enough from the same tally. A record says what the service concluded; here it is concluded again, and only what
would have let something through that must not be (a run, a yes, an end) is a fault. The words for faults are those of
:mod:`mailgate.model.findings`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from mailgate.errors import IllegalTransition
from mailgate.model.findings import Kind
from mailgate.model.levels import Level
from mailgate.model.lifecycle import Stage, Standing, State, Trigger, Vote, advance, tally
from mailgate.model.mailboxes import fold
from mailgate.model.records import Record
from mailgate.model.seating import Seat, gone_from, seated
from mailgate.model.terms import Crowd, Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with one record of a history, in a sentence."""

    kind: Kind
    index: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One counted answer: whose, to which seat, and from which addresses it cannot come again."""

    id: str
    person: str
    address: str
    stage: int
    approves: bool
    counts: bool
    undone: bool = False


@dataclass(slots=True)
class Course:
    """Where a request stands, record by record. One request's only, and gone with it."""

    terms: Callable[[str], Terms | None]
    crowd: Callable[[int], Crowd | None]
    asked: Record | None = None
    state: State = State.PENDING
    seats: dict[str, Seat] = field(default_factory=dict)  # by assignment
    answers: list[Given] = field(default_factory=list)
    window: tuple[datetime, datetime] | None = None


Step = Callable[[Course, Record], Iterator[Fault]]


def replay(
    records: Sequence[Record],
    *,
    terms: Callable[[str], Terms | None],
    crowd: Callable[[int], Crowd | None],
) -> list[Fault]:
    """Return what is wrong with a request's history; nothing is a complete record of what may happen.

    Args:
        records: all of one request, in the order of the log.
        terms: the policy by its digest in hex, None if no record has it.
        crowd: the people recorded last before an index, None if nobody was.
    """
    course, faults = Course(terms=terms, crowd=crowd), list[Fault]()
    for number, record in enumerate(records):
        try:
            for check in (_numbering(record, number), _same_action(course, record), _move(course, record)):
                for fault in check:
                    faults.append(fault)  # what came before a step failed stays
        except IllegalTransition as error:
            faults.append(Fault(kind=Kind.ILLEGAL_TRANSITION, index=record.index, why=f"{record.event}: {error}"))
        except (KeyError, TypeError, ValueError, AttributeError):
            why = f"The {record.event} record does not say what such a record has to say."
            faults.append(Fault(kind=Kind.ILLEGAL_TRANSITION, index=record.index, why=why))
    return faults


def _numbering(record: Record, number: int) -> Iterator[Fault]:
    if record.seq != number:
        why = f"It is numbered {record.seq} within its request, and stands at {number}."
        yield Fault(kind=Kind.ILLEGAL_TRANSITION, index=record.index, why=why)


def _same_action(course: Course, record: Record) -> Iterator[Fault]:
    """A record must speak of the action that people were asked about."""
    if course.asked is not None and record.digest != course.asked.digest:
        why = f"The {record.event} record speaks of another action than the one that people were asked about."
        yield Fault(kind=Kind.PROOF_MISMATCH, index=record.index, why=why)


def _move(course: Course, record: Record) -> Iterator[Fault]:
    if (course.asked is None) != (record.event == "request"):
        why = "It was asked twice." if course.asked else f"Its first record is {record.event}: nobody was asked."
        yield Fault(kind=Kind.ILLEGAL_TRANSITION, index=record.index, why=why)
    step = _STEPS.get(record.event)
    if step is not None:
        yield from step(course, record)


def _request(course: Course, record: Record) -> Iterator[Fault]:
    course.asked = record
    yield from _ask(course, record)


def _ask(course: Course, record: Record) -> Iterator[Fault]:
    """Note who was asked, also for a later stage."""
    for said in record.body.get("asked", ()):
        stands_in_for = said["for"]
        course.seats[said["assignment"]] = Seat(
            person=said["person"], stage=said["stage"], state="open", stands_in_for=stands_in_for
        )
    yield from ()


def _bounced(course: Course, record: Record) -> Iterator[Fault]:
    seat = course.seats.get(record.body["assignment"])
    if seat is not None:
        course.seats[record.body["assignment"]] = replace(seat, state="undeliverable")
    yield from ()


def _revoked(course: Course, record: Record) -> Iterator[Fault]:
    for name, seat in course.seats.items():
        if seat.person in record.body["people"]:
            course.seats[name] = replace(seat, state="revoked")
    yield from _ask(course, record)


def _decision(course: Course, record: Record) -> Iterator[Fault]:
    """Count an answer again: whose it is, when it came, how well it is proven, and whether that is enough."""
    body = record.body
    if course.state is not State.PENDING:
        raise IllegalTransition(course.state, Trigger.APPROVE)
    approves = {"approved": True, "rejected": False}[body["meaning"]]
    faults = [
        *_entitlement(course, record),
        *(_separation(course, record) if approves else ()),
        *(_proof_of_person(course, record) if approves else ()),
        *_timeliness(course, record),
    ]
    yield from faults
    answer = Given(
        id=body["decision"],
        person=body["approver"]["person"],
        address=body["approver"]["address"],
        stage=body["stage"],
        approves=approves,
        counts=not faults,
    )
    course.answers.append(answer)
    outcome = body["outcome"]
    if outcome == State.APPROVED:
        yield from _quorum(course, record)
        course.state = advance(course.state, Trigger.APPROVE)
        course.window = (_instant(body["not_before"]), _instant(body["valid_until"]))
    elif outcome == State.REJECTED:
        yield from _rejected(course, record)
    elif outcome != State.PENDING:
        raise ValueError(outcome)
    yield from _ask(course, record)


def _entitlement(course: Course, record: Record) -> Iterator[Fault]:
    """The one who answers was asked, by this very seat, and has not answered before; one mailbox is one person."""
    approver, seat = record.body["approver"], course.seats.get(record.body["assignment"])
    name = approver["name"]
    if seat is None or seat.person != approver["person"] or seat.state != "open":
        yield Fault(kind=Kind.QUORUM, index=record.index, why=f"{name} answered, and was not asked, or not any more.")
    crowd = course.crowd(record.index)
    for earlier in course.answers:
        if earlier.person == approver["person"] or _is_one_mailbox(earlier.address, approver["address"], crowd):
            why = f"{name} answered a second time; one person counts once, under whatever address."
            yield Fault(kind=Kind.QUORUM, index=record.index, why=why)


def _is_one_mailbox(first: str, second: str, crowd: Crowd | None) -> bool:
    owners = (crowd.owner_of(first), crowd.owner_of(second)) if crowd is not None else (None, None)
    return fold(first) == fold(second) or (owners[0] is not None and owners[0] == owners[1])


def _separation(course: Course, record: Record) -> Iterator[Fault]:
    """Who the agent acts for does not approve, nor anybody in his place."""
    terms, approver = _terms(course), record.body["approver"]
    if terms is None or terms.single_operator:
        return
    nobody = _nobody(course, record)
    asked_for = _asked(course).body["actor"].get("on_behalf_of")
    same = bool(asked_for) and _is_one_mailbox(asked_for, approver["address"], course.crowd(record.index))
    if same or approver["person"] in nobody or record.body.get("for") in nobody:
        why = f"{approver['name']} approved what was asked for on behalf of {asked_for}."
        yield Fault(kind=Kind.SOD, index=record.index, why=why)


def _proof_of_person(course: Course, record: Record) -> Iterator[Fault]:
    """A yes below what the gate wants does not count, so that the quorum lacks it."""
    terms, level, channel = _terms(course), record.body["level"], record.body["channel"]
    if terms is not None and not terms.takes_yes(Level(level), channel):
        name = record.body["approver"]["name"]
        why = f"The yes of {name} is proven as {level} (by {channel}), which is less than the gate wants."
        yield Fault(kind=Kind.QUORUM, index=record.index, why=why)


def _timeliness(course: Course, record: Record) -> Iterator[Fault]:
    """A reply counts by when it was received, everything else by when it was recorded."""
    received = record.body.get("evidence", {}).get("received_at")
    given_at = min(_instant(received), record.at) if received else record.at
    deadline = _asked(course).body["deadline"]
    if deadline is not None and given_at > _instant(deadline):
        name = record.body["approver"]["name"]
        why = f"{name} answered at {given_at:%Y-%m-%d %H:%M:%S} UTC, after the deadline {deadline}."
        yield Fault(kind=Kind.LATE, index=record.index, why=why)


def _quorum(course: Course, record: Record) -> Iterator[Fault]:
    terms = _terms(course)
    if terms is None:
        why = "The policy under which it was approved is in no record, so that nobody can say whether it allowed that."
        yield Fault(kind=Kind.QUORUM, index=record.index, why=why)
        return
    votes = [
        Vote(person=a.person, stage=a.stage, approves=a.approves) for a in course.answers if a.counts and not a.undone
    ]
    undone = [a.person for a in course.answers if a.undone]
    gone = gone_from(course.seats.values(), undone)
    result = tally(_stages(course, record, terms), votes, requester=None, veto=terms.veto, gone=gone)
    if result.standing is not Standing.APPROVED:
        why = f"It was taken for approved, and stands as {result.standing}: {result.missing} more would have had to say yes."
        yield Fault(kind=Kind.QUORUM, index=record.index, why=why)


def _has_reject(course: Course) -> bool:
    return any(not a.approves and not a.undone for a in course.answers)


def _rejected(course: Course, record: Record) -> Iterator[Fault]:
    if not _has_reject(course):
        why = "It ended as rejected, and nobody rejected it."
        yield Fault(kind=Kind.ILLEGAL_TRANSITION, index=record.index, why=why)
    course.state = advance(course.state, Trigger.REJECT)


def _undo(course: Course, record: Record) -> Iterator[Fault]:
    body = record.body
    found = [i for i, a in enumerate(course.answers) if a.id == body["undone"] and a.person == body["person"]]
    if not found or course.answers[found[0]].undone or course.state not in (State.PENDING, State.APPROVED):
        why = "An answer was taken back that was not there to be taken back."
        yield Fault(kind=Kind.ILLEGAL_TRANSITION, index=record.index, why=why)
        return
    course.answers[found[0]] = replace(course.answers[found[0]], undone=True)
    if course.state is State.APPROVED or body["outcome"] != State.PENDING:
        course.state = advance(course.state, {State.WITHDRAWN: Trigger.WITHDRAW}[body["outcome"]])


def _undeliverable(course: Course, record: Record) -> Iterator[Fault]:
    if record.body["outcome"] == State.REJECTED:
        yield from _rejected(course, record)
    else:
        course.state = advance(course.state, Trigger.EXHAUST)


def _expired(course: Course, record: Record) -> Iterator[Fault]:
    deadline = _asked(course).body["deadline"]
    if deadline is None or not _is_over(_instant(deadline), record):
        why = "It ended as expired before its deadline."
        yield Fault(kind=Kind.ILLEGAL_TRANSITION, index=record.index, why=why)
    course.state = advance(course.state, Trigger.EXPIRE)


def _lapsed(course: Course, record: Record) -> Iterator[Fault]:
    course.state = advance(course.state, Trigger.LAPSE)
    if course.window is not None and not _is_over(course.window[1], record):
        why = "It ended as lapsed while it might still have been started."
        yield Fault(kind=Kind.ILLEGAL_TRANSITION, index=record.index, why=why)


def _is_over(end: datetime, record: Record) -> bool:
    return record.at >= end


def _is_in_window(start: datetime, end: datetime, record: Record) -> bool:
    return start <= record.at <= end


def _executing(course: Course, record: Record) -> Iterator[Fault]:
    again = course.state is State.EXECUTING
    course.state = advance(course.state, Trigger.RECLAIM if again else Trigger.CLAIM)
    if course.window is None or again:
        return
    start, end = course.window
    if not _is_in_window(start, end, record):
        why = f"It was started at {record.at:%Y-%m-%d %H:%M:%S} UTC; approved was a start from {start:%H:%M:%S} to {end:%H:%M:%S}."
        yield Fault(kind=Kind.LATE, index=record.index, why=why)


def _ends_as(triggers: Mapping[str, Trigger]) -> Step:
    """Return the step of records that end a request by what they say its outcome is."""

    def step(course: Course, record: Record) -> Iterator[Fault]:
        course.state = advance(course.state, triggers[record.body["outcome"]])
        yield from ()

    return step


def _in_doubt(course: Course, record: Record) -> Iterator[Fault]:
    course.state = advance(course.state, Trigger.DIE)
    yield from ()


_STEPS: Mapping[str, Step] = {
    "request": _request,
    "decision": _decision,
    "undo": _undo,
    "escalation": _ask,
    "bounce": _bounced,
    "revoked": _revoked,
    "undeliverable": _undeliverable,
    "expired": _expired,
    "lapsed": _lapsed,
    "cancelled": _ends_as({State.CANCELLED: Trigger.CANCEL}),
    "executing": _executing,
    "outcome": _ends_as({State.SUCCEEDED: Trigger.SUCCEED, State.FAILED: Trigger.FAIL}),
    "in_doubt": _in_doubt,
    "settled": _ends_as({State.SUCCEEDED: Trigger.SETTLE_SUCCEEDED, State.FAILED: Trigger.SETTLE_FAILED}),
}
"""What each kind of record does. Whatever is missing changes nothing: reminders, questions, an absence, a resumption."""


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("an instant without a zone")
    return at


def _asked(course: Course) -> Record:
    if course.asked is None:
        raise ValueError("nobody was asked")
    return course.asked


def _terms(course: Course) -> Terms | None:
    return course.terms(str(_asked(course).body["policy"]))


def _nobody(course: Course, record: Record) -> frozenset[str]:
    """Return who must not approve: the requester, by the addresses of then and of now."""
    asked, crowd = _asked(course), course.crowd(record.index)
    address = asked.body["actor"].get("on_behalf_of")
    now = crowd.owner_of(address) if crowd is not None and address else None
    return frozenset(filter(None, (asked.body["requester"], now)))


def _stages(course: Course, record: Record, terms: Terms) -> list[Stage]:
    crowd = course.crowd(record.index)
    if crowd is None:
        # Nobody was recorded yet: whoever was asked is who there is.
        crowd = Crowd(addresses={s.person: frozenset() for s in course.seats.values()}, groups={}, shared=frozenset())
    nobody = frozenset() if terms.single_operator else _nobody(course, record)
    return seated(
        terms.stages_of(crowd),
        terms.reserve_of(crowd),
        list(course.seats.values()),
        nobody=nobody,
        people=crowd.addresses,
    )
