"""Read ``config.toml`` and the environment; report every mistake at once, each in one sentence."""

from __future__ import annotations

import difflib
import os
import tomllib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource

from mailgate.config.lint import lint
from mailgate.config.mistakes import PREFIX, known_fields, sentence, take_out, truths
from mailgate.config.schema import Config
from mailgate.errors import ConfigError
from mailgate.model.quoting import plain

_LONGEST = 600
"""Characters of a sentence; names of one's own can be of any length."""

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
            [
                f"There is no configuration at {path}; make one with `mailgate init`, or name yours: by MAILGATE_CONFIG, "
                "--config, or the path that Mailgate.load takes."
            ]
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
        f"[{section}] password is written into the file; use password_file or {PREFIX}{section.upper()}__PASSWORD"
        for section in ("smtp", "imap")
        if isinstance(raw.get(section), dict) and raw[section].get("password")
    ]
    problems = _unknown_variables()
    given = _overlay(raw, {k: v for k, v in _Environment(Config)().items() if k in known_fields(())})
    config, wrong = _build(raw, path.parent.absolute())
    problems += [sentence(error, file=path.name, given=given) for error in wrong]
    if config is not None:
        across = lint(config)
        problems += [f"{path.name}: {p}" for p in across.errors]
        hints += across.warnings
    if problems or config is None:
        raise ConfigError([_ended(p) for p in problems])
    for hint in hints:
        warnings.warn(_ended(f"{path.name}: {hint}"), stacklevel=2)
    return config


def _ended(problem: str) -> str:
    """Return a sentence for a terminal with its final stop, whatever the names and values in it are made of."""
    said = plain(problem)
    said = said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"
    return said if said.endswith((".", "?")) else f"{said}."


class _Environment(EnvSettingsSource):
    """The variables, nested as the file is; a list that does not parse stays text, and is reported as the wrong value."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # some editors begin a file with a byte order mark
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path.name} is not valid TOML: {error}."]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path.name} is not UTF-8 text (byte {error.start}); save it as UTF-8."]) from error
    except OSError as error:
        raise ConfigError([f"{path} cannot be read ({error.strerror}); check the path and its permissions."]) from error


def _unknown_variables() -> list[str]:
    """Return a sentence for each variable that looks like a key of ours and is none: a safeguard must not be lost so."""
    known = sorted(known_fields(()))
    problems = []
    for name in sorted(os.environ):
        section, nested, _ = name.upper().removeprefix(PREFIX).partition("__")
        if name.upper().startswith(PREFIX) and nested and section.lower() not in known:
            near = difflib.get_close_matches(section.lower(), known, n=1, cutoff=0.6)
            advice = f"did you mean {PREFIX}{near[0].upper()}__…?" if near else f"sections are {', '.join(known)}"
            problems.append(f"{name} is not a known key; {advice}")
    return problems


def _overlay(raw: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Lay ``given`` over ``raw``, and return it with the keys' spelling as in ``raw``: variables have no case."""
    spelled = {}
    for name, value in given.items():
        key = next((k for k in raw if k.lower() == name), name)
        if isinstance(value, dict) and isinstance(raw.setdefault(key, {}), dict):
            spelled[key] = _overlay(raw[key], value)
        else:
            raw[key] = spelled[key] = value
    return spelled


def _build(raw: dict[str, Any], folder: Path) -> tuple[Config | None, list[ErrorDetails]]:
    """Return the configuration, and the mistakes that had to be taken out of ``raw`` to build it."""
    wrong = [
        ErrorDetails(type="extra_forbidden", loc=(key,), msg="", input=raw.pop(key))
        for key in list(raw)
        if key not in known_fields(())
    ]
    found = list(truths(raw))
    for _ in range(_ROUNDS):
        wrong += found
        # Backwards, so that taking out an item of a list does not move the ones before it.
        if not all(take_out(raw, one) for one in reversed(found)):
            break
        try:
            return Config(**raw, folder=folder), wrong
        except ValidationError as error:
            found = error.errors(include_url=False)
    return None, wrong
