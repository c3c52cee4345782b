"""Who sent a mail, and how well that is proven. From its header alone; local DKIM checking will stand here, too.

The secret address proves ``token``. ``aligned`` needs more: exactly one clean From address, that of the person who was
asked, and the word of the one mail server we were told to believe that the domain of that address vouches for the mail.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mailgate.mail.addresses import one_mailbox
from mailgate.mail.mime import Mail
from mailgate.model.people import fold
from mailgate.model.verdict import Level

_COMMENT_DEPTH = 5  # comments may nest (RFC 5322 section 3.2.2); deeper ones make the field unreadable
_COMMENT = re.compile(r"\((?:[^()\\]|\\.)*\)")
_RESULT = re.compile(
    r"(?P<method>[a-z][a-z0-9-]*)(?:/\d+)?\s*=\s*(?P<result>[a-z]+)\b(?P<rest>.*)", re.IGNORECASE | re.DOTALL
)
_PROPERTY = re.compile(r'(?P<name>[a-z]+\.[a-z0-9_-]+)\s*=\s*(?P<value>"[^"]*"|[^\s;"]+)', re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The one clean From address, lower case; or none, with the sentence why."""

    address: str | None
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthResults:
    """What the believed server says of DMARC: its result, and the domain it speaks of."""

    line: str
    dmarc: str
    domain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who sent a mail: the level that is proven, the address it claims, why, and what was looked at."""

    level: Level
    sender: str | None
    because: tuple[str, ...]
    evidence: Mapping[str, str] = field(default_factory=dict)


def sender(mail: Mail) -> Sender:
    """Return the address in From, if there is exactly one field that every reader understands the same way."""
    fields = mail.all("from")
    if len(fields) != 1:
        return Sender(address=None, because=f"it has {len(fields)} From fields; exactly one names a sender")
    found = one_mailbox(fields[0])
    if found is None:
        return Sender(address=None, because="its From field is not one plain address")
    return Sender(address=found[0], because=f"its From field names {found[0]}")


def authentication_results(mail: Mail, authserv_id: str) -> AuthResults | None:
    """Return what the server ``authserv_id`` says, from the topmost field that bears its name (RFC 8601 section 2.2).

    Fields below it may have come with the mail. The id is configured and never learned from a mail.

    Returns:
        None where there is no such field, or it gives no or two DMARC results.
    """
    for value in mail.all("authentication-results"):
        identifier, results = _parsed(value)
        if identifier == authserv_id.lower():
            found = [_RESULT.fullmatch(r.strip()) for r in results]
            dmarc = [m for m in found if m is not None and m["method"].lower() == "dmarc"]
            if len(dmarc) != 1:
                return None
            domains = [
                p["value"].strip('"').lower()
                for p in _PROPERTY.finditer(dmarc[0]["rest"])
                if p["name"].lower() == "header.from"
            ]
            domain = domains[0] if len(domains) == 1 else ""
            return AuthResults(line=" ".join(value.split())[:1000], dmarc=dmarc[0]["result"].lower(), domain=domain)
    return None


def identify(mail: Mail, *, person_addresses: frozenset[str], authserv_id: str) -> Identity:
    """Return who sent a mail that came to a secret address.

    Args:
        person_addresses: every address of the person who was asked, folded.
        authserv_id: whose Authentication-Results are believed; empty: nobody's.
    """
    who = sender(mail)
    if who.address is None or fold(who.address) not in person_addresses:
        why = who.because if who.address is None else f"{who.because}, which is not the person who was asked"
        return Identity(level=Level.TOKEN, sender=who.address, because=(why,))
    if not authserv_id:
        return Identity(
            level=Level.TOKEN,
            sender=who.address,
            because=(
                who.because,
                "no mail server is configured whose word on senders is believed ([imap] authserv_id)",
            ),
        )
    said = authentication_results(mail, authserv_id)
    domain = who.address.rpartition("@")[2]
    if said is None:
        because = (who.because, f"{authserv_id} says nothing about DMARC")
        return Identity(level=Level.TOKEN, sender=who.address, because=because)
    evidence = {"authentication_results": said.line}
    if said.dmarc != "pass" or said.domain != domain:
        about = said.domain or "no domain"
        because = (who.because, f"{authserv_id} says dmarc={said.dmarc} for {about}, which does not prove {domain}")
        return Identity(level=Level.TOKEN, sender=who.address, because=because, evidence=evidence)
    because = (who.because, f"{authserv_id} says dmarc=pass for {domain}")
    return Identity(level=Level.ALIGNED, sender=who.address, because=because, evidence=evidence)


def _parsed(value: str) -> tuple[str, list[str]]:
    """Return the identifier, lower case, and the results, comments removed; an empty identifier if it cannot be read."""
    text = value
    for _ in range(_COMMENT_DEPTH):
        text = _COMMENT.sub(" ", text)
    if text.count("(") or text.count(")") or text.count('"') % 2:
        return "", []
    parts = _split(text)
    words = parts[0].split()
    if not words or len(words) > 2 or (len(words) == 2 and words[1] != "1"):
        return "", []
    return words[0].strip('"').lower(), parts[1:]


def _split(text: str) -> list[str]:
    """Split at semicolons that stand outside quotes."""
    parts = [""]
    for index, piece in enumerate(text.split('"')):
        if index % 2:
            parts[-1] += f'"{piece}"'
        else:
            first, *others = piece.split(";")
            parts[-1] += first
            parts += others
    return parts
