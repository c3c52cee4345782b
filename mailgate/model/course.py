"""Where one request stands while its records are read one by one. Standard library only; used by the replay alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from mailgate.model.findings import Kind
from mailgate.model.lifecycle import Stage, State
from mailgate.model.records import Record
from mailgate.model.seating import Seat, seated
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


def note_asked(course: Course, record: Record) -> None:
    """Note whom a record says were asked, for this stage or a later one, or again."""
    for said in record.body.get("asked", ()):
        course.seats[said["assignment"]] = Seat(
            person=said["person"], stage=said["stage"], state="open", stands_in_for=said["for"]
        )


def read_instant(text: str) -> datetime:
    """Return an instant that a record names.

    Raises:
        ValueError: it is none.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("an instant without a zone")
    return at


def asked_of(course: Course) -> Record:
    """Return the record of the request itself.

    Raises:
        ValueError: there was none.
    """
    if course.asked is None:
        raise ValueError("nobody was asked")
    return course.asked


def terms_of(course: Course) -> Terms | None:
    """Return what the policy that the request was ruled under asks for; None if no record has it."""
    return course.terms(str(asked_of(course).body["policy"]))


def nobody_of(course: Course, record: Record) -> frozenset[str]:
    """Return who must not approve: the requester, by the addresses of then and of now."""
    asked, crowd = asked_of(course), course.crowd(record.index)
    address = asked.body["actor"].get("on_behalf_of")
    now = crowd.owner_of(address) if crowd is not None and address else None
    return frozenset(filter(None, (asked.body["requester"], now)))


def stages_of(course: Course, record: Record, terms: Terms) -> list[Stage]:
    """Return the stages with the people whose yes counts when ``record`` was made."""
    crowd = course.crowd(record.index)
    if crowd is None:
        # Nobody was recorded yet: whoever was asked is who there is.
        crowd = Crowd(addresses={s.person: frozenset() for s in course.seats.values()}, groups={}, shared=frozenset())
    nobody = frozenset() if terms.single_operator else nobody_of(course, record)
    return seated(
        terms.stages_of(crowd),
        terms.reserve_of(crowd),
        list(course.seats.values()),
        nobody=nobody,
        people=crowd.addresses,
    )
