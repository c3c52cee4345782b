"""Say a thing once: a row that stays wrong must not fill the log."""

from __future__ import annotations

MOST = 10_000
"""Things remembered; then all are forgotten and may be said again."""


class Once:
    """Remembers what was said."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def first(self, thing: str) -> bool:
        """Return whether ``thing`` is said for the first time."""
        if thing in self._said:
            return False
        if len(self._said) >= MOST:
            self._said.clear()
        self._said.add(thing)
        return True
