"""`mailgate serve` and `mailgate worker`: run roles until told to stop."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from mailgate.cli.options import ConfigOption, load_mailgate, log_to_stderr, read_config
from mailgate.service.role import Role


def serve(
    role: Annotated[
        list[str] | None,
        typer.Option("--role", help="Run only this role: keeper, outbox, inbox, web. May be repeated."),
    ] = None,
    worker: Annotated[str | None, typer.Option(help="Also run a worker for MODULE:NAME in this process.")] = None,
    config: ConfigOption = None,
) -> None:
    """Run the serving side: ask people, read their answers, keep the record."""
    from mailgate.runtime import ROLES, open_serving, roles_of, run_roles

    log_to_stderr()
    serving = open_serving(read_config(config))
    try:
        roles = roles_of(serving, role or ROLES)
        if worker is not None:
            roles.append(load_mailgate(worker, config).worker())
        run_roles(roles, until_told(), serving.store.pulse.beat)
    finally:
        serving.store.close()


def worker(
    mailgate: Annotated[str, typer.Argument(metavar="MODULE:NAME", help="Where your Mailgate is, such as app:mg.")],
    once: Annotated[bool, typer.Option("--once", help="End after one agent was resumed.")] = False,
    config: ConfigOption = None,
) -> None:
    """Run what was approved, and hand outcomes back to the agents."""
    from mailgate.runtime import run_roles

    log_to_stderr()
    mg = load_mailgate(mailgate, config)
    stop = until_told()

    class UntilDone:
        name = "worker"

        def run(self, stop: threading.Event) -> None:
            mg.worker(once=once).run(stop)
            stop.set()

    try:
        roles: list[Role] = [UntilDone()]
        run_roles(roles, stop, mg.working.store.pulse.beat)
    finally:
        mg.close()


def until_told() -> threading.Event:
    """Return an event that SIGINT and SIGTERM set."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop
