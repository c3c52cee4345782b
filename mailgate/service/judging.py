"""Intake's judgement: what a mail is, whose it is, what it says, and what is to be done with it. Nothing is done here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from mailgate.config import Config
from mailgate.errors import MailUnreadable
from mailgate.mail.identity import Identity, identify, sender
from mailgate.mail.inbound import (
    Kind,
    bounce_report,
    classify,
    is_away_note,
    message_tokens,
    recipients,
    referenced_ids,
    returned_id,
    secret_tokens,
)
from mailgate.mail.mime import Mail, open_mail
from mailgate.mail.reply import read_reply
from mailgate.model.policy import read_gate
from mailgate.model.verdict import Level, Reading, Verdict, meets
from mailgate.service.locating import By, Found, locate
from mailgate.store import Tx
from mailgate.store.requests import find_policy, get_request
from mailgate.store.tables import Assignment, Question
from mailgate.tokens import ServeKey


class Would(StrEnum):
    """What is done with a mail."""

    COUNT = "count"
    QUARANTINE = "quarantine"
    CLARIFY = "clarify"
    RELAY = "relay"
    MARK_AWAY = "mark_away"
    MARK_UNDELIVERABLE = "mark_undeliverable"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One mail, understood as far as its bytes go.

    Attributes:
        tokens: secret parts of our own addresses it was sent to.
        answered: secret parts of our own Message-IDs that it answers, or brings back.
        reading: what it says; only replies are read.
    """

    kind: Kind
    because: tuple[str, ...]
    mail: Mail | None = None
    tokens: tuple[str, ...] = ()
    answered: tuple[str, ...] = ()
    reading: Reading | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is to be done with an examined mail, and why.

    Attributes:
        seat, question: what it was addressed to, or answers.
        found_by: what named it.
        tell: what a person is told who is asked again, where the words of the mail are not the reason.
    """

    would: Would
    because: tuple[str, ...]
    seat: Assignment | None = None
    question: Question | None = None
    identity: Identity | None = None
    found_by: frozenset[By] = frozenset()
    tell: str = ""


def examine(raw: bytes, config: Config, instance: str, *, unix_lines: bool = False) -> Examined:
    """Return what the bytes of a mail tell; never raises for hostile ones.

    Args:
        instance: the value of our own instance header.
        unix_lines: take LF for CRLF, as in a file that somebody saved.
    """
    try:
        mail = open_mail(raw, unix_lines=unix_lines)
        domain = config.smtp.address.partition("@")[2]
        kind, because = classify(mail, instance=instance, domain=domain)
        return Examined(
            kind=kind,
            because=tuple(because),
            mail=mail,
            tokens=secret_tokens(recipients(mail), base=config.smtp.address, mode=config.imap.reply_address),
            answered=message_tokens(_ids(mail, kind), domain),
            reading=read_reply(mail, _known_as(config, mail)) if kind is Kind.REPLY else None,
        )
    except MailUnreadable as error:
        return Examined(kind=Kind.BROKEN, because=(error.message,))


def _ids(mail: Mail, kind: Kind) -> tuple[str, ...]:
    # A mail that somebody forwards holds another's header, too; only a report speaks of the mail it brings back.
    return (*([returned_id(mail)] if kind is Kind.BOUNCE else []), *referenced_ids(mail))


def _known_as(config: Config, mail: Mail) -> str:
    """Return the configured names of whoever has the mail's From address; whether it is theirs is proven elsewhere."""
    person = config.directory.find_by_address(sender(mail).address or "")
    return " ".join((config.people[person].name, *config.people[person].aliases)) if person else ""


def judge_mail(tx: Tx | None, config: Config, examined: Examined, key: ServeKey | None = None) -> Judgement:
    """Return what is to be done with ``examined``; without a database only what its bytes tell.

    Args:
        key: proves what rows say about whose the mail is; without it they are believed, so nothing may be done then.
    """
    if examined.kind is Kind.OWN:
        return Judgement(would=Would.IGNORE, because=("it is one of our own mails",))
    found = locate(tx, key, addressed=examined.tokens, answered=examined.answered) if tx is not None else ()
    if (unclear := _contradiction(examined, found)) is not None:
        return unclear
    place = _place(found)
    if place is not None and isinstance(place.at, Question):
        return replace(_judge_answer(config, examined, place.at), found_by=place.by)
    return replace(_judge(tx, config, examined, place), found_by=place.by if place else frozenset())


def _place(found: tuple[Found, ...]) -> Found | None:
    """Return the one seat or question that a mail belongs to: what it was sent to, else what it answers."""
    return next((f for f in found if f.by != {By.MESSAGE_ID}), found[0] if found else None)


def _contradiction(examined: Examined, found: tuple[Found, ...]) -> Judgement | None:
    """Return what is done with a mail that names more than one of our seats and questions: nobody guesses which."""
    if len(found) < 2:
        return None
    addressed = [f.at for f in found if f.by != {By.MESSAGE_ID}]
    if len(addressed) > 1:
        why = "it was sent to several secret addresses of ours, so that nobody can say which of them it answers"
        return Judgement(would=Would.QUARANTINE, because=(why,))
    if not addressed:
        why = "it answers several mails of ours at once, so that nobody can say which of them is meant"
        return Judgement(would=Would.QUARANTINE, because=(why,))
    why = "it was sent to the secret address of one mail of ours and answers another, so that nobody can say which is meant"
    if examined.kind is not Kind.REPLY or isinstance(addressed[0], Question):
        return Judgement(would=Would.QUARANTINE, because=(why,))
    tell = "Your reply was sent to the address of this mail, but answers another one, so nothing was decided."
    return Judgement(would=Would.CLARIFY, because=(why,), seat=addressed[0], tell=tell)


