"""Checkpoints as signed notes, and the text form of a proof: strict readers and writers of three C2SP formats.

Source: c2sp.org/signed-note, c2sp.org/tlog-checkpoint, c2sp.org/tlog-proof, each v1. Every reader writes what it read
again and compares: base64 has several spellings of the same bytes, and a proof must have one. Keys are not looked at
here, and nothing is signed. Standard library only.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from mailgate.model.merkle import HASH_BYTES

ED25519 = b"\x01"
"""The signature type of Ed25519 in a note key (signed-note, "Signature types")."""

_ID_BYTES = 4
_KEY_BYTES = 32
_DASH = "— "
_PROOF = "c2sp.org/tlog-proof@v1"
_MOST_HASHES = 63
_MOST_SIGNATURES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteKey:
    """A public key of a note: the name that signs with it, and the 32 bytes of Ed25519."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that a signature line begins with."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:_ID_BYTES]

    def format(self) -> str:
        """Return the key's one text form: ``name+hash+base64``."""
        return f"{self.name}+{self.id.hex()}+{_b64(ED25519 + self.public)}"


def parse_note_key(text: str) -> NoteKey:
    """Return the key that :meth:`NoteKey.format` wrote.

    Raises:
        ValueError: anything else.
    """
    name, _, rest = text.partition("+")
    encoded = rest.partition("+")[2]
    key = NoteKey(name=name, public=_unb64(encoded)[len(ED25519) :])
    if not can_name_a_log(name) or len(key.public) != _KEY_BYTES or key.format() != text:
        raise ValueError("not a key of a note in its one form")
    return key


def can_name_a_log(name: str) -> bool:
    """Return whether ``name`` can stand in a note: one printable word without ``+``."""
    return name.isprintable() and name != "" and not any(c.isspace() or c == "+" for c in name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a log key says of its tree: that with ``size`` leaves its root is ``root``. ``origin`` names the log."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.size}\n{_b64(self.root)}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCheckpoint:
    """A checkpoint with its signature lines: name, key id and signature of each."""

    checkpoint: Checkpoint
    signatures: tuple[tuple[str, bytes, bytes], ...]

    def format(self) -> str:
        """Return the note."""
        lines = [f"{_DASH}{name} {_b64(key_id + signature)}\n" for name, key_id, signature in self.signatures]
        return f"{self.checkpoint.text()}\n{''.join(lines)}"

    def is_signed_by(self, key: NoteKey, verify: Callable[[bytes, bytes, bytes], bool]) -> bool:
        """Return whether ``key`` signed it; ``verify`` is called with public key, signature and text."""
        text = self.checkpoint.text().encode()
        mine = [s for name, key_id, s in self.signatures if (name, key_id) == (key.name, key.id)]
        return len(mine) == 1 and verify(key.public, mine[0], text)


def parse_signed_checkpoint(note: str) -> SignedCheckpoint:
    """Return a signed checkpoint in its one form.

    Raises:
        ValueError: anything else, such as extension lines or another spelling of the same bytes.
    """
    text, blank, below = note.partition("\n\n")
    lines = text.split("\n")
    if not blank or len(lines) != 3 or not below.endswith("\n"):
        raise ValueError("not a checkpoint")
    signatures = tuple(_signature(line) for line in below.removesuffix("\n").split("\n")[: _MOST_SIGNATURES + 1])
    origin, size, root = lines
    parsed = SignedCheckpoint(
        checkpoint=Checkpoint(origin=origin, size=_number(size), root=_unb64(root, HASH_BYTES)), signatures=signatures
    )
    if not can_name_a_log(origin) or len(signatures) > _MOST_SIGNATURES or parsed.format() != note:
        raise ValueError("not a checkpoint in its one form")
    return parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """That a leaf stands at ``index`` in the tree of ``checkpoint`` (a note): the audit path from the leaf up."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str

    def format(self) -> str:
        """Return the proof's text."""
        hashes = "".join(f"{_b64(value)}\n" for value in self.path)
        return f"{_PROOF}\nindex {self.index}\n{hashes}\n{self.checkpoint}"


def parse_proof(text: str) -> Proof:
    """Return a proof in its one form; ``extra`` data, which the format allows, is none of ours and refused.

    Raises:
        ValueError: anything else.
    """
    above, _, checkpoint = text.partition("\n\n")
    header, _, rest = above.partition("\n")
    position, *hashes = rest.split("\n")[: _MOST_HASHES + 2]
    proof = Proof(
        index=_number(position.removeprefix("index ")),
        path=tuple(_unb64(line, HASH_BYTES) for line in hashes),
        checkpoint=checkpoint,
    )
    if header != _PROOF or len(hashes) > _MOST_HASHES or proof.format() != text:
        raise ValueError("not a proof in its one form")
    return proof


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    value = _unb64(encoded)
    if not can_name_a_log(name) or len(value) <= _ID_BYTES:
        raise ValueError("not a signature line")
    return name, value[:_ID_BYTES], value[_ID_BYTES:]


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise ValueError("not a number")
    return int(text)


def _b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _unb64(text: str, length: int | None = None) -> bytes:
    value = base64.b64decode(text, validate=True)
    if length is not None and len(value) != length:
        raise ValueError("not as many bytes as there have to be")
    return value
