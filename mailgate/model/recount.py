"""Count one recorded answer again: whose it is, when it came, how well it is proven, and whether that is enough.

Standard library only. Each check is a function from a course and a record to faults.
"""

from __future__ import annotations

from collections.abc import Iterator

from mailgate.model.course import Course, Fault, Given, asked_of, nobody_of, read_instant, stages_of, terms_of
from mailgate.model.findings import Kind
from mailgate.model.levels import Level
from mailgate.model.lifecycle import Standing, Vote, tally
from mailgate.model.mailboxes import fold
from mailgate.model.records import Record
from mailgate.model.seating import gone_from
from mailgate.model.terms import Crowd


def count(course: Course, record: Record) -> Iterator[Fault]:
    """Count the answer that a ``decision`` record has; yield why it does not count, if it does not."""
    body = record.body
    approves = {"approved": True, "rejected": False}[body["meaning"]]
    faults = [
        *_entitlement(course, record),
        *(_separation(course, record) if approves else ()),
        *(_proof_of_person(course, record) if approves else ()),
        *_timeliness(course, record),
    ]
    course.answers.append(
        Given(
            id=body["decision"],
            person=body["approver"]["person"],
            address=body["approver"]["address"],
            stage=body["stage"],
            approves=approves,
            counts=not faults,
        )
    )
    yield from faults


def has_reject(course: Course) -> bool:
    """Return whether a no stands."""
    return any(not a.approves and not a.undone for a in course.answers)


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
    terms, approver = terms_of(course), record.body["approver"]
    if terms is None or terms.single_operator:
        return
    nobody = nobody_of(course, record)
    asked_for = asked_of(course).body["actor"].get("on_behalf_of")
    same = bool(asked_for) and _is_one_mailbox(asked_for, approver["address"], course.crowd(record.index))
    if same or approver["person"] in nobody or record.body.get("for") in nobody:
        why = f"{approver['name']} approved what was asked for on behalf of {asked_for}."
        yield Fault(kind=Kind.SOD, index=record.index, why=why)


def _proof_of_person(course: Course, record: Record) -> Iterator[Fault]:
    """A yes below what the gate wants does not count, so that the quorum lacks it."""
    terms, level = terms_of(course), record.body["level"]
    if terms is not None and not terms.takes_yes(Level(level)):
        name = record.body["approver"]["name"]
        why = f"The yes of {name} is proven as {level}, which is less than the gate wants."
        yield Fault(kind=Kind.QUORUM, index=record.index, why=why)


def _timeliness(course: Course, record: Record) -> Iterator[Fault]:
    """A reply counts by when it was received, everything else by when it was recorded."""
    received = record.body.get("evidence", {}).get("received_at")
    given_at = min(read_instant(received), record.at) if received else record.at
    deadline = asked_of(course).body["deadline"]
    if deadline is not None and given_at > read_instant(deadline):
        name = record.body["approver"]["name"]
        why = f"{name} answered at {given_at:%Y-%m-%d %H:%M:%S} UTC, after the deadline {deadline}."
        yield Fault(kind=Kind.LATE, index=record.index, why=why)


def quorum(course: Course, record: Record) -> Iterator[Fault]:
    """Yield a fault unless the answers so far are enough for a yes."""
    terms = terms_of(course)
    if terms is None:
        why = "The policy under which it was approved is in no record, so that nobody can say whether it allowed that."
        yield Fault(kind=Kind.QUORUM, index=record.index, why=why)
        return
    votes = [
        Vote(person=a.person, stage=a.stage, approves=a.approves) for a in course.answers if a.counts and not a.undone
    ]
    undone = [a.person for a in course.answers if a.undone]
    gone = gone_from(course.seats.values(), undone)
    result = tally(stages_of(course, record, terms), votes, requester=None, veto=terms.veto, gone=gone)
    if result.standing is not Standing.APPROVED:
        why = f"It was taken for approved, and stands as {result.standing}: {result.missing} more would have had to say yes."
        yield Fault(kind=Kind.QUORUM, index=record.index, why=why)
