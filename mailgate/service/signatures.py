"""How answers are signed in mails and on pages: the name, for whom, the meaning, the time, and how it was proven."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mailgate.mail.brief import Happening, Signature
from mailgate.model.policy import read_gate, speaks_for
from mailgate.model.verdict import Level, Verdict
from mailgate.service.context import Serving
from mailgate.store import Tx
from mailgate.store.answers import decisions_of, find_assignment
from mailgate.store.requests import find_policy
from mailgate.store.tables import Decision, Request


def history_of(tx: Tx, serving: Serving, request: Request) -> list[Signature | Happening]:
    """Return every answer on a request as it is printed."""
    return signatures(tx, serving, request, decisions_of(tx, request.id))


def signatures(
    tx: Tx, serving: Serving, request: Request, decisions: Sequence[Decision]
) -> list[Signature | Happening]:
    """Return the answers as they are printed, in order, each that was taken back with when it was."""
    answers = [signature(tx, serving, request, d) for d in decisions]
    taken_back = [
        replace(undone(a), at=d.undone_at) for a, d in zip(answers, decisions, strict=True) if d.undone_at is not None
    ]
    return sorted([*answers, *taken_back], key=lambda entry: entry.at)


def undone(signature: Signature) -> Signature:
    """Return the taking back of an answer."""
    return replace(signature, verdict="undone", reason="", reason_withheld=False, kept_from_agent=False)


def signature(tx: Tx, serving: Serving, request: Request, decision: Decision) -> Signature:
    """Return an answer as it is printed: who, for whom, what, when, how proven, why."""
    person = serving.config.people.get(decision.person)
    seat = find_assignment(tx, decision.assignment_id)
    stands_in = f", for {name_of(serving, seat.for_person)}" if seat is not None and seat.for_person else ""
    return Signature(
        name=f"{name_of(serving, decision.person)}{stands_in}",
        address=person.address if person else "",
        verdict="approved" if decision.verdict == "approve" else "rejected",
        at=decision.decided_at,
        level=decision.level,
        reason=decision.reason,
        reason_withheld=decision.level == "token",
        kept_from_agent=decision.verdict == Verdict.REJECT and not _speaks(tx, request, decision),
    )


def _speaks(tx: Tx, request: Request, decision: Decision) -> bool:
    policy = find_policy(tx, request.policy or b"")
    return policy is not None and speaks_for(Level(decision.level), read_gate(policy))


def name_of(serving: Serving, person_id: str) -> str:
    """Return the name of a person; the id of one who is configured no more."""
    person = serving.config.people.get(person_id)
    return person.name if person else person_id
