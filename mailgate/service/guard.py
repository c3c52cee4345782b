"""The guard: the newest checkpoint in a file outside the database, so that a database that went back in time is noticed.

Nothing leaves the house and nothing is executed on a record before the guard has it on disk. So a database that is behind
the guard, or tells another story, was restored from a backup or replaced, and mails may have gone out that it knows
nothing of: the keeper does not go on.
"""

from __future__ import annotations

import os
from pathlib import Path

from mailgate.errors import Forged, LogBroken
from mailgate.model.evidence import LogVerifier
from mailgate.model.merkle import Node, is_consistent, prove_consistency
from mailgate.model.notes import Checkpoint


class Guard:
    """Reads and writes the guard file. One keeper at a time does.

    Args:
        path: the file; its folder has to be there.
    """

    def __init__(self, path: Path, verifier: LogVerifier) -> None:
        self.path = path
        self._verifier = verifier
        self._known: Checkpoint | None = None

    def newest(self) -> Checkpoint | None:
        """Return the newest checkpoint that was guarded, or None where there is no guard yet.

        Raises:
            LogBroken: the file cannot be read, or holds something else.
        """
        try:
            note = self.path.read_text(encoding="utf-8")
            self._known = self._verifier.read_checkpoint(note)
        except FileNotFoundError:
            self._known = None
        except (OSError, UnicodeDecodeError, Forged) as error:
            why = error.strerror if isinstance(error, OSError) else "it holds no checkpoint of this log"
            raise LogBroken(
                f"The guard file {self.path} cannot be used: {why}. Restore it from where it was, or, if the database is "
                "surely the newest there is, run `mailgate keys guard --accept`."
            ) from error
        return self._known

    def check(self, head: Checkpoint | None, node: Node) -> None:
        """Raise unless the database's log goes on from where the guard saw it last.

        Args:
            head: the database's newest checkpoint.
            node: its complete subtrees.

        Raises:
            LogBroken: it is behind, differs, or there is a log and no guard.
        """
        known = self._known if self._known is not None else self.newest()
        if known is None:
            if head is not None:
                raise LogBroken(
                    f"The database has a log of {head.size} records and there is no guard file {self.path}. If this keeper "
                    "takes over from another machine or the file was lost, and the database is surely the newest there "
                    "is, run `mailgate keys guard --accept`."
                )
            return
        if head is None or head.size < known.size:
            raise _behind(0 if head is None else head.size, known)
        if head == known:
            return
        proof = prove_consistency(known.size, head.size, node)
        if not is_consistent(known.size, known.root, head.size, head.root, proof):
            raise LogBroken(
                f"The database tells another story than the guard up to record {known.size - 1}: it was replaced or "
                "changed. Nothing is sequenced or executed. Put the database back that belongs to the guard, or make one "
                "from the archive with `mailgate audit rebuild`."
            )

    def has(self, note: str) -> bool:
        """Return whether this process knows the guard file to hold a checkpoint."""
        return self._known is not None and self._known == self._verifier.read_checkpoint(note)

    def write(self, note: str) -> None:
        """Put a checkpoint on disk in place of the one before; it is there once this returns.

        Raises:
            Forged: it is no checkpoint of this log.
            LogBroken: it is behind the one before.
            OSError: it cannot be written.
        """
        checkpoint = self._verifier.read_checkpoint(note)
        if self._known is not None and checkpoint.size < self._known.size:
            raise _behind(checkpoint.size, self._known)
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self.path.with_name(f".{self.path.name}.draft")
        with draft.open("w", encoding="utf-8") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._known = checkpoint


def _behind(have: int, known: Checkpoint) -> LogBroken:
    return LogBroken(
        f"The database has {have} records, and {known.size} were made: it was restored from a backup or replaced. "
        "Nothing is sequenced or executed. Put the newest database back, or make one from the archive with "
        "`mailgate audit rebuild`."
    )
