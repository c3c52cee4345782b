"""`mailgate requests`: look at requests, cancel one, settle one that is in doubt, lift a rejection."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Literal

import typer

from mailgate.cli.options import ConfigOption, JsonOption, read_config
from mailgate.model.lifecycle import State

app = typer.Typer(
    help="Look at requests, cancel one, settle one that is in doubt, lift a rejection.", no_args_is_help=True
)

RequestArgument = Annotated[str, typer.Argument(metavar="ID", help="The request's id, or its first letters.")]


@app.command("list")
def list_(
    state: Annotated[State | None, typer.Option(help="Only requests in this state.")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List requests, newest first."""
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    from mailgate.service.inspect import overview

    with _working(config) as working:
        rows = overview(working, state)
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table(
        Column("id", no_wrap=True), "state", "action", "agent", "run", "asked", "deadline", box=None, pad_edge=False
    )
    for row in rows:
        table.add_row(*(Text(_readable(name, value)) for name, value in row.items()))
    # In a pipe nothing is cut off: whoever reads it there wants whole ids and names.
    Console(width=None if sys.stdout.isatty() else 200).print(table if rows else "There are no requests.")


@app.command()
def show(request: RequestArgument, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show one request: what was asked, who was asked, what they said, what came of it."""
    from rich.console import Console

    from mailgate.service.inspect import details

    with _working(config) as working:
        found = details(working, request)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
    for name, content in found.items():
        if isinstance(content, list):
            console.print(f"\n{name}", style="bold")
            for item in content:
                told = {k: v for k, v in item.items() if _says(v) and (k, v) != ("times", 1)}
                console.print("  " + "  ".join(f"{k}: {_readable(k, v)}" for k, v in told.items()))
        elif name in ("arguments", "result"):
            for line in _value_lines(name, content):
                console.print(line)
        elif _says(content):
            console.print(f"{name.replace('_', ' ')}: {_readable(name, content)}")


@app.command()
def cancel(request: RequestArgument, config: ConfigOption = None) -> None:
    """Cancel a request that is pending; its agent is told."""
    from mailgate.service.inspect import cancel_request

    with _working(config) as working:
        typer.echo(f"Cancelled {cancel_request(working, request, by=f'operator {getpass.getuser()}')}.")


@app.command()
def settle(
    request: RequestArgument,
    outcome: Annotated[Literal["succeeded", "failed"], typer.Option("--as", help="What you found out.")],
    config: ConfigOption = None,
) -> None:
    """Say what became of an execution in doubt, after you found out. On the serving side only."""
    from mailgate.runtime import open_serving
    from mailgate.service.inspect import settle_request

    serving = open_serving(read_config(config))
    try:
        settled = settle_request(serving, request, succeeded=outcome == "succeeded", by=getpass.getuser())
        typer.echo(f"Settled {settled} as {outcome}; its agent is told.")
    finally:
        serving.store.close()


@app.command()
def archive(config: ConfigOption = None) -> None:
    """Send the archive again what it refused. On the serving side only."""
    from mailgate.runtime import open_serving
    from mailgate.service.archiving import send_again

    serving = open_serving(read_config(config))
    try:
        again = send_again(serving)
        typer.echo(f"{again} mail{'' if again == 1 else 's'} to the archive will be sent again.")
    finally:
        serving.store.close()


@app.command()
def lift(request: RequestArgument, config: ConfigOption = None) -> None:
    """Let an agent ask again for what was rejected. On the serving side only."""
    from mailgate.runtime import open_serving
    from mailgate.service.inspect import lift_rejection

    serving = open_serving(read_config(config))
    try:
        lifted = lift_rejection(serving, request, by=getpass.getuser())
        typer.echo(f"Lifted the rejection of {lifted}; the same action may be asked for again.")
    finally:
        serving.store.close()


@contextmanager
def _working(config: Any) -> Iterator[Any]:
    from mailgate.runtime import open_working

    working = open_working(read_config(config))
    try:
        yield working
    finally:
        working.store.close()


def _says(value: Any) -> bool:
    return value not in ("", None) and value is not False  # an index may be 0


def _value_lines(name: str, content: Any) -> list[str]:
    """Return arguments one a line, or a result, as the mails show values: text in quotes, nothing hidden."""
    from mailgate.mail.characters import one_line
    from mailgate.mail.display import show
    from mailgate.model.canonical import from_plain

    if content is None:
        return []
    values = from_plain(content)
    lines = [f"{name}:"]
    for key, value in values.items() if name == "arguments" else [("", values)]:
        shown, head = show(value), f"  {one_line(key)}: " if key else "  "
        lines += [head.rstrip(), *(f"    {line}" for line in shown.lines)] if shown.is_block else [head + shown.text]
    return lines


def _readable(name: str, value: Any) -> str:
    """Return a value for people: instants to the second, and no character that does not show itself."""
    from mailgate.mail.characters import one_line

    if value and (name == "at" or name.endswith("_at")):
        return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M:%S} UTC"
    return "" if value is None else one_line(str(value))
