"""What commands share: the configuration option, logging, and loading things by name."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from mailgate.config import Config, find_config, load_config
from mailgate.errors import ConfigError

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
        print(f"mailgate: warning: {warning.message}", file=sys.stderr)
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
        ConfigError: no such module or object, or it is no Mailgate.
    """
    from mailgate.gate import Mailgate

    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise ConfigError([f"{name!r}: write MODULE:NAME, such as app:mg for `mg` in app.py."])
    sys.path.insert(0, str(Path.cwd()))
    if config is not None:
        os.environ["MAILGATE_CONFIG"] = str(find_config(config))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise ConfigError(
            [f"There is no module {module_name!r} here; run this in the folder of your {module_name}.py."]
        ) from error
    found = getattr(module, attribute, None)
    if not isinstance(found, Mailgate):
        raise ConfigError([f"{module_name} has no Mailgate called {attribute!r}; write MODULE:NAME, such as app:mg."])
    return found
