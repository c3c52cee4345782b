"""Every way a request can go: all reachable states under everything that can happen, checked against the promises.

The machine below does what the use cases do, with the same two functions that they use: ``tally`` says what the answers
amount to, ``advance`` what state follows. States are explored breadth first; what was seen is not looked at again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from mailgate.errors import IllegalTransition
from mailgate.model.lifecycle import FINAL, TRANSITIONS, Stage, Standing, State, Tally, Trigger, Vote, advance, tally

PEOPLE = ("ann", "ben", "cid", "dot")
REQUESTER = "ann"
EXTRA = "dot"
"""Who is asked when the request is escalated."""


@dataclass(frozen=True)
class House:
    """What does not change: who is asked, how many must say yes, and whether one no ends it."""

    stages: tuple[Stage, ...]
    veto: bool
    requester: str | None
    idempotent: bool = False


@dataclass(frozen=True)
class Now:
    """Where one request stands."""

    state: State = State.PENDING
    votes: frozenset[Vote] = frozenset()
    undone: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()
    escalated: bool = False
    stood_in: tuple[tuple[str, str], ...] = ()
    runs: int = 0
    alive: bool = False
    approved_by: frozenset[str] = frozenset()


def stages(house: House, now: Now) -> list[Stage]:
    """Return the stages as they are asked now: with stand-ins and whoever was added, without who was removed."""
    instead = {principal: to for principal, to in now.stood_in if to not in now.removed}
    found = [
        Stage(people=tuple(p for p in s.people if p not in now.removed), quorum=s.quorum).with_stand_ins(instead)
        for s in house.stages
    ]
    if now.escalated and EXTRA not in now.removed:
        at = standing_of(house, replace(now, escalated=False)).stage
        found[at] = Stage(people=tuple(dict.fromkeys((*found[at].people, EXTRA))), quorum=found[at].quorum)
    return found


def standing_of(house: House, now: Now) -> Tally:
    """Return what the answers amount to."""
    counted = [v for v in now.votes if v.person not in now.undone]
    return tally(stages(house, now), counted, requester=house.requester, veto=house.veto, gone=now.undone)


def settled(house: House, now: Now, *, by_a_yes: bool = False) -> Now:
    """Let a pending request go where its answers bring it; only a yes approves."""
    if now.state is not State.PENDING:
        return now
    result = standing_of(house, now)
    match result.standing:
        case Standing.APPROVED if by_a_yes:
            state = advance(now.state, Trigger.APPROVE)
            return replace(now, state=state, approved_by=frozenset(result.approved_by))
        case Standing.REJECTED:
            return replace(now, state=advance(now.state, Trigger.REJECT))
        case Standing.OUT_OF_REACH:
            return replace(now, state=advance(now.state, Trigger.EXHAUST))
    return now


def answer(house: House, now: Now, person: str, *, yes: bool) -> Now:
    """Let a person answer; late, twice, or without being asked changes nothing."""
    if now.state is not State.PENDING or person == house.requester or any(v.person == person for v in now.votes):
        return now
    at = standing_of(house, now).stage
    if person not in stages(house, now)[at].people:
        return now
    return settled(house, replace(now, votes=now.votes | {Vote(person=person, stage=at, approves=yes)}), by_a_yes=yes)


def take_back(house: House, now: Now, person: str) -> Now:
    """Let a person undo."""
    if person in now.undone or not any(v.person == person for v in now.votes):
        return now
    if now.state is State.APPROVED:
        return replace(now, undone=now.undone | {person}, state=advance(now.state, Trigger.WITHDRAW))
    return settled(house, replace(now, undone=now.undone | {person})) if now.state is State.PENDING else now


def hand_over(house: House, now: Now, principal: str, to: str) -> Now:
    """Let somebody stand in for another who has not answered; never the requester, never one who is asked anyway."""
    asked = {p for s in stages(house, now) for p in s.people}
    free = now.state is State.PENDING and to not in asked and to != house.requester and principal in asked
    if not free or any(v.person == principal for v in now.votes) or principal in dict(now.stood_in):
        return now
    return replace(now, stood_in=(*now.stood_in, (principal, to)))


def steps(house: House, now: Now) -> Iterator[tuple[str, Now]]:
    """Yield everything that can happen now, and where it leads."""
    for person in PEOPLE:
        yield f"{person} approves", answer(house, now, person, yes=True)
        yield f"{person} rejects", answer(house, now, person, yes=False)
        yield f"{person} undoes", take_back(house, now, person)
        if now.state is State.PENDING and person not in now.removed:
            yield f"{person} is revoked", settled(house, replace(now, removed=now.removed | {person}))
    yield "ben hands over to dot", hand_over(house, now, "ben", "dot")
    if now.state is State.PENDING:
        if now.stood_in and not any(v.person == "dot" for v in now.votes):
            yield "ben's delegation ends", settled(house, replace(now, stood_in=()))
        yield "escalated", replace(now, escalated=True)
        yield "expires", replace(now, state=advance(now.state, Trigger.EXPIRE))
        yield "cancelled", replace(now, state=advance(now.state, Trigger.CANCEL))
    if now.state is State.APPROVED:
        yield "lapses", replace(now, state=advance(now.state, Trigger.LAPSE))
        yield "claimed", replace(now, state=advance(now.state, Trigger.CLAIM), runs=now.runs + 1, alive=True)
    if now.state is State.EXECUTING:
        yield "succeeds", replace(now, state=advance(now.state, Trigger.SUCCEED), alive=False)
        yield "fails", replace(now, state=advance(now.state, Trigger.FAIL), alive=False)
        yield "dies", replace(now, alive=False)
        if not now.alive and house.idempotent and now.runs < 3:
            yield (
                "claimed again",
                replace(now, state=advance(now.state, Trigger.RECLAIM), runs=now.runs + 1, alive=True),
            )
        if not now.alive:
            yield "left in doubt", replace(now, state=advance(now.state, Trigger.DIE))
    if now.state is State.IN_DOUBT:
        yield "settled as done", replace(now, state=advance(now.state, Trigger.SETTLE_SUCCEEDED))
        yield "settled as failed", replace(now, state=advance(now.state, Trigger.SETTLE_FAILED))


def broken(house: House, before: Now, what: str, after: Now) -> str:
    """Return which promise a step breaks; empty: none."""
    if before.state in FINAL and after != before:
        return "something happened after the end"
    if before.state is not after.state and after.state not in {
        to for (at, _), to in TRANSITIONS.items() if at is before.state
    }:
        return "a state that no row of the table leads to"
    if after.runs > 1 and not house.idempotent:
        return "it ran twice"
    if after.runs > before.runs and before.state not in (State.APPROVED, State.EXECUTING):
        return "it ran without a yes"
    if after.state is State.APPROVED and before.state is State.PENDING:
        return approved_wrongly(house, after, what)
    return ""


def approved_wrongly(house: House, now: Now, what: str) -> str:
    """Return why an approval should not have been one."""
    yes = {v.person for v in now.votes if v.approves}
    if not what.endswith("approves"):
        return f"approved by something else than a yes: {what}"
    if house.requester in now.approved_by:
        return "the requester counted"
    if len(now.approved_by) < sum(s.quorum for s in house.stages):
        return "fewer people than the quorum"
    if now.approved_by - yes or now.approved_by & (now.undone | now.removed):
        return "somebody counted who did not say yes, took it back, or was removed"
    if house.veto and any(not v.approves for v in now.votes if v.person not in now.undone):
        return "approved against a no"
    return ""


def explore(house: House) -> tuple[int, list[str]]:
    """Return how many states can be reached, and what is wrong on the way."""
    seen, waiting, wrong = {Now()}, deque([Now()]), []
    while waiting:
        before = waiting.popleft()
        for what, after in steps(house, before):
            why = broken(house, before, what, after)
            if why:
                wrong.append(f"{why}: {before} —{what}→ {after}")
            if after not in seen:
                seen.add(after)
                waiting.append(after)
    return len(seen), wrong


def houses() -> Iterator[House]:
    """Yield one stage with every quorum, and two stages, with and without a veto and a requester among the people."""
    for veto in (True, False):
        for requester in (None, REQUESTER):
            for quorum in (1, 2, 3):
                yield House(stages=(Stage(people=PEOPLE[:3], quorum=quorum),), veto=veto, requester=requester)
            two = (Stage(people=PEOPLE[:2], quorum=1), Stage(people=("ben", "cid"), quorum=1))
            yield House(stages=two, veto=veto, requester=requester)
    yield House(stages=(Stage(people=PEOPLE[:2], quorum=1),), veto=True, requester=None, idempotent=True)


def test_no_way_breaks_a_promise(capsys: pytest.CaptureFixture[str]) -> None:
    """All reachable states of up to four people, quorums of one to three and two stages: nothing is approved wrongly."""
    explored, wrong = 0, []
    for house in houses():
        count, found = explore(house)
        explored += count
        wrong += found
    with capsys.disabled():
        print(f"\n{explored} states explored, {len(wrong)} violations")
    assert wrong == []
    assert explored > 10_000


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("trigger", list(Trigger))
def test_what_is_not_in_the_table_cannot_happen(state: State, trigger: Trigger) -> None:
    """All states with all triggers."""
    if (state, trigger) in TRANSITIONS:
        assert advance(state, trigger) is TRANSITIONS[state, trigger]
        assert state not in FINAL
    else:
        with pytest.raises(IllegalTransition):
            advance(state, trigger)
