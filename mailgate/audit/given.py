"""What an auditor gives beside an archive: the log's key, checkpoints from outside, a time. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from mailgate.audit.expecting import read_expected
from mailgate.audit.keyring import Keyring, Verify


def read_keyring(key: str, verify: Verify) -> Keyring:
    """Return the keys that ``--key`` names: a key itself, or a file with one or more of them, one a line.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is none; the message is a sentence.
    """
    try:
        text = key if "+" in key and not Path(key).is_file() else Path(key).read_text(encoding="utf-8")
        return Keyring(text, verify)
    except ValueError as error:
        raise ValueError(
            "--key: this is not the public key of a log; take it from log.vkey of the serving side."
        ) from error


def read_checkpoints(paths: Iterable[Path]) -> list[str]:
    """Return the signed checkpoints in the files or mails that ``--expect`` names.

    Raises:
        OSError: one cannot be read.
        ValueError: there is none in one of them; the message is a sentence.
    """
    try:
        return [note for path in paths for note in read_expected(path)]
    except ValueError as error:
        raise ValueError(f"--expect: {error}.") from error


def read_time(text: str) -> datetime | None:
    """Return the instant that ``--as-of`` names, in UTC unless it says otherwise; None: nothing was given.

    Raises:
        ValueError: no time; the message is a sentence.
    """
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"--as-of: {text!r} is not a time; write for example 2026-11-24T09:00:00Z.") from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
