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
from mailgate.errors import InvalidArguments

app = typer.Typer(help="Look at mails that were kept and not counted.", no_args_is_help=True)

MailArgument = Annotated[str, typer.Argument(metavar="ID", help="The mail's id, as `quarantine list` prints it.")]


@app.command("list")
def list_(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List quarantined mails, oldest first."""
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    from mailgate.service.quarantine import quarantined, refused_so_far

    with _serving(config) as serving:
        rows, refused = quarantined(serving), refused_so_far(serving)
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table(Column("id", no_wrap=True), "received", "kind", "from", "subject", "why", box=None, pad_edge=False)
    for row in rows:
        received = f"{datetime.fromisoformat(row['received_at']):%Y-%m-%d %H:%M} UTC"
        table.add_row(row["id"], received, *(Text(row[c]) for c in ("kind", "from", "subject", "why")))
    # In a pipe nothing is cut off: whoever reads it there wants whole ids and names.
    console = Console(width=None if sys.stdout.isatty() else 240, highlight=False)
    console.print(table if rows else "Nothing is quarantined.")
    if refused:
        counts = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in refused.items())
        console.print(f"Not on record, but counted so far: {counts}.")


@app.command()
def show(
    mail: MailArgument,
    as_json: JsonOption = False,
    raw: Annotated[
        bool,
        typer.Option("--raw", help="Its exact bytes, into a file: they hold the link and the code of whom it quotes."),
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Show a quarantined mail, safe for a terminal and without links, codes and addresses that could decide."""
    from mailgate.service.quarantine import raw_of, shown

    if raw and sys.stdout.isatty():
        raise InvalidArguments(f"Put the bytes into a file: mailgate quarantine show {mail} --raw > mail.eml")
    with _serving(config) as serving:
        if raw:
            sys.stdout.buffer.write(raw_of(serving, mail))
            return
        found = shown(serving, mail)
    typer.echo(json.dumps(found, indent=2) if as_json else "\n".join(_lines(found)))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    for name in ("id", "received_at", "kind", "size", "from", "to", "subject", "date", "why"):
        if found[name] not in ("", 0):
            yield f"{name.removesuffix('_at')}: {found[name]}"
    yield ""
    # Behind a bar, so that no text of a mail passes for one of our own lines.
    yield from (f"| {line}".rstrip() for line in found["text"].split("\n"))
    if found["more"]:
        yield f"… and {found['more']} more characters; all of it: mailgate quarantine show {found['id']} --raw > mail.eml"


@app.command()
def release(mail: MailArgument, config: ConfigOption = None) -> None:
    """Read a quarantined mail once more, by the rules and people of now. Releasing never counts by itself."""
    from mailgate.service.quarantine import read_again

    with _serving(config) as serving:
        state, why = read_again(serving, mail)
    typer.echo(f"{mail} was read again and is now {state}.\n{why}")


@contextmanager
def _serving(config: Path | None) -> Iterator[Any]:
    from mailgate.runtime import open_serving

    serving = open_serving(read_config(config))
    try:
        yield serving
    finally:
        serving.store.close()
