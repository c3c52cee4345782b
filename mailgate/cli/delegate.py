"""`mailgate delegate` and `delegations`: let somebody answer in another person's place for a while, and end that."""

from __future__ import annotations

import getpass
import json
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from mailgate.cli.options import ConfigOption, JsonOption, read_config


def delegate(
    principal: Annotated[str, typer.Argument(metavar="FROM", help="Who hands over: an id under [people].")],
    to: Annotated[str, typer.Argument(metavar="TO", help="Who is asked instead.")],
    until: Annotated[
        str, typer.Option(help="When it ends, such as 2026-12-24 or 2026-12-24T18:00+01:00; without a zone: UTC.")
    ],
    gate: Annotated[str, typer.Option(help="For this gate only.", show_default="all gates")] = "",
    config: ConfigOption = None,
) -> None:
    """Let TO be asked in FROM's place until a time; on record, never handed on, never for TO's own requests."""
    from mailgate.errors import InvalidArguments
    from mailgate.runtime import open_serving
    from mailgate.service.delegation import delegate as note

    try:
        end = datetime.fromisoformat(until)
    except ValueError as error:
        raise InvalidArguments(
            f"--until {until!r} is no time; write it as 2026-12-24 or 2026-12-24T18:00+01:00."
        ) from error
    serving = open_serving(read_config(config))
    try:
        aware = end if end.tzinfo is not None else end.replace(tzinfo=UTC)
        made = note(serving, principal, to, until=aware, gate=gate, by=getpass.getuser())
        where = f" at {gate}" if gate else ""
        typer.echo(
            f"{to} is asked in {principal}'s place{where} until {made.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC."
        )
    finally:
        serving.store.close()


app = typer.Typer(help="See who stands in for whom, and end it early.", no_args_is_help=True)


@app.command("list")
def list_(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List the delegations that hold or held, earliest first."""
    from rich.console import Console
    from rich.table import Column, Table

    from mailgate.runtime import open_working
    from mailgate.service.delegation import listed

    working = open_working(read_config(config))
    try:
        rows = listed(working)
    finally:
        working.store.close()
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table(Column("id", no_wrap=True), "from", "to", "gate", "since", "until", "now", box=None, pad_edge=False)
    for row in rows:
        times = (f"{datetime.fromisoformat(row[key]):%Y-%m-%d %H:%M} UTC" for key in ("since", "until"))
        table.add_row(
            row["id"], row["from"], row["to"], row["gate"] or "all", *times, "holds" if row["holds"] else "over"
        )
    # In a pipe nothing is cut off: whoever reads it there wants whole ids and names.
    Console(width=None if sys.stdout.isatty() else 240).print(table if rows else "Nobody stands in for anybody.")


@app.command()
def end(
    delegation: Annotated[str, typer.Argument(metavar="ID", help="Its id, as `delegations list` prints it.")],
    config: ConfigOption = None,
) -> None:
    """End a delegation now; open requests go back to the person whose they were."""
    from mailgate.runtime import open_serving
    from mailgate.service.delegation import end_delegation

    serving = open_serving(read_config(config))
    try:
        ended = end_delegation(serving, delegation, by=getpass.getuser())
        typer.echo(f"{ended.delegate} is asked in {ended.principal}'s place no longer.")
    finally:
        serving.store.close()
