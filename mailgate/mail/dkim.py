"""DKIM, checked here (RFC 6376, RFC 8301): does the domain in From stand behind this mail, as it is read?

dkimpy computes; what it is asked, and what counts, is decided here, because by itself it takes much that proves nothing: a
second Subject above the signed one, text after ``l=``, SHA-1, keys in test mode, short keys. It is handed the very record
that was looked at, and never asks DNS or a clock. Whatever it raises means that nothing is proven.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import dkim
from dkim.util import parse_tag_value

from mailgate.errors import DnsUnavailable
from mailgate.mail.mime import Mail
from mailgate.mail.signed import MOST_SIGNATURES, Claim, claims_of, doubled, is_read_as_signed, read_tags

LookUp = Callable[[str], bytes | None]
"""A DNS name → its TXT record or None; raises DnsUnavailable where that cannot be told now."""

SHORTEST_KEY_BITS = 2048
LONGEST_KEY_BITS = 8192
"""Longer ones take seconds to compute with, and nobody publishes them."""

CLOCK_SKEW = timedelta(minutes=15)
"""How far ahead of ours a signer's clock may be."""

_LONGEST_RECORD = 4096
_MOST_BLANKS = 20_000_000  # squares of the lengths of blank runs, which is what dkimpy's patterns cost: a second
_BLANKS = re.compile(rb"[\t ]{2,}")


