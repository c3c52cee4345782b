"""Bounces that carry no report of RFC 3464: the formats of old and odd mail servers, by flufl.bounce where it is installed.

Only asked about mail that `inbound` takes for a bounce already, so that it can never make one of a person's reply. What it
knows beyond that is whether the failure is for good, and of whom.
"""

from __future__ import annotations

import email
import email.policy

from mailgate.mail.addresses import addr_spec
from mailgate.mail.inbound import BounceReport

_MOST_BYTES = 64 * 1024
"""Such bounces are short; what follows is a copy of our own mail. The standard library's parser is not let at more."""


def scanned_report(raw: bytes) -> BounceReport | None:
    """Return what a bounce without a report says: ``failed`` or ``delayed``, and its first recipient.

    Returns:
        None where the extra ``bounces`` is not installed, or the format is not known either.
    """
    try:
        from flufl.bounce import all_failures
    except ImportError:
        return None
    try:
        message = email.message_from_bytes(raw[:_MOST_BYTES], policy=email.policy.compat32)
        temporary, permanent = all_failures(message)
    except Exception:  # both are other people's parsers, and the mail may be made to break them
        return None
    for action, recipients in (("failed", permanent), ("delayed", temporary)):
        found = sorted(filter(None, (addr_spec(_text(recipient)) for recipient in recipients)))
        if recipients:
            return BounceReport(action=action, status="", recipient=next(iter(found), ""), message_id="")
    return None


def _text(recipient: object) -> str:
    return recipient.decode("ascii", "replace") if isinstance(recipient, bytes) else str(recipient)
