"""Mails that the site writes by itself: bounces (RFC 3464) and out-of-office replies (RFC 3834). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, formataddr

from mailgate.sandbox.accounts import Account, base_address
from mailgate.sandbox.headers import MESSAGE_ID, field_name, split_message, values_of, write_field
from mailgate.sandbox.stamp import Submission

_LIST_FIELDS = (b"list-id", b"list-unsubscribe", b"list-post", b"list-help")
_MACHINES = re.compile(r"(?:mailer-daemon|postmaster|no-?reply|owner-.*|.*-request)@", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where and when a notice is written; ``token`` makes its Message-ID and boundary unique (letters and digits)."""

    authserv_id: str
    domain: str
    written_at: datetime
    token: str


def _header(fields: tuple[tuple[str, str], ...], origin: Origin, *, recipient: str) -> bytes:
    trace = (("Return-Path", "<>"), ("Delivered-To", recipient))
    made = (("Date", format_datetime(origin.written_at)), ("Message-ID", f"<{origin.token}@{origin.authserv_id}>"))
    return b"".join(write_field(name, value) for name, value in (*trace, *fields, *made))


def _text(*paragraphs: str) -> bytes:
    return "\r\n\r\n".join(paragraphs).encode("utf-8") + b"\r\n"


def bounce(submission: Submission, *, recipient: str, origin: Origin) -> bytes:
    """Return the delivery status notification for a mail that ``recipient``'s mailbox did not take in the end.

    multipart/report (RFC 6522) of three parts: for people, for programs (RFC 3464 section 2), and the mail whole.
    """
    boundary = f"bounce-{origin.token}"
    diagnosis = "550 5.2.1 The mailbox is disabled"
    head = _header(
        (
            ("From", f"Mail Delivery System <MAILER-DAEMON@{origin.domain}>"),
            ("To", f"<{submission.envelope_from}>"),
            ("Subject", "Undelivered Mail Returned to Sender"),
            ("Auto-Submitted", "auto-replied"),
            ("MIME-Version", "1.0"),
            ("Content-Type", f'multipart/report; report-type=delivery-status; boundary="{boundary}"'),
        ),
        origin,
        recipient=submission.envelope_from,
    )
    explanation = _text(
        f"This is the mail system at {origin.authserv_id}.",
        "Your message was accepted, but could not be delivered to this recipient. The message itself is attached.",
        f"<{recipient}>: {diagnosis}",
    )
    about_message = (
        write_field("Reporting-MTA", f"dns; {origin.authserv_id}"),
        write_field("X-Sandbox-Queue-ID", submission.queue_id),
        write_field("Arrival-Date", format_datetime(submission.received_at)),
    )
    about_recipient = (
        write_field("Final-Recipient", f"rfc822; {recipient}"),
        write_field("Action", "failed"),
        write_field("Status", "5.2.1"),
        write_field("Diagnostic-Code", f"smtp; {diagnosis}"),
    )
    parts = (
        b"Content-Type: text/plain; charset=us-ascii\r\nContent-Description: Notification\r\n\r\n" + explanation,
        b"Content-Type: message/delivery-status\r\nContent-Description: Delivery report\r\n\r\n"
        + b"".join((*about_message, b"\r\n", *about_recipient)),
        b"Content-Type: message/rfc822\r\nContent-Description: Undelivered message\r\n"
        b"Content-Transfer-Encoding: 8bit\r\n\r\n" + submission.raw,
    )
    delimiter = f"--{boundary}".encode()
    body = b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts)
    return head + b"\r\n" + body + delimiter + b"--\r\n"


def is_answered_when_away(submission: Submission) -> bool:
    """Return whether a vacation responder may answer this mail (RFC 3834 section 2).

    Never a null return path, an automatic mail, a mailing list or a machine's address.
    """
    fields, _ = split_message(submission.raw)
    if not submission.envelope_from or _MACHINES.match(submission.envelope_from):
        return False
    if any(v.split(";")[0].strip().lower() != "no" for v in values_of(fields, "Auto-Submitted")):
        return False
    if any(v.strip().lower() in {"bulk", "junk", "list"} for v in values_of(fields, "Precedence")):
        return False
    return not any(field_name(f) in _LIST_FIELDS for f in fields)


def is_addressed_to(submission: Submission, account: Account) -> bool:
    """Return whether ``account`` is named in To or Cc, so that a responder is sure it is meant (RFC 3834 section 2)."""
    fields, _ = split_message(submission.raw)
    named = " ".join((*values_of(fields, "To"), *values_of(fields, "Cc"))).lower()
    return any(base_address(word) == account.address for word in re.findall(r"[^\s<>,;:\"()]+@[^\s<>,;:\"()]+", named))


def away_reply(submission: Submission, *, away: Account, note: str, origin: Origin) -> bytes:
    """Return the out-of-office reply of ``away`` to the envelope sender of a mail (RFC 3834 section 3)."""
    fields, _ = split_message(submission.raw)
    answered = MESSAGE_ID.findall(" ".join(values_of(fields, "Message-ID")))[:1]
    earlier = MESSAGE_ID.findall(" ".join(values_of(fields, "References")))
    subject = next((v for v in values_of(fields, "Subject") if v.isascii() and v.isprintable()), "your mail")
    threading: tuple[tuple[str, str], ...] = ()
    if answered:
        threading = (("In-Reply-To", answered[0]), ("References", " ".join((*earlier[-20:], answered[0]))))
    head = _header(
        (
            ("From", formataddr((away.name, away.address))),
            ("To", f"<{submission.envelope_from}>"),
            ("Subject", f"Auto: {subject}"),
            *threading,
            ("Auto-Submitted", "auto-replied"),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
        ),
        origin,
        recipient=submission.envelope_from,
    )
    return head + b"\r\n" + _text(note)
