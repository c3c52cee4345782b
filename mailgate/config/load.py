"""Read ``config.toml`` and the environment; report every mistake at once, each in one sentence."""

from __future__ import annotations

import os
import tomllib
import warnings
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from mailgate.config.lint import lint
from mailgate.config.mistakes import Location, sentence, take_out
from mailgate.config.schema import Config
from mailgate.errors import ConfigError

_PREFIX = "MAILGATE_"
_ROUNDS = 50
"""Each round takes out what was wrong and looks again; a file that needs more is not a configuration."""


def find_config(given: Path | None = None) -> Path:
    """Return the configuration file: ``given``, else ``MAILGATE_CONFIG``, else ``./config.toml``.

    Raises:
        ConfigError: there is no such file.
    """
    path = given or Path(os.environ.get("MAILGATE_CONFIG") or "config.toml")
    if not path.is_file():
        raise ConfigError(
            [f"There is no configuration at {path}; make one with `mailgate init`, or name it with --config."]
        )
    return path.absolute()


def load_config(path: Path) -> Config:
    """Return the configuration of the file ``path`` and the environment, which wins.

    Warnings (``UserWarning``) are given for what works but should be changed.

    Raises:
        ConfigError: with one sentence for every mistake.
    """
    raw = _read(path)
    hints = [
        f"[{section}] password is written into the file; use password_file or {_PREFIX}{section.upper()}__PASSWORD"
        for section in ("smtp", "imap")
        if isinstance(raw.get(section), dict) and raw[section].get("password")
    ]
    given, problems = _environment()
    _overlay(raw, given)
    problems += [f"{path.name}: {p}" if not p.startswith(_PREFIX) else p for p in _check(raw, given)]
    config, found = _build(raw, given, path.parent.absolute())
    problems += [f"{path.name}: {p}" if not p.startswith(_PREFIX) else p for p in found]
    if config is not None:
        across = lint(config)
        problems += [f"{path.name}: {p}" for p in across.errors]
        hints += across.warnings
    if problems or config is None:
        raise ConfigError([f"{p.rstrip('.')}." for p in problems])
    for hint in hints:
        warnings.warn(f"{path.name}: {hint}.", stacklevel=2)
    return config


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors begin a file with a byte order mark
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path.name} is not valid TOML: {error}."]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path.name} is not UTF-8 text (byte {error.start}); save it as UTF-8."]) from error
    except OSError as error:
        raise ConfigError([f"{path} cannot be read ({error.strerror}); check the path and its permissions."]) from error
