"""Intake's second half: a stored mail is judged, then one transaction acts on it.

A mail that cannot be concluded is quarantined, with its bytes, and the next one is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import structlog

from mailgate.errors import Forged, MailgateError, StoreUnavailable
from mailgate.mail.identity import Identity
from mailgate.mail.inbound import Kind
from mailgate.model.evidence import format_time
from mailgate.model.verdict import Level, Reading, Verdict
from mailgate.service.context import Serving
from mailgate.service.decide import Answer, Counted, Ruled, decide
from mailgate.service.hiding import hiding
from mailgate.service.judging import Examined, Judgement, Would, examine, judge_mail
from mailgate.service.keep import escalate_for_absent, lose_seat
from mailgate.service.letters import how_it_stands
from mailgate.service.marks import check_ruling
from mailgate.service.posting import ANSWERS, order_mail
from mailgate.service.questions import pass_on, take_answer
from mailgate.service.refusals import record_refusal
from mailgate.service.undo import Undone, undo
from mailgate.store import Tx
from mailgate.store.answers import decisions_of, find_assignment
from mailgate.store.events import append_event
from mailgate.store.mails import sent_since
from mailgate.store.refused import count_refused
from mailgate.store.requests import get_request, lock_request
from mailgate.store.tables import Assignment, Incoming

log = structlog.get_logger(__name__)

MOST_REASON = 4000

MOST_ANSWERS = 2
"""Automatic answers to one seat: a person who was asked twice has understood, and a machine must not be kept talking."""


MOST_AN_HOUR = 20
"""Automatic answers to one address, over all its seats: a responder that knows no end must not set our pace."""


def conclude_mail(serving: Serving, incoming_id: str, *, released: bool = False) -> None:
    """Act on one stored mail. Whatever goes wrong with it, it is kept and the next one can be read.

    Args:
        released: an operator wants a quarantined mail to be read once more. It is judged like any other, by the rules and
            people of now and the time at which it came; that somebody released it proves nothing.

    Raises:
        StoreUnavailable: the database cannot be used now; the mail stays as it is.
    """
    try:
        with serving.store.read() as tx:
            row = tx.session.get_one(Incoming, incoming_id)
        # Outside of any transaction: a hostile mail takes its time, and nobody else should wait for that.
        raw = serving.key.unseal(row.sealed, label=incoming_label(row))
        examined = examine(raw, serving.config, serving.signer.name)
        with serving.store.write() as tx:
            row = tx.session.get_one(Incoming, incoming_id)
            if row.state == ("quarantined" if released else "new"):
                judgement = judge_mail(tx, serving.config, examined, serving.key)
                _note(tx, serving, row, examined, judgement, released=released)
                _act(tx, serving, row, examined, judgement)
    except StoreUnavailable:
        raise
    except Exception as error:  # one mail, however made, must not stop the others
        why = error.message if isinstance(error, MailgateError) else f"{type(error).__name__}: {error}"
        log.error("forged" if isinstance(error, Forged) else "not_concluded", incoming=incoming_id, why=why)
        with serving.store.write() as tx:
            row = tx.session.get_one(Incoming, incoming_id)
            row.state, row.why = "quarantined", f"it could not be concluded: {why}"
            tx.session.add(row)


def incoming_label(row: Incoming) -> str:
    """Return what a stored mail's seal is bound to: its row, and when the server received it."""
    return f"incoming {row.id} {format_time(row.received_at)}"


def _note(tx: Tx, serving: Serving, row: Incoming, examined: Examined, judgement: Judgement, *, released: bool) -> None:
    """Record that a mail was released, where it belongs to somebody; count one that belongs to nobody, the first time."""
    seat, question = judgement.seat, judgement.question
    if released and seat is not None:
        body = {"assignment": seat.id, "person": seat.person, "inbound_sha256": row.sha256}
        append_event(tx, "release", seat.request_id, body, key=serving.key)
    if not released and seat is None and question is None and examined.kind is not Kind.OWN:
        count_refused(tx, examined.kind.value)


