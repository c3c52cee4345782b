"""What a receiving site writes on top of a mail it accepts: trace fields, and what it checked about the sender.

Pure: bytes and facts in, bytes out. The site authenticated whoever handed the mail in, so it can say whether the mail
is from whom it claims to be, which elsewhere takes DKIM, SPF and DMARC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from mailgate.sandbox.accounts import base_address
from mailgate.sandbox.headers import field_name, field_value, split_message, values_of, write_field

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDR_SPEC = rf"{_ATOM}(?:\.{_ATOM})*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"
# One mailbox, plain or with a display name (RFC 5322 section 3.4); no group, route, comment, list or 8-bit byte.
_DISPLAY_NAME = r"""(?:"(?:[^"\\]|\\.)*" *|[A-Za-z0-9!#$%&'*+/=?^_`{|}~. -]*)"""
_ONE_MAILBOX = re.compile(rf"{_DISPLAY_NAME}<(?P<angle>{_ADDR_SPEC})>|(?P<plain>{_ADDR_SPEC})", re.ASCII)
_LONGEST_FROM = 998  # one line's worth; no name of a person is longer
_NOT_A_HOST = re.compile(r"[^A-Za-z0-9.:\[\]-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One mail as it was handed in: who logged in, what the envelope said, under which queue id, when.

    ``envelope_from`` is empty for the null return path (RFC 5321 section 4.5.5).
    """

    login: str
    envelope_from: str
    hello: str
    queue_id: str
    received_at: datetime
    raw: bytes


def header_from(fields: tuple[bytes, ...]) -> str | None:
    """Return the one address of the one From field in lower case, or None where there is any doubt."""
    values = values_of(fields, "from")
    if len(values) != 1 or len(values[0]) > _LONGEST_FROM or not values[0].isprintable():
        return None
    match = _ONE_MAILBOX.fullmatch(values[0])
    return (match["angle"] or match["plain"]).lower() if match else None


def _owns_envelope(submission: Submission, *, gate_address: str) -> bool:
    sender = submission.envelope_from.lower()
    if submission.login == gate_address:  # it sends from tagged bounce addresses, and its clarifications from <>
        return not sender or base_address(sender) == gate_address
    return sender == submission.login


def authentication_results(submission: Submission, *, authserv_id: str, gate_address: str) -> bytes:
    """Return the site's own Authentication-Results field (RFC 8601 section 2.2).

    ``dmarc=pass`` only if the login is the envelope sender and the From address; anything else fails.
    """
    fields, _ = split_message(submission.raw)
    author = header_from(fields)
    passed = author == submission.login and _owns_envelope(submission, gate_address=gate_address)
    about = f" header.from={author.rpartition('@')[2]}" if author else ""
    return write_field("Authentication-Results", f"{authserv_id}; dmarc={'pass' if passed else 'fail'}{about}")


def _without_comments(value: str) -> str | None:
    """Return ``value`` without its (nested) comments and with quoting undone, or None if it does not parse."""
    kept: list[str] = []
    depth, quoted, escaped = 0, False, False
    for char in value:
        if escaped:
            escaped = False
        elif char == "\\" and (depth or quoted):
            escaped = True
            continue
        elif char == '"' and not depth:
            quoted = not quoted
            continue
        elif char == "(" and not quoted:
            depth += 1
            continue
        elif char == ")" and depth and not quoted:
            depth -= 1
            kept.append(" ")
            continue
        if not depth:
            kept.append(char)
    return None if depth or quoted or escaped else "".join(kept)


def claims_to_be_ours(field: bytes, authserv_id: str) -> bool:
    """Return whether ``field`` is an Authentication-Results field under ``authserv_id``, or might be read as one."""
    if field_name(field) != b"authentication-results":
        return False
    value = field_value(field).lower()
    plain = _without_comments(value)
    if plain is None:
        return authserv_id in value
    return re.search(rf"(?<![\w.-]){re.escape(authserv_id)}(?![\w.-])", plain.partition(";")[0]) is not None


def delivered(submission: Submission, *, recipient: str, authserv_id: str, gate_address: str) -> bytes:
    """Return the mail as it lies in the mailbox of ``recipient``, byte for byte the submitted one below the new fields.

    Two things are taken out: Authentication-Results fields that claim to be the site's own (RFC 8601 section 5) and a
    Return-Path that the sender wrote (RFC 5321 section 4.4).
    """
    fields, rest = split_message(submission.raw)
    kept = [f for f in fields if field_name(f) != b"return-path" and not claims_to_be_ours(f, authserv_id)]
    hello = _NOT_A_HOST.sub("", submission.hello)[:255] or "unknown"
    received = (
        f"from {hello} ([127.0.0.1]) by {authserv_id} with ESMTPA id {submission.queue_id} for <{recipient}>; "
        f"{format_datetime(submission.received_at)}"
    )
    trace = (
        write_field("Return-Path", f"<{submission.envelope_from}>"),
        write_field("Delivered-To", recipient),
        authentication_results(submission, authserv_id=authserv_id, gate_address=gate_address),
        write_field("Received", received),
    )
    return b"".join((*trace, *kept)) + rest
