"""The keys of one log: those that were given, and those that its own records hand on. Standard library only."""

from __future__ import annotations

from collections.abc import Callable

from mailgate.model.notes import NoteKey, SignedCheckpoint, parse_note_key
from mailgate.model.stamps import Stamp

Verify = Callable[[bytes, bytes, bytes], bool]
"""Returns whether a signature holds: public key, signature, text (Ed25519, RFC 8032)."""


class Keyring:
    """Checks signatures with the keys it knows.

    Args:
        vkeys: the keys that were given, one a line; all of one log.
        verify: checks one signature.

    Raises:
        ValueError: text that is no such key.
    """

    def __init__(self, vkeys: str, verify: Verify) -> None:
        self.keys: list[NoteKey] = [parse_note_key(line) for line in vkeys.split()]
        if not self.keys or len({key.name for key in self.keys}) != 1:
            raise ValueError("not the keys of one log")
        self.name = self.keys[0].name
        self._verify = verify

    def add(self, vkey: str) -> bool:
        """Take a key that the log itself names; return whether it is a new one."""
        try:
            key = parse_note_key(vkey)
        except ValueError:
            return False
        if key.name != self.name or key in self.keys:
            return False
        self.keys.append(key)
        return True

    def has_signed(self, signed: SignedCheckpoint) -> bool:
        """Return whether one of the keys signed a checkpoint."""
        return any(signed.is_signed_by(key, self._verify) for key in self.keys)

    def has_stamped(self, text: bytes, signature: bytes) -> bool:
        """Return whether one of the keys signed a stamp's text."""
        return len(signature) == 64 and any(self._verify(key.public, signature, text) for key in self.keys)


def stamp_text(stamp: Stamp) -> bytes | None:
    """Return what is signed of a stamp; None where its parts cannot be those of one."""
    try:
        return stamp.text()
    except (ValueError, UnicodeEncodeError):
        return None
