"""What commands share: the configuration option, logging, and loading things by name."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import traceback
import warnings
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from mailgate.config import Config, find_config, load_config
from mailgate.errors import ConfigError, MailgateError
from mailgate.model.quoting import plain, quoted

if TYPE_CHECKING:
    from mailgate.gate import Mailgate

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="The configuration file.", show_default="MAILGATE_CONFIG or ./config.toml"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def read_config(path: Path | None) -> Config:
    """Return the configuration, its warnings said on stderr.

    Raises:
        ConfigError: with every mistake.
    """
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        config = load_config(find_config(path))
    for warning in found:
        print(f"mailgate: warning: {plain(str(warning.message))}", file=sys.stderr)
    return config


def log_to_stderr(level: str = "info") -> None:
    """Send log events to stderr: readable on a terminal, key=value lines elsewhere.

    Args:
        level: the least level to print, unless ``MAILGATE_LOG_LEVEL`` says another.
    """
    name = os.environ.get("MAILGATE_LOG_LEVEL", level).upper()
    least = logging.getLevelNamesMapping().get(name, logging.INFO)
    terminal = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer()
        if terminal
        else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def load_mailgate(name: str, config: Path | None) -> Mailgate:
    """Return the object that ``module:name`` stands for, imported with the current folder in reach.

    Args:
        config: the configuration that the module is to load, if it names none itself.

    Raises:
        ConfigError: no such module or object, a module that fails, or no Mailgate with work for a worker.
    """
    from mailgate.gate import Mailgate

    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise ConfigError([f"{quoted(name)}: write MODULE:NAME, such as app:mg for `mg` in app.py."])
    sys.path.insert(0, str(Path.cwd()))
    if config is not None:
        os.environ["MAILGATE_CONFIG"] = str(find_config(config))
    found = getattr(_imported(module_name, attribute), attribute, None)
    if not isinstance(found, Mailgate):
        raise ConfigError(
            [f"{module_name} has no Mailgate called {quoted(attribute)}; write MODULE:NAME, such as app:mg."]
        )
    if not found.actions and not found.handlers:
        raise ConfigError(
            [f"{name} declares no action (@mg.action) and no agent (@mg.continues); a worker has nothing to do for it."]
        )
    return found


def _imported(name: str, attribute: str) -> ModuleType:
    """Import somebody's module.

    Raises:
        ConfigError: it is not there, or fails; what it raises on purpose (ours, or SystemExit) goes through.
    """
    try:
        return importlib.import_module(name)
    except MailgateError:
        raise
    except Exception as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is None or not f"{name}.".startswith(f"{missing}."):
            why = error.msg if isinstance(error, SyntaxError) else str(error)
            said = f"{name} cannot be imported: {type(error).__name__} in {_place(error)}: {why}".rstrip(".: ")
            raise ConfigError([f"{said}; correct it."]) from error
        if name.endswith(".py"):
            advice = f"name the module, not its file: {name.removesuffix('.py')}:{attribute}."
        else:
            advice = f"run this in the folder of your {name}.py."
        raise ConfigError([f"There is no module {quoted(name)} here; {advice}"]) from error


def _place(error: Exception) -> str:
    """Return file and line of an error in somebody's module: the last of their own, not of a library below."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<frozen ")]
    here = [f for f in frames if Path(f.filename).is_relative_to(Path.cwd()) and "site-packages" not in f.filename]
    return next((f"{f.filename}, line {f.lineno}" for f in reversed(here or frames)), "its file")
