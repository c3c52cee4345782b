"""`mailgate sandbox` and `mailgate demo`: try it out on this machine, with nobody outside involved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mailgate.cli.options import log_to_stderr
from mailgate.cli.running import until_told


def sandbox(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where its config.toml and database go.")] = Path(
        "sandbox"
    ),
    inbox_port: Annotated[int, typer.Option(help="Port of the web inbox; 0 for any free one.")] = 8025,
    port: Annotated[int, typer.Option(help="Port of the decide page; 0 for any free one.")] = 8080,
    mail_only: Annotated[
        bool, typer.Option("--mail-only", help="Only the mail site; run `mailgate serve` yourself.")
    ] = False,
) -> None:
    """Run a mail site with a web inbox, and the serving side, on loopback: for developing against."""
    from mailgate.demo.site import run_sandbox

    log_to_stderr("warning")
    run_sandbox(folder, inbox_port=inbox_port, web_port=port, mail_only=mail_only, stop=until_told(), say=typer.echo)


def demo(
    unattended: Annotated[
        bool, typer.Option("--unattended", help="Scripted people answer; it ends by itself.")
    ] = False,
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep config.toml, mailgate.db, archive/ and log.vkey there.")
    ] = None,
) -> None:
    """Tell the whole story on loopback: an agent's day, with people who answer by mail and by link."""
    from mailgate.demo.story import tell

    log_to_stderr("error")
    tell(unattended=unattended, keep=keep, stop=until_told())