def _act(tx: Tx, serving: Serving, row: Incoming, examined: Examined, judgement: Judgement) -> None:
    seat = judgement.seat
    if seat is not None:
        examined, judgement = _without_secrets(serving, seat, examined, judgement)
    reading = examined.reading
    row.kind, row.why = examined.kind.value, "; ".join(judgement.because)
    row.assignment_id = seat.id if seat else None
    row.sender = (judgement.identity.sender or "") if judgement.identity else ""
    row.level = judgement.identity.level.value if judgement.identity else ""
    row.verdict = reading.verdict.value if reading else ""
    row.state = "quarantined" if judgement.would is Would.QUARANTINE else "concluded"
    tx.session.add(row)
    log.info(
        "mail_read", incoming=row.id, kind=row.kind, verdict=row.verdict, proven=row.level, would=judgement.would.value
    )
    if judgement.question is not None and judgement.would is Would.RELAY and reading is not None:
        text = hiding(serving, None)(reading.text)
        if not take_answer(tx, serving, judgement.question, text, inbound_sha256=row.sha256):
            row.why = f"not passed on: it came too late, or the question was answered before; {row.why}"
        return
    if seat is None:
        return
    if _gives_reason(tx, serving, row, seat, reading):
        return
    match judgement.would:
        case Would.COUNT:
            _count(tx, serving, row, examined, judgement, seat)
        case Would.RELAY:
            _pass_on(tx, serving, row, seat, examined, reading)
        case Would.CLARIFY:
            _clarify(tx, serving, row, seat, examined, judgement.tell or _unclear(reading))
        case Would.MARK_AWAY:
            _mark_away(tx, serving, seat)
        case Would.MARK_UNDELIVERABLE:
            lose_seat(tx, serving, seat, because="the mail to this person came back")
        case Would.QUARANTINE:
            body = {"assignment": seat.id, "person": seat.person, "reason": row.why[:500], "inbound_sha256": row.sha256}
            record_refusal(tx, serving, "quarantine", seat.request_id, body)


def _mark_away(tx: Tx, serving: Serving, seat: Assignment) -> None:
    if seat.away or get_request(tx, seat.request_id).state != "pending":
        return
    seat.away = True
    tx.session.add(seat)
    append_event(tx, "away", seat.request_id, {"assignment": seat.id, "person": seat.person}, key=serving.key)
    escalate_for_absent(tx, serving, seat)


def _without_secrets(
    serving: Serving, seat: Assignment, examined: Examined, judgement: Judgement
) -> tuple[Examined, Judgement]:
    """Take a seat's own link, code and addresses out of what a person wrote: the database is read by others, too."""
    hide = hiding(serving, seat)
    judgement = replace(judgement, because=tuple(map(hide, judgement.because)))
    if (said := examined.reading) is None:
        return examined, judgement
    reading = replace(
        said,
        first_line=hide(said.first_line),
        reason=hide(said.reason),
        text=hide(said.text),
        because=tuple(map(hide, said.because)),
    )
    return replace(examined, reading=reading), judgement


def _count(tx: Tx, serving: Serving, row: Incoming, examined: Examined, judgement: Judgement, seat: Assignment) -> None:
    identity, reading = judgement.identity, examined.reading
    assert identity is not None
    assert reading is not None
    if reading.verdict is Verdict.UNDO:
        _take_back(tx, serving, row, examined, judgement, seat)
        return
    answer = Answer(
        assignment_id=seat.id,
        generation=seat.generation,
        verdict=reading.verdict,
        level=identity.level,
        channel="reply",
        given_at=row.received_at,
        reason=reading.reason if reading.verdict is Verdict.REJECT else "",
        evidence=_evidence(identity, reading, row, judgement),
        incoming_id=row.id,
    )
    ruled = decide(tx, serving, seat, answer)
    if ruled.counted is Counted.COUNTED:
        if (
            reading.verdict is Verdict.REJECT
            and not reading.reason
            and check_ruling(tx, serving.key, ruled.request)[1].require_reason
        ):
            _tell(tx, serving, seat, examined, "why", "no reason was given")
        return
    row.why = f"not counted: {ruled.counted}; {row.why}"
    if ruled.counted is Counted.BELOW_LEVEL:
        _clarify(tx, serving, row, seat, examined, _UNPROVEN)
    else:
        _tell_late(tx, serving, ruled, examined)


def _pass_on(
    tx: Tx, serving: Serving, row: Incoming, seat: Assignment, examined: Examined, reading: Reading | None
) -> None:
    text = reading.reason or reading.text if reading is not None else ""
    if text and pass_on(tx, serving, seat, text, inbound_sha256=row.sha256):
        return
    _clarify(tx, serving, row, seat, examined, _NOBODY_KNOWS)


def _gives_reason(tx: Tx, serving: Serving, row: Incoming, seat: Assignment, reading: Reading | None) -> bool:
    """Keep what somebody says who had rejected without a reason and was asked for it; once, and only if proven."""
    request = lock_request(tx, seat.request_id)
    if reading is None or request.state != "rejected" or request.reason or request.reason_later:
        return False
    check_ruling(tx, serving.key, request)
    mine = next((d for d in decisions_of(tx, request.id) if d.person == seat.person), None)
    text = reading.reason or reading.first_line
    was_bare = mine is not None and mine.verdict == Verdict.REJECT and not mine.reason and mine.level != Level.TOKEN
    if not was_bare or not text or reading.verdict is Verdict.APPROVE or row.level != Level.ALIGNED:
        return False
    request.reason_later = text[:MOST_REASON]
    tx.session.add(request)
    body = {"assignment": seat.id, "person": seat.person, "reason": request.reason_later, "inbound_sha256": row.sha256}
    append_event(tx, "reason", request.id, body, key=serving.key)
    return True


