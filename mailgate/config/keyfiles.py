"""The key files: read them where they are needed, make them once. Secret ones are readable by their owner alone."""

from __future__ import annotations

import base64
import os
import threading
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
    """Return the public log keys, one a line, oldest first.

    Raises:
        ConfigError: the file is missing, empty, or no text.
    """
    path, advice = config.path(config.keys.vkey_file), "copy log.vkey from the serving side"
    try:
        vkey = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise ConfigError([f"[keys] vkey_file: {path} cannot be read ({error.strerror}); {advice}."]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"[keys] vkey_file: {path} is not a public key; {advice}."]) from error
    if not vkey:
        raise ConfigError([f"[keys] vkey_file: {path} is empty; {advice}."])
    return vkey


def add_secret(config: Config, key: str, secret: bytes) -> Path:
    """Put a new secret below those of ``[keys] key``; it is the newest from then on. Return the file.

    Raises:
        ConfigError: the file cannot be read or written.
    """
    lines = [*(base64.b64encode(s).decode() for s in read_secrets(config, key)), base64.b64encode(secret).decode()]
    return _replace(config, key, lines, 0o600)


def write_vkeys(config: Config, vkeys: list[str]) -> Path:
    """Write the log's public keys, oldest first. Return the file.

    Raises:
        ConfigError: the file cannot be written.
    """
    return _replace(config, "vkey_file", vkeys, 0o644)


def _replace(config: Config, key: str, lines: list[str], mode: int) -> Path:
    path = config.path(getattr(config.keys, key))
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="ascii") as file:
            file.write("".join(f"{line}\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise ConfigError(
            [f"[keys] {key}: {path} cannot be written ({error.strerror}); make its folder writable for this user."]
        ) from error
    return path


def make_keys(
    config: Config, random: Callable[[int], bytes], vkey_of: Callable[[bytes], str], *, renew_vkey: bool = False
) -> list[Path]:
    """Make every key file that is missing, and return those; what is there is never overwritten.

    Args:
        random: returns that many random bytes.
        vkey_of: returns the public key of the log key's secret.
        renew_vkey: write the public key again if it is another one by now. It has the mail domain and the deployment's
            name in it, which may change until the first record bears them.

    Raises:
        ConfigError: a file cannot be written, or the log key that is there cannot be read.
    """
    makers: dict[str, Callable[[], str]] = {
        key: lambda: base64.b64encode(random(KEY_BYTES)).decode() for key in ("serve_file", "link_file", "log_file")
    }
    makers["vkey_file"] = lambda: "\n".join(map(vkey_of, read_secrets(config, "log_file")))
    made = []
    public = config.path(config.keys.vkey_file)
    both_there = public.exists() and config.path(config.keys.log_file).exists()
    if renew_vkey and both_there and read_vkey(config) != makers["vkey_file"]():
        public.unlink()
    for key, text in makers.items():
        path = config.path(getattr(config.keys, key))
        try:
            if not path.exists() and _write_once(path, f"{text()}\n", 0o644 if key == "vkey_file" else 0o600):
                made.append(path)
        except OSError as error:
            raise ConfigError(
                [f"[keys] {key}: {path} cannot be written ({error.strerror}); make its folder writable for this user."]
            ) from error
    return made


def _write_once(path: Path, text: str, mode: int) -> bool:
    """Write a file whole or not at all; False if somebody else has written it meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # unlike a rename it does not replace what is there
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True
