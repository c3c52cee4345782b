"""`mailgate delegate`: let somebody answer in another person's place for a while."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer

from mailgate.cli.options import ConfigOption, read_config


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