def _judge(tx: Tx | None, config: Config, examined: Examined, place: Found | None) -> Judgement:
    seat = place.at if place is not None and isinstance(place.at, Assignment) else None
    by = place.by if place is not None else frozenset[By]()
    match examined.kind:
        case Kind.BROKEN | Kind.LIST:
            return Judgement(would=Would.QUARANTINE, because=examined.because, seat=seat)
        case Kind.BOUNCE:
            return _judge_bounce(config, examined, seat, by, known=tx is not None)
        case Kind.AUTO_REPLY:
            return _judge_auto_reply(examined, seat, known=tx is not None)
    assert examined.mail is not None
    assert examined.reading is not None
    if tx is not None and seat is None:
        return Judgement(would=Would.QUARANTINE, because=(_why_nowhere(examined),))
    if seat is not None and By.BOUNCE in by and By.REPLY not in by:
        why = "it was sent to the address that undeliverable mail comes back to, where no answers are read"
        return Judgement(would=Would.QUARANTINE, because=(why,), seat=seat)
    identity = _identify(config, examined, seat)
    would, because = _WOULD[examined.reading.verdict], (*examined.reading.because, *identity.because)
    needed = _level_needed(tx, seat) if tx is not None and seat is not None else Level.TOKEN
    if by == {By.MESSAGE_ID} and config.imap.reply_address != "single":
        # Forwards and logs of mail servers show a Message-ID to more people than an address.
        because = ("it came to no secret address, and is known only by the mail it answers", *because)
        needed = Level.ALIGNED
    if examined.reading.verdict is Verdict.APPROVE and not meets(identity.level, needed):
        would, because = Would.CLARIFY, (*because, f"to approve, this gate needs a sender proven as {needed}")
    if would is Would.RELAY and tx is not None and identity.level is not Level.ALIGNED:
        would, because = Would.CLARIFY, (*because, "a question is passed on only for somebody proven")
    return Judgement(would=would, because=because, seat=seat, identity=identity)


def _why_nowhere(examined: Examined) -> str:
    if examined.tokens:
        return "it was sent to no secret address of ours that is in use"
    if examined.answered:
        return "it was sent to no secret address of ours, and the mail of ours that it answers is nobody's any more"
    return "it was sent to no secret address of ours, and answers no mail of ours"


def _judge_answer(config: Config, examined: Examined, question: Question) -> Judgement:
    """Return what is to be done with a mail to the address of a question: passed on, if it is that person's own."""
    if examined.kind is not Kind.REPLY or examined.mail is None or examined.reading is None:
        would = Would.IGNORE if examined.kind is Kind.AUTO_REPLY else Would.QUARANTINE
        return Judgement(would=would, because=examined.because, question=question)
    person = config.people.get(question.person)
    addresses = person.addresses if person else frozenset()
    identity = identify(examined.mail, person_addresses=addresses, authserv_id=config.imap.authserv_id)
    is_proven = identity.level is Level.ALIGNED and examined.reading.text != ""
    would = Would.RELAY if is_proven else Would.QUARANTINE
    because = ("it answers a question", *identity.because)
    return Judgement(would=would, because=because, question=question, identity=identity)


def _level_needed(tx: Tx, seat: Assignment) -> Level:
    """Return how well an approver must be proven, by the policy as stored; the door itself asks the one that is marked."""
    policy = find_policy(tx, get_request(tx, seat.request_id).policy or b"")
    return Level(read_gate(policy).reply_level) if policy is not None else Level.TOKEN


def _judge_auto_reply(examined: Examined, seat: Assignment | None, *, known: bool) -> Judgement:
    """Say that its owner is away only of an out-of-office note: read receipts and ticket systems are automatic, too."""
    is_note = examined.mail is not None and is_away_note(examined.mail)
    would = Would.MARK_AWAY if is_note and (seat is not None or not known) else Would.IGNORE
    return Judgement(would=would, because=examined.because, seat=seat)


def _judge_bounce(
    config: Config, examined: Examined, seat: Assignment | None, by: frozenset[By], *, known: bool
) -> Judgement:
    report = bounce_report(examined.mail) if examined.mail else None
    if report is not None and report.action not in ("failed", ""):
        return Judgement(
            would=Would.IGNORE, because=(*examined.because, f"it reports {report.action}, not a failure"), seat=seat
        )
    is_ours = By.BOUNCE in by or (By.MESSAGE_ID in by and config.imap.reply_address == "single")
    if seat is not None and not is_ours:
        why = "it did not come to the secret address for undeliverable mail, so anybody may have made it"
        return Judgement(would=Would.QUARANTINE, because=(*examined.because, why), seat=seat)
    would = Would.MARK_UNDELIVERABLE if is_ours or not known else Would.QUARANTINE
    status = (f"its status is {report.status}",) if report is not None and report.status else ()
    return Judgement(would=would, because=(*examined.because, *status), seat=seat)


_WOULD = {
    Verdict.APPROVE: Would.COUNT,
    Verdict.REJECT: Would.COUNT,
    Verdict.QUESTION: Would.RELAY,
    Verdict.UNDO: Would.COUNT,
    Verdict.UNCLEAR: Would.CLARIFY,
    Verdict.NONE: Would.CLARIFY,
}


def _identify(config: Config, examined: Examined, seat: Assignment | None) -> Identity:
    assert examined.mail is not None
    person = config.people.get(seat.person) if seat else None
    addresses = person.addresses if person else frozenset(a for p in config.people.values() for a in p.addresses)
    return identify(examined.mail, person_addresses=addresses, authserv_id=config.imap.authserv_id)
