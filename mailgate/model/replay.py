"""Replay the records of one request: did everything in it happen as it may? Standard library only.

The state comes from the transition table that ran live, the people whose yes counts from the same seating, and whether
they were enough from the same tally. A record says what the service concluded; here it is concluded again, and only what
would have let something through that must not be (a run, a yes, an end) is a fault. The words for faults are those of
:mod:`mailgate.model.findings`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from mailgate.errors import IllegalTransition
from mailgate.model.course import Course, Fault, asked_of, note_asked, read_instant
from mailgate.model.findings import Kind
from mailgate.model.lifecycle import State, Trigger, advance
from mailgate.model.records import Record
from mailgate.model.recount import count, has_reject, quorum
from mailgate.model.terms import Crowd, Terms

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
    note_asked(course, record)


def _request(course: Course, record: Record) -> Iterator[Fault]:
    course.asked = record
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
    yield from ()


def _decision(course: Course, record: Record) -> Iterator[Fault]:
    """Count an answer again, and go where it leads."""
    if course.state is not State.PENDING:
        raise IllegalTransition(course.state, Trigger.APPROVE)
    yield from count(course, record)
    body, outcome = record.body, record.body["outcome"]
    if outcome == State.APPROVED:
        yield from quorum(course, record)
        course.state = advance(course.state, Trigger.APPROVE)
        course.window = (read_instant(body["not_before"]), read_instant(body["valid_until"]))
    elif outcome == State.REJECTED:
        yield from _rejected(course, record)
    elif outcome != State.PENDING:
        raise ValueError(outcome)


def _rejected(course: Course, record: Record) -> Iterator[Fault]:
    if not has_reject(course):
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
    deadline = asked_of(course).body["deadline"]
    if deadline is None or not _is_over(read_instant(deadline), record):
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
