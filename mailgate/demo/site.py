"""The sandbox with the serving side on it: one folder, one process, everything on loopback."""

from __future__ import annotations

import os
import socket
import threading
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mailgate.config import Config, load_config
from mailgate.demo.settings import GATES, SandboxPerson, write_config
from mailgate.errors import ConfigError
from mailgate.runtime import make_key_files, open_database, open_serving, roles_of, run_roles
from mailgate.sandbox import Sandbox
from mailgate.service.context import Serving
from mailgate.web.server import bind

PEOPLE = {
    p.id: p
    for p in (
        SandboxPerson(id="alice", name="Alice Adams", address="alice@sandbox.test", zone="Europe/London"),
        SandboxPerson(id="bob", name="Bob Brown", address="bob@sandbox.test", zone="Europe/Berlin"),
        SandboxPerson(id="carol", name="Carol Clark", address="carol@sandbox.test", zone="America/New_York"),
        SandboxPerson(id="dave", name="Dave Dunn", address="dave@sandbox.test"),
    )
}


WEB_PORT = 8080
"""Of the decide page, where neither an option nor a configuration names another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running sandbox and the configuration for it."""

    mail: Sandbox
    config_path: Path
    config: Config


@contextmanager
def open_site(
    folder: Path, *, inbox_port: int, web_port: int | None, gates: str, approvers: list[str]
) -> Iterator[tuple[Site, socket.socket]]:
    """Start a mail site for ``folder``, whose config.toml is made if it is missing; give also the decide page's socket.

    Args:
        web_port: of the decide page; None: as the configuration that is there has it.

    Raises:
        ConfigError: a port is in use, or the folder's configuration is not one of the sandbox.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.toml"
    smtp_port, imap_port, usual_port = _ports_of(path) if path.exists() else (0, 0, WEB_PORT)
    listening = bind("127.0.0.1", usual_port if web_port is None else web_port)
    people = {p.address: p.name for p in PEOPLE.values()}
    mail = Sandbox(people, smtp_port=smtp_port, imap_port=imap_port, inbox_port=inbox_port)
    with mail:
        web_port = int(listening.getsockname()[1])
        if not path.exists():
            write_config(folder, mail, PEOPLE, web_port=web_port, gates=gates, approvers=approvers)
        config = _at_port(load_config(path), web_port)
        make_key_files(config)
        open_database(config).close()
        yield Site(mail=mail, config_path=path, config=config), listening


@contextmanager
def serving(config: Config, listening: socket.socket, failed: Callable[[], None]) -> Iterator[Serving]:
    """Run the serving side's roles in threads of this process; ``failed`` is called if they end by themselves."""
    side = open_serving(config)
    stop = threading.Event()
    roles = roles_of(side, listening=listening)
    ended: list[BaseException] = []

    def run() -> None:
        try:
            run_roles(roles, stop, side.store.pulse.beat)
        except BaseException as error:  # raised again below, where it can be seen
            ended.append(error)
            failed()

    thread = threading.Thread(target=run, name="mailgate-serve")
    thread.start()
    try:
        yield side
    finally:
        stop.set()
        thread.join()
        side.store.close()
    if ended:
        raise ended[0]


def run_sandbox(
    folder: Path,
    *,
    inbox_port: int,
    web_port: int | None,
    mail_only: bool,
    stop: threading.Event,
    say: Callable[[str], None],
) -> None:
    """Run until ``stop``; print where everything is."""
    with open_site(folder, inbox_port=inbox_port, web_port=web_port, gates=GATES, approvers=["bob"]) as (
        site,
        listening,
    ):
        _introduce(site, say, mail_only=mail_only)
        if mail_only:
            listening.close()
            stop.wait()
            return
        with serving(site.config, listening, stop.set):
            stop.wait()


def _introduce(site: Site, say: Callable[[str], None], *, mail_only: bool) -> None:
    shown = os.path.relpath(site.config_path)
    say(f"inbox    {site.mail.inbox_url}   read and answer everybody's mail here")
    say(f"config   {shown}   Mailgate.load({shown!r})")
    say(
        f"serving  {'not started: run  mailgate serve --config ' + shown if mail_only else site.config.mailgate.base_url}"
    )
    say("Everything is on this machine only. Stop with Ctrl-C.")


def _at_port(config: Config, port: int) -> Config:
    """Return the configuration with the decide page, and so the links to it, at ``port`` in this run."""
    if port == config.web.port:
        return config
    main = config.mailgate.model_copy(update={"base_url": f"http://127.0.0.1:{port}"})
    return config.model_copy(update={"mailgate": main, "web": config.web.model_copy(update={"port": port})})


def _ports_of(path: Path) -> tuple[int, int, int]:
    raw: Mapping[str, Mapping[str, int]] = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        return raw["smtp"]["port"], raw["imap"]["port"], raw["web"]["port"]
    except KeyError as error:
        raise ConfigError(
            [
                f"{path} was not made by the sandbox (it has no {error}); give another folder, such as `mailgate sandbox trial`."
            ]
        ) from error
