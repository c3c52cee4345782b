"""`mailgate explain`: what an incoming mail is, whose, what it says, and what would be done. Changes nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from mailgate.cli.errors import UNREADABLE, Exit
from mailgate.cli.options import ConfigOption, JsonOption, read_config
from mailgate.config import Config, find_config
from mailgate.errors import ConfigError
from mailgate.mail.characters import one_line


def explain(
    files: Annotated[list[Path], typer.Argument(metavar="FILE.eml…", help="Mails, as saved by a mail program.")],
    as_json: JsonOption = False,
    dns: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="JSON, name to TXT record: DKIM keys to check signatures with, instead of DNS."
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Explain how mails would be read: one answer for each file."""
    from rich.console import Console

    from mailgate.explaining import Explainer, read_dns

    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    records = read_dns(dns) if dns is not None else None
    unreadable = False
    with Explainer.open(_configuration(config), records) as explainer:
        for file in files:
            try:
                raw = file.read_bytes()
            except OSError as error:
                typer.echo(f"mailgate: {file} cannot be read: {error.strerror}.", err=True)
                unreadable = True
                continue
            found = explainer.explain(raw)
            if as_json:
                typer.echo(_json(found))
            else:
                _print(console, file, found)
    if unreadable:
        raise Exit(UNREADABLE)


def _configuration(path: Path | None) -> Config | None:
    """Return the configuration; none where there is none, but never a default in place of one that is wrong."""
    try:
        find_config(path)
    except ConfigError:
        if path is not None or os.environ.get("MAILGATE_CONFIG"):
            raise
        return None
    return read_config(path)


def _print(console: Any, file: Path, found: dict[str, Any]) -> None:
    console.print(f"{one_line(str(file))}: {found['kind']}, {found['verdict']} → {found['would']}", style="bold")
    for name in ("from", "level", "assignment", "first_line", "reason"):
        if found[name]:
            console.print(f"  {name.replace('_', ' ')}: {one_line(str(found[name]))}")
    for sentence in found["because"]:
        console.print(f"  · {one_line(sentence)}")


def _json(found: dict[str, Any]) -> str:
    """Return JSON with letters as they are, and as codes what would change how a terminal shows them."""
    text = json.dumps(found, ensure_ascii=False)
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
