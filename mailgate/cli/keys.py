"""`mailgate keys`: the keys of the serving side, new ones, and the guard of the log."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from mailgate.cli.options import ConfigOption, JsonOption, read_config

app = typer.Typer(help="List the keys, make new ones, accept the log as it is.", no_args_is_help=True)


@app.command("list")
def list_(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List the keys: how many there are, where they lie, and the log's public keys. Prints no secret."""
    from mailgate.runtime import list_keys

    found = list_keys(read_config(config))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for row in found:
        typer.echo(f"{row['key']:6} {row['keys']} in {row['file']}: {row['for']}")
        for vkey in row.get("public", []):
            typer.echo(f"       {vkey}")


@app.command()
def rotate(
    key: Annotated[Literal["link", "log"], typer.Argument(help="link: signs links. log: signs the record.")],
    config: ConfigOption = None,
) -> None:
    """Make a new key beside the old ones, which go on verifying. Start `mailgate serve` again afterwards."""
    from mailgate.runtime import rotate_key

    for path in rotate_key(read_config(config), key):
        typer.echo(f"wrote {path}")
    if key == "log":
        typer.echo("Copy log.vkey to your workers and auditors. The log announces the new key under the old one.")
    typer.echo("Start `mailgate serve` again: it still has the keys it read at its start.")


@app.command()
def guard(
    accept: Annotated[
        bool, typer.Option("--accept", help="Take the database as it is for the newest there is.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Compare the database with the guard of its log; --accept writes the guard anew after you made sure."""
    from mailgate.runtime import open_serving
    from mailgate.service.ledger import accept_log, compare_log

    serving = open_serving(read_config(config))
    try:
        typer.echo(accept_log(serving) if accept else compare_log(serving))
    finally:
        serving.store.close()
