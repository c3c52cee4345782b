"""What a mail's signatures claim, by the grammar of their fields (RFC 6376 section 3.5); no key is looked at here.

A field says which parts of a mail somebody vouches for. Some say too little to be worth anything, whatever key they fit:
text may follow what was signed (``l=``), the subject may be anybody's, or the hash is one that can be forged. Whether a
claim is true, says `dkim`; which of a mail's words it then carries, says `identity`.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from dataclasses import dataclass

from mailgate.mail.mime import Mail

MOST_SIGNATURES = 5
"""Signatures of one mail that are looked at, from the top. People's mails bear one or two."""

ALWAYS = frozenset(("from", "subject", "date"))
"""Fields a signature has to cover. Not To: Exchange Online does not sign it, so what binds a reply is asked elsewhere."""

SINGLE = (
    *("from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date", "message-id", "in-reply-to", "references"),
    *("mime-version", "content-type", "content-transfer-encoding"),
)
"""Fields that stand in a mail once (RFC 5322 section 3.6, RFC 2045). Of two, one reader shows the first and DKIM signs
the last."""

_LONGEST_FIELD = 8192
_LONGEST_GAP = 200  # blanks in a row; folding makes a handful, and dkimpy's patterns are slow on many
_TAG = re.compile(r"[a-z][a-z0-9_]*", re.IGNORECASE | re.ASCII)
_NAME = re.compile(r"[!-9;-~]+")
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}))*", re.IGNORECASE)
_WANTED = ("v", "a", "b", "bh", "d", "h", "s")
_FORMS = ("simple", "relaxed", "simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one DKIM-Signature field claims.

    Attributes:
        field: the field's value, unfolded.
        domain, selector: who signed, in lower case, and the name of the key.
        covers: the header fields that were signed, in lower case, whether the mail has them or not.
        signed_at, expires_at: seconds since 1970, where the field says so.
        identity: for whom the domain signed, if it says so: an address, or only the part from the ``@`` on.
        flaw: why the field proves nothing, whatever key it fits; or empty.
    """

    field: str
    domain: str = ""
    selector: str = ""
    algorithm: str = ""
    covers: frozenset[str] = frozenset()
    signed_at: int | None = None
    expires_at: int | None = None
    identity: str = ""
    flaw: str = ""


def claims_of(mail: Mail) -> tuple[Claim, ...]:
    """Return what every signature of a mail claims, from the top."""
    return tuple(read_claim(value) for value in mail.all("dkim-signature"))


def read_claim(value: str) -> Claim:
    """Read one DKIM-Signature field; never raises."""
    try:
        tags = read_tags(value)
        return _claim(value, tags)
    except ValueError as error:
        return Claim(field=value[:_LONGEST_FIELD], flaw=str(error))


def read_tags(text: str) -> dict[str, str]:
    """Read a list ``a=1; b=2`` (RFC 6376 section 3.2), values without blanks at their ends.

    Raises:
        ValueError: it is none, is too long, or names a tag twice; the message goes on after "its signature".
    """
    if len(text) > _LONGEST_FIELD or re.search(rf"\s{{{_LONGEST_GAP}}}", text):
        raise ValueError("is longer than any mail server writes it")
    if not all(" " <= c <= "~" or c in "\t\r\n" for c in text):
        raise ValueError("cannot be read")
    parts = text.split(";")
    if not parts[-1].strip():
        parts.pop()
    tags: dict[str, str] = {}
    for part in parts:
        name, equals, content = part.partition("=")
        if not equals or not _TAG.fullmatch(name.strip()) or name.strip() in tags:
            raise ValueError("cannot be read")
        tags[name.strip()] = content.strip()
    return tags


def doubled(mail: Mail) -> str:
    """Return the name of a field that a mail has twice though it stands in a mail once, or nothing."""
    return next((name for name in SINGLE if len(mail.all(name)) > 1), "")


def is_read_as_signed(mail: Mail, covers: frozenset[str] | None) -> bool:
    """Return whether the body says the same to us as to who signed it.

    Gmail and others do not sign Content-Type. Whoever may rewrite it could let a part of a quoted or attached mail stand
    for the whole, by naming that part's boundary. What the body begins with is signed, so it has to begin with the boundary.
    """
    if covers is None or "content-type" in covers or not mail.boundary:
        return True
    return mail.body.lstrip(b"\r\n").startswith(f"--{mail.boundary}".encode())


def content_digest(mail: Mail) -> str:
    """Return a SHA-256 (hex) that a mail keeps, whatever is done to it that breaks no signature of ours.

    It is over what every signature has to cover: From, Date, Subject and the text, in relaxed form (RFC 6376 section 3.4).
    Message-ID is not among them, nor is the signature itself: both could be changed to make an old mail look new. Empty for a
    mail without a Date (RFC 5322 section 3.6 demands one): two of those may be alike and yet be two.
    """
    if not mail.first("date"):
        return ""
    hashed = hashlib.sha256()
    for name in sorted(ALWAYS):
        hashed.update(" ".join(mail.first(name).split()).encode() + b"\n")
    hashed.update(re.sub(rb" ?\r?\n", b"\n", re.sub(rb"[\t ]+", b" ", mail.body)).rstrip(b" \n"))
    return hashed.hexdigest()


def _claim(value: str, tags: dict[str, str]) -> Claim:
    if missing := [tag for tag in _WANTED if tag not in tags]:
        raise ValueError(f"lacks {missing[0]}=")
    names = [name.strip().lower() for name in tags["h"].split(":")]
    claim = Claim(
        field=value,
        domain=tags["d"].lower(),
        selector=tags["s"].lower(),
        algorithm=tags["a"],
        covers=frozenset(names),
        signed_at=_seconds(tags, "t"),
        expires_at=_seconds(tags, "x"),
        identity=tags.get("i", "").lower(),
    )
    if not all(map(_NAME.fullmatch, names)) or not _HOST.fullmatch(claim.domain) or not _HOST.fullmatch(claim.selector):
        raise ValueError("cannot be read")
    if not all(_is_base64(tags[tag]) for tag in ("b", "bh")):
        raise ValueError("cannot be read")
    flaw = _flaw(tags, claim)
    return Claim(field=value, flaw=flaw, domain=claim.domain, covers=claim.covers) if flaw else claim


def _is_base64(text: str) -> bool:
    try:
        return b64decode(re.sub(r"\s+", "", text), validate=True) != b""
    except ValueError:
        return False


def _flaw(tags: dict[str, str], claim: Claim) -> str:
    if tags["v"] != "1" or tags.get("q", "dns/txt") != "dns/txt" or tags.get("c", "simple") not in _FORMS:
        return "is of a kind that is not read here"
    if claim.algorithm not in ("rsa-sha256", "ed25519-sha256"):
        return f"is made with {claim.algorithm[:20]}, which can be forged or is unknown"
    if "l" in tags:
        return "covers only the first part of the text (l=), so that anybody may have added to it"
    if uncovered := sorted(ALWAYS - claim.covers):
        return f"does not cover {uncovered[0].title()}"
    if claim.signed_at is not None and claim.expires_at is not None and claim.expires_at < claim.signed_at:
        return "ends before it was made"
    return ""


def _seconds(tags: dict[str, str], tag: str) -> int | None:
    if tag not in tags:
        return None
    if not re.fullmatch(r"[0-9]{1,12}", tags[tag]):
        raise ValueError("cannot be read")
    return int(tags[tag])
