"""The link: what its page shows, and what pressing a button there does. Looking never decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailgate.errors import Forged, TokenError
from mailgate.mail.letter import Letter
from mailgate.model.lifecycle import State
from mailgate.model.policy import Gate, speaks_for
from mailgate.model.verdict import Level, Verdict
from mailgate.service.codes import (
    CODE_TRIES,
    Checked,
    Fresh,
    check_fresh,
    check_printed,
    find_fresh,
    mail_fresh,
    next_fresh_at,
)
from mailgate.service.complaints import complain
from mailgate.service.context import Serving
from mailgate.service.decide import Answer, Counted, decide
from mailgate.service.hiding import hiding
from mailgate.service.letters import ask_letter, how_it_stands
from mailgate.service.marks import check_ruling
from mailgate.service.opening import is_entitled
from mailgate.service.proof import check_pending
from mailgate.service.undo import Undone, can_undo, undo
from mailgate.store import Tx
from mailgate.store.answers import decisions_of, find_assignment
from mailgate.store.requests import get_request, lock_request
from mailgate.store.tables import Assignment, Decision, Request

MOST_REASON = 4000

GIVE_WAY_SECONDS = 0.05
"""An agent waits for a decision, a person for the page that thanks: the page lets the keeper have its turn first."""


class Problem(StrEnum):
    """Why a form was not taken; its page says so."""

    CODE_WRONG = "code_wrong"
    CODES_USED_UP = "codes_used_up"
    CODE_STALE = "code_stale"  # no fresh code holds: too old, replaced by a newer one, or used
    TOO_MANY_CODES = "too_many_codes"  # enough were mailed of late
    REASON_MISSING = "reason_missing"
    NOT_HERE = "not_here"  # this gate takes an approval by reply only


class Speaks(StrEnum):
    """What it takes here for a reason to reach the agent."""

    ALWAYS = "always"
    WITH_CODE = "with_code"
    WITH_FRESH_CODE = "with_fresh_code"  # which has to be mailed first
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a visitor of a link sees.

    Attributes:
        letter: what is, or was, to be decided, and who decided what.
        is_open: whether it can be decided here.
        title, sentence: what this visit did; or the sentence is the truth about it, where it cannot be decided.
        done: whether this visit decided it, or took a decision back.
        can_undo: whether this person's own decision can be taken back here.
        needs_code: whether it asks for a code now.
        mails_code: whether that is one that is mailed at a press.
        fresh: the code that was mailed, and holds.
        has_mailed: whether this visit had it mailed.
        next_code_at: when another one may be mailed; None: now.
        speaks: when the agent is told a reason.
        form_key: what only somebody who was shown this page can send back.
    """

    letter: Letter
    is_open: bool = False
    deciding_as: str = ""
    zone: str = "UTC"
    title: str = ""
    sentence: str = ""
    done: bool = False
    problem: Problem | None = None
    approves: bool = True
    can_undo: bool = False
    needs_code: bool = True
    mails_code: bool = False
    fresh: Fresh | None = None
    has_mailed: bool = False
    next_code_at: datetime | None = None
    tries_left: int = CODE_TRIES
    speaks: Speaks = Speaks.WITH_CODE
    form_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Came:
    """What came of a form: a problem, a mailed code, or a decision that was counted. None of them: it was too late."""

    problem: Problem | None = None
    has_mailed: bool = False
    title: str = ""
    thanks: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proof:
    """What a visitor proved, and by what."""

    level: Level
    evidence: Mapping[str, str]


def look(serving: Serving, token: str) -> Page:
    """Return the page of a link. Changes nothing.

    Raises:
        TokenError: no such link, without saying why.
        Forged: a row behind it that the serving side did not write.
    """
    return _page(serving, token, _Came())


