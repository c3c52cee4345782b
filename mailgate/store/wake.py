"""How roles hear at once that something was committed, by this process or another, without reading tables for it."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import Protocol

BRISK_SECONDS, QUIET_SECONDS = 0.002, 0.010
"""The pauses between two looks at ``PRAGMA data_version``: just after a change, when others are likely, and otherwise.

A look takes microseconds, the timer twice that: quiet, both together take one to two per cent of a core.
"""

BRISK_FOR_SECONDS = 0.25

RETRY_SECONDS = 0.25
"""The pause before the database is opened again, when it could not be read."""


class Pulse(Protocol):
    """Wakes whoever waits for the next commit."""

    def beat(self) -> None:
        """Say that this process committed something."""
        ...

    def count(self) -> int:
        """Return a number that grows with every beat; take it before looking for work."""
        ...

    def wait(self, seen: int, timeout: float) -> None:
        """Return when there was a beat after ``seen``, or after ``timeout`` seconds."""
        ...

    def close(self) -> None:
        """Stop listening."""
        ...


class SqlitePulse:
    """Beats in this process directly; those of others by SQLite's own change counter."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._condition = threading.Condition()
        self._count = 0
        self._listener: threading.Thread | None = None
        self._closed = threading.Event()

    def beat(self) -> None:
        """See :class:`Pulse`."""
        with self._condition:
            self._count += 1
            self._condition.notify_all()

    def count(self) -> int:
        """See :class:`Pulse`."""
        with self._condition:
            return self._count

    def wait(self, seen: int, timeout: float) -> None:
        """See :class:`Pulse`."""
        self._listen()
        with self._condition:
            self._condition.wait_for(lambda: self._count != seen or self._closed.is_set(), timeout)

    def close(self) -> None:
        """See :class:`Pulse`."""
        self._closed.set()
        self.beat()
        if self._listener is not None:
            self._listener.join()

    def _listen(self) -> None:
        with self._condition:
            if self._listener is None and not self._closed.is_set():
                self._listener = threading.Thread(target=self._follow, name="mailgate-pulse", daemon=True)
                self._listener.start()

    def _follow(self) -> None:
        # A connection of its own: the counter tells of changes by *other* connections only. It never makes the file.
        where = f"{self._path.absolute().as_uri()}?mode=rw"
        connection: sqlite3.Connection | None = None
        version, pause, changed_at = None, 0.0, 0.0
        while not self._closed.wait(pause):
            pause = BRISK_SECONDS if time.monotonic() - changed_at < BRISK_FOR_SECONDS else QUIET_SECONDS
            try:
                connection = connection or sqlite3.connect(where, uri=True, timeout=1)
                [seen] = connection.execute("PRAGMA data_version").fetchone()
            except sqlite3.Error:
                # Locked, or gone: meanwhile roles look by themselves when their wait is over.
                if connection is not None:
                    connection.close()
                connection, version, pause = None, None, RETRY_SECONDS
                continue
            if seen != version:
                version, changed_at = seen, time.monotonic()
                self.beat()
        if connection is not None:
            connection.close()
