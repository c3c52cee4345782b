"""The log key's word: it signs checkpoints of the Merkle log, and a record counts once its proof leads to one.

What records, proofs and trees are, stands in ``records``, ``notes`` and ``merkle``, which need the standard library only;
here Ed25519 is done, with cryptography.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mailgate.errors import Forged
from mailgate.model.merkle import leaf_hash, root_by_inclusion
from mailgate.model.notes import (
    Checkpoint,
    NoteKey,
    SignedCheckpoint,
    can_name_a_log,
    parse_note_key,
    parse_proof,
    parse_signed_checkpoint,
)
from mailgate.model.records import Record, build_record, format_time, parse_record
from mailgate.model.stamps import Stamp

__all__ = ["LogSigner", "LogVerifier", "Record", "build_record", "format_time", "leaf_hash", "verify_ed25519"]

_MOST_KEPT = 256
"""Checkpoints whose signature is remembered as right: records of one batch share one."""


class LogSigner:
    """The log key. Exists on the serving side only.

    Args:
        name: the log's name, such as ``gate.example.com/approvals``; without blanks or ``+`` (C2SP signed-note).
        seed: 32 secret bytes (RFC 8032 section 5.1.5).

    Raises:
        ValueError: another name or seed.
    """

    def __init__(self, name: str, seed: bytes) -> None:
        if not can_name_a_log(name):
            raise ValueError(f"{name!r} cannot be a log's name: it must be one word without '+'")
        self.name = name
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = NoteKey(name=name, public=self._key.public_key().public_bytes_raw())

    @property
    def vkey(self) -> str:
        """The public key as a C2SP note verifier key: ``name+hash+base64``."""
        return self._public.format()

    def sign(self, size: int, root: bytes) -> str:
        """Return the signed checkpoint of the tree of ``size`` leaves with this ``root``, as a note."""
        checkpoint = Checkpoint(origin=self.name, size=size, root=root)
        signature = self._key.sign(checkpoint.text().encode())
        signed = SignedCheckpoint(checkpoint=checkpoint, signatures=((self.name, self._public.id, signature),))
        return signed.format()

    def stamp(self, stamp: Stamp) -> bytes:
        """Return the signature under a mail's stamp; 64 bytes.

        Raises:
            ValueError: a stamp of another log.
        """
        if stamp.log != self.name:
            raise ValueError("a stamp of another log")
        return self._key.sign(stamp.text())


class LogVerifier:
    """Checks records and checkpoints against the public log keys.

    Args:
        vkeys: as :attr:`LogSigner.vkey`, one a line, the newest last; all of them are of one log.

    Raises:
        ValueError: text that is no such key.
    """

    def __init__(self, vkeys: str) -> None:
        try:
            self._keys = tuple(parse_note_key(line) for line in vkeys.split())
            if not self._keys or len({key.name for key in self._keys}) != 1:
                raise ValueError("not the keys of one log")
        except ValueError as error:
            raise ValueError("The log's public key is damaged; copy log.vkey from the serving side again.") from error
        self.name = self._keys[-1].name
        self._kept: dict[str, Checkpoint] = {}

    @property
    def vkey(self) -> str:
        """The newest of the keys."""
        return self._keys[-1].format()

    @property
    def keys(self) -> Sequence[NoteKey]:
        """All of them, oldest first."""
        return self._keys

    def read_checkpoint(self, note: str) -> Checkpoint:
        """Return what a signed checkpoint says, once one of the keys is found to have signed it.

        Raises:
            Forged: another form, log, or key.
        """
        known = self._kept.get(note)
        if known is not None:
            return known
        try:
            signed = parse_signed_checkpoint(note)
        except ValueError as error:
            raise Forged("heads", "", "the checkpoint is not in the one form that checkpoints have") from error
        if signed.checkpoint.origin != self.name:
            raise Forged("heads", "", "the checkpoint is that of another log")
        if not self._signs(signed):
            raise Forged("heads", "", "the checkpoint is not signed by the log's key")
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[note] = signed.checkpoint
        return signed.checkpoint

    def _signs(self, signed: SignedCheckpoint) -> bool:
        """Return whether a key of the log signed it, and each that seems to have done so (signed-note, "Signatures")."""
        named = {(name, key_id) for name, key_id, _ in signed.signatures}
        ours = [key for key in self._keys if (key.name, key.id) in named]
        return bool(ours) and all(signed.is_signed_by(key, verify_ed25519) for key in ours)

    def has_stamped(self, stamp: Stamp, signature: bytes) -> bool:
        """Return whether one of the log's keys signed a mail's stamp."""
        try:
            text = stamp.text()
        except ValueError:
            return False  # what no log can have signed: an archive may say anything
        return stamp.log == self.name and any(verify_ed25519(key.public, signature, text) for key in self._keys)

    def read(self, record: bytes, proof: str) -> Record:
        """Return the record, once its proof holds.

        Raises:
            Forged: a proof that does not parse strictly, does not lead to its checkpoint, or whose checkpoint is not
                signed by the log; or a record of another log or index.
        """
        try:
            read = parse_proof(proof)
            parsed = parse_record(record)
        except ValueError as error:
            raise Forged("events", "", "the record or its proof is not in the one form that they have") from error
        checkpoint = self.read_checkpoint(read.checkpoint)
        if root_by_inclusion(leaf_hash(record), read.index, checkpoint.size, read.path) != checkpoint.root:
            raise Forged("events", "", "the record's proof does not lead to the checkpoint that the log key signed")
        if parsed.index != read.index:
            raise Forged("events", "", "the record says another index than its proof")
        if parsed.log != self.name:
            raise Forged("events", "", "the record was made for another log")
        return parsed


def verify_ed25519(public: bytes, signature: bytes, text: bytes) -> bool:
    """Return whether ``signature`` over ``text`` is by ``public`` (RFC 8032)."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True