def press(serving: Serving, token: str, *, verdict: Verdict, code: str, reason: str) -> Page:
    """Decide by a link and return the page that says what came of it.

    Where the gate wants a fresh code and none was typed, a yes (or taking an answer back) has one mailed instead.

    Raises:
        TokenError: no such link.
        Forged: a row behind it that the serving side did not write; nothing is counted, and the operators are told.
        ValueError: a verdict that is no decision.
    """
    if verdict not in (Verdict.APPROVE, Verdict.REJECT, Verdict.UNDO):
        raise ValueError(f"{verdict} is not a decision")

    def act(tx: Tx, request: Request, seat: Assignment, gate: Gate) -> _Came:
        if verdict is Verdict.REJECT and not reason.strip():
            return _Came(problem=Problem.REASON_MISSING)
        if verdict is Verdict.APPROVE and not gate.approves_by_link:
            return _Came(problem=Problem.NOT_HERE)
        if gate.web_confirm == "fresh_code" and verdict is not Verdict.REJECT and not code.strip():
            holds = find_fresh(tx, serving, request, seat) is not None
            return _Came() if holds else _mail_code(tx, serving, request, seat, pressed=_BUTTONS[verdict])
        proof = _prove(tx, serving, request, seat, gate, verdict, code)
        if isinstance(proof, Problem):
            return _Came(problem=proof)
        thanks = _do(tx, serving, seat, gate, verdict, proof, reason)
        return _Came(thanks=thanks, title=_TITLES[verdict] if thanks else "")

    came = _visit(serving, token, act, to_undo=verdict is Verdict.UNDO)
    if came.thanks:
        serving.store.pulse.wait(serving.store.pulse.count(), GIVE_WAY_SECONDS)
    return _page(serving, token, came)


def ask_code(serving: Serving, token: str) -> Page:
    """Have a fresh code mailed, which voids the one before, and return the page that asks for it. Decides nothing.

    Raises:
        TokenError, Forged: see :func:`press`.
    """

    def act(tx: Tx, request: Request, seat: Assignment, gate: Gate) -> _Came:
        if gate.web_confirm != "fresh_code":
            return _Came()
        return _mail_code(tx, serving, request, seat, pressed="Mail me a code")

    return _page(serving, token, _visit(serving, token, act, to_undo=None))


def _visit(
    serving: Serving,
    token: str,
    act: Callable[[Tx, Request, Assignment, Gate], _Came],
    *,
    to_undo: bool | None,
) -> _Came:
    """Act in one transaction, if there is still something to decide here, or to take back (None: whichever)."""
    with _complaining(serving, token), serving.store.write() as tx:
        request, seat, gate = _find(tx, serving, token, get=lock_request)
        is_open = _closed(tx, serving, request, seat, gate) is None
        undoable = can_undo(request, _own(tx, request, seat))
        possible = {True: undoable, False: is_open, None: is_open or undoable}
        return act(tx, request, seat, gate) if possible[to_undo] else _Came()


def _mail_code(tx: Tx, serving: Serving, request: Request, seat: Assignment, *, pressed: str) -> _Came:
    if seat.code_tries >= CODE_TRIES:
        return _Came(problem=Problem.CODES_USED_UP)
    fresh = mail_fresh(tx, serving, request, seat, pressed=pressed)
    return _Came(has_mailed=True) if fresh is not None else _Came(problem=Problem.TOO_MANY_CODES)


def _prove(
    tx: Tx, serving: Serving, request: Request, seat: Assignment, gate: Gate, verdict: Verdict, code: str
) -> _Proof | Problem:
    """Return what the visitor proves by ``code``, or what is wrong with it. A no needs none, and stops all the same."""
    if gate.web_confirm == "button" or not gate.approves_by_link:
        return _Proof(level=Level.LINK, evidence={"code": "not asked"})
    if verdict is Verdict.REJECT and not code.strip():
        return _Proof(level=Level.LINK, evidence={"code": "not typed"})
    if gate.web_confirm == "fresh_code":
        checked, fresh = check_fresh(tx, serving, request, seat, code)
        level = Level.LINK_FRESH_CODE
        mailed = {"code_mail": fresh.mail, "mailed_to": fresh.recipient} if fresh is not None else {}
    else:
        checked, level, mailed = check_printed(tx, serving, seat, code), Level.LINK_CODE, {}
    if checked is Checked.RIGHT:
        return _Proof(level=level, evidence={"code": "matched", **mailed})
    if checked is Checked.USED_UP and verdict is Verdict.REJECT:
        return _Proof(level=Level.LINK, evidence={"code": "not compared"})
    return _WRONG[checked]


