"""Read ``config.toml`` and the environment; report every mistake at once, each in one sentence."""

from __future__ import annotations

import difflib
import os
import tomllib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from mailgate.config.lint import lint
from mailgate.config.schema import Config
from mailgate.errors import ConfigError

_PLACEHOLDERS = {
    "address": "missing@example.invalid",
    "name": "?",
    "when": "false",
    "tier": "require_approval",
    "approvers": ["?"],
}
"""Stand in for missing or wrong values while the rest is checked, so that one mistake does not hide the others."""

Location = tuple[int | str, ...]


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
    """Return the configuration of the file ``path`` and the environment.

    Warnings (``UserWarning``) are given for what works but should be changed.

    Raises:
        ConfigError: with one sentence for every mistake.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path.name} is not valid TOML: {error}."]) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path} cannot be read: {error}."]) from error
    config, problems = _build(raw, path.parent.absolute())
    hints: list[str] = []
    if config is not None:
        found = lint(config)
        problems += found.errors
        hints += found.warnings
    if problems or config is None:
        raise ConfigError([f"{path.name}: {p}" for p in problems])
    for section in ("smtp", "imap"):
        if raw.get(section, {}).get("password"):
            hints.append(
                f"[{section}] password is written into the file; use password_file or MAILGATE_{section.upper()}__PASSWORD"
            )
    for hint in hints:
        warnings.warn(f"{path.name}: {hint}.", stacklevel=2)
    return config


def _build(raw: dict[str, Any], folder: Path) -> tuple[Config | None, list[str]]:
    """Return the configuration, and the sentences for what had to be taken out of ``raw`` to build it."""
    problems: list[str] = []
    for _ in range(20):
        try:
            return Config(**raw, folder=folder), problems
        except ValidationError as error:
            for one in error.errors():
                where = one["loc"]
                problems.append(_sentence(where, one["type"], one["msg"], one["input"]))
                if not _take_out(raw, where, one["type"]):
                    return None, problems
    return None, problems


def _sentence(where: Location, kind: str, message: str, value: Any) -> str:
    key = _dotted(where)
    if kind == "extra_forbidden":
        known = _known_keys(where[:-1])
        near = difflib.get_close_matches(str(where[-1]), known, n=1, cutoff=0.5)
        advice = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(sorted(known))}"
        return f"{key} is not a known key; {advice}"
    if kind == "missing":
        return f"{key} is missing; add it"
    if kind == "value_error":
        return f"{key}: {message.removeprefix('Value error, ')}"
    return f"{key} = {value!r}: {message[0].lower()}{message[1:]}"


def _dotted(where: Location) -> str:
    first, *rest = [str(p) if not isinstance(p, int) else f"#{p + 1}" for p in where]
    if not rest:
        return f"[{first}]"
    *middle, last = rest
    return f"[{'.'.join([first, *middle])}] {last}"


def _known_keys(where: Location) -> list[str]:
    """Return the keys that may stand at ``where``, by walking the models."""
    model: Any = Config
    for part in where:
        if isinstance(part, int):
            continue
        fields = getattr(model, "model_fields", {})
        named = {(f.validation_alias or n): f.annotation for n, f in fields.items()}
        inner = named.get(part, model)
        models = [a for a in (inner, *get_args(inner)) if isinstance(a, type) and issubclass(a, BaseModel)]
        model = models[0] if models else model
    fields = getattr(model, "model_fields", {})
    return [str(f.validation_alias or n) for n, f in fields.items() if n != "folder"]


def _take_out(raw: Any, where: Location, kind: str) -> bool:
    """Remove the value at ``where`` (or put a placeholder where one is needed); False if that is not in the file."""
    *parents, last = where
    for part in parents:
        inner = (
            raw.get(part)
            if isinstance(raw, Mapping)
            else raw[part]
            if isinstance(part, int) and isinstance(raw, list)
            else None
        )
        if inner is None:
            return False
        raw = inner
    if isinstance(raw, dict) and last in _PLACEHOLDERS and kind != "extra_forbidden":
        raw[last] = _PLACEHOLDERS[str(last)]
        return True
    try:
        del raw[last]
    except (KeyError, IndexError, TypeError):
        return False
    return True
