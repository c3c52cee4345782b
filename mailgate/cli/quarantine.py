"""`mailgate quarantine`: mails that were kept and not counted. On the serving side only: they are sealed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from mailgate.cli.options import ConfigOption, JsonOption, read_config

app = typer.Typer(help="Look at mails that were kept and not counted.", no_args_is_help=True)

MailArgument = Annotated[str, typer.Argument(metavar="ID", help="The mail's id, as `quarantine list` prints it.")]


@app.command("list")
def list_(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List quarantined mails, oldest first."""
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    from mailgate.service.quarantine import quarantined

    with _serving(config) as serving:
        rows = quarantined(serving)
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table(Column("id", no_wrap=True), "received", "kind", "from", "subject", "why", box=None, pad_edge=False)
    for row in rows:
        received = f"{datetime.fromisoformat(row['received_at']):%Y-%m-%d %H:%M} UTC"
        table.add_row(row["id"], received, *(Text(row[c]) for c in ("kind", "from", "subject", "why")))
    # In a pipe nothing is cut off: whoever reads it there wants whole ids and names.
    Console(width=None if sys.stdout.isatty() else 240).print(table if rows else "Nothing is quarantined.")


@app.command()
def show(mail: MailArgument, config: ConfigOption = None) -> None:
    """Print a quarantined mail, byte for byte."""
    from mailgate.service.quarantine import raw_of

    with _serving(config) as serving:
        sys.stdout.buffer.write(raw_of(serving, mail))


@app.command()
def release(mail: MailArgument, config: ConfigOption = None) -> None:
    """Read a quarantined mail once more, by the rules and people of now. Releasing never counts by itself."""
    from mailgate.service.quarantine import read_again

    with _serving(config) as serving:
        typer.echo(f"{mail} was read again and is now {read_again(serving, mail)}.")


@contextmanager
def _serving(config: Path | None) -> Iterator[Any]:
    from mailgate.runtime import open_serving

    serving = open_serving(read_config(config))
    try:
        yield serving
    finally:
        serving.store.close()
