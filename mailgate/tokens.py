"""Reply addresses, codes, links, seals and marks: keys in, strings out. No keys are read here, nothing is stored.

Everything secret is derived from the *serve key*, so that nothing secret needs to lie in the database: whoever reads it
there finds hashes and sealed bytes, and whoever writes there lacks the marks (MACs) that the serving side demands.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from itsdangerous import BadData, URLSafeSerializer

from mailgate.errors import Forged, TokenError
from mailgate.model.canonical import canonical_bytes

TOKEN_LENGTH = 26
"""Base32 characters of an address token: 130 bits, and with a name before it still within 64 octets (RFC 5321 4.5.3.1.1)."""

MESSAGE_TOKEN_LENGTH = 20
"""Base32 characters of a Message-ID's token: 100 bits, and with a domain of 32 characters still an id of ours (``MAX_ID``)."""

_LINK_SALT = "mailgate link v1"
_NONCE_BYTES = 12  # AES-GCM's own size (NIST SP 800-38D section 5.2.1.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkClaim:
    """What a link token names: one assignment, its generation, and the first 8 bytes (hex) of the action's digest."""

    assignment: str
    generation: int
    digest_prefix: str


class ServeKey:
    """The serving side's secret: what it derives nobody else can make.

    Args:
        secret: 32 random bytes.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) != 32:
            raise ValueError("The serve key is not 32 bytes long; make a new one with `mailgate init`.")
        self._secret = secret
        self._sealing = AESGCM(self._derive("seal"))

    def reply_token(self, assignment: str, generation: int) -> str:
        """Return the secret part of the address that replies to this assignment come to; 26 lower-case base32 characters."""
        return self._token("reply", assignment, str(generation))

    def bounce_token(self, assignment: str, generation: int) -> str:
        """Return the secret part of the envelope sender, to which bounces and out-of-office answers come."""
        return self._token("bounce", assignment, str(generation))

    def message_token(self, mail: str, holder: str, generation: int) -> str:
        """Return the secret part of the Message-ID of one mail; 20 lower-case base32 characters.

        A reply names it, so it finds the seat again where the address was lost. Bound to its holder: whoever can write rows
        gets no token of one person printed in a mail to another.

        Args:
            mail: the id of the mail's row.
            holder: the assignment it was sent to, or ``question …``; empty for mail that nobody answers.
        """
        return self._token("message", mail, holder, str(generation))[:MESSAGE_TOKEN_LENGTH]

    def code(self, assignment: str, generation: int) -> str:
        """Return the six digits that only the mail shows, so that a machine which follows links lacks them."""
        return self._digits("code", assignment, str(generation))

    def fresh_code(self, assignment: str, generation: int, mail: str) -> str:
        """Return the six digits that one mail, ordered when a button was pressed, brings to the registered address.

        Args:
            mail: the id of that mail, random: each press makes another code.
        """
        return self._digits("fresh code", assignment, str(generation), mail)

    def form_key(self, assignment: str, generation: int) -> str:
        """Return what the page of this assignment puts into its form, so that a form of another page lacks it."""
        return self._token("form", assignment, str(generation))

    def marker(self, assignment: str, generation: int) -> str:
        """Return the eight characters of this assignment's reply marker line; not a secret."""
        return self._token("marker", assignment, str(generation))[:8]

    def mark(self, purpose: str, fields: Mapping[str, Any]) -> bytes:
        """Return the MAC over ``fields`` (plain JSON) that says the serving side wrote them; 32 bytes."""
        return self._derive("mark", purpose, canonical_bytes(dict(fields)).decode())

    def bears_mark(self, purpose: str, fields: Mapping[str, Any], mark: bytes | None) -> bool:
        """Return whether ``mark`` is that of :meth:`mark`."""
        return mark is not None and hmac.compare_digest(self.mark(purpose, fields), mark)

    def seal(self, clear: bytes, *, label: str, nonce: bytes) -> bytes:
        """Return ``clear`` encrypted (AES-256-GCM) and bound to ``label``; ``nonce`` is 12 random bytes, used once."""
        if len(nonce) != _NONCE_BYTES:
            raise ValueError(f"The nonce is {len(nonce)} bytes long instead of {_NONCE_BYTES}.")
        return nonce + self._sealing.encrypt(nonce, clear, label.encode())

    def unseal(self, sealed: bytes, *, label: str) -> bytes:
        """Return what was sealed under ``label``.

        Raises:
            Forged: bytes that this key did not seal, or not for this label.
        """
        try:
            return self._sealing.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], label.encode())
        except (InvalidTag, ValueError) as error:
            table, _, row = label.partition(" ")
            raise Forged(table, row, "its bytes were not sealed by this serving side") from error

    def _derive(self, purpose: str, *parts: str) -> bytes:
        # Lengths before parts, so that ("a", "bc") and ("ab", "c") differ.
        text = b"".join(len(p).to_bytes(4) + p for p in (purpose.encode(), *(x.encode() for x in parts)))
        return hmac.digest(self._secret, text, "sha256")

    def _digits(self, purpose: str, *parts: str) -> str:
        return f"{int.from_bytes(self._derive(purpose, *parts)[:8]) % 1_000_000:06d}"

    def _token(self, purpose: str, *parts: str) -> str:
        return b32encode(self._derive(purpose, *parts)).decode().lower()[:TOKEN_LENGTH]


