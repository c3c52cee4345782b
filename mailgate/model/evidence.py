"""Records and their proofs: the exact bytes of each event, and the log key's word for them.

A record is an in-toto Statement as exact UTF-8 JSON bytes; whoever checks it hashes these bytes and never writes them
anew. Until the Merkle log stands here (``docs/adr/0004``), a record's proof is an Ed25519 signature by the log key over
its leaf hash, index and log name. Standard library only, but for signing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mailgate.errors import Forged

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:mailgate:event:v1"

_PROOF_HEADER = "mailgate-record-signature@v1"
_ED25519 = b"\x01"  # the algorithm byte of a C2SP note key


def leaf_hash(record: bytes) -> bytes:
    """Return the leaf hash of a record (RFC 6962 section 2.1): SHA-256 of a zero byte and the record."""
    return hashlib.sha256(b"\x00" + record).digest()


def build_record(
    *,
    log: str,
    index: int,
    event: str,
    request: str,
    digest: bytes,
    at: datetime,
    nonce: bytes,
    body: Mapping[str, Any],
) -> bytes:
    """Return the exact bytes of one record.

    Args:
        digest: of the action, 32 bytes; empty for records about no request.
        nonce: 16 random bytes, so that nobody can guess a record from its hash.
        body: what this kind of event says besides; its names never hide those of every record.

    Raises:
        ValueError: a body with what JSON cannot hold.
    """
    predicate = dict(body) | {
        "log": log,
        "index": index,
        "event": event,
        "request": request,
        "time": format_time(at),
        "nonce": nonce.hex(),
    }
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": request or log, "digest": {"sha256": digest.hex()}}],
        "predicateType": PREDICATE,
        "predicate": predicate,
    }
    return json.dumps(statement, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()


def format_time(at: datetime) -> str:
    """Return an aware instant as RFC 3339 in UTC with milliseconds."""
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone; an instant is aware UTC")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record whose proof was verified, parsed."""

    index: int
    event: str
    request: str
    digest: bytes
    at: datetime
    body: Mapping[str, Any]


class LogSigner:
    """The log key: signs records. Exists on the serving side only.

    Args:
        name: the log's name, such as ``gate.example.com/approvals``; without blanks or ``+`` (C2SP signed-note).
        seed: 32 secret bytes (RFC 8032 section 5.1.5).

    Raises:
        ValueError: another name or seed.
    """

    def __init__(self, name: str, seed: bytes) -> None:
        if not _can_name_a_log(name):
            raise ValueError(f"{name!r} cannot be a log's name: it must be one word without '+'")
        self.name = name
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def vkey(self) -> str:
        """The public key as a C2SP note verifier key: ``name+hash+base64``."""
        return _vkey(self.name, self._key.public_key().public_bytes_raw())

    def prove(self, record: bytes, index: int) -> str:
        """Return the proof of a record at ``index``."""
        leaf = leaf_hash(record)
        signature = self._key.sign(_signed_text(self.name, index, leaf))
        return f"{_PROOF_HEADER}\n{self.name}\nindex {index}\n{base64.b64encode(signature).decode()}\n"


class LogVerifier:
    """Checks proofs against the public log key.

    Args:
        vkey: as :attr:`LogSigner.vkey`.

    Raises:
        ValueError: text that is no such key.
    """

    def __init__(self, vkey: str) -> None:
        try:
            name, _, encoded = vkey.strip().split("+", 2)
            public = base64.b64decode(encoded, validate=True)[len(_ED25519) :]
            if not _can_name_a_log(name) or _vkey(name, public) != vkey.strip():
                raise ValueError("not in its one form")
            self._key = Ed25519PublicKey.from_public_bytes(public)
        except ValueError as error:
            raise ValueError("The log's public key is damaged; copy log.vkey from the serving side again.") from error
        self.name = name
        self.vkey = vkey.strip()

    def read(self, record: bytes, proof: str) -> Record:
        """Return the record, once its proof holds.

        Raises:
            Forged: a proof that does not parse strictly or does not verify, or a record of another log.
        """
        try:
            header, name, position, encoded, end = proof.split("\n")
            index = int(position.removeprefix("index "))
            signature = base64.b64decode(encoded, validate=True)
            canonical = f"{_PROOF_HEADER}\n{self.name}\nindex {index}\n{base64.b64encode(signature).decode()}\n"
            if canonical != proof or header != _PROOF_HEADER or name != self.name or end:
                raise ValueError("not in its one form")
            self._key.verify(signature, _signed_text(self.name, index, leaf_hash(record)))
            parsed = _parse(record)
        except (ValueError, InvalidSignature, KeyError, TypeError) as error:
            raise Forged("events", "", "the record's proof does not verify against the log's public key") from error
        if parsed.index != index:
            raise Forged("events", "", "the record says another index than its proof")
        if parsed.body.get("log") != self.name:
            raise Forged("events", "", "the record was made for another log")
        return parsed


def _parse(record: bytes) -> Record:
    statement = json.loads(record)
    [subject], predicate = statement["subject"], statement["predicate"]
    if statement["_type"] != STATEMENT or statement["predicateType"] != PREDICATE:
        raise ValueError("not a mailgate record")
    if type(predicate["index"]) is not int or not all(isinstance(predicate[k], str) for k in ("event", "request")):
        raise ValueError("not the types of a record")
    at = datetime.fromisoformat(predicate["time"])
    if format_time(at) != predicate["time"]:
        raise ValueError("a time in another form")
    return Record(
        index=predicate["index"],
        event=predicate["event"],
        request=predicate["request"],
        digest=bytes.fromhex(subject["digest"]["sha256"]),
        at=at,
        body=predicate,
    )


def _signed_text(name: str, index: int, leaf: bytes) -> bytes:
    return f"{_PROOF_HEADER}\n{name}\n{index}\n{leaf.hex()}\n".encode()


def _can_name_a_log(name: str) -> bool:
    return name.isprintable() and name != "" and not any(c.isspace() or c == "+" for c in name)


def _vkey(name: str, public: bytes) -> str:
    """Return the one form of a verifier key (C2SP signed-note, "Verifier keys")."""
    key = _ED25519 + public
    hashed = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    return f"{name}+{hashed.hex()}+{base64.b64encode(key).decode()}"
