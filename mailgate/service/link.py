"""The link: what its page shows, and what pressing a button there does. Looking never decides."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from mailgate.errors import Forged, TokenError
from mailgate.mail.letter import Letter
from mailgate.model.lifecycle import State
from mailgate.model.policy import Gate
from mailgate.model.verdict import Level, Verdict
from mailgate.service.complaints import complain
from mailgate.service.context import Serving
from mailgate.service.decide import Answer, Counted, decide
from mailgate.service.hiding import hiding
from mailgate.service.letters import ask_letter, how_it_stands
from mailgate.service.marks import check_ruling
from mailgate.service.proof import check_pending
from mailgate.service.undo import Undone, can_undo, undo
from mailgate.store import Tx
from mailgate.store.answers import decisions_of, find_assignment, use_code_try
from mailgate.store.requests import get_request, lock_request
from mailgate.store.tables import Assignment, Decision, Request

CODE_TRIES = 5
"""With a million codes, five tries succeed once in 200,000 links; then the link is closed for approving."""

MOST_REASON = 4000

GIVE_WAY_SECONDS = 0.05
"""An agent waits for a decision, a person for the page that thanks: the page lets the keeper have its turn first."""


class Problem(StrEnum):
    """Why a form was not taken; its page says so."""

    CODE_WRONG = "code_wrong"
    CODES_USED_UP = "codes_used_up"
    REASON_MISSING = "reason_missing"
    NOT_HERE = "not_here"  # this gate takes an approval by reply only


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a visitor of a link sees.

    Attributes:
        letter: what is, or was, to be decided, and who decided what.
        is_open: whether it can be decided here.
        sentence: the truth about it, where it cannot.
        done: whether this visit decided it, or took a decision back.
        can_undo: whether this person's own decision can be taken back here.
    """

    letter: Letter
    is_open: bool = False
    deciding_as: str = ""
    sentence: str = ""
    done: bool = False
    problem: Problem | None = None
    approves: bool = True
    can_undo: bool = False
    needs_code: bool = True
    tries_left: int = CODE_TRIES


def look(serving: Serving, token: str) -> Page:
    """Return the page of a link. Changes nothing.

    Raises:
        TokenError: no such link, without saying why.
        Forged: a row behind it that the serving side did not write.
    """
    return _page(serving, token)


def press(serving: Serving, token: str, *, verdict: Verdict, code: str, reason: str) -> Page:
    """Decide by a link and return the page that says what came of it.

    Raises:
        TokenError: no such link.
        Forged: a row behind it that the serving side did not write; nothing is counted, and the operators are told.
        ValueError: a verdict that is no decision.
    """
    problem, done = None, False
    with _complaining(serving, token), serving.store.write() as tx:
        request, seat, gate = _find(tx, serving, token, get=lock_request)
        reason = hiding(serving, seat)(reason)  # it is recorded, and others read that while this link can still decide
        is_open = _closed(tx, serving, request, seat) is None
        if is_open if verdict is not Verdict.UNDO else can_undo(request, _own(tx, request, seat)):
            problem = _problem(tx, serving, seat, gate, verdict, code, reason)
            done = problem is None and _do(tx, serving, seat, gate, verdict, reason)
    if done:
        serving.store.pulse.wait(serving.store.pulse.count(), GIVE_WAY_SECONDS)
    return _page(serving, token, problem=problem, thanks=_DONE[verdict] if done else "")


def _do(tx: Tx, serving: Serving, seat: Assignment, gate: Gate, verdict: Verdict, reason: str) -> bool:
    """Decide, or take back; return whether it counted."""
    answer = _answer(tx, seat, gate, verdict, reason)
    if verdict is not Verdict.UNDO:
        return decide(tx, serving, seat, answer).counted is Counted.COUNTED
    taken = undo(
        tx,
        serving,
        seat,
        generation=seat.generation,
        level=answer.level,
        channel=answer.channel,
        evidence=answer.evidence,
    )
    return taken.undone is Undone.DONE


def _answer(tx: Tx, seat: Assignment, gate: Gate, verdict: Verdict, reason: str) -> Answer:
    with_code = verdict is not Verdict.REJECT and _asks_code(gate)
    return Answer(
        assignment_id=seat.id,
        generation=seat.generation,
        verdict=verdict,
        level=Level.LINK_CODE if with_code else Level.LINK,
        channel="link",
        given_at=tx.now,
        reason=reason.strip()[:MOST_REASON],
        evidence={"code": "matched" if with_code else "not asked"},
    )


