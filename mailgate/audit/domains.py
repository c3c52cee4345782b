"""Whether a person's own domain vouches for a kept reply: its DKIM signature, checked offline with the key that was kept.

The one check of the audit that needs more than the standard library; the stand-alone verifier leaves it out.
"""

from __future__ import annotations

from collections.abc import Mapping

import dkim

MOST_SIGNATURES = 20


def check_dkim(raw: bytes, dns: Mapping[str, str]) -> bool:
    """Return whether a signature under ``raw`` holds with a key of ``dns`` (name → TXT); nothing is looked up."""
    keys = {name.rstrip(".").lower(): text.encode() for name, text in dns.items()}

    def look_up(name: bytes, timeout: int = 5) -> bytes | None:
        return keys.get(name.decode("ascii", "replace").rstrip(".").lower())

    try:
        mail = dkim.DKIM(raw)
        count = sum(name.lower() == b"dkim-signature" for name, _ in mail.headers)
        return any(_holds(mail, number, look_up) for number in range(min(count, MOST_SIGNATURES)))
    except Exception:  # dkimpy raises what it likes on a mail that is none
        return False


def _holds(mail: dkim.DKIM, number: int, look_up: object) -> bool:
    try:
        return bool(mail.verify(idx=number, dnsfunc=look_up))
    except Exception:  # and on keys and signatures that are none; the next one may hold
        return False
