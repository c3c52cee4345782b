"""What whoever holds the log key may write: histories that cannot have happened, under proofs that hold.

Each forgery rewrites records of one history of a story (``tests/audit/story.py``) before they are put into the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mailgate.model.findings import Kind
from mailgate.model.records import Record, format_time

Predicate = dict[str, Any]
Rewrite = Callable[[Predicate], Predicate | None]


@dataclass(frozen=True)
class Forgery:
    """One way of writing history anew.

    Attributes:
        of: the kinds of records that a history must have, in order, for this forgery; others may lie between.
        rewrite: how each of a request's records is rewritten, given the records and the one at hand.
        kind: what must be found.
    """

    of: tuple[str, ...]
    rewrite: Callable[[Sequence[Record]], Mapping[int, Rewrite]]
    kind: Kind
    name: str
    action: str = ""


FORGERIES: list[Forgery] = []


def _forgery(kind: Kind, *of: str, action: str = "") -> Callable[[Callable[[Sequence[Record]], Any]], Any]:
    def enter(rewrite: Callable[[Sequence[Record]], Any]) -> Any:
        FORGERIES.append(Forgery(of=of, rewrite=rewrite, kind=kind, name=rewrite.__name__, action=action))
        return rewrite

    return enter


def fits(forgery: Forgery, records: Sequence[Record]) -> bool:
    """Return whether a history has what a forgery needs."""
    kinds = iter(record.event for record in records)
    action = str(records[0].body.get("action", ""))
    return all(kind in kinds for kind in forgery.of) and forgery.action in ("", action)


def _one(records: Sequence[Record], event: str, number: int = 0) -> Record:
    return [r for r in records if r.event == event][number]


def _with(**changes: Any) -> Rewrite:
    return lambda said: said | changes


def _without(records: Sequence[Record], gone: Record) -> dict[int, Rewrite]:
    """Leave one record out, and number the later ones as if it had never been."""
    later = [r for r in records if r.seq > gone.seq]
    return {gone.index: lambda said: None} | {r.index: _with(seq=r.seq - 1) for r in later}


def _later(at: datetime, **length: float) -> str:
    return format_time(at + timedelta(**length))


RUN = ("request", "decision", "executing", "outcome", "resumed")
TWO = ("request", "decision", "decision", "executing")


@_forgery(Kind.ILLEGAL_TRANSITION, *RUN, action="pay")
def run_without_approval(records: Sequence[Record]) -> Any:
    """Nobody said yes."""
    return _without(records, _one(records, "decision"))


@_forgery(Kind.ILLEGAL_TRANSITION, "request", "decision")
def never_asked_for(records: Sequence[Record]) -> Any:
    """The request itself is in no record."""
    return _without(records, records[0])


@_forgery(Kind.QUORUM, *TWO, action="pay_twice")
def approved_twice_by_one_person(records: Sequence[Record]) -> Any:
    """The second yes is the first person's again."""
    first, second = _one(records, "decision"), _one(records, "decision", 1)
    return {second.index: _with(approver=first.body["approver"], assignment=first.body["assignment"])}


@_forgery(Kind.QUORUM, *TWO, action="pay_twice")
def approved_twice_by_an_alias(records: Sequence[Record]) -> Any:
    """The second yes is from the first person's mailbox, under another name and a tag."""
    first, second = _one(records, "decision"), _one(records, "decision", 1)
    local, _, domain = first.body["approver"]["address"].partition("@")
    return {second.index: _with(approver=second.body["approver"] | {"address": f"{local.upper()}+x@{domain}"})}


@_forgery(Kind.QUORUM, *TWO, action="pay_twice")
def approved_by_one_of_two(records: Sequence[Record]) -> Any:
    """One yes is taken for enough."""
    first, second = _one(records, "decision"), _one(records, "decision", 1)
    taken = {name: second.body[name] for name in ("outcome", "valid_until", "not_before")}
    return _without(records, second) | {first.index: _with(**taken)}


@_forgery(Kind.QUORUM, *RUN)
def approved_by_nobody_asked(records: Sequence[Record]) -> Any:
    """Whoever said yes had no seat."""
    decision = next(r for r in records if r.body.get("outcome") == "approved")
    return {
        decision.index: _with(assignment="nobody", approver={"person": "mallory", "name": "M", "address": "m@x.org"})
    }


@_forgery(Kind.QUORUM, *RUN, action="pay")
def approved_below_the_level(records: Sequence[Record]) -> Any:
    """The yes is not proven as the gate wants it."""
    decision = _one(records, "decision")
    weak = {"reply": "token", "link": "link"}[decision.body["channel"]]
    return {decision.index: _with(level=weak)}


