"""Maildir folders read straight from disk, so that a test sees what was delivered without asking a server."""

from __future__ import annotations

from pathlib import Path


class Maildir:
    """One folder of a Maildir; the files of messages never change, so each is read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, bytes] = {}

    def messages(self) -> dict[str, bytes]:
        """Return unique name → raw message, in order of arrival; a folder that is not there yet is empty."""
        while True:
            files = self._files()
            try:
                self._read = {
                    name: self._read.get(name) or files[name].read_bytes() for name in sorted(files, key=_age)
                }
            except FileNotFoundError:
                # The server moved a file from new to cur, or renamed it for a flag, since we listed it: list again.
                continue
            return dict(self._read)

    def _files(self) -> dict[str, Path]:
        """List unique name → file. ``new`` goes first: a message moves from there to ``cur``, never back."""
        found: dict[str, Path] = {}
        for part in ("new", "cur"):
            if (self.folder / part).is_dir():
                found |= {path.name.partition(":")[0]: path for path in (self.folder / part).iterdir()}
        return found


def _age(name: str) -> tuple[int, int]:
    """Read second and microsecond of delivery from ``1700000000.M123456P42.host,S=…``, as Dovecot names files."""
    second, rest = name.split(".", 2)[:2]
    return int(second), int(rest.removeprefix("M").partition("P")[0])
