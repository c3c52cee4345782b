"""From what the service knows to what a mail says: plain inputs in, a :class:`~mailgate.mail.letter.Letter` out.

One ``Ask`` (``mail/brief.py``) describes the request and serves all its mails; one ``Seat`` the person a mail goes to.
Every sentence whose meaning depends on a value is written here, none in a template. Pure: no clock, no database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from mailgate.errors import ComposeError
from mailgate.mail.answering import answering_of, plain, safe
from mailgate.mail.brief import Ask, Ended, Happening, Seat, Signature
from mailgate.mail.instants import format_clock, format_instant
from mailgate.mail.letter import (
    ANSWERABLE,
    MARKER,
    AttachedFile,
    Claim,
    Deadline,
    Entry,
    Field,
    Letter,
    LetterKind,
    Passage,
)
from mailgate.mail.passages import excerpt, label, list_arguments, passage, result_passage
from mailgate.model.duration import words

_SUMMARY_CHARACTERS = 300

_LEVELS = {
    "token": "reply to the person's secret address (the sender is not proven)",
    "aligned": "reply; the mail server vouched for the sender's domain (DMARC)",
    "link": "personal link",
    "link+code": "personal link and the code printed in the mail",
    "link+fresh_code": "personal link and a code mailed for this decision",
    "dashboard": "signed in at the dashboard",
    "operator": "an operator at the command line",
}
_MEANINGS = {
    "approved": "the signer approves that {action} is run once, exactly as shown, under this digest",
    "rejected": "the signer refuses that {action} is run",
    "undone": "the signer takes the own earlier answer back",
}
_OUTCOMES = {
    "succeeded": "{action} was run and succeeded",
    "failed": "{action} was run and failed",
    "in_doubt": "Nobody knows whether {action} was run to its end",
    "rejected": "{action} was rejected and was not run",
    "expired": "{action} was not run: nobody answered in time",
    "undeliverable": "{action} was not run: no approver could be reached",
    "withdrawn": "{action} was not run: the approval was taken back",
    "lapsed": "{action} was not run: it was approved, but not started in time",
    "cancelled": "{action} was not run: the request was cancelled",
}
_EFFECTS = {
    "none": "The action says that it had no effect.",
    "unknown": "Whether it had an effect is unknown. Look before anyone tries again.",
}


def request_letter(
    ask: Ask,
    seat: Seat,
    *,
    kind: LetterKind = LetterKind.REQUEST,
    preface: Iterable[str] = (),
    heard: str = "",
    warnings: Iterable[str] = (),
    history: Iterable[Signature | Happening] = (),
) -> Letter:
    """Return the mail that asks for a decision: request, reminder, escalation or clarification.

    Args:
        preface: sentences before everything else, for example why this person is asked now.
        heard: for a clarification: what the person wrote.
        warnings: sentences to look at twice; hidden characters in the arguments are added here.

    Raises:
        ComposeError: another kind, a value that cannot be shown, an unknown zone, or no way to answer.
    """
    if kind not in ANSWERABLE:
        raise ComposeError(f"A {kind} mail does not ask for a decision; use the function for it.")
    if not seat.link and not seat.by_reply:
        raise ComposeError(f"{seat.name} is asked but could answer neither by reply nor by link; allow one of them.")
    listing = list_arguments(ask.arguments)
    claim, claim_files = _claim(ask)
    return Letter(
        kind=kind,
        deployment=label(ask.deployment),
        recipient=label(seat.name),
        headline=_wish(ask),
        marker=_marker(seat) if seat.by_reply else "",
        preface=_sentences(preface),
        heard=excerpt(heard) if heard else None,
        action=label(ask.action),
        short_code=label(ask.short_code),
        digest=ask.digest,
        arguments=listing.arguments,
        more_arguments=listing.more,
        claim=claim,
        if_approved=_if_approved(ask),
        if_rejected=_if_rejected(ask),
        deadline=_deadline(ask.deadline_at, seat.zone),
        answering=answering_of(seat),
        warnings=(*listing.warnings, *_sentences(warnings)),
        history=_history(ask.action, history, seat.zone),
        files=(*listing.files, *claim_files),
    )


def receipt_letter(
    ask: Ask,
    seat: Seat,
    signature: Signature,
    *,
    is_own: bool = True,
    history: Iterable[Signature | Happening] = (),
    next_steps: Iterable[str] = (),
) -> Letter:
    """Return the receipt for a counted answer.

    Args:
        signature: the answer that was counted; it goes last in the history if it is not there yet.
        is_own: whether it is the answer of the one who gets this mail; else the headline says whose it is.
        next_steps: for example how to take it back, and until when.
    """
    did = {"undone": "your earlier answer was taken back", "rejected": "you rejected", "approved": "you approved"}
    what = did[signature.verdict] + ("" if signature.verdict == "undone" else f" {label(ask.action)}")
    whose = f"{label(signature.name)} {'took back' if signature.verdict == 'undone' else signature.verdict}"
    entries = list(history)
    return _report(
        ask,
        seat,
        LetterKind.RECEIPT,
        headline=f"Your answer was counted: {what}" if is_own else safe(f"{whose} {label(ask.action)}"),
        history=entries if signature in entries else [*entries, signature],
        next_steps=next_steps,
    )


def code_letter(ask: Ask, seat: Seat, *, code: str, until: datetime, pressed: str) -> Letter:
    """Return the mail that brings a fresh code. Nothing in it decides, and it is never copied to the archive.

    Args:
        code: six digits.
        until: when it stops to hold.
        pressed: the button of the page by which it was asked for.
    """
    return _report(
        ask,
        seat,
        LetterKind.CODE,
        headline=f"Your code: {code[:3]} {code[3:]}",
        preface=(
            f"Somebody pressed “{pressed}” on the page behind your link, about the request below. If that was you, type "
            f"this code there. It holds until {format_clock(until, seat.zone)}, for one decision, and a newer one voids it.",
            "Was it not you? Then somebody else has your link, and can reject in your name, but not say yes. Tell nobody "
            "the code, and answer the request yourself.",
        ),
        history=(),
        recorded=False,
    )


def late_letter(
    ask: Ask, seat: Seat, *, how_it_ended: str, heard: str = "", history: Iterable[Signature | Happening] = ()
) -> Letter:
    """Return the truthful answer to somebody whose answer changed nothing.

    Args:
        how_it_ended: one sentence, such as ``It was already rejected by Bob Brown at 14:02 UTC.``
        heard: what the person wrote.
    """
    return _report(
        ask,
        seat,
        LetterKind.LATE,
        headline=f"Your answer on {label(ask.action)} came too late and changed nothing",
        preface=(how_it_ended,),
        heard=heard,
        history=history,
    )


def outcome_letter(
    ask: Ask,
    seat: Seat,
    ended: Ended,
    *,
    history: Iterable[Signature | Happening] = (),
    next_steps: Iterable[str] = (),
    warnings: Iterable[str] = (),
) -> Letter:
    """Return the mail that says how a request ended, and what the action returned or raised."""
    result: Passage | None = None
    result_label = ""
    files: tuple[AttachedFile, ...] = ()
    if ended.state == "succeeded":
        result_label = "It returned"
        result, files = result_passage(ended.result, "result.txt")
    elif ended.error:
        result_label = "It failed with"
        result, files = passage(ended.error, "error.txt")
    return _report(
        ask,
        seat,
        LetterKind.OUTCOME,
        headline=safe(_OUTCOMES[ended.state].format(action=label(ask.action))),
        preface=(_EFFECTS[ended.effect],) if ended.effect else (),
        result=result,
        result_label=result_label,
        files=files,
        history=history,
        next_steps=next_steps,
        warnings=warnings,
    )


def notice_letter(
    *,
    deployment: str,
    recipient: str,
    headline: str,
    title: str = "",
    preface: Iterable[str] = (),
    facts: Mapping[str, str] | None = None,
    warnings: Iterable[str] = (),
    next_steps: Iterable[str] = (),
    recorded: bool = True,
) -> Letter:
    """Return a mail to operators (or witnesses): a seal, a digest, a breaker, an action in doubt.

    Args:
        headline: one sentence on what happened.
        title: what is said above it; empty: that it goes to the operators.
        facts: labels and values, printed one a line.
        next_steps: what to do, with the command to type.
    """
    return Letter(
        kind=LetterKind.NOTICE,
        deployment=label(deployment),
        recipient=label(recipient),
        headline=safe(plain(headline)),
        title=safe(plain(title)),
        preface=_sentences(preface),
        facts=tuple(Field(label=safe(label(name)), value=plain(value)) for name, value in (facts or {}).items()),
        warnings=_sentences(warnings),
        next_steps=_sentences(next_steps),
        recorded=recorded,
    )


def _report(
    ask: Ask,
    seat: Seat,
    kind: LetterKind,
    *,
    headline: str,
    history: Iterable[Signature | Happening],
    preface: Iterable[str] = (),
    heard: str = "",
    result: Passage | None = None,
    result_label: str = "",
    files: tuple[AttachedFile, ...] = (),
    next_steps: Iterable[str] = (),
    warnings: Iterable[str] = (),
    recorded: bool = True,
) -> Letter:
    listing = list_arguments(ask.arguments)
    return Letter(
        kind=kind,
        deployment=label(ask.deployment),
        recipient=label(seat.name),
        headline=headline,
        recorded=recorded,
        marker=_marker(seat) if seat.nonce else "",
        preface=_sentences(preface),
        heard=excerpt(heard) if heard else None,
        action=label(ask.action),
        short_code=label(ask.short_code),
        digest=ask.digest,
        arguments=listing.arguments,
        more_arguments=listing.more,
        result=result,
        result_label=result_label,
        warnings=(*listing.warnings, *_sentences(warnings)),
        history=_history(ask.action, history, seat.zone),
        next_steps=_sentences(next_steps),
        files=(*files, *listing.files),
    )


def _wish(ask: Ask) -> str:
    if ask.summary:
        return f"Agent {label(ask.agent)} asks: {label(' '.join(ask.summary.split()), _SUMMARY_CHARACTERS)}"
    return f"Agent {label(ask.agent)} asks to run {label(ask.action)}"


def _claim(ask: Ask) -> tuple[Claim, tuple[AttachedFile, ...]]:
    words_, files = passage(ask.reasoning or "(it gave no reason)", "reasoning.txt")
    facts = [
        Field(
            label="Confidence, by its own account",
            value="not stated" if ask.confidence is None else f"{ask.confidence} of 1",
        ),
        Field(label="Agent and run", value=f"{label(ask.agent)}, {label(ask.run)}"),
    ]
    if ask.on_behalf_of:
        facts.append(Field(label="On behalf of", value=label(ask.on_behalf_of)))
    return Claim(words=words_, facts=tuple(facts)), files


def _if_approved(ask: Ask) -> str:
    start = ""
    if ask.valid_for:
        start = f"It starts within {words(ask.valid_for)} of the approval, or not at all."
        if ask.cooling_off:
            wait = words(ask.cooling_off)
            start = f"It waits {wait} after the approval, then starts within {words(ask.valid_for)}, or not at all."
    own = f"{label(ask.action)} is run once, with exactly the arguments above."
    return safe(" ".join(filter(None, (own, start, plain(ask.if_approved)))))


def _if_rejected(ask: Ask) -> str:
    action, memory = label(ask.action), ask.rejection_memory
    told = f"{action} is not run, and the agent is told so."
    again = f", and for {words(memory)} the same again is refused without asking anybody" if memory else ""
    proven = f"Where it is proven that you rejected it, the agent is told your reason, too{again}."
    return safe(" ".join(filter(None, (told, proven, plain(ask.if_rejected)))))


def _deadline(at: datetime | None, zone: str) -> Deadline:
    if at is None:
        then = "There is none: the request waits until it is answered or cancelled. Waiting never approves it."
        return Deadline(utc="", local="", then=then)
    return Deadline(
        utc=format_instant(at),
        local="" if zone == "UTC" else format_instant(at, zone),
        then="Without enough answers by then it is not run, and the agent is told so. Waiting never approves it.",
    )


def _history(action: str, entries: Iterable[Signature | Happening], zone: str) -> tuple[Entry, ...]:
    return tuple(_entry(label(action), entry, zone) for entry in entries)


def _entry(action: str, entry: Signature | Happening, zone: str) -> Entry:
    at = Field(label="Time", value=format_instant(entry.at, seconds=True))
    if isinstance(entry, Happening):
        return Entry(facts=(Field(label="Event", value=plain(entry.what)), at))
    meaning = _MEANINGS[entry.verdict].format(action=action)
    withheld = entry.reason and entry.reason_withheld
    facts = [
        Field(label="Signed by", value=f"{label(entry.name)} <{label(entry.address)}>"),
        Field(label="Decision", value=f"{entry.verdict} {action}" if entry.verdict != "undone" else "took it back"),
        at,
        Field(label="Meaning", value=meaning),
        Field(label="Identity", value=f"{label(entry.level)}: {_LEVELS.get(entry.level, 'see the documentation')}"),
    ]
    if withheld:
        facts.append(Field(label="Reason", value="kept in the record, not printed, because its sender is not proven"))
    if entry.reason and entry.kept_from_agent:
        facts.append(Field(label="Kept from the agent", value="the reason, because it is not proven who wrote it"))
    return Entry(facts=tuple(facts), reason=excerpt(entry.reason) if entry.reason and not withheld else None)


def _marker(seat: Seat) -> str:
    if not (seat.nonce.isascii() and seat.nonce.isalnum()):
        raise ComposeError(
            "A mail that can be answered needs the marker nonce of its assignment: ASCII letters and digits."
        )
    return f"{MARKER}{seat.nonce}"


def _sentences(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(safe(plain(text)) for text in texts if text.strip())
