"""Time and chance: the only place that asks the machine what time it is or rolls dice. Both are passed in elsewhere."""

from __future__ import annotations

import secrets
import time
from base64 import b32encode
from typing import Protocol


class Chance(Protocol):
    """A source of unguessable values."""

    def id(self) -> str:
        """Return a new identifier: 16 lower-case base32 characters, 80 random bits."""
        ...

    def bytes(self, size: int) -> bytes:
        """Return ``size`` random bytes."""
        ...


class SystemChance:
    """The operating system's random numbers."""

    def id(self) -> str:
        """See :class:`Chance`."""
        return b32encode(secrets.token_bytes(10)).decode().lower()

    def bytes(self, size: int) -> bytes:
        """See :class:`Chance`."""
        return secrets.token_bytes(size)


def monotonic() -> float:
    """Return seconds that only ever go forward; for waiting, never for deadlines."""
    return time.monotonic()
