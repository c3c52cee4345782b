"""Checkpoints from outside of an archive: a signed note in a file, or a mail that carries one. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mailgate.audit.carried import read_mail
from mailgate.audit.parts import TooMuch
from mailgate.audit.reading import read_archives
from mailgate.model.notes import parse_proof, parse_signed_checkpoint

_LONGEST = 100_000


def read_expected(path: Path) -> list[str]:
    """Return the signed checkpoints in a file (a note), or in the mails that lie there: a witness's seal, a mailbox.

    Raises:
        OSError: it cannot be read.
        ValueError: there is none.
    """
    if path.is_file() and path.stat().st_size <= _LONGEST:
        note = path.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")
        try:
            parse_signed_checkpoint(note)
        except ValueError:
            pass
        else:
            return [note]
    notes = list(dict.fromkeys(_notes(path)))
    if not notes:
        raise ValueError(f"{path} holds no checkpoint: give a signed note, or a mail that mailgate sealed the log with")
    return notes


def _notes(path: Path) -> Iterator[str]:
    for item in read_archives([path]):
        try:
            mails = list(read_mail(item.raw or b"", item.place))
        except TooMuch:
            continue
        for mail in mails:
            for entry in mail.evidence.entries if mail.evidence else ():
                try:
                    yield parse_proof(entry.proof).checkpoint
                except ValueError:
                    continue