def _do(tx: Tx, serving: Serving, seat: Assignment, gate: Gate, verdict: Verdict, proof: _Proof, reason: str) -> str:
    """Decide, or take back; return what the visitor is thanked with, or nothing if it did not count."""
    if verdict is not Verdict.UNDO:
        answer = Answer(
            assignment_id=seat.id,
            generation=seat.generation,
            verdict=verdict,
            level=proof.level,
            channel="link",
            given_at=tx.now,
            # Others read the record while this link can still decide.
            reason=hiding(serving, seat)(reason).strip()[:MOST_REASON],
            evidence=proof.evidence,
        )
        counted = decide(tx, serving, seat, answer).counted is Counted.COUNTED
        silent = verdict is Verdict.REJECT and not speaks_for(proof.level, gate)
        return f"{_DONE[verdict]} {_NOT_TOLD if silent else ''}".strip() if counted else ""
    taken = undo(
        tx, serving, seat, generation=seat.generation, level=proof.level, channel="link", evidence=proof.evidence
    )
    return _DONE[verdict] if taken.undone is Undone.DONE else ""


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


def _page(serving: Serving, token: str, came: _Came) -> Page:
    with serving.store.read() as tx:
        request, seat, gate = _find(tx, serving, token)
        closed = _closed(tx, serving, request, seat, gate)
        undoable = can_undo(request, _own(tx, request, seat))
        mails_code = gate.web_confirm == "fresh_code" and (closed is None or undoable)
        fresh = find_fresh(tx, serving, request, seat) if mails_code else None
        next_code_at = next_fresh_at(tx, serving, request, seat) if mails_code else None
        tries_left = max(CODE_TRIES - seat.code_tries, 0)
        person = serving.config.people.get(seat.person)
        return Page(
            letter=ask_letter(tx, serving, request, seat),
            is_open=closed is None,
            deciding_as=f"{person.name} <{seat.address}>" if person else seat.address,
            zone=person.zone if person else "UTC",
            title=came.title,
            sentence=came.thanks or closed or "",
            done=bool(came.thanks),
            problem=came.problem,
            approves=gate.approves_by_link,
            can_undo=undoable,
            needs_code=(gate.web_confirm == "code" and gate.approves_by_link) or fresh is not None,
            mails_code=mails_code,
            fresh=fresh,
            has_mailed=came.has_mailed,
            next_code_at=next_code_at,
            tries_left=tries_left,
            speaks=_speaks(gate, tries_left, fresh, can_mail=next_code_at is None),
            form_key=serving.key.form_key(seat.id, seat.generation),
        )


def _speaks(gate: Gate, tries_left: int, fresh: Fresh | None, *, can_mail: bool) -> Speaks:
    if speaks_for(Level.LINK, gate):
        return Speaks.ALWAYS
    if not gate.approves_by_link or not tries_left:
        return Speaks.NEVER
    if fresh is not None or gate.web_confirm == "code":
        return Speaks.WITH_CODE
    return Speaks.WITH_FRESH_CODE if can_mail else Speaks.NEVER


def _closed(tx: Tx, serving: Serving, request: Request, seat: Assignment, gate: Gate) -> str | None:
    """Return the truth about a request that this seat cannot decide any more, or None if it can."""
    check_pending(tx, serving.key, serving.verifier, request)
    mine = _own(tx, request, seat)
    if mine is not None:
        return how_it_stands(tx, serving, request, to=seat.person)
    if request.state != State.PENDING:
        return how_it_stands(tx, serving, request)
    if request.deadline_at is not None and request.deadline_at < tx.now:
        return "The time to answer is over. Nothing was decided by this visit."
    if seat.state != "open" or not is_entitled(tx, serving, request, gate, seat):
        return "This seat was taken back; you are not asked about it any more."
    return None


def _own(tx: Tx, request: Request, seat: Assignment) -> Decision | None:
    return next((d for d in decisions_of(tx, request.id) if d.person == seat.person), None)


_WRONG = {
    Checked.WRONG: Problem.CODE_WRONG,
    Checked.USED_UP: Problem.CODES_USED_UP,
    Checked.STALE: Problem.CODE_STALE,
}

_BUTTONS = {Verdict.APPROVE: "Approve", Verdict.UNDO: "Take my decision back"}

_TITLES = {
    Verdict.APPROVE: "Your answer was counted",
    Verdict.REJECT: "Your answer was counted",
    Verdict.UNDO: "Your decision was taken back",
}

_DONE = {
    Verdict.APPROVE: "Thank you. Your approval was counted, and a receipt is on its way to you by mail.",
    Verdict.UNDO: "You will get a mail about what that means.",
    Verdict.REJECT: "Thank you. Your rejection was counted, and a receipt is on its way to you by mail.",
}

_NOT_TOLD = "People are shown your reason; the agent is not told it."
