"""The commands, and where each is written."""

from __future__ import annotations

import typer

from mailgate.cli import explain, quarantine, requests, running, setup, trying

app = typer.Typer(
    name="mailgate",
    help="An e-mail based approval queue for AI agents: nothing gated runs without a person's proven yes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command()(trying.demo)
app.command()(trying.sandbox)
app.command()(setup.init)
app.command()(setup.doctor)
app.command()(running.serve)
app.command()(running.worker)
app.add_typer(requests.app, name="requests")
app.command()(explain.explain)
app.add_typer(quarantine.app, name="quarantine")
