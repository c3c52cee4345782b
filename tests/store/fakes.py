"""What stands in for time and chance where the store is tested: both are parameters, so both are set by the test."""

from __future__ import annotations

import itertools
import threading
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


class FakeClock:
    """A clock that stands still until a test sets it; a :class:`mailgate.store.clock.Clock`.

    ``read`` counts how often it was asked.
    """

    def __init__(self, at: datetime = START) -> None:
        self.at = at
        self.read = 0
        self._lock = threading.Lock()

    def now(self, connection: Connection) -> datetime:
        """Return the time that was set."""
        with self._lock:
            self.read += 1
            return self.at

    def forward(self, **length: float) -> datetime:
        """Let time pass (``forward(minutes=5)``) and return what it is then."""
        with self._lock:
            self.at += timedelta(**length)
            return self.at


class FakeChance:
    """Counts instead of rolling dice; a :class:`mailgate.chance.Chance`."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def id(self) -> str:
        """Return the next identifier, in order."""
        return f"id{next(self._numbers):014d}"

    def bytes(self, size: int) -> bytes:
        """Return the next bytes."""
        return next(self._numbers).to_bytes(8, "big")[:size].ljust(size, b"\x00")
