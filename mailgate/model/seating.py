"""Whose yes counts for which stage, given who was asked. Standard library only.

The policy names people; delegation puts others in their place, escalation adds some, and some may never approve. The
live service and the audit's replay both come through here before they count (:func:`mailgate.model.lifecycle.tally`).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from mailgate.model.lifecycle import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One person who was asked, as far as counting needs it. ``stands_in_for`` is who would have been asked instead."""

    person: str
    stage: int
    state: str  # open | answered | closed | undeliverable | revoked
    stands_in_for: str | None = None


def seated(
    stages: Sequence[Stage],
    reserve: Iterable[str],
    seats: Sequence[Seat],
    *,
    nobody: frozenset[str],
    people: Container[str],
) -> list[Stage]:
    """Return the stages with the people whose yes counts now; each quorum stays what the policy says.

    Args:
        stages: of the policy, with the people who hold them now.
        reserve: whom escalation may add.
        nobody: who must not approve, whatever the policy says: the requester.
        people: who is still there. Who was removed stands in for nobody.
    """
    instead = {
        seat.stands_in_for: seat.person
        for seat in seats
        if seat.stands_in_for and seat.state not in _AWAY and seat.stands_in_for not in nobody and seat.person in people
    }
    found = [stage.with_stand_ins(instead) for stage in stages]
    for named in reserve:
        extra = instead.get(named, named)
        seat = next((s for s in seats if s.person == extra), None)
        if seat is not None and seat.stage < len(found) and extra not in found[seat.stage].people:
            # Escalation adds people to the stage that was being asked; the quorum stays.
            found[seat.stage] = Stage(people=(*found[seat.stage].people, extra), quorum=found[seat.stage].quorum)
    return [Stage(people=tuple(p for p in s.people if p not in nobody), quorum=s.quorum) for s in found]


_AWAY = frozenset({"revoked", "undeliverable"})
"""States of a seat whose holder stands in for nobody any more."""


def gone_from(seats: Iterable[Seat], undone: Iterable[str]) -> frozenset[str]:
    """Return who cannot answer any more: unreachable, not asked any more, or took the answer back (``undone``)."""
    return frozenset(s.person for s in seats if s.state in _AWAY) | frozenset(undone)