def _take_back(
    tx: Tx, serving: Serving, row: Incoming, examined: Examined, judgement: Judgement, seat: Assignment
) -> None:
    identity, reading = judgement.identity, examined.reading
    assert identity is not None
    assert reading is not None
    taken = undo(
        tx,
        serving,
        seat,
        generation=seat.generation,
        level=identity.level,
        channel="reply",
        evidence=_evidence(identity, reading, row, judgement),
    )
    if taken.undone is Undone.DONE:
        return
    row.why = f"not taken back: {taken.undone}; {row.why}"
    if taken.undone is Undone.BELOW_LEVEL:
        _clarify(tx, serving, row, seat, examined, _UNPROVEN)
    else:
        stands = how_it_stands(tx, serving, taken.request)
        _tell(tx, serving, taken.seat, examined, "late", f"{_NOT_TAKEN_BACK[taken.undone]} {stands}")


def _evidence(identity: Identity, reading: Reading, row: Incoming, judgement: Judgement) -> Mapping[str, object]:
    return {
        "from": identity.sender or "",
        "found_by": sorted(judgement.found_by),
        "first_line": reading.first_line,
        "inbound_sha256": row.sha256,
        "received_at": format_time(row.received_at),
        "because": list(identity.because),
        **{name: str(value) for name, value in identity.evidence.items()},
    }


def _clarify(tx: Tx, serving: Serving, row: Incoming, seat: Assignment, examined: Examined, because: str) -> None:
    """Ask once more, at most twice; only of a request that can still be answered."""
    request = get_request(tx, seat.request_id)
    if request.state != "pending":
        _tell(tx, serving, seat, examined, "late", how_it_stands(tx, serving, request))
        return
    body = {"assignment": seat.id, "person": seat.person, "because": because, "inbound_sha256": row.sha256}
    record_refusal(tx, serving, "superseded", request.id, body)
    is_hopeless = because == _UNPROVEN and not serving.config.imap.authserv_id
    _tell(tx, serving, seat, examined, "clarification", _UNPROVABLE if is_hopeless else because)


def _tell_late(tx: Tx, serving: Serving, ruled: Ruled, examined: Examined) -> None:
    sentence = how_it_stands(tx, serving, ruled.request, to=ruled.seat.person)
    if ruled.counted is Counted.NOT_ENTITLED:
        sentence = f"You are not asked about it any more. {sentence}"
    elif ruled.counted is Counted.REPEATED:
        was_undone = ruled.decision is not None and ruled.decision.undone_at is not None
        first = (
            "You took your answer back, and cannot answer this again." if was_undone else "Your first answer stands."
        )
        sentence = f"{first} {sentence}"
    elif ruled.request.state == "pending":
        sentence = "Your answer arrived after the deadline."
    _tell(tx, serving, ruled.seat, examined, "late", sentence)


def _tell(tx: Tx, serving: Serving, seat: Assignment, examined: Examined, kind: str, because: str) -> None:
    """Answer a person's mail, to the registered address, unless this seat was answered often enough."""
    found = find_assignment(tx, seat.id)
    if found is None or found.clarified >= MOST_ANSWERS:
        return
    if sent_since(tx, found.address, ANSWERS, tx.now - timedelta(hours=1)) >= MOST_AN_HOUR:
        log.warning(
            "not_answered", request=seat.request_id, why=f"{MOST_AN_HOUR} answers went to its sender within an hour"
        )
        return
    found.clarified += 1
    tx.session.add(found)
    heard = examined.reading.first_line if examined.reading else ""
    message_id = examined.mail.first("message-id") if examined.mail else ""
    details = {"because": because, "heard": heard, "in_reply_to": message_id.strip()}
    order_mail(tx, serving, kind, get_request(tx, seat.request_id), to=found, details=details)


def _unclear(reading: Reading | None) -> str:
    if reading is not None and reading.verdict is Verdict.APPROVE:
        return _UNPROVEN
    if reading is None or reading.verdict is Verdict.NONE:
        return "Your reply had no words of your own, so nothing was decided."
    if reading.verdict is Verdict.QUESTION:
        return "Your question was not passed on: its sender was not authenticated. Ask from your usual mail program."
    return "Your reply could be read in more than one way, so nothing was decided."


_NOBODY_KNOWS = "Your question could not be passed on: nobody is left to ask, or many were asked before."

_NOT_TAKEN_BACK = {
    Undone.NOTHING: "There is no answer of yours to take back.",
    Undone.REPEATED: "You took your answer back before.",
    Undone.TOO_LATE: "It is too late to take your answer back.",
}

_UNPROVEN = (
    "Your approval came without proof that it is from you (the sender was not authenticated), so it was not counted. "
    "Send it from your usual mail program, not forwarded, or answer in another way said below."
)

_UNPROVABLE = (
    "Your approval was read, but not counted: a reply cannot approve this, because nobody here vouches for who sent it. "
    "Answer in a way said below."
)
