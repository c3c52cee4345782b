"""From rows to letters: what each ordered mail says, and its bytes. The only place where a mail's secrets are printed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mailgate.errors import Forged
from mailgate.mail.answering import archive_copy
from mailgate.mail.brief import Ask, Ended, Happening, Seat
from mailgate.mail.compose import compose, shown_hash
from mailgate.mail.draft import code_letter, late_letter, outcome_letter, receipt_letter, request_letter
from mailgate.mail.instants import format_instant
from mailgate.mail.letter import Letter, LetterKind, redacted
from mailgate.model.canonical import from_plain, read_plain
from mailgate.model.evidence import Record
from mailgate.model.lifecycle import State
from mailgate.model.policy import Gate
from mailgate.service.attaching import evidence_of
from mailgate.service.caution import cautions
from mailgate.service.codes import holds_until
from mailgate.service.context import Serving
from mailgate.service.digesting import digest_of
from mailgate.service.heading import headers_of, short_code
from mailgate.service.marks import check_action, check_assignment, check_ruling
from mailgate.service.notices import notice_of, question_of, seal_of, why_of
from mailgate.service.opening import stages_of, told_of
from mailgate.service.posting import message_token, own_message_id
from mailgate.service.proof import find_end
from mailgate.service.signatures import history_of, name_of, signature, signatures, undone
from mailgate.service.wording import standing_of
from mailgate.store import Tx
from mailgate.store.answers import assignments_of, decisions_of, find_assignment
from mailgate.store.events import get_events
from mailgate.store.requests import get_request
from mailgate.store.tables import Assignment, Decision, Outgoing, Request
from mailgate.tokens import LinkClaim, message_hash

log = structlog.get_logger(__name__)

_NEEDS_ANSWER = frozenset({"request", "reminder", "escalation", "answer"})
_SUMMARIES = ImmutableSandboxedEnvironment(undefined=StrictUndefined)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One mail as it was made: its exact bytes, and for one that asks somebody, the digest of what it shows without secrets."""

    raw: bytes
    shown: str = ""


def render(tx: Tx, serving: Serving, row: Outgoing) -> Made | None:
    """Return one ordered mail.

    None where its person was asked anew since: now it would bring the secrets of today to the address of yesterday.

    Raises:
        ComposeError: a template or value that cannot be made into it.
        Forged: a request or seat that the serving side did not make.
    """
    details = json.loads(row.details)
    request = get_request(tx, row.request_id) if row.request_id else None
    seat = find_assignment(tx, row.assignment_id) if row.assignment_id else None
    if request is not None and seat is not None:
        check_assignment(serving.key, seat, request)
    token = message_token(serving.key, row.id, row.kind, seat, details)
    # A clear id is that of an earlier version, which had no secret in it.
    if row.message_id != message_hash(token) and not row.message_id.startswith("<"):
        return None
    letter = _letter(tx, serving, row, request, seat, details)
    headers = headers_of(serving, row, request, seat, details, own_message_id(serving, token))
    evidence = evidence_of(tx, serving, row, headers)
    raw = compose(letter, headers, serving.templates, evidence=evidence, files=letter.files)
    asks = seat is not None and row.kind in _NEEDS_ANSWER
    return Made(raw=raw, shown=shown_hash(redacted(letter), serving.templates) if asks else "")


def ask_letter(
    tx: Tx,
    serving: Serving,
    request: Request,
    seat: Assignment,
    *,
    kind: LetterKind = LetterKind.REQUEST,
    preface: tuple[str, ...] = (),
    heard: str = "",
) -> Letter:
    """Return the letter that asks ``seat``'s person; the decide page shows the same."""
    _, gate = check_ruling(tx, serving.key, request)
    return request_letter(
        _ask(request, gate, serving),
        _seat(tx, serving, request, gate, seat),
        kind=kind,
        preface=(*preface, *_instead(serving, seat)),
        heard=heard,
        warnings=tuple(cautions(tx, serving.verifier, request, gate)),
        history=history_of(tx, serving, request),
    )


def _instead(serving: Serving, seat: Assignment) -> tuple[str, ...]:
    if not seat.for_person:
        return ()
    return (f"You are asked in place of {name_of(serving, seat.for_person)}, for whom you stand in.",)


def link_of(serving: Serving, seat: Assignment) -> str:
    """Return the address of a seat's decide page; it ends in ``/`` because a token may end in ``-``."""
    claim = LinkClaim(assignment=seat.id, generation=seat.generation, digest_prefix=seat.digest[:8].hex())
    return f"{serving.config.mailgate.base_url}/d/{serving.links.sign(claim)}/"


def how_it_stands(tx: Tx, serving: Serving, request: Request, *, to: str = "") -> str:
    """Return the truth about what became of a request, in a sentence or two.

    Args:
        to: the id of the person who reads it, if known: nobody is told of themselves as of somebody else.
    """
    decisions = decisions_of(tx, request.id)
    return standing_of(request, decisions, {d.person: name_of(serving, d.person) for d in decisions}, to=to)


