"""The key files: read them where they are needed, make them once. Secret ones are readable by their owner alone."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path

from mailgate.config.schema import Config
from mailgate.errors import ConfigError

KEY_BYTES = 32


def read_secret(config: Config, key: str) -> bytes:
    """Return the secret of ``[keys] key``; 32 bytes. See :func:`read_secrets`."""
    return read_secrets(config, key)[-1]


def read_secrets(config: Config, key: str) -> list[bytes]:
    """Return the secrets of ``[keys] key``, one base64 line each, oldest first.

    Raises:
        ConfigError: the file is missing, empty, or holds something else.
    """
    path = config.path(getattr(config.keys, key))
    try:
        lines = path.read_text(encoding="ascii").split()
        secrets = [base64.b64decode(line, validate=True) for line in lines]
    except OSError as error:
        raise ConfigError(
            [
                f"[keys] {key}: {path} cannot be read ({error.strerror}); make it with `mailgate init`, on the serving side only."
            ]
        ) from error
    except ValueError as error:
        raise ConfigError([f"[keys] {key}: {path} is not a key file; restore it from a backup."]) from error
    if not secrets or any(len(s) != KEY_BYTES for s in secrets):
        raise ConfigError([f"[keys] {key}: {path} does not hold keys of {KEY_BYTES} bytes; restore it from a backup."])
    return secrets


def read_vkey(config: Config) -> str:
    """Return the public log key.

    Raises:
        ConfigError: the file is missing.
    """
    path = config.path(config.keys.vkey_file)
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(
            [f"[keys] vkey_file: {path} cannot be read ({error.strerror}); copy log.vkey from the serving side."]
        ) from error


def make_keys(config: Config, random: Callable[[int], bytes], vkey_of: Callable[[bytes], str]) -> list[Path]:
    """Make every key file that is missing, and return those; what is there is never overwritten.

    Args:
        random: returns that many random bytes.
        vkey_of: returns the public key of the log key's secret.
    """
    made = []
    for key in ("serve_file", "link_file", "log_file"):
        path = config.path(getattr(config.keys, key))
        if not path.exists():
            _write_secret(path, base64.b64encode(random(KEY_BYTES)).decode() + "\n")
            made.append(path)
    public = config.path(config.keys.vkey_file)
    if not public.exists():
        public.write_text(vkey_of(read_secret(config, "log_file")) + "\n", encoding="utf-8")
        made.append(public)
    return made


def _write_secret(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
