"""Who sent a mail, and how well that is proven. From values alone; nothing is looked up.

The secret address proves `Level.TOKEN`: whoever writes there was sent a mail of ours, or a copy of one. `Level.ALIGNED`
needs two more facts: exactly one From field that every reader understands alike, naming the person who was asked, and
somebody to vouch for its domain. Two may: the mail server whose Authentication-Results the configuration says to believe,
and that domain itself by a signature that was checked here (`dkim`). One is enough, and neither may contradict the other.
What they vouch for is a mail, not that it answers this very request: see `mailgate.service.binding` and
docs/adr/0014-who-sent-a-reply.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mailgate.mail.addresses import one_mailbox
from mailgate.mail.authres import MethodResult, read_authentication_results
from mailgate.mail.dkim import Checked, Outcome
from mailgate.mail.mime import Mail
from mailgate.mail.signed import MOST_SIGNATURES, claims_of, doubled, is_read_as_signed
from mailgate.model.people import fold
from mailgate.model.verdict import Level

M365 = "m365"
"""In place of a server's name: Exchange Online writes its field without one (RFC 8601 section 2.5 demands it)."""


class Doubt(StrEnum):
    """Why a sender is not proven, as far as it matters for what to tell a person."""

    NONE = "none"  # it is proven
    UNPROVEN = "unproven"  # nobody vouches for the sender
    UNCHECKED = "unchecked"  # a key could not be looked up; later it may be
    UNBOUND = "unbound"  # the sender is proven, but not that this mail answers this request


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
    """Whether somebody vouches that a mail comes from its From domain, why, for which fields, and what was looked at.

    ``covers`` holds the header fields, in lower case, that are vouched for with the body; None: all of them.
    """

    aligned: bool
    because: str
    covers: frozenset[str] | None = frozenset()
    evidence: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who sent a mail: the level that is proven, the address it claims, why, what was looked at, and what is covered."""

    level: Level
    sender: str | None
    because: tuple[str, ...]
    evidence: Mapping[str, str] = field(default_factory=dict)
    covers: frozenset[str] | None = frozenset()
    doubt: Doubt = Doubt.UNPROVEN


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
    (section 5). The id is configured and never learned from a mail. With ``m365`` it is the topmost field of all, which
    must bear no name.

    Returns:
        None if there is no such field, if the topmost one cannot be read or has not exactly one DMARC result about
        exactly one domain, or if another field of that server says something else.
    """
    values = mail.all("authentication-results")
    if authserv_id == M365:
        word = read_authentication_results(f"{M365}; {values[0]}") if values else None
        return _dmarc(values[0], word.results or ()) if word is not None else None
    found: list[AuthResults | None] = []
    for value in values:
        word = read_authentication_results(value)
        if word is None and authserv_id.lower() in value.lower():
            found.append(None)  # an envelope sender may be chosen to make the server's own field unreadable
        elif word is not None and word.authserv_id == authserv_id.lower():
            found.append(_dmarc(value, word.results or ()))
    if not found or found[0] is None:
        return None
    contradicted = any(other and (other.dmarc, other.domain) != (found[0].dmarc, found[0].domain) for other in found)
    return None if contradicted else found[0]


def identify(
    mail: Mail, *, person_addresses: frozenset[str], authserv_id: str, signed: Checked | None = None
) -> Identity:
    """Return who sent a mail that came to a secret address.

    Args:
        person_addresses: every address of the person who was asked, folded (`mailgate.model.people.fold`).
        authserv_id: whose Authentication-Results are believed; empty: nobody's; ``m365``: Exchange Online's, which
            count only together with a signature.
        signed: what checking its signatures here has shown; None: they were not looked at.
    """
    who = sender(mail)
    if who.address is None:
        return Identity(level=Level.TOKEN, sender=None, because=(who.because,))
    if fold(who.address) not in person_addresses:
        because = f"{who.because}, which is not the person who was asked"
        return Identity(level=Level.TOKEN, sender=who.address, because=(because,))
    if name := doubled(mail):
        because = f"it has two {name.title()} fields, so that two readers see different ones"
        return Identity(level=Level.TOKEN, sender=who.address, because=(who.because, because))
    said = authentication_results(mail, authserv_id) if authserv_id else None
    vouchers = _vouchers(mail, who.address.rpartition("@")[2], authserv_id, said, signed)
    aligned = next((v for v in vouchers if v.aligned), None)
    unchecked = signed is not None and signed.outcome is Outcome.TEMPERROR
    return Identity(
        level=Level.ALIGNED if aligned else Level.TOKEN,
        sender=who.address,
        because=(who.because, *(v.because for v in ([aligned] if aligned else vouchers))),
        evidence={name: text for v in vouchers for name, text in v.evidence.items()},
        covers=aligned.covers if aligned else frozenset(),
        doubt=Doubt.NONE if aligned else Doubt.UNCHECKED if unchecked else Doubt.UNPROVEN,
    )