def _letter(
    tx: Tx,
    serving: Serving,
    row: Outgoing,
    request: Request | None,
    seat: Assignment | None,
    details: Mapping[str, Any],
) -> Letter:
    if row.kind == "seal":
        return seal_of(serving, row, get_events(tx, row.events.split(","))[-1])
    if row.kind == "digest":
        return digest_of(tx, serving, row, get_events(tx, row.events.split(","))[-1])
    if row.kind == "notice" or request is None:
        return notice_of(serving, request, details)
    if row.kind == "why" and seat is not None:
        return why_of(serving, request, seat.person)
    if row.kind == "question":
        return question_of(serving, request, details)
    if row.kind in _NEEDS_ANSWER or row.kind == "clarification":
        if seat is None:
            return archive_copy(
                ask_letter(tx, serving, request, _archive_seat(request)), _told(tx, serving, row, request)
            )
        kind = LetterKind(row.kind)
        preface: tuple[str, ...] = _PREFACES.get(row.kind, ())
        if row.kind == "clarification":
            preface = (str(details["because"]),)
        if row.kind == "answer":
            preface = (
                f"{details['asker']} asked: {details['question']}",
                f"{details['by']} answers: {details['answer']}",
            )
        return ask_letter(tx, serving, request, seat, kind=kind, preface=preface, heard=details.get("heard", ""))
    if row.kind == "code":
        return _code(tx, serving, request, seat, row)
    letter = _REPORTS[row.kind](tx, serving, request, seat, details)
    return letter if seat is not None else archive_copy(letter, _told(tx, serving, row, request))


def _code(tx: Tx, serving: Serving, request: Request, seat: Assignment | None, row: Outgoing) -> Letter:
    if seat is None:
        raise Forged("outgoing", row.id, "the seat that its code is for is gone")
    _, gate = check_ruling(tx, serving.key, request)
    return code_letter(
        _ask(request, gate, serving),
        _report_seat(serving, seat),
        code=serving.key.fresh_code(seat.id, seat.generation, row.id),
        until=holds_until(row),
        pressed=str(json.loads(row.details)["pressed"]),
    )


def _told(tx: Tx, serving: Serving, row: Outgoing, request: Request) -> list[str]:
    """Return the names of those who got the mail that ``row`` is the archive's copy of: who had a seat when it was ordered."""
    return [name_of(serving, s.person) for s in assignments_of(tx, request.id) if s.created_at <= row.created_at]


def _receipt(tx: Tx, serving: Serving, request: Request, seat: Assignment | None, details: Mapping[str, Any]) -> Letter:
    _, gate = check_ruling(tx, serving.key, request)
    decisions = decisions_of(tx, request.id)
    index = next((i for i, d in enumerate(decisions) if d.id == details["decision"]), None)
    if index is None:
        raise Forged("decisions", str(details["decision"]), "the decision that a receipt was ordered for is gone")
    decision, was_undone = decisions[index], bool(details.get("undone"))
    history = (
        history_of(tx, serving, request) if was_undone else signatures(tx, serving, request, decisions[: index + 1])
    )
    signed, is_own = signature(tx, serving, request, decision), seat is not None and decision.assignment_id == seat.id
    return receipt_letter(
        _ask(request, gate, serving),
        _report_seat(serving, seat),
        undone(signed) if was_undone else signed,
        is_own=is_own,
        history=history,
        next_steps=_next_steps(request, gate, _heard_of(serving, gate, decisions), is_own=is_own),
    )


def _outcome(tx: Tx, serving: Serving, request: Request, seat: Assignment | None, details: Mapping[str, Any]) -> Letter:
    _, gate = check_ruling(tx, serving.key, request)
    end = find_end(tx, serving.verifier, request)
    if end is None:
        raise Forged("requests", request.id, "no signed record says that it ended")
    state = str(details["outcome"])
    result = None if request.result is None else from_plain(read_plain(request.result))
    effect = request.effect if state == State.FAILED else ""
    ended = Ended(state=state, result=result, error=request.error, effect=effect)
    at = request.finished_at or request.created_at
    history = [*history_of(tx, serving, request), Happening(at=at, what=f"Ended as {state}{_because(end)}")]
    return outcome_letter(_ask(request, gate, serving), _report_seat(serving, seat), ended, history=history)


def _late(tx: Tx, serving: Serving, request: Request, seat: Assignment | None, details: Mapping[str, Any]) -> Letter:
    _, gate = check_ruling(tx, serving.key, request)
    return late_letter(
        _ask(request, gate, serving),
        _report_seat(serving, seat),
        how_it_ended=str(details["because"]),
        heard=str(details.get("heard", "")),
        history=history_of(tx, serving, request),
    )


_REPORTS: Mapping[str, Callable[[Tx, Serving, Request, Assignment | None, Mapping[str, Any]], Letter]] = {
    "receipt": _receipt,
    "outcome": _outcome,
    "late": _late,
}

