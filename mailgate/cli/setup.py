"""`mailgate init` and `mailgate doctor`: make what is needed, and check that it works."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailgate.cli.errors import CHECK_FAILED, Exit
from mailgate.cli.options import ConfigOption, read_config
from mailgate.model.quoting import plain

if TYPE_CHECKING:
    from rich.console import Console

    from mailgate.checkup import Finding


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to put it.")] = Path(),
) -> None:
    """Make a commented config.toml, keys and the database. Keeps everything that is there already."""
    from mailgate.config import shipped
    from mailgate.runtime import make_key_files, open_database

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.toml"
    if path.exists():
        typer.echo(f"kept  {path}")
    else:
        text = shipped("config.toml").read_text(encoding="utf-8")
        path.write_text(_asked(text) if sys.stdin.isatty() else text, encoding="utf-8")
        typer.echo(f"made  {path}")
    config = read_config(path)
    for made in make_key_files(config):
        typer.echo(f"made  {made}")
    open_database(config).close()
    typer.echo(f"ready {config.database_url}")
    typer.echo("Next: put your mail server and people into config.toml, then run `mailgate doctor`.")
    typer.echo(
        "The agents' side needs config.toml, log.vkey and the database; keep the folder keys/ to the serving side."
    )


def doctor(
    probe: Annotated[
        bool, typer.Option("--probe", help="Also send itself a mail to each kind of reply address and wait for them.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Check configuration, keys, database, mail servers and clock; say what to do about each problem."""
    from rich.console import Console

    from mailgate.checkup import check_all

    console = Console(highlight=False, soft_wrap=True)
    failed = False
    with _progress(console) as say:
        for finding in check_all(read_config(config), probe=probe, say=say):
            failed |= not finding.fine
            console.print(f"{_sign(finding)} [bold]{finding.what}[/]  ", end="")
            console.print(plain(finding.says), markup=False, emoji=False)
    if failed:
        raise Exit(CHECK_FAILED)


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[str], None]]:
    """Show what is waited for on a terminal; in a pipe say nothing."""
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("checking") as status:
        yield status.update


def _sign(finding: Finding) -> str:
    if not finding.fine:
        return "[red]✗[/]"
    if finding.doubtful:
        return "[yellow]![/]"
    return "·" if finding.aside else "[green]✓[/]"


def _asked(text: str) -> str:
    """Return the shipped configuration with the answers of a person at a terminal filled in."""
    for question, default, pattern in _QUESTIONS:
        answer = typer.prompt(question, default=default).replace('"', "")
        text = re.sub(pattern, "\\g<1>" + answer.replace("\\", "") + "\\g<2>", text, flags=re.MULTILINE)
    return text


_QUESTIONS = (
    ("Your name", "Alice Adams", r'(^\[people\.alice\]\nname = ")[^"]*(")'),
    ("Your mail address (approvals are asked there)", "alice@example.com", r'(^address = ")alice@example\.com(")'),
    ("The address approvals come from", "approvals@example.com", r'(^from = "Approvals <)[^>]*(>")'),
    ("Your mail server", "mail.example.com", r'(^host = ")127\.0\.0\.1("                          # the server)'),
)