@contextmanager
def _complaining(serving: Serving, token: str) -> Iterator[None]:
    """Tell the operators what was found forged when somebody tried to decide: that transaction is undone by then."""
    try:
        yield
    except Forged as error:
        with serving.store.write() as tx:
            seat = find_assignment(tx, serving.links.read(token).assignment)
            if seat is not None:
                complain(tx, serving, lock_request(tx, seat.request_id), error)
        raise


def _find(
    tx: Tx, serving: Serving, token: str, get: Callable[[Tx, str], Request] = get_request
) -> tuple[Request, Assignment, Gate]:
    """Return what a token names. Marks first: what a forged row says of generation and digest means nothing."""
    claim = serving.links.read(token)
    seat = find_assignment(tx, claim.assignment)
    if seat is None:
        raise TokenError("This link is not one of ours, or was damaged on its way.")
    request = get(tx, seat.request_id)
    _, gate = check_ruling(tx, serving.key, request)
    if seat.generation != claim.generation or seat.digest[:8].hex() != claim.digest_prefix:
        raise TokenError("This link is not one of ours, or was damaged on its way.")
    return request, seat, gate


def _page(serving: Serving, token: str, *, problem: Problem | None = None, thanks: str = "") -> Page:
    with serving.store.read() as tx:
        request, seat, gate = _find(tx, serving, token)
        closed = _closed(tx, serving, request, seat)
        return Page(
            letter=ask_letter(tx, serving, request, seat),
            is_open=closed is None,
            deciding_as=_who(serving, seat),
            sentence=thanks or closed or "",
            done=bool(thanks),
            problem=problem,
            approves=gate.approves_by_link,
            can_undo=can_undo(request, _own(tx, request, seat)),
            needs_code=_asks_code(gate),
            tries_left=max(CODE_TRIES - seat.code_tries, 0),
        )


def _closed(tx: Tx, serving: Serving, request: Request, seat: Assignment) -> str | None:
    """Return the truth about a request that this seat cannot decide any more, or None if it can."""
    check_pending(tx, serving.key, serving.verifier, request)
    mine = _own(tx, request, seat)
    if mine is not None:
        return how_it_stands(tx, serving, request, to=seat.person)
    if request.state != State.PENDING:
        return how_it_stands(tx, serving, request)
    if request.deadline_at is not None and request.deadline_at < tx.now:
        return "The time to answer is over. Nothing was decided by this visit."
    if seat.state != "open":
        return "This seat was taken back; you are not asked about it any more."
    return None


def _own(tx: Tx, request: Request, seat: Assignment) -> Decision | None:
    return next((d for d in decisions_of(tx, request.id) if d.person == seat.person), None)


def _problem(
    tx: Tx, serving: Serving, seat: Assignment, gate: Gate, verdict: Verdict, code: str, reason: str
) -> Problem | None:
    if verdict is Verdict.REJECT:
        return None if reason.strip() else Problem.REASON_MISSING
    if verdict not in (Verdict.APPROVE, Verdict.UNDO):
        raise ValueError(f"{verdict} is not a decision")
    if verdict is Verdict.APPROVE and not gate.approves_by_link:
        return Problem.NOT_HERE
    if not _asks_code(gate):
        return None
    if not use_code_try(tx, seat, CODE_TRIES):
        return Problem.CODES_USED_UP
    given = "".join(c for c in code if not c.isspace())
    right = serving.key.code(seat.id, seat.generation)
    return None if hmac.compare_digest(given.encode(), right.encode()) else Problem.CODE_WRONG


def _asks_code(gate: Gate) -> bool:
    """Return whether the code of the mail is asked for: not where nothing is approved here, whose mail has none."""
    return gate.web_confirm == "code" and gate.approves_by_link


def _who(serving: Serving, seat: Assignment) -> str:
    person = serving.config.people.get(seat.person)
    return f"{person.name} <{seat.address}>" if person else seat.address


_DONE = {
    Verdict.APPROVE: "Thank you. Your approval was counted, and a receipt is on its way to you by mail.",
    Verdict.UNDO: "Your decision was taken back. You will get a mail about what that means.",
    Verdict.REJECT: "Thank you. Your rejection was counted, and a receipt is on its way to you by mail.",
}