class LinkKeys:
    """Signs and reads link tokens (itsdangerous 2.2, HMAC-SHA-256).

    Args:
        secrets: oldest first; the last one signs, all of them verify.
    """

    def __init__(self, secrets: list[bytes]) -> None:
        if not secrets:
            raise ValueError("There is no link key; make one with `mailgate init`.")
        self._serializer = URLSafeSerializer(
            [s.hex() for s in secrets],
            salt=_LINK_SALT,
            # The defaults are SHA-1 and an unkeyed concatenation.
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    def sign(self, claim: LinkClaim) -> str:
        """Return the token for ``claim``; URL-safe, about 100 characters."""
        signed = self._serializer.dumps([claim.assignment, claim.generation, claim.digest_prefix])
        return signed if isinstance(signed, str) else signed.decode()

    def read(self, token: str) -> LinkClaim:
        """Return the claim of ``token``. Two texts can carry one claim: key single use on the claim, never on the text.

        Raises:
            TokenError: anything but a token signed by one of the keys.
        """
        try:
            match self._serializer.loads(token):
                case [str(assignment), int(generation), str(prefix)] if (
                    generation is not True and generation is not False
                ):
                    return LinkClaim(assignment=assignment, generation=generation, digest_prefix=prefix)
            raise ValueError("signed content of another shape")
        except (BadData, ValueError, TypeError) as error:
            raise TokenError("This link is not one of ours, or was damaged on its way.") from error


def address_hash(token: str) -> str:
    """Return the form in which an address token is stored and looked up; the token itself is not."""
    return hashlib.sha256(b"mailgate address v1\n" + token.encode()).hexdigest()


def message_hash(token: str) -> str:
    """Return the form in which a Message-ID's token is stored and looked up; the token itself is not."""
    return hashlib.sha256(b"mailgate message v1\n" + token.encode()).hexdigest()


def message_id(token: str, domain: str) -> str:
    """Return our Message-ID with ``token``, angle brackets included; short enough to survive every client's References."""
    return f"<{token}.mailgate@{domain}>"


def tagged_address(base: str, token: str, mode: str) -> str:
    """Return the address of ``token``: ``plus`` name+token@domain, ``catchall`` token@domain, ``single`` the base itself."""
    local, _, domain = base.partition("@")
    match mode:
        case "plus":
            return f"{local}+{token}@{domain}"
        case "catchall":
            return f"{token}@{domain}"
    return base