def _vouchers(
    mail: Mail, domain: str, authserv_id: str, said: AuthResults | None, signed: Checked | None
) -> tuple[Vouched, ...]:
    """Return who may vouch for a mail; a signature that was checked here comes first, since it says what it covers."""
    by_server = _server_vouches(mail, domain, authserv_id, said)
    if signed is None:
        if authserv_id != M365:
            return (by_server,)
        signed = Checked(outcome=Outcome.NONE, because="its signatures were not checked here")
    by_signature = Vouched(
        aligned=signed.outcome is Outcome.PASS,
        because=signed.because,
        covers=signed.covers,
        evidence=signed.evidence,
    )
    if authserv_id == M365:
        both = by_server.aligned and by_signature.aligned
        because = f"{by_signature.because}; {by_server.because}; with Exchange Online both have to be good"
        evidence = {**by_server.evidence, **by_signature.evidence}
        return (Vouched(aligned=both, because=because, covers=signed.covers, evidence=evidence),)
    if by_signature.aligned and said is not None and said.dmarc == "fail":
        # One of the two is wrong, or was deceived. The operator chose to believe the server, so its no stands.
        because = f"{by_signature.because}, but {by_server.because}: in doubt it is not proven"
        by_signature = Vouched(aligned=False, because=because, evidence=signed.evidence)
    return (by_signature, by_server)


def _server_vouches(mail: Mail, domain: str, authserv_id: str, said: AuthResults | None) -> Vouched:
    if not authserv_id:
        because = "no mail server is configured whose word on senders is believed ([imap] authserv_id)"
        return Vouched(aligned=False, because=because)
    server = "Exchange Online" if authserv_id == M365 else authserv_id
    if said is None:
        return Vouched(aligned=False, because=f"{server} says nothing clear about DMARC")
    evidence = {"authentication_results": said.line}
    if said.dmarc != "pass" or said.domain != domain:
        because = f"{server} says dmarc={said.dmarc} for {said.domain[:100]}, which does not prove {domain}"
        return Vouched(aligned=False, because=because, evidence=evidence)
    because = f"{server} says dmarc=pass for {domain}"
    covers, flaw = _claimed_cover(mail)
    if flaw:
        return Vouched(aligned=False, because=f"{because}, but {flaw}", evidence=evidence)
    return Vouched(aligned=True, because=because, covers=covers, evidence=evidence)


def _claimed_cover(mail: Mail) -> tuple[frozenset[str] | None, str]:
    """Return the fields that a server's ``dmarc=pass`` vouches for, or why it vouches for nothing that we read.

    The server does not say which signature convinced it, so only what each of them covers counts, and none may have a
    flaw. A mail without any was proven by where it came from (SPF): then the sender's own server wrote all of it.
    """
    claims = claims_of(mail)
    if len(claims) > MOST_SIGNATURES:
        return frozenset(), f"it has {len(claims)} signatures, and nobody knows which one was meant"
    for claim in claims:
        if claim.flaw:
            return frozenset(), f"a signature of it {claim.flaw}"
    covers = frozenset.intersection(*(claim.covers for claim in claims)) if claims else None
    if not is_read_as_signed(mail, covers):
        return frozenset(), "its signature does not cover Content-Type, and the text does not begin with its boundary"
    return covers, ""


def _dmarc(value: str, results: tuple[MethodResult, ...]) -> AuthResults | None:
    found = [result for result in results if result.method == "dmarc"]
    domains = found[0].values("header.from") if len(found) == 1 else ()
    if len(domains) != 1:
        return None
    line = " ".join(value.split())[:1000]
    return AuthResults(line=line, dmarc=found[0].result, domain=domains[0].lower())