class Outcome(StrEnum):
    """What came of checking the signatures of one mail, in the words of RFC 8601 section 2.7.1."""

    PASS = "pass"  # noqa: S105 - the domain in From stands behind it
    FAIL = "fail"  # signed, and nothing that counts is proven
    NONE = "none"  # not signed
    TEMPERROR = "temperror"  # nobody can say now: a key could not be looked up


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the signatures of one mail prove, and why.

    Attributes:
        because: a clause that goes on after the mail, such as "its signature is good".
        covers: the header fields that the good signature covers; empty without one.
        evidence: the signature and the key it was checked with, so that somebody else can check them again later.
    """

    outcome: Outcome
    because: str
    covers: frozenset[str] = frozenset()
    evidence: Mapping[str, str] = field(default_factory=dict)


def check_signatures(raw: bytes, mail: Mail, *, sender: str, look_up: LookUp, at: datetime) -> Checked:
    """Return whether the domain of ``sender`` signed a mail, every part of it that we read.

    Args:
        raw: the mail as the server holds it, lines ending in CRLF.
        mail: what :func:`mailgate.mail.mime.open_mail` made of it: it refuses a header with a bare CR, a bare LF or NUL.
        sender: the one address in From, in lower case. The signer has to be exactly its domain: alignment with a parent or
            a child (RFC 7489 section 3.1.1) would need a list of all public suffixes.
        at: when the server received it; by that time the signature must be valid.
    """
    claims = claims_of(mail)
    if not claims:
        return Checked(outcome=Outcome.NONE, because="it is not signed")
    if name := doubled(mail):
        return Checked(outcome=Outcome.FAIL, because=f"it has two {name.title()} fields, and a signature covers one")
    if sum(len(run) ** 2 for run in _BLANKS.findall(mail.body)) > _MOST_BLANKS:
        return Checked(outcome=Outcome.FAIL, because="its text is made to cost time, so its signature was not checked")
    found: list[Checked] = []
    for index, claim in enumerate(claims[:MOST_SIGNATURES]):
        found.append(_check(raw, mail, index, claim, sender, look_up, at))
        if found[-1].outcome is Outcome.PASS:
            return found[-1]
    unknown = (checked for checked in found if checked.outcome is Outcome.TEMPERROR)
    looked_at = (checked for checked in found if "dkim_key" in checked.evidence)
    return next(unknown, None) or next(looked_at, None) or found[0]


def _check(raw: bytes, mail: Mail, index: int, claim: Claim, sender: str, look_up: LookUp, at: datetime) -> Checked:
    flaw = claim.flaw or _flaw_here(mail, claim, sender, at)
    if flaw:
        return _failed(flaw)
    name = f"{claim.selector}._domainkey.{claim.domain}"
    try:
        record = look_up(name)
    except DnsUnavailable as error:
        because = f"its signature could not be checked: {error.message.rstrip('.')}"
        return Checked(outcome=Outcome.TEMPERROR, because=because, evidence={"dkim": "temperror"})
    if record is None:
        return _failed(f"names a key that is not published ({name})")
    evidence = _evidence(claim, name, record)
    if flaw := _key_flaw(record, claim):
        return _failed(f"{flaw} ({name})", evidence)
    if flaw := _computed(raw, index, record):
        return _failed(flaw, evidence)
    because = f"its signature by {claim.domain} is good (key {name})"
    return Checked(outcome=Outcome.PASS, because=because, covers=claim.covers, evidence=evidence | {"dkim": "pass"})


def _failed(flaw: str, evidence: Mapping[str, str] | None = None) -> Checked:
    found = {**(evidence or {}), "dkim": "fail"}
    return Checked(outcome=Outcome.FAIL, because=f"its signature {flaw}", evidence=found)


def _evidence(claim: Claim, name: str, record: bytes) -> dict[str, str]:
    return {
        "dkim_signature": " ".join(claim.field.split()),
        "dkim_key_name": name,
        "dkim_key": record[:_LONGEST_RECORD].decode("ascii", "backslashreplace"),
    }


def _flaw_here(mail: Mail, claim: Claim, sender: str, at: datetime) -> str:
    """Return why a claim proves nothing about this mail at this time, or nothing."""
    name, _, domain = sender.rpartition("@")
    if claim.domain != domain:
        return f"is by {claim.domain[:100]}, which does not prove {domain}"
    local, _, host = claim.identity.rpartition("@")
    if claim.identity and (host != domain or local not in ("", name)):
        return f"is for another sender ({claim.identity[:100]})"
    if claim.expires_at is not None and claim.expires_at <= at.timestamp():
        return "had expired when the mail was received"
    if claim.signed_at is not None and claim.signed_at > (at + CLOCK_SKEW).timestamp():
        return "is dated after the mail was received"
    if not is_read_as_signed(mail, claim.covers):
        return "does not cover Content-Type, and the text does not begin with the boundary named there"
    return ""


def _key_flaw(record: bytes, claim: Claim) -> str:
    """Return why a published key proves nothing, or nothing (RFC 6376 section 3.6.1)."""
    if len(record) > _LONGEST_RECORD:
        return "names a key record that is too long"
    try:
        tags = read_tags(record.decode("ascii"))
    except ValueError:
        return "names a key record that cannot be read"
    kind, flags = tags.get("k", "rsa"), tags.get("t", "").replace(" ", "").split(":")
    if tags.get("v", "DKIM1") != "DKIM1" or "p" not in tags:
        return "names a record that is no DKIM key"
    if not tags["p"]:
        return "names a key that was revoked"
    if "y" in flags:
        return "names a key in test mode (t=y), whose domain asks not to rely on it"
    if not {"*", "email"} & set(tags.get("s", "*").replace(" ", "").split(":")):
        return "names a key that is not for mail"
    if "sha256" not in tags.get("h", "sha256").replace(" ", "").split(":") or f"{kind}-sha256" != claim.algorithm:
        return f"names a key that is not for {claim.algorithm}"
    return "" if kind == "rsa" else "is made with Ed25519, which is not checked here"


def _computed(raw: bytes, index: int, record: bytes) -> str:
    """Return why the signature with this number does not fit the mail and the key, or nothing if it does.

    ``DKIM.verify`` itself would look at the machine's clock, and call a signature expired that was good when it came.
    """
    try:
        key, bits, _, _ = dkim.evaluate_pk(b"", record)
        if not 3 <= key["publicExponent"] < 2**64:
            return "names a record that is no DKIM key"
        if not SHORTEST_KEY_BITS <= bits <= LONGEST_KEY_BITS:
            return f"is made with a key of {bits} bits; from {SHORTEST_KEY_BITS} on they count"
        checker = dkim.DKIM(raw, minkey=SHORTEST_KEY_BITS)
        field = [(n, v) for n, v in checker.headers if n.lower() == b"dkim-signature"][index]
        tags = parse_tag_value(field[1])
        names = [name.strip().lower() for name in tags[b"h"].split(b":")]
        if checker.verify_sig(tags, names, field, lambda name, timeout: record) is True:
            return ""
    except dkim.ValidationError:
        return "is not of this text: something was changed after it was signed"
    except Exception as error:  # a stranger's bytes in a library that promises nothing about them
        return f"could not be checked ({type(error).__name__})"
    return "does not fit: something was changed after it was signed, or somebody else made it"
