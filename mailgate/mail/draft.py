"""From what the service knows to what a mail says: plain inputs in, a :class:`~mailgate.mail.letter.Letter` out.

One ``Ask`` (``mail/brief.py``) describes the request and serves all its mails; one ``Seat`` the person a mail goes to.
Every sentence whose meaning depends on a value is written here, none in a template. Pure: no clock, no database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from mailgate.errors import ComposeError
from mailgate.mail.brief import Ask, Ended, Happening, Seat, Signature
from mailgate.mail.characters import harmless, one_line
from mailgate.mail.folding import opens_decision
from mailgate.mail.instants import format_instant
from mailgate.mail.letter import (
    ANSWERABLE,
    MARKER,
    Answering,
    AttachedFile,
    Claim,
    Deadline,
    Entry,
    Field,
    Letter,
    LetterKind,
    Passage,
    host_of,
)
from mailgate.mail.passages import excerpt, label, list_arguments, passage, result_passage
from mailgate.model.duration import words

_SUMMARY_CHARACTERS = 300

_LEVELS = {
    "token": "reply to the person's secret address (the sender is not proven)",
    "aligned": "reply, with the sender proven by the domain's own signature (DKIM or DMARC)",
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
# Whether a reply decides, whether there is a link.
_WAYS = {
    (True, True): "Reply with APPROVE or REJECT, or use the page linked below.",
    (True, False): "Reply with APPROVE or REJECT, as said below.",
    (False, True): "Use the page linked below; a reply does not decide.",
}
_CODE_HINTS = {
    "code": "The page asks for this code before it takes a yes.",
    "fresh_code": "When you choose to approve, a code is mailed to you, and the page asks for it.",
    "button": "",
    "reject": "On that page you can reject. An approval counts only as a reply from your own mailbox.",
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
        if_rejected=_safe(
            f"{label(ask.action)} is not run, and the agent is told so. {_plain(ask.if_rejected)}".rstrip()
        ),
        deadline=_deadline(ask.deadline_at, seat.zone),
        answering=_answering(seat),
        warnings=(*listing.warnings, *_sentences(warnings)),
        history=_history(ask.action, history, seat.zone),
        files=(*listing.files, *claim_files),
    )


def receipt_letter(
    ask: Ask,
    seat: Seat,
    signature: Signature,
    *,
    history: Iterable[Signature | Happening] = (),
    next_steps: Iterable[str] = (),
) -> Letter:
    """Return the receipt for a counted answer.

    Args:
        signature: the answer that was counted; it goes last in the history if it is not there yet.
        next_steps: for example how to take it back, and until when.
    """
    did = {"undone": "your earlier answer was taken back", "rejected": "you rejected", "approved": "you approved"}
    what = did[signature.verdict] + ("" if signature.verdict == "undone" else f" {label(ask.action)}")
    entries = list(history)
    return _report(
        ask,
        seat,
        LetterKind.RECEIPT,
        headline=f"Your answer was counted: {what}",
        history=entries if signature in entries else [*entries, signature],
        next_steps=next_steps,
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
        headline=_safe(_OUTCOMES[ended.state].format(action=label(ask.action))),
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
    preface: Iterable[str] = (),
    facts: Mapping[str, str] | None = None,
    warnings: Iterable[str] = (),
    next_steps: Iterable[str] = (),
    recorded: bool = True,
) -> Letter:
    """Return a mail to operators (or witnesses): a seal, a digest, a breaker, an action in doubt.

    Args:
        headline: one sentence on what happened.
        facts: labels and values, printed one a line.
        next_steps: what to do, with the command to type.
    """
    return Letter(
        kind=LetterKind.NOTICE,
        deployment=label(deployment),
        recipient=label(recipient),
        headline=_safe(_plain(headline)),
        preface=_sentences(preface),
        facts=tuple(Field(label=_safe(label(name)), value=_plain(value)) for name, value in (facts or {}).items()),
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
) -> Letter:
    listing = list_arguments(ask.arguments)
    return Letter(
        kind=kind,
        deployment=label(ask.deployment),
        recipient=label(seat.name),
        headline=headline,
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
    start = f"It starts within {words(ask.valid_for)} of the approval, or not at all." if ask.valid_for else ""
    own = f"{label(ask.action)} is run once, with exactly the arguments above."
    return _safe(" ".join(filter(None, (own, start, _plain(ask.if_approved)))))


def _deadline(at: datetime | None, zone: str) -> Deadline:
    if at is None:
        then = "There is none: the request waits until it is answered or cancelled. Waiting never approves it."
        return Deadline(utc="", local="", then=then)
    return Deadline(
        utc=format_instant(at),
        local="" if zone == "UTC" else format_instant(at, zone),
        then="Without enough answers by then it is not run, and the agent is told so. Waiting never approves it.",
    )


def _answering(seat: Seat) -> Answering:
    digits = "".join(seat.code.split())
    if digits and not (len(digits) == 6 and digits.isascii() and digits.isdigit()):
        raise ComposeError("The code of a link is not six digits; it has to come from tokens.ServeKey.code.")
    others = f"Also asked: {_listed([label(name) for name in seat.others])}." if seat.others else "You alone are asked."
    needed = "One yes is enough." if seat.needed == 1 else f"It takes {seat.needed} different people to say yes."
    given = f"So far {seat.given} of them {'has' if seat.given == 1 else 'have'}." if seat.given else ""
    veto = "A single no ends it." if seat.veto else "A no does not end it while enough others can still say yes."
    return Answering(
        ways=_WAYS[seat.by_reply, bool(seat.link)],
        by_reply=seat.by_reply,
        link_url=seat.link,
        link_host=host_of(seat.link) if seat.link else "",
        code=f"{digits[:3]} {digits[3:]}" if digits and seat.link else "",
        code_hint=_CODE_HINTS[seat.web_confirm] if seat.link else "",
        others=others,
        quorum=_safe(" ".join(filter(None, (_plain(seat.step), needed, given, veto)))),
    )


def _history(action: str, entries: Iterable[Signature | Happening], zone: str) -> tuple[Entry, ...]:
    return tuple(_entry(label(action), entry, zone) for entry in entries)


def _entry(action: str, entry: Signature | Happening, zone: str) -> Entry:
    at = Field(label="Time", value=format_instant(entry.at, seconds=True))
    if isinstance(entry, Happening):
        return Entry(facts=(Field(label="Event", value=_plain(entry.what)), at))
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
    return Entry(facts=tuple(facts), reason=excerpt(entry.reason) if entry.reason and not withheld else None)


def _marker(seat: Seat) -> str:
    if not (seat.nonce.isascii() and seat.nonce.isalnum()):
        raise ComposeError(
            "A mail that can be answered needs the marker nonce of its assignment: ASCII letters and digits."
        )
    return f"{MARKER}{seat.nonce}"


def _sentences(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(_safe(_plain(text)) for text in texts if text.strip())


def _plain(text: str) -> str:
    return harmless(one_line(" ".join(text.split())))


def _safe(sentence: str) -> str:
    # A sentence of ours may begin with a name, and "No" is one.
    return f"Note: {sentence}" if opens_decision(sentence) else sentence


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