@_forgery(Kind.QUORUM, *RUN, action="pay")
def approved_under_no_policy(records: Sequence[Record]) -> Any:
    """The policy that allowed it is in no record."""
    return {records[0].index: _with(policy="00" * 32)}


@_forgery(Kind.SOD, *RUN, action="pay")
def approved_by_the_requester(records: Sequence[Record]) -> Any:
    """The agent acted for the very person who said yes, by another spelling of the address."""
    address = _one(records, "decision").body["approver"]["address"].replace("@", "+agent@").upper()
    return {records[0].index: _with(actor=records[0].body["actor"] | {"on_behalf_of": address})}


@_forgery(Kind.SOD, *RUN, action="pay")
def approved_by_the_requesters_alias(records: Sequence[Record]) -> Any:
    """The same, under an alias that only the recorded people tell."""
    decision = _one(records, "decision")
    erin = {"person": "erin", "name": "Erin Evans", "address": "erin@example.com"}
    asked = [seat | {"person": "erin"} for seat in records[0].body["asked"]]
    actor = records[0].body["actor"] | {"on_behalf_of": "E.Evans@example.com"}
    return {records[0].index: _with(actor=actor, asked=asked), decision.index: _with(approver=erin)}


@_forgery(Kind.LATE, *RUN, action="pay")
def approved_after_the_deadline(records: Sequence[Record]) -> Any:
    """The deadline had passed."""
    return {records[0].index: _with(deadline=_later(records[0].at, seconds=1))}


@_forgery(Kind.LATE, *RUN)
def run_too_late(records: Sequence[Record]) -> Any:
    """It was approved for a start an hour ago."""
    decision = next(r for r in records if r.body.get("outcome") == "approved")
    until = datetime.fromisoformat(decision.body["valid_until"])
    return {_one(records, "executing").index: _with(time=_later(until, hours=1))}


@_forgery(Kind.LATE, *RUN, action="pay")
def run_too_early(records: Sequence[Record]) -> Any:
    """It was still cooling off."""
    decision = _one(records, "decision")
    return {decision.index: _with(not_before=_later(decision.at, minutes=10), valid_until=_later(decision.at, hours=1))}


@_forgery(Kind.ILLEGAL_TRANSITION, *RUN)
def ended_twice(records: Sequence[Record]) -> Any:
    """A second outcome, in the place of the resumption."""
    outcome, resumed = _one(records, "outcome"), _one(records, "resumed")
    return {resumed.index: _with(event="outcome", **{n: outcome.body[n] for n in ("outcome", "told", "attempt")})}


@_forgery(Kind.ILLEGAL_TRANSITION, "request", "decision", "executing", "outcome")
def run_after_it_was_rejected(records: Sequence[Record]) -> Any:
    """The answer was a no."""
    decision = next(r for r in records if r.body.get("outcome") == "approved")
    return {decision.index: _with(meaning="rejected", outcome="rejected")}


@_forgery(Kind.ILLEGAL_TRANSITION, "request", "decision", "undo")
def run_after_it_was_taken_back(records: Sequence[Record]) -> Any:
    """The record of the undo speaks of another answer."""
    return {_one(records, "undo").index: _with(undone="another")}


@_forgery(Kind.ILLEGAL_TRANSITION, "request", "expired")
def expired_too_early(records: Sequence[Record]) -> Any:
    """The deadline was still to come."""
    return {_one(records, "expired").index: _with(time=_later(records[0].at, minutes=40))}


@_forgery(Kind.ILLEGAL_TRANSITION, "request", "decision", "lapsed")
def lapsed_too_early(records: Sequence[Record]) -> Any:
    """It might still have been started."""
    return {_one(records, "decision").index: _with(valid_until=_later(records[0].at, days=1))}


@_forgery(Kind.ILLEGAL_TRANSITION, "request", "decision")
def numbered_wrongly(records: Sequence[Record]) -> Any:
    """A number is skipped, as if a record had been taken out before the log was signed."""
    return {r.index: _with(seq=r.seq + 1) for r in records[1:]}


@_forgery(Kind.ILLEGAL_TRANSITION, "request", "cancelled")
def without_what_it_has_to_say(records: Sequence[Record]) -> Any:
    """An end that is none."""
    return {_one(records, "cancelled").index: _with(outcome="perhaps")}


@_forgery(Kind.ILLEGAL_TRANSITION, "request", "undeliverable")
def rejected_by_nobody(records: Sequence[Record]) -> Any:
    """It ended as rejected, and nobody said no."""
    return {_one(records, "undeliverable").index: _with(outcome="rejected")}


@_forgery(Kind.PROOF_MISMATCH, *RUN)
def another_action_run(records: Sequence[Record]) -> Any:
    """What was run is not what people were asked about."""
    return {_one(records, "executing").index: _with(digest_of_action="00" * 32)}