_PREFACES = {
    "reminder": ("This is a reminder: nobody has answered yet.",),
    "escalation": ("You are asked as well, because the people asked first have not answered.",),
}


def _ask(request: Request, gate: Gate, serving: Serving) -> Ask:
    arguments = check_action(request).arguments
    return Ask(
        deployment=serving.config.mailgate.name,
        action=request.action,
        short_code=short_code(request),
        digest=request.digest.hex(),
        arguments=arguments,
        agent=request.agent,
        run=request.run,
        summary=_summary(gate, request.action, arguments),
        on_behalf_of=request.on_behalf_of or "",
        reasoning=request.reasoning,
        confidence=request.confidence or None,
        if_approved=gate.if_approved,
        if_rejected=gate.if_rejected,
        deadline_at=request.deadline_at,
        cooling_off=gate.cooling_off,
        valid_for=gate.valid_for,
        rejection_memory=gate.rejection_memory,
    )


def _summary(gate: Gate, action: str, arguments: Mapping[str, Any]) -> str:
    """Return the gate's summary, filled in; without one the mail shows every argument all the same, so no mail waits for it."""
    try:
        return _SUMMARIES.from_string(gate.summary).render(args=arguments)
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        log.error("summary_left_out", gate=action, why=str(error))
        return ""


def _seat(tx: Tx, serving: Serving, request: Request, gate: Gate, seat: Assignment) -> Seat:
    person = serving.config.people.get(seat.person)
    believed = bool(serving.config.imap.authserv_id)
    stages = stages_of(serving, gate)
    stage = stages[seat.stage] if stages else None
    people = serving.config.people
    others = [people[s.person].name for s in assignments_of(tx, request.id) if s.id != seat.id and s.person in people]
    yes = [d for d in decisions_of(tx, request.id) if d.verdict == "approve" and d.stage == seat.stage]
    confirm = gate.web_confirm if gate.approves_by_link else "reject"
    return Seat(
        name=name_of(serving, seat.person),
        zone=person.zone if person else "UTC",
        nonce=serving.key.marker(seat.id, seat.generation),
        link=link_of(serving, seat),
        code=serving.key.code(seat.id, seat.generation) if confirm == "code" else "",
        web_confirm=confirm,
        approves_by_reply=believed or (gate.reply_level == "token" and gate.separation != "proven"),
        others=others,
        needed=stage.quorum if stage else 1,
        given=len(yes),
        veto=gate.veto,
        step=f"This is step {seat.stage + 1} of {len(stages)}." if len(stages) > 1 else "",
    )


def _archive_seat(request: Request) -> Assignment:
    """Return a seat that nobody has: the archive's copy is rendered for it and then stripped of what could decide."""
    return Assignment(
        id="archive",
        request_id=request.id,
        person="Archive",
        address="",
        stage=0,
        generation=0,
        digest=request.digest,
        reply_hash="",
        bounce_hash="",
        state="closed",
    )


def _report_seat(serving: Serving, seat: Assignment | None) -> Seat:
    person = serving.config.people.get(seat.person) if seat else None
    nonce = serving.key.marker(seat.id, seat.generation) if seat else ""
    return Seat(name=person.name if person else "Archive", zone=person.zone if person else "UTC", nonce=nonce)


def _next_steps(request: Request, gate: Gate, heard: str, *, is_own: bool) -> tuple[str, ...]:
    can_undo = is_own and request.state in (State.PENDING, State.APPROVED)
    undo = ("You can take your answer back until it starts: reply UNDO, or open your link.",) if can_undo else ()
    return (*_what_follows(request, gate, heard), *undo)


def _heard_of(serving: Serving, gate: Gate, decisions: Sequence[Decision]) -> str:
    """Return the sentence on what the agent is told of a rejection."""
    reject = next((d for d in reversed(decisions) if d.verdict == "reject" and d.undone_at is None), None)
    if reject is None or told_of(serving, gate, reject)["reason"]:
        return "It is not run, and the agent is told why."
    if reject.reason:
        return "It is not run. The agent is told that a person rejected it, and not why: who wrote it is not proven."
    return "It is not run, and the agent is told so."


def _what_follows(request: Request, gate: Gate, heard: str) -> tuple[str, ...]:
    if request.state == State.REJECTED:
        return (f"{heard} {gate.if_rejected}",)
    if request.approved_at is None or request.valid_until is None:
        return ("More answers are needed; a mail says how it ends.",)
    cooling = gate.cooling_off
    start = f"from {format_instant(request.approved_at + cooling)} on" if cooling else "now"
    return (f"It may run {start}, until {format_instant(request.valid_until)}; a mail with the outcome follows.",)


def _because(end: Record) -> str:
    """Return why it ended, where nobody's answer did it; from the record, since the row beside it can be written by anybody."""
    return f": {end.body['reason']}" if "system" in end.body.get("actor", {}) and end.body.get("reason") else ""
