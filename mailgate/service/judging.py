"""Intake's judgement: what a mail is, whose it is, what it says, and what is to be done with it. Nothing is done here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailgate.config import Config
from mailgate.errors import MailUnreadable
from mailgate.mail.bounces import scanned_report
from mailgate.mail.identity import Identity, identify, sender
from mailgate.mail.inbound import (
    BounceReport,
    Kind,
    bounce_report,
    classify,
    is_away_note,
    recipients,
    referenced_ids,
    secret_tokens,
)
from mailgate.mail.mime import Mail, open_mail
from mailgate.mail.reply import read_reply
from mailgate.model.policy import read_gate
from mailgate.model.verdict import Level, Reading, Verdict, meets
from mailgate.store import Tx
from mailgate.store.answers import find_assignment, find_by_address, find_question, find_sent
from mailgate.store.requests import find_policy, get_request
from mailgate.store.tables import Assignment, Question
from mailgate.tokens import address_hash


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
        ids: the Message-IDs it answers.
        reading: what it says; only replies are read.
        report: what a bounce says of the delivery, where that is known.
    """

    kind: Kind
    because: tuple[str, ...]
    mail: Mail | None = None
    tokens: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    reading: Reading | None = None
    report: BounceReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is to be done with an examined mail, and why. ``seat`` or ``question`` is what it was addressed to."""

    would: Would
    because: tuple[str, ...]
    seat: Assignment | None = None
    question: Question | None = None
    identity: Identity | None = None


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
            ids=referenced_ids(mail),
            reading=_read(config, mail) if kind is Kind.REPLY else None,
            report=(bounce_report(mail) or scanned_report(raw)) if kind is Kind.BOUNCE else None,
        )
    except MailUnreadable as error:
        return Examined(kind=Kind.BROKEN, because=(error.message,))


def _read(config: Config, mail: Mail) -> Reading:
    """Read a reply, knowing the names and signature of whoever has its From address; if it is theirs is proven elsewhere."""
    found = config.directory.find_by_address(sender(mail).address or "")
    if found is None:
        return read_reply(mail, words=config.own_words, added=config.answers.added)
    person = config.people[found]
    names = " ".join((person.name, *person.aliases))
    return read_reply(mail, names, config.own_words, signature=person.signature, added=config.answers.added)


def judge_mail(tx: Tx | None, config: Config, examined: Examined) -> Judgement:
    """Return what is to be done with ``examined``; without a database only what its bytes tell."""
    seats = _seats_of(tx, config, examined) if tx is not None else []
    if len(seats) > 1:
        why = "it was sent to several secret addresses of ours, so that nobody can say which of them it answers"
        return Judgement(would=Would.QUARANTINE, because=(why,))
    seat = seats[0] if seats else None
    question = (
        find_question(tx, [address_hash(t) for t in examined.tokens]) if tx is not None and seat is None else None
    )
    if question is not None:
        return _judge_answer(config, examined, question)
    match examined.kind:
        case Kind.OWN:
            return Judgement(would=Would.IGNORE, because=("it is one of our own mails",))
        case Kind.BROKEN | Kind.LIST:
            return Judgement(would=Would.QUARANTINE, because=examined.because, seat=seat)
        case Kind.BOUNCE:
            return _judge_bounce(examined, seat, known=tx is not None)
        case Kind.AUTO_REPLY:
            return _judge_auto_reply(examined, seat, known=tx is not None)
    assert examined.mail is not None
    assert examined.reading is not None
    if tx is not None and seat is None:
        why = (
            "it was sent to no secret address of ours that is in use"
            if examined.tokens
            else "it was sent to no secret address of ours"
        )
        return Judgement(would=Would.QUARANTINE, because=(why,))
    identity = _identify(config, examined, seat)
    would, because = _WOULD[examined.reading.verdict], (*examined.reading.because, *identity.because)
    needed = _level_needed(tx, seat) if tx is not None and seat is not None else Level.TOKEN
    if examined.reading.verdict is Verdict.APPROVE and not meets(identity.level, needed):
        would, because = Would.CLARIFY, (*because, f"to approve, this gate needs a sender proven as {needed}")
    if would is Would.RELAY and tx is not None and identity.level is not Level.ALIGNED:
        would, because = Would.CLARIFY, (*because, "a question is passed on only for somebody proven")
    return Judgement(would=would, because=because, seat=seat, identity=identity)


def _judge_answer(config: Config, examined: Examined, question: Question) -> Judgement:
    """Return what is to be done with a mail to the address of a question: passed on, if it is that person's own."""
    if examined.kind is not Kind.REPLY or examined.mail is None or examined.reading is None:
        would = Would.IGNORE if examined.kind in (Kind.AUTO_REPLY, Kind.BOUNCE, Kind.OWN) else Would.QUARANTINE
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


def _judge_bounce(examined: Examined, seat: Assignment | None, *, known: bool) -> Judgement:
    report = examined.report
    if report is not None and report.action not in ("failed", ""):
        return Judgement(
            would=Would.IGNORE, because=(*examined.because, f"it reports {report.action}, not a failure"), seat=seat
        )
    would = Would.MARK_UNDELIVERABLE if seat is not None or not known else Would.QUARANTINE
    return Judgement(would=would, because=examined.because, seat=seat)


_WOULD = {
    Verdict.APPROVE: Would.COUNT,
    Verdict.REJECT: Would.COUNT,
    Verdict.QUESTION: Would.RELAY,
    Verdict.UNDO: Would.COUNT,
    Verdict.UNCLEAR: Would.CLARIFY,
    Verdict.NONE: Would.CLARIFY,
}


def _seats_of(tx: Tx, config: Config, examined: Examined) -> Sequence[Assignment]:
    seats = find_by_address(tx, [address_hash(t) for t in examined.tokens])
    if not seats and config.imap.reply_address == "single":
        ids = {mail.assignment_id for mail in find_sent(tx, examined.ids)}
        seats = [seat for i in sorted(filter(None, ids)) if (seat := find_assignment(tx, i)) is not None]
    return seats


def _identify(config: Config, examined: Examined, seat: Assignment | None) -> Identity:
    assert examined.mail is not None
    person = config.people.get(seat.person) if seat else None
    addresses = person.addresses if person else frozenset(a for p in config.people.values() for a in p.addresses)
    return identify(examined.mail, person_addresses=addresses, authserv_id=config.imap.authserv_id)
