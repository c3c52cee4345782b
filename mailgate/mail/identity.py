"""Who sent a mail, and how well that is proven. From the mail and configuration alone; nothing is looked up.

The secret address proves `Level.TOKEN`: whoever writes there was sent a mail of ours, or a copy of one. `Level.ALIGNED`
needs two more facts: exactly one From field that every reader understands alike, naming the person who was asked, and
somebody to vouch for its domain. One voucher is built in, the mail server whose Authentication-Results the configuration
says to believe; each is a function from a mail and a domain to `Vouched`, and one is enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailgate.mail.addresses import one_mailbox
from mailgate.mail.authres import MethodResult, read_authentication_results
from mailgate.mail.mime import Mail
from mailgate.model.people import fold
from mailgate.model.verdict import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The one clean From address, in lower case; or none, and why."""

    address: str | None
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthResults:
    """What the believed server found by DMARC, and for which From domain; ``line`` is its field, unfolded."""

    line: str
    dmarc: str
    domain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """Whether somebody vouches that a mail comes from its From domain, why, and what they said."""

    aligned: bool
    because: str
    evidence: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who sent a mail: the level that is proven, the address it claims, why, and what was looked at."""

    level: Level
    sender: str | None
    because: tuple[str, ...]
    evidence: Mapping[str, str] = field(default_factory=dict)


def sender(mail: Mail) -> Sender:
    """Return the address in From, if there is exactly one field that every reader understands the same way.

    Lists, groups, routes, quoted local parts, domain literals and anything outside ASCII are refused (RFC 5322 section
    3.4 allows them all): no mail client writes them for a person, and two programs disagree on whom they name.
    """
    fields = mail.all("from")
    if len(fields) != 1:
        return Sender(address=None, because=f"it has {len(fields)} From fields; exactly one names a sender")
    found = one_mailbox(fields[0])
    if found is None:
        return Sender(address=None, because="its From field is not one plain address")
    return Sender(address=found[0], because=f"its From field names {found[0]}")


def authentication_results(mail: Mail, authserv_id: str) -> AuthResults | None:
    """Return what the server ``authserv_id`` found by DMARC, from the topmost field that bears its name (RFC 8601).

    Fields below it may have come with the mail: servers put theirs on top, and must remove those that claim to be theirs
    (section 5). The id is configured and never learned from a mail.

    Returns:
        None if there is no such field, if the topmost one cannot be read or has not exactly one DMARC result about
        exactly one domain, or if another field of that server says something else.
    """
    found: list[AuthResults | None] = []
    for value in mail.all("authentication-results"):
        word = read_authentication_results(value)
        if word is None and authserv_id.lower() in value.lower():
            found.append(None)  # an envelope sender may be chosen to make the server's own field unreadable
        elif word is not None and word.authserv_id == authserv_id.lower():
            found.append(_dmarc(value, word.results or ()))
    if not found or found[0] is None:
        return None
    contradicted = any(other and (other.dmarc, other.domain) != (found[0].dmarc, found[0].domain) for other in found)
    return None if contradicted else found[0]


def identify(mail: Mail, *, person_addresses: frozenset[str], authserv_id: str) -> Identity:
    """Return who sent a mail that came to a secret address.

    Args:
        person_addresses: every address of the person who was asked, folded (`mailgate.model.people.fold`).
        authserv_id: whose Authentication-Results are believed; empty: nobody's.
    """
    who = sender(mail)
    if who.address is None:
        return Identity(level=Level.TOKEN, sender=None, because=(who.because,))
    if fold(who.address) not in person_addresses:
        because = f"{who.because}, which is not the person who was asked"
        return Identity(level=Level.TOKEN, sender=who.address, because=(because,))
    vouched = _server_vouches(mail, who.address.rpartition("@")[2], authserv_id)
    return Identity(
        level=Level.ALIGNED if vouched.aligned else Level.TOKEN,
        sender=who.address,
        because=(who.because, vouched.because),
        evidence=vouched.evidence,
    )


def _dmarc(value: str, results: tuple[MethodResult, ...]) -> AuthResults | None:
    found = [result for result in results if result.method == "dmarc"]
    domains = found[0].values("header.from") if len(found) == 1 else ()
    if len(domains) != 1:
        return None
    line = " ".join(value.split())[:1000]
    return AuthResults(line=line, dmarc=found[0].result, domain=domains[0].lower())


def _server_vouches(mail: Mail, domain: str, authserv_id: str) -> Vouched:
    if not authserv_id:
        because = "no mail server is configured whose word on senders is believed ([imap] authserv_id)"
        return Vouched(aligned=False, because=because)
    said = authentication_results(mail, authserv_id)
    if said is None:
        return Vouched(aligned=False, because=f"{authserv_id} says nothing clear about DMARC")
    evidence = {"authentication_results": said.line}
    if said.dmarc == "pass" and said.domain == domain:
        return Vouched(aligned=True, because=f"{authserv_id} says dmarc=pass for {domain}", evidence=evidence)
    because = f"{authserv_id} says dmarc={said.dmarc} for {said.domain[:100]}, which does not prove {domain}"
    return Vouched(aligned=False, because=because, evidence=evidence)
