"""What an incoming mail is, before anybody asks what it says: an answer, or one of the things that are none.

The order counts and is part of the contract: ours, bounce, automatic, list. Only fields of the mail's own header are
looked at; what an attached or quoted mail says about itself is no evidence. Whose it is, says `identity`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from mailgate.mail.addresses import addr_spec, collect, one_mailbox
from mailgate.mail.machines import (
    AUTO_REPLY_FIELDS,
    AWAY_SUBJECT,
    BOUNCE_SENDER,
    BOUNCE_SUBJECT,
    LIST_FIELDS,
    MACHINE_PRECEDENCE,
    MACHINE_SENDER,
    RECEIPT_SUBJECT,
)
from mailgate.mail.mime import Fields, Mail

INSTANCE_FIELD = "X-Mailgate-Instance"
"""Every mail of ours carries it, so that one that comes back by whatever way is known."""

_RECIPIENT_FIELDS = (
    "to",
    "cc",
    "delivered-to",
    "x-delivered-to",
    "x-original-to",
    "envelope-to",
    "x-envelope-to",
)
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,250}>")
_TOKEN = re.compile(r"[a-z2-7]{26}")  # 130 bits in base32 (RFC 4648 section 6), in lower case
_MESSAGE_TOKEN = re.compile(
    r"<([a-z2-7]{20})\.mailgate@([^<>@\s]+)>", re.IGNORECASE
)  # 100 bits, as `tokens.message_id` writes it
_MOST_IDS = 200


class Kind(StrEnum):
    """What an incoming mail is."""

    REPLY = "reply"  # a person may have written it
    AUTO_REPLY = "auto_reply"  # out of office, a receipt, another program
    BOUNCE = "bounce"  # a report about the delivery of one of our mails
    LIST = "list"  # distributed by a list server
    OWN = "own"  # ours, come back
    BROKEN = "broken"  # cannot be read, or says not even who sent it


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceReport:
    """A delivery status notification (RFC 3464), reduced to the recipient it is about.

    ``action`` is failed, delayed, delivered, relayed or expanded; ``status`` an RFC 3463 code such as 5.1.1, or empty;
    ``message_id`` that of the mail that came back, with its brackets, or empty.
    """

    action: str
    status: str
    recipient: str
    message_id: str

    @property
    def failed(self) -> bool:
        """Whether the mail will not arrive; a delayed one still may."""
        return self.action == "failed"


def classify(mail: Mail, *, instance: str, domain: str) -> tuple[Kind, tuple[str, ...]]:
    """Say what a mail is, and why.

    Args:
        mail: the mail.
        instance: the value of ``X-Mailgate-Instance`` in our own mails.
        domain: that of our own Message-IDs, which end in ``.mailgate@domain``. The domain alone says nothing: approvers
            may have their mailboxes in it.
    """
    kind, because = _kind(mail, instance, domain.lower())
    return kind, (because,)


def _kind(mail: Mail, instance: str, domain: str) -> tuple[Kind, str]:
    if instance in mail.all(INSTANCE_FIELD):
        return Kind.OWN, "it carries our own instance header"
    message_id = _MESSAGE_ID.search(mail.first("message-id"))
    if message_id and message_id[0].lower().endswith(f".mailgate@{domain}>"):
        return Kind.OWN, "its Message-ID is one of ours"
    automatic, look = _automatic_by_header(mail), _automatic_by_look(mail)
    if bounce := _bounce(mail, automatic=bool(automatic or look)):
        return Kind.BOUNCE, bounce
    if automatic:
        return Kind.AUTO_REPLY, automatic
    named = next((name for name in LIST_FIELDS if mail.all(name)), "")
    if named or _word(mail.first("precedence")) == "list":
        return Kind.LIST, f"a list server sent it on ({named or 'precedence: list'})"
    if look:
        return Kind.AUTO_REPLY, look
    if not mail.all("from"):
        return Kind.BROKEN, "it has no From field"
    return Kind.REPLY, "nothing shows that a machine sent it"


def is_away_note(mail: Mail) -> bool:
    """Return whether an automatic mail says that its owner is away, as an out-of-office note does.

    Receipts, ticket systems and other programs are automatic too, and say nothing of the kind.
    """
    if mail.content_type == "multipart/report" or MACHINE_SENDER.fullmatch(_sender_local_part(mail)):
        return False
    if mail.all(INSTANCE_FIELD):  # another mailgate answers automatically, too
        return False
    words = {_word(value) for value in mail.all("auto-submitted")} - {"no"}
    responder = words == {"auto-replied"} or any(mail.all(name) for name in AUTO_REPLY_FIELDS)
    return responder or AWAY_SUBJECT.match(mail.subject) is not None


def _bounce(mail: Mail, *, automatic: bool) -> str:
    """Say why a mail is a report about a delivery, or nothing.

    An empty Return-Path alone does not make one: out-of-office notes of Exchange have it too (RFC 3834 section 3.3), and
    taking one for a bounce would call a person who is on holiday unreachable.
    """
    if mail.delivery_status or (mail.content_type == "multipart/report" and mail.report_type == "delivery-status"):
        return "it is a delivery report (RFC 3464)"
    if mail.all("x-failed-recipients"):
        return "it names recipients that failed"
    sender = _sender_local_part(mail)
    if BOUNCE_SENDER.fullmatch(sender):
        return f"it comes from {sender}, which is a mail system"
    returned = mail.all("return-path")[:1] == ("<>",)
    if BOUNCE_SUBJECT.match(mail.subject) and (returned or not automatic):
        return "its subject is that of undeliverable mail"
    return "its Return-Path is empty" if returned and not automatic else ""


def _automatic_by_header(mail: Mail) -> str:
    if mail.content_type == "multipart/report" and not mail.delivery_status:
        return f"it is a report ({mail.report_type or 'of unknown type'}), not a letter"
    for value in mail.all("auto-submitted"):
        if _word(value) != "no":
            return f"it says Auto-Submitted: {_word(value)[:40]} (RFC 3834)"
    named = next((name for name in AUTO_REPLY_FIELDS if mail.all(name) and _word(mail.first(name)) != "no"), "")
    if named:
        return f"it has the field {named}"
    return "another mailgate sent it" if mail.all(INSTANCE_FIELD) else ""


def _automatic_by_look(mail: Mail) -> str:
    if _word(mail.first("precedence")) in MACHINE_PRECEDENCE:
        return f"it says Precedence: {_word(mail.first('precedence'))}"
    sender = _sender_local_part(mail)
    if MACHINE_SENDER.fullmatch(sender):
        return f"it comes from {sender}, where nobody reads answers"
    if AWAY_SUBJECT.match(mail.subject):
        return "its subject is that of an out-of-office note"
    return "its subject is that of a read receipt" if RECEIPT_SUBJECT.match(mail.subject) else ""


def _word(value: str) -> str:
    """Return the first word of a field, in lower case, without comments and parameters."""
    return re.split(r"[\s;(]", value.strip(), maxsplit=1)[0].lower()


def _sender_local_part(mail: Mail) -> str:
    mailbox = one_mailbox(mail.first("from"))
    return mailbox[0].partition("@")[0] if mailbox else ""


def recipients(mail: Mail) -> tuple[str, ...]:
    """Return every plain address the mail was sent to, in lower case: To, Cc, and what servers noted on the way."""
    found = (address for name in _RECIPIENT_FIELDS for value in mail.all(name) for address in collect(value))
    return tuple(dict.fromkeys(found))


def referenced_ids(mail: Mail) -> tuple[str, ...]:
    """Return the Message-IDs, with brackets, that In-Reply-To and References name; at most 200, the newest ones."""
    references = [
        found
        for name in ("references", "in-reply-to")
        for value in mail.all(name)
        for found in _MESSAGE_ID.findall(value)
    ]
    return tuple(dict.fromkeys(reversed(references)))[:_MOST_IDS]


def message_tokens(ids: Iterable[str], domain: str) -> tuple[str, ...]:
    """Return the secret tokens in those Message-IDs that are ours: 20 lower-case base32 characters each, in order."""
    found = (match for one in ids if (match := _MESSAGE_TOKEN.fullmatch(one)))
    return tuple(dict.fromkeys(match[1].lower() for match in found if match[2].lower() == domain.lower()))


def bounce_report(mail: Mail) -> BounceReport | None:
    """Read a delivery report, for the first recipient that failed, else the first (RFC 3464 section 2.3)."""
    told = [group for group in mail.delivery_status if _field(group, "action")]
    if not told:
        return None
    group = next((group for group in told if _word(_field(group, "action")) == "failed"), told[0])
    recipient = _field(group, "final-recipient") or _field(group, "original-recipient")
    status = re.match(r"\d\.\d{1,3}\.\d{1,3}", _field(group, "status"))
    return BounceReport(
        action=_word(_field(group, "action")),
        status=status[0] if status else "",
        recipient=addr_spec(recipient.rpartition(";")[2].strip().strip("<>")),
        message_id=returned_id(mail),
    )


def returned_id(mail: Mail) -> str:
    """Return the Message-ID, with brackets, of the mail that a report brings back, or nothing."""
    found = _MESSAGE_ID.search(_field(mail.returned, "message-id"))
    return found[0] if found else ""


def _field(fields: Fields, name: str) -> str:
    return next((value.strip() for field, value in fields if field.lower() == name), "")


def secret_tokens(
    addresses: Iterable[str], *, base: str, mode: Literal["plus", "catchall", "single"]
) -> tuple[str, ...]:
    """Return the secret tokens in addresses that are ours: 26 lower-case base32 characters each, in order.

    Args:
        addresses: from :func:`recipients`.
        base: our own address without a token, such as ``approvals@gate.example.com``.
        mode: ``plus``, ``approvals+TOKEN@…``; ``catchall``, ``TOKEN@…``; ``single``, none: the Message-ID says which.
    """
    local, _, domain = base.lower().rpartition("@")
    prefix = {"plus": local + "+", "catchall": ""}.get(mode)
    if prefix is None:
        return ()
    found = []
    for address in addresses:
        name, _, host = address.lower().rpartition("@")
        token = name.removeprefix(prefix)
        if host == domain and name.startswith(prefix) and _TOKEN.fullmatch(token):
            found.append(token)
    return tuple(dict.fromkeys(found))
