"""What this worker started, in a file outside the database: turning a row back does not make an action run twice."""

from __future__ import annotations

import os
import threading
from pathlib import Path


class Journal:
    """An append-only file with one request id a line, written to disk before the action starts.

    Several workers on one machine may share it; each reads what others appended.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._read_to = 0

    def has(self, request_id: str) -> bool:
        """Return whether a worker of this machine started ``request_id``."""
        with self._lock:
            self._catch_up()
            return request_id in self._known

    def note(self, request_id: str) -> None:
        """Write down that ``request_id`` is being started; on disk when this returns."""
        with self._lock:
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(handle, f"{request_id}\n".encode())
                os.fsync(handle)
            finally:
                os.close(handle)

    def _catch_up(self) -> None:
        try:
            with self._path.open("rb") as file:
                file.seek(self._read_to)
                new = file.read()
        except FileNotFoundError:
            return
        complete = new[: new.rfind(b"\n") + 1]
        self._known.update(complete.decode().split())
        self._read_to += len(complete)
