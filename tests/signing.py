"""A mail domain's keys, and signatures as its server or a forger makes them: any tag can be left out, changed or added.

Written from RFC 6376 and not from the library that mailgate checks with, so that the two test one another.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import cache

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

USUAL = (
    "from",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "mime-version",
    "content-type",
)
GMAIL = (
    "to",
    "subject",
    "message-id",
    "date",
    "from",
    "in-reply-to",
    "references",
    "mime-version",
    "from",
    "cc",
    "reply-to",
)
EXCHANGE = ("from", "date", "subject", "message-id", "content-type", "mime-version", "x-ms-exchange-senderadcheck")
"""What different servers sign. Gmail leaves out Content-Type, Exchange Online all that says where a mail goes."""


@cache
def key(name: str = "usual", bits: int = 2048) -> rsa.RSAPrivateKey:
    """Make the key of that name, once for a test process."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def record(private: rsa.RSAPrivateKey | None = None, extra: str = "") -> str:
    """Return the TXT record that publishes a key."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public = (private or key()).public_key().public_bytes(serialization.Encoding.DER, form)
    return f"v=DKIM1; k=rsa; {extra}p={b64encode(public).decode()}"


def pem(private: rsa.RSAPrivateKey) -> bytes:
    """Return a private key as OpenDKIM reads it."""
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def sign(
    raw: bytes,
    *,
    domain: str = "example.com",
    selector: str = "s1",
    private: rsa.RSAPrivateKey | None = None,
    covers: Sequence[str] = USUAL,
    algorithm: str = "rsa-sha256",
    length: int | None = None,
    **tags: str,
) -> bytes:
    """Return a mail with a signature on top.

    Args:
        raw: the mail, lines ending in CRLF.
        covers: the field names of ``h=``.
        length: how many bytes of the text to cover (``l=``); None: all of it, without saying so.
        tags: further tags, such as ``t`` and ``x``; an empty one is left out.
    """
    header, _, body = raw.partition(b"\r\n\r\n")
    digest = hashlib.sha1 if algorithm == "rsa-sha1" else hashlib.sha256
    text = relaxed_body(body)
    usual = {
        "v": "1",
        "a": algorithm,
        "c": "relaxed/relaxed",
        "d": domain,
        "s": selector,
        "h": ":".join(covers),
        "bh": b64encode(digest(text if length is None else text[:length]).digest()).decode(),
    }
    if length is not None:
        usual["l"] = str(length)
    value = "; ".join(f"{tag}={content}" for tag, content in (usual | tags).items() if content) + "; b="
    lines = _signed_fields(header, covers)
    signed = b"".join(f"{_relaxed(line)}\r\n".encode() for line in lines) + _relaxed(f"dkim-signature:{value}").encode()
    kind: hashes.HashAlgorithm = hashes.SHA1() if algorithm == "rsa-sha1" else hashes.SHA256()
    made = b64encode((private or key()).sign(signed, padding.PKCS1v15(), kind)).decode()
    folded = "\r\n\t".join([f"DKIM-Signature: {value}", *re.findall(".{1,70}", made)])
    return f"{folded}\r\n".encode() + raw


def relaxed_body(body: bytes) -> bytes:
    """Return a text in relaxed form (RFC 6376 section 3.4.4)."""
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)


def _signed_fields(header: bytes, covers: Sequence[str]) -> list[str]:
    """Return the fields to sign: of several with one name the last first; none for those that are not there."""
    fields = re.split(r"\r\n(?![ \t])", header.decode())
    chosen: list[str] = []
    for name in covers:
        mine = [f for f in fields if f.partition(":")[0].strip().lower() == name and not any(f is c for c in chosen)]
        chosen += mine[-1:]
    return chosen


def _relaxed(field: str) -> str:
    name, _, value = field.partition(":")
    return f"{name.strip().lower()}:{' '.join(value.replace(chr(13) + chr(10), '').split())}"


def look_up(**records: str) -> Callable[[str], bytes | None]:
    """Return a look-up that knows these selectors of example.com, and no other name."""
    known = {f"{selector}._domainkey.example.com": text.encode() for selector, text in records.items()}
    return known.get
