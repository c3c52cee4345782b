"""The commands, and where each is written."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from mailgate.cli import archive, audit, delegate, explain, keys, policy, quarantine, requests, running, setup, trying

app = typer.Typer(
    name="mailgate",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mailgate {version('mailgate')}")
        raise typer.Exit


@app.callback()
def mailgate(
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and end.")
    ] = False,
) -> None:
    """An e-mail based approval queue for AI agents: nothing gated runs without a person's proven yes."""


app.command()(trying.demo)
app.command()(trying.sandbox)
app.command()(setup.init)
app.command()(setup.doctor)
app.command()(running.serve)
app.command()(running.worker)
app.add_typer(requests.app, name="requests")
app.add_typer(policy.app, name="policy")
app.command()(explain.explain)
app.add_typer(quarantine.app, name="quarantine")
app.command()(delegate.delegate)
app.add_typer(delegate.app, name="delegations")
app.add_typer(keys.app, name="keys")
audit.app.command()(archive.rebuild)
audit.app.command()(archive.export)
audit.app.command()(archive.search)
app.add_typer(audit.app, name="audit")
