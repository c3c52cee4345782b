"""What an incoming mail is: a reply, a bounce, an automatic answer, a list mail, our own, or broken. And whom it names.

The order of the questions matters: a bounce of our own mail is a bounce, and an out-of-office that quotes a request is
no reply. Only top-level header fields are asked; what is quoted or attached says nothing about the mail itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from mailgate.mail.addresses import collect
from mailgate.mail.mime import Fields, Mail


class Kind(StrEnum):
    """What a mail is."""

    REPLY = "reply"  # a person may have written it
    AUTO_REPLY = "auto_reply"  # out-of-office and other automatic answers
    BOUNCE = "bounce"  # a mail of ours could not be delivered, or not yet
    LIST = "list"  # came through a mailing list, or was sent in bulk
    OWN = "own"  # one of ours, come back
    BROKEN = "broken"  # outside the bounds of what is read


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """What a delivery report says (RFC 3464): action, status code and final recipient, each empty if it is not said."""

    action: str
    status: str
    recipient: str


_TOKEN = re.compile(r"[a-z2-7]{26}")
_ID = re.compile(r"<[^<>\s]{1,250}>")

_ROBOTS = re.compile(r"(?:mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?|daemon)(?:[+.-].*)?@.*")
_BULK = frozenset(("bulk", "list", "junk"))
_LIST_FIELDS = ("list-id", "list-post", "list-unsubscribe", "mailing-list", "x-mailing-list")
_ROBOT_FIELDS = ("x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-response-from", "x-mail-autoreply")

_AWAY_SUBJECTS = re.compile(
    r"(?:auto(?:matic)?[ -]?(?:reply|response|answer)|autoreply|out of (?:the )?office|ooo\b|away from (?:my|the)|on vacation|"
    r"vacation (?:reply|response)|automatische antwort|abwesenheit|abwesend|außer haus|réponse automatique|"
    r"absence du bureau|absent du bureau|respuesta automática|fuera de la oficina|risposta automatica|fuori ufficio|"
    r"resposta automática|fora do escritório|automatisch antwoord|afwezig|autosvar|automatiskt svar|automaattinen vastaus|"
    r"fravær|automatyczna odpowiedź|odpowiedź automatyczna|automatická odpověď|автоответ|автоматический ответ|otomatik yanıt|"
    r"自動応答|自動返信|不在|自动答复|自动回复|자동 회신|부재중)",
    re.IGNORECASE,
)
_BOUNCE_SUBJECTS = re.compile(
    r"(?:undeliver|delivery (?:status notification|failure|has failed)|mail delivery (?:failed|system)|returned mail|"
    r"failure notice|unzustellbar|nicht zugestellt|non remis|no se puede entregar|mancato recapito)",
    re.IGNORECASE,
)


def classify(mail: Mail, *, instance: str, domain: str) -> tuple[Kind, tuple[str, ...]]:
    """Return what ``mail`` is, with the sentences that say why.

    Args:
        instance: the value of the ``X-Mailgate-Instance`` field of our own mails.
        domain: the domain of our own Message-IDs.
    """
    for question in (_own, _bounce, _automatic, _list):
        found = question(mail, instance, domain)
        if found is not None:
            kind, why = found
            return kind, (why,)
    return Kind.REPLY, ()


def recipients(mail: Mail) -> tuple[str, ...]:
    """Return every plain address that the mail was sent to, lower case, from the fields that servers and senders write."""
    names = ("delivered-to", "x-original-to", "envelope-to", "to", "cc")
    return tuple(dict.fromkeys(address for name in names for value in mail.all(name) for address in collect(value)))


def referenced_ids(mail: Mail) -> tuple[str, ...]:
    """Return the Message-IDs that the mail answers, those of In-Reply-To first, then References from the newest."""
    answered = _ID.findall(" ".join(mail.all("in-reply-to")))
    thread = _ID.findall(" ".join(mail.all("references")))
    return tuple(dict.fromkeys([*answered, *reversed(thread)]))[:100]


def secret_tokens(addresses: tuple[str, ...], *, base: str, mode: str) -> tuple[str, ...]:
    """Return the secret parts of those ``addresses`` that lead to us.

    Args:
        base: our bare address.
        mode: ``plus`` (base+token@domain), ``catchall`` (token@domain) or ``single`` (no token in the address).
    """
    local, _, domain = base.lower().partition("@")
    before = {"plus": f"{local}+", "catchall": ""}.get(mode)
    if before is None:
        return ()
    ends = f"@{domain}"
    found = (a[len(before) : -len(ends)] for a in addresses if a.startswith(before) and a.endswith(ends))
    return tuple(dict.fromkeys(token for token in found if _TOKEN.fullmatch(token)))


def bounce_report(mail: Mail) -> Bounce | None:
    """Return what a delivery report says about its first recipient; None if the mail carries no machine-readable one."""
    for group in mail.delivery_status:
        fields = {name.lower(): value for name, value in group}
        if "action" in fields:
            return Bounce(
                action=fields["action"].strip().lower(),
                status=fields.get("status", "").strip(),
                recipient=fields.get("final-recipient", "").partition(";")[2].strip().lower(),
            )
    return None


def returned_ids(fields: Fields) -> tuple[str, ...]:
    """Return the Message-IDs in the header of a returned mail."""
    values = [value for name, value in fields if name.lower() == "message-id"]
    return tuple(_ID.findall(" ".join(values)))


def _own(mail: Mail, instance: str, domain: str) -> tuple[Kind, str] | None:
    if instance and mail.first("x-mailgate-instance").strip() == instance:
        return Kind.OWN, "it carries our own instance header"
    if re.fullmatch(rf"\s*<[a-z2-7]+\.mailgate@{re.escape(domain)}>\s*", mail.first("message-id"), re.IGNORECASE):
        return Kind.OWN, "its Message-ID is one of ours"
    return None


def _bounce(mail: Mail, instance: str, domain: str) -> tuple[Kind, str] | None:
    del instance, domain
    if mail.content_type == "multipart/report" and mail.report_type in ("delivery-status", ""):
        return Kind.BOUNCE, "it is a delivery report (RFC 3464)"
    null_sender = mail.first("return-path").strip() == "<>"
    if null_sender and (mail.delivery_status or _BOUNCE_SUBJECTS.match(mail.subject)):
        return Kind.BOUNCE, "it came from the empty envelope sender and speaks of a failed delivery"
    if re.search(r"\b(?:mailer-daemon|postmaster)@", mail.first("from"), re.IGNORECASE):
        return Kind.BOUNCE, "it was sent by a mail server's own address"
    return None


def _automatic(mail: Mail, instance: str, domain: str) -> tuple[Kind, str] | None:
    del instance, domain
    automatic = mail.first("auto-submitted").partition(";")[0].strip().lower()
    if automatic and automatic != "no":
        return Kind.AUTO_REPLY, f"it says Auto-Submitted: {automatic[:40]} (RFC 3834)"
    if mail.report_type == "disposition-notification":
        return Kind.AUTO_REPLY, "it is a read receipt (RFC 8098)"
    if mail.first("return-path").strip() == "<>":
        return Kind.AUTO_REPLY, "it came from the empty envelope sender, as no person's mail does"
    for name in _ROBOT_FIELDS:
        if mail.first(name):
            return Kind.AUTO_REPLY, f"it has the field {name}"
    if mail.first("precedence").strip().lower() in ("auto_reply", "auto-reply"):
        return Kind.AUTO_REPLY, "it says Precedence: auto_reply"
    if any(_ROBOTS.fullmatch(address) for address in collect(mail.first("from"))):
        return Kind.AUTO_REPLY, "it was sent by an address that no person answers from"
    if _AWAY_SUBJECTS.match(mail.subject):
        return Kind.AUTO_REPLY, "its subject begins like an out-of-office answer"
    return None


def _list(mail: Mail, instance: str, domain: str) -> tuple[Kind, str] | None:
    del instance, domain
    for name in _LIST_FIELDS:
        if mail.first(name):
            return Kind.LIST, f"it came through a mailing list (it has the field {name})"
    if mail.first("precedence").strip().lower() in _BULK:
        return Kind.LIST, "it was sent in bulk (Precedence)"
    return None
