"""The life of a request: its states, the one transition table, and when the people asked have said enough.

A request is *pending* while people are asked. Enough yeses make it *approved*; a worker then claims it and it is
*executing*, once, until the action *succeeded* or *failed*. A worker that dies inside the action leaves it *in doubt*,
which is not an outcome: only a person settles it. So does a database that was lost while it was approved: nobody knows
whether it was started. Everything else that can happen to a request ends it without running:
somebody *rejected* it, it *expired* unanswered, nobody could be reached (*undeliverable*), it was *cancelled*, the
approver took the yes back (*withdrawn*), or no worker started in time (*lapsed*).

What is not in the table cannot happen. Nobody but :func:`advance` says what the next state is; live code and the audit
replay use the same table, and the picture in the documentation is drawn from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailgate.errors import IllegalTransition


class State(StrEnum):
    """Where a request stands."""

    PENDING = "pending"  # people are being asked
    APPROVED = "approved"  # enough people said yes; no worker has started
    EXECUTING = "executing"  # one worker is inside the action
    IN_DOUBT = "in_doubt"  # nobody knows whether the action was run to its end; a person has to find out
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    UNDELIVERABLE = "undeliverable"
    CANCELLED = "cancelled"


class Trigger(StrEnum):
    """What may happen to a request; each reads as "a request that is … cannot …"."""

    APPROVE = "be approved"  # the quorum is reached
    REJECT = "be rejected"
    EXPIRE = "expire"
    EXHAUST = "be given up as undeliverable"
    CANCEL = "be cancelled"
    CLAIM = "be claimed"
    WITHDRAW = "be withdrawn"
    LAPSE = "lapse"
    RECLAIM = "be claimed again"  # an idempotent action whose worker died
    SUCCEED = "succeed"
    FAIL = "fail"
    DIE = "be left in doubt"
    SETTLE_SUCCEEDED = "be settled as succeeded"
    SETTLE_FAILED = "be settled as failed"


TRANSITIONS: dict[tuple[State, Trigger], State] = {
    (State.PENDING, Trigger.APPROVE): State.APPROVED,
    (State.PENDING, Trigger.REJECT): State.REJECTED,
    (State.PENDING, Trigger.EXPIRE): State.EXPIRED,
    (State.PENDING, Trigger.EXHAUST): State.UNDELIVERABLE,
    (State.PENDING, Trigger.CANCEL): State.CANCELLED,
    (State.APPROVED, Trigger.CLAIM): State.EXECUTING,
    (State.APPROVED, Trigger.WITHDRAW): State.WITHDRAWN,
    (State.APPROVED, Trigger.LAPSE): State.LAPSED,
    (State.APPROVED, Trigger.DIE): State.IN_DOUBT,
    (State.EXECUTING, Trigger.RECLAIM): State.EXECUTING,
    (State.EXECUTING, Trigger.SUCCEED): State.SUCCEEDED,
    (State.EXECUTING, Trigger.FAIL): State.FAILED,
    (State.EXECUTING, Trigger.DIE): State.IN_DOUBT,
    (State.IN_DOUBT, Trigger.SETTLE_SUCCEEDED): State.SUCCEEDED,
    (State.IN_DOUBT, Trigger.SETTLE_FAILED): State.FAILED,
}

FINAL = frozenset(
    {
        State.SUCCEEDED,
        State.FAILED,
        State.WITHDRAWN,
        State.LAPSED,
        State.REJECTED,
        State.EXPIRED,
        State.UNDELIVERABLE,
        State.CANCELLED,
    }
)
"""The outcomes. Each resumes the agent exactly once."""


def advance(state: State, trigger: Trigger) -> State:
    """Return the state that follows.

    Raises:
        IllegalTransition: the table has no such row.
    """
    following = TRANSITIONS.get((state, trigger))
    if following is None:
        raise IllegalTransition(state, trigger)
    return following


class Standing(StrEnum):
    """What the decisions so far amount to."""

    OPEN = "open"  # more answers are needed and can still come
    APPROVED = "approved"  # every stage has its quorum
    REJECTED = "rejected"  # somebody rejected, or so many did that the quorum is out of reach
    OUT_OF_REACH = "out of reach"  # nobody rejected, but too few people are left to ask


UNREACHABLE = frozenset({Standing.REJECTED, Standing.OUT_OF_REACH})
"""What ends a request that nobody answered just now. Only a yes approves: never that somebody left or changed his mind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of an approval: ``quorum`` distinct people of ``people`` (ids)."""

    people: tuple[str, ...]
    quorum: int

    def with_stand_ins(self, instead: Mapping[str, str]) -> Stage:
        """Return the stage with people replaced by who stands in for them (``instead``); still each person once."""
        people = dict.fromkeys(instead.get(person, person) for person in self.people)
        return Stage(people=tuple(people), quorum=self.quorum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One counted decision, as far as counting needs it. ``person`` is the acting person's id."""

    person: str
    stage: int
    approves: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The standing of a request, the stage being asked (index), and who of it has said yes."""

    standing: Standing
    stage: int
    approved_by: tuple[str, ...]
    missing: int


def tally(
    stages: Sequence[Stage],
    votes: Iterable[Vote],
    *,
    requester: str | None,
    veto: bool,
    gone: frozenset[str] = frozenset(),
) -> Tally:
    """Return what ``votes`` amount to.

    One person counts once in the whole request, the requester's person never, nobody who was removed from the stage's
    people since. Rejections end the request at once where ``veto`` holds, else only once the quorum is out of reach.
    Nobody to ask is never a yes: without stages the request is out of reach, and each stage needs one yes at least.

    Args:
        requester: the person answered for (``on_behalf_of``), or None when that is no known person.
        gone: people who cannot answer any more: undeliverable, or their yes was taken back.
    """
    votes = list(votes)
    rejecters = {v.person for v in votes if not v.approves}
    if rejecters and veto:
        return Tally(standing=Standing.REJECTED, stage=0, approved_by=(), missing=0)
    if not stages:
        standing = Standing.REJECTED if rejecters else Standing.OUT_OF_REACH
        return Tally(standing=standing, stage=0, approved_by=(), missing=1)
    counted: tuple[str, ...] = ()
    for index, stage in enumerate(stages):
        able = set(stage.people) - {requester, *counted}
        yes = {v.person for v in votes if v.approves and v.stage == index and v.person in able} - rejecters
        missing = max(stage.quorum, 1) - len(yes)
        names = tuple(p for p in dict.fromkeys(stage.people) if p in yes)
        if missing > 0:
            still = able - {v.person for v in votes} - gone  # whoever answered, in whichever stage, cannot again
            standing = Standing.OPEN
            if len(still) < missing:
                standing = Standing.REJECTED if rejecters else Standing.OUT_OF_REACH
            return Tally(standing=standing, stage=index, approved_by=names, missing=missing)
        counted += names
    return Tally(standing=Standing.APPROVED, stage=len(stages) - 1, approved_by=counted, missing=0)


def diagram() -> str:
    """Return the transition table as a Mermaid state diagram, for the documentation."""
    lines = ["stateDiagram-v2", "    [*] --> pending"]
    lines += [f"    {a} --> {b}: {t.name.lower().replace('_', ' ')}" for (a, t), b in TRANSITIONS.items()]
    lines += [f"    {s} --> [*]" for s in State if s in FINAL]
    return "\n".join(lines)
