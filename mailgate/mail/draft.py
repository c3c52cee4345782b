"""From what the service knows to what a mail says: plain inputs in, a :class:`~mailgate.mail.letter.Letter` out.

One ``Ask`` (``mail/brief.py``) describes the request and serves all its mails; one ``Seat`` the person a mail goes to.
Every sentence whose meaning depends on a value is written here, none in a template. Pure: no clock, no database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from mailgate.errors import ComposeError
from mailgate.mail.answering import answering_of, plain, safe
from mailgate.mail.brief import Ask, Ended, Happening, Seat, Signature
from mailgate.mail.entries import entries_of
from mailgate.mail.instants import format_clock, format_instant
from mailgate.mail.letter import (
    ANSWERABLE,
    MARKER,
    AttachedFile,
    Claim,
    Deadline,
    Field,
    Letter,
    LetterKind,
    Passage,
)
from mailgate.mail.passages import excerpt, label, list_arguments, named, passage, quoted, result_passage, suspicions
from mailgate.model.duration import words

_SUMMARY_CHARACTERS = 300
_HEADED = 60  # characters of an agent's name in a headline; below it stands in full
_LONGEST_LINE = 4_000  # characters of a fact: people's questions and reasons have as many

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
    letter = Letter(
        kind=kind,
        deployment=label(ask.deployment),
        recipient=label(seat.name),
        headline=_wish(ask),
        marker=_marker(seat.nonce) if seat.by_reply else "",
        preface=_sentences(preface),
        heard=excerpt(heard) if heard else None,
        if_approved=_if_approved(ask),
        if_rejected=_if_rejected(ask),
        deadline=_deadline(ask.deadline_at, seat.zone),
        answering=answering_of(seat),
        warnings=_sentences(warnings),
        history=entries_of(ask.action, history, seat.zone),
    )
    return _showing(letter, ask, claim=True)


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
    about: Ask | None = None,
    nonce: str = "",
) -> Letter:
    """Return a mail to operators (or witnesses): a seal, a digest, a breaker, an action in doubt; or a question to somebody.

    Args:
        headline: one sentence on what happened.
        title: what is said above it; empty: that it goes to the operators.
        facts: labels and values, printed one a line; of a long one the beginning.
        next_steps: what to do, with the command to type.
        about: the action to print in full with the agent's words, where somebody has to know it.
        nonce: of the reply marker, where a reply is read.
    """
    letter = Letter(
        kind=LetterKind.NOTICE,
        deployment=label(deployment),
        recipient=label(recipient),
        marker=_marker(nonce) if nonce else "",
        headline=safe(_line(headline)),
        title=safe(plain(title)),
        preface=_sentences(preface),
        facts=tuple(Field(label=safe(label(name)), value=_line(value)) for name, value in (facts or {}).items()),
        warnings=_sentences(warnings),
        next_steps=_sentences(next_steps),
        recorded=recorded,
    )
    return letter if about is None else _showing(letter, about, claim=True)


def _showing(letter: Letter, ask: Ask, *, claim: bool) -> Letter:
    """Return ``letter`` with the action shown in full, and if ``claim`` with what its agent says of it."""
    listing = list_arguments(ask.arguments)
    said, files = _claim(ask) if claim else (None, ())
    doubts = suspicions(_said_of_itself(ask)) if claim else ()
    return replace(
        letter,
        action=label(ask.action),
        short_code=label(ask.short_code),
        digest=ask.digest,
        arguments=listing.arguments,
        more_arguments=listing.more,
        claim=said,
        warnings=(*listing.warnings, *doubts, *letter.warnings),
        files=(*letter.files, *listing.files, *files),
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
    letter = Letter(
        kind=kind,
        deployment=label(ask.deployment),
        recipient=label(seat.name),
        headline=headline,
        recorded=recorded,
        marker=_marker(seat.nonce) if seat.nonce else "",
        preface=_sentences(preface),
        heard=excerpt(heard) if heard else None,
        result=result,
        result_label=result_label,
        warnings=_sentences(warnings),
        history=entries_of(ask.action, history, seat.zone),
        next_steps=_sentences(next_steps),
        files=files,
    )
    return _showing(letter, ask, claim=False)


def _wish(ask: Ask) -> str:
    agent = label(quoted(ask.agent, _HEADED), 2 * _HEADED + _SUMMARY_CHARACTERS)
    if ask.summary:
        return f"Agent {agent} asks: {label(' '.join(ask.summary.split()), _SUMMARY_CHARACTERS)}"
    return f"Agent {agent} asks to run {label(ask.action)}"


def _said_of_itself(ask: Ask) -> Iterator[tuple[str, tuple[str]]]:
    """Yield the names that the agent gives, by what a warning calls them; what its reason hides is noted below that."""
    yield "The agent's name", (ask.agent,)
    yield "The name of its run", (ask.run,)
    yield "The name of whom it acts for", (ask.on_behalf_of,)


def _claim(ask: Ask) -> tuple[Claim, tuple[AttachedFile, ...]]:
    words_, files = passage(ask.reasoning or "(it gave no reason)", "reasoning.txt")
    facts = [
        Field(
            label="Confidence, by its own account",
            value="not stated" if ask.confidence is None else f"{ask.confidence} of 1",
        ),
        Field(label="Agent and run", value=f"{named(ask.agent)}, {named(ask.run)}"),
    ]
    if not (ask.agent + ask.run).isascii():
        facts.append(Field(label="The same in ASCII", value=f"{label(ascii(ask.agent))}, {label(ascii(ask.run))}"))
    if ask.on_behalf_of:
        facts.append(Field(label="On behalf of", value=named(ask.on_behalf_of)))
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


def _marker(nonce: str) -> str:
    if not (nonce.isascii() and nonce.isalnum()):
        raise ComposeError(
            "A mail that can be answered needs the marker nonce of its assignment: ASCII letters and digits."
        )
    return f"{MARKER}{nonce}"


def _sentences(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(safe(plain(text)) for text in texts if text.strip())


def _line(text: str) -> str:
    return label(" ".join(text.split()), _LONGEST_LINE)
