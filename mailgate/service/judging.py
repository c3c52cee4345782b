"""Intake's judgement: what a mail is, whose it is, what it says, and what is to be done with it. Nothing is done here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from mailgate.config import Config
from mailgate.errors import MailUnreadable
from mailgate.mail.bounces import scanned_report
from mailgate.mail.dkim import Checked, LookUp, check_signatures
from mailgate.mail.identity import Doubt, Identity, identify, sender
from mailgate.mail.inbound import (
    BounceReport,
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
from mailgate.mail.signed import content_digest
from mailgate.model.policy import read_gate
from mailgate.model.verdict import Level, Reading, Verdict, meets
from mailgate.service.binding import Asked, question_asked, seat_asked, why_unbound
from mailgate.service.locating import By, Found, locate
from mailgate.store import Tx
from mailgate.store.mails import find_same_content
from mailgate.store.requests import find_policy, get_request
from mailgate.store.tables import Assignment, Incoming, Question
from mailgate.tokens import ServeKey

_LONGEST_ID = 250


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
        content: a digest of what any signature covers, by which the same mail is known again.
        signed: what its signatures prove, where they were checked.
        report: what a bounce says of the delivery, where that is known.
    """

    kind: Kind
    because: tuple[str, ...]
    mail: Mail | None = None
    tokens: tuple[str, ...] = ()
    answered: tuple[str, ...] = ()
    reading: Reading | None = None
    content: str = ""
    signed: Checked | None = None
    report: BounceReport | None = None

    @property
    def message_id(self) -> str:
        """What the mail calls itself; cut where nobody writes it so long."""
        return self.mail.first("message-id").strip()[:_LONGEST_ID] if self.mail is not None else ""


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
            reading=_read(config, mail) if kind is Kind.REPLY else None,
            content=content_digest(mail) if kind is Kind.REPLY else "",
            report=(bounce_report(mail) or scanned_report(raw)) if kind is Kind.BOUNCE else None,
        )
    except MailUnreadable as error:
        return Examined(kind=Kind.BROKEN, because=(error.message,))


def _ids(mail: Mail, kind: Kind) -> tuple[str, ...]:
    # A mail that somebody forwards holds another's header, too; only a report speaks of the mail it brings back.
    return (*([returned_id(mail)] if kind is Kind.BOUNCE else []), *referenced_ids(mail))


def with_signatures(raw: bytes, config: Config, examined: Examined, look_up: LookUp, at: datetime) -> Examined:
    """Return ``examined`` with what its signatures prove; keys are looked up, so call it in no transaction.

    Only a reply is checked that says it is from somebody we know: nobody else can make us ask DNS.

    Args:
        raw: the mail, lines ending in CRLF.
        at: when the server received it.
    """
    if examined.kind is not Kind.REPLY or examined.mail is None:
        return examined
    who = sender(examined.mail).address
    if who is None or (config.people and config.directory.find_by_address(who) is None):
        return examined
    return replace(examined, signed=check_signatures(raw, examined.mail, sender=who, look_up=look_up, at=at))


def _read(config: Config, mail: Mail) -> Reading:
    """Read a reply, knowing the names and signature of whoever has its From address; if it is theirs is proven elsewhere."""
    found = config.directory.find_by_address(sender(mail).address or "")
    if found is None:
        return read_reply(mail, words=config.own_words, added=config.answers.added)
    person = config.people[found]
    names = " ".join((person.name, *person.aliases))
    return read_reply(mail, names, config.own_words, signature=person.signature, added=config.answers.added)


def judge_mail(
    tx: Tx | None, config: Config, examined: Examined, key: ServeKey | None = None, *, incoming_id: str = ""
) -> Judgement:
    """Return what is to be done with ``examined``; without a database only what its bytes tell.

    Args:
        key: proves what rows say about whose the mail is; without it they are believed, so nothing may be done then.
        incoming_id: the mail's own row.
    """
    if examined.kind is Kind.OWN:
        return Judgement(would=Would.IGNORE, because=("it is one of our own mails",))
    found = locate(tx, key, addressed=examined.tokens, answered=examined.answered) if tx is not None else ()
    if (unclear := _contradiction(examined, found)) is not None:
        return unclear
    place = _place(found)
    if tx is not None and place is not None and isinstance(place.at, Question):
        asked = question_asked(tx, place.at, place.by, key)
        return replace(_judge_answer(tx, config, examined, place.at, asked), found_by=place.by)
    judged = _judge(tx, config, examined, place, key, incoming_id)
    return replace(judged, found_by=place.by if place else frozenset())


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


def _judge(
    tx: Tx | None, config: Config, examined: Examined, place: Found | None, key: ServeKey | None, incoming_id: str
) -> Judgement:
    seat = place.at if place is not None and isinstance(place.at, Assignment) else None
    by = place.by if place is not None else frozenset[By]()
    match examined.kind:
        case Kind.BROKEN | Kind.LIST:
            return Judgement(would=Would.QUARANTINE, because=examined.because, seat=seat)
        case Kind.BOUNCE:
            return _judge_bounce(config, examined, seat, by, known=tx is not None)
        case Kind.AUTO_REPLY:
            return _judge_auto_reply(examined, seat, known=tx is not None)
    if tx is not None and seat is None:
        return Judgement(would=Would.QUARANTINE, because=(_why_nowhere(examined),))
    if seat is not None and By.BOUNCE in by and By.REPLY not in by:
        why = "it was sent to the address that undeliverable mail comes back to, where no answers are read"
        return Judgement(would=Would.QUARANTINE, because=(why,), seat=seat)
    identity = _identify(config, examined, seat)
    if tx is not None and seat is not None:
        asked, before = seat_asked(tx, seat, by, key), _came_before(tx, examined, identity, incoming_id)
        if any(row.assignment_id == seat.id for row in before):
            why = "the very same mail came here before, and what it says was dealt with then"
            return Judgement(would=Would.IGNORE, because=(why,), seat=seat, identity=identity)
        identity = _bound(tx, config, examined, identity, asked, is_repeated=bool(before))
    return _judge_reply(tx, config, examined, seat, by, identity)


def _judge_reply(
    tx: Tx | None,
    config: Config,
    examined: Examined,
    seat: Assignment | None,
    by: frozenset[By],
    identity: Identity,
) -> Judgement:
    assert examined.reading is not None
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


def _came_before(tx: Tx, examined: Examined, identity: Identity, incoming_id: str) -> Sequence[Incoming]:
    """Return the mails that are this very one, as far as anybody vouches for it."""
    # A Message-ID that is vouched for tells two mails of one second apart; any other may have been changed.
    told_apart = identity.covers is None or "message-id" in identity.covers
    same = find_same_content(tx, examined.content, but=incoming_id)
    return [row for row in same if row.message_id == examined.message_id or not told_apart]


def _bound(
    tx: Tx, config: Config, examined: Examined, identity: Identity, asked: Asked, *, is_repeated: bool = False
) -> Identity:
    """Return ``identity``, lowered to the secret where a proven mail may have been written for something else."""
    if identity.level is not Level.ALIGNED or examined.mail is None:
        return identity
    why = "the very same mail came to another of our addresses before" if is_repeated else ""
    why = why or why_unbound(tx, config, examined.mail, identity.covers, asked)
    if not why:
        return identity
    return replace(identity, level=Level.TOKEN, doubt=Doubt.UNBOUND, because=(*identity.because, f"but {why}"))


def _why_nowhere(examined: Examined) -> str:
    if examined.tokens:
        return "it was sent to no secret address of ours that is in use"
    if examined.answered:
        return "it was sent to no secret address of ours, and the mail of ours that it answers is nobody's any more"
    return "it was sent to no secret address of ours, and answers no mail of ours"


def _judge_answer(tx: Tx, config: Config, examined: Examined, question: Question, asked: Asked) -> Judgement:
    """Return what is to be done with a mail that answers a question: passed on, if it is that person's own."""
    if examined.kind is not Kind.REPLY or examined.mail is None or examined.reading is None:
        would = Would.IGNORE if examined.kind is Kind.AUTO_REPLY else Would.QUARANTINE
        return Judgement(would=would, because=examined.because, question=question)
    person = config.people.get(question.person)
    addresses = person.addresses if person else frozenset()
    identity = _bound(tx, config, examined, _identified(config, examined, addresses), asked)
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
    report = examined.report
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
    person = config.people.get(seat.person) if seat else None
    addresses = person.addresses if person else frozenset(a for p in config.people.values() for a in p.addresses)
    return _identified(config, examined, addresses)


def _identified(config: Config, examined: Examined, addresses: frozenset[str]) -> Identity:
    assert examined.mail is not None
    return identify(
        examined.mail, person_addresses=addresses, authserv_id=config.imap.authserv_id, signed=examined.signed
    )
