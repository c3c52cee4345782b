"""The one room that wires concrete parts together: configuration in, running roles out.

The serving side's parts are imported where they are wired: an agent's process starts twice as fast without them, and
has nothing in it that could read a key or make a token.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from mailgate.chance import SystemChance, monotonic
from mailgate.config import Config, shipped
from mailgate.config.keyfiles import (
    KEY_BYTES,
    add_secret,
    make_keys,
    read_secret,
    read_secrets,
    read_vkey,
    write_vkeys,
)
from mailgate.errors import ConfigError
from mailgate.model.evidence import LogSigner, LogVerifier
from mailgate.service.context import Serving, Working
from mailgate.service.execute import Known
from mailgate.service.journal import Journal
from mailgate.service.resume import Outcome
from mailgate.service.role import Role
from mailgate.service.worker import WorkerRole
from mailgate.store import Store, open_store
from mailgate.store.clock import DatabaseClock
from mailgate.store.events import has_records
from mailgate.store.migrate import migrate

if TYPE_CHECKING:
    from mailgate.audit.spill import Spill
    from mailgate.service.rebuilding import Rebuilt

log = structlog.get_logger(__name__)

ROLES = ("keeper", "outbox", "inbox", "web")
"""What `mailgate serve` runs, in the order they are started."""


def log_name(config: Config) -> str:
    """Return the name of the deployment's evidence log: mail domain and configured name."""
    return f"{config.smtp.address.partition('@')[2]}/{config.mailgate.name}"


def open_database(config: Config) -> Store:
    """Return the store, its schema brought to this version.

    Raises:
        StoreUnavailable: it cannot be opened or written.
    """
    store = open_store(config.database_url, clock=DatabaseClock(), chance=SystemChance())
    try:
        migrate(store)
    except BaseException:
        store.close()
        raise
    return store


def open_working(config: Config) -> Working:
    """Return the agents' side: no secret is read.

    Raises:
        ConfigError, StoreUnavailable.
    """
    return Working(config=config, store=open_database(config), verifier=_verifier(config))


def open_serving(config: Config) -> Serving:
    """Return the serving side with its keys and templates.

    Raises:
        ConfigError: a key or template is missing or damaged.
        ComposeError: a template that cannot be used.
        StoreUnavailable: the database cannot be used.
    """
    from mailgate.mail.rehearsal import rehearse
    from mailgate.mail.templates import Templates
    from mailgate.service.guard import Guard
    from mailgate.tokens import LinkKeys, ServeKey

    override = config.path(config.mailgate.templates) if config.mailgate.templates else None
    *earlier, signer = (LogSigner(log_name(config), seed) for seed in read_secrets(config, "log_file"))
    verifier = _verifier(config)
    if [s.vkey for s in (*earlier, signer)] != [key.format() for key in verifier.keys]:
        raise ConfigError(
            [
                "[keys] vkey_file is not the public key of log_file under this name and mail domain; "
                "if no request was made yet, run `mailgate init` again; else change name and [smtp] from back."
            ]
        )
    templates = Templates.load(shipped("templates"), override)
    if override is not None:
        rehearse(templates)  # somebody's own templates: every kind of mail is made and checked before one is needed
    return Serving(
        config=config,
        key=ServeKey(read_secret(config, "serve_file")),
        links=LinkKeys(read_secrets(config, "link_file")),
        signer=signer,
        earlier_signers=tuple(earlier),
        verifier=verifier,
        templates=templates,
        guard=Guard(config.path(config.keys.guard_file), verifier),
        store=open_database(config),
    )


def make_key_files(config: Config) -> list[Path]:
    """Make the key files that are missing and return them; the public key is renewed until there is a first record."""
    store = open_database(config)
    try:
        with store.read() as tx:
            unused = not has_records(tx)
    finally:
        store.close()
    return make_keys(
        config, SystemChance().bytes, lambda seed: LogSigner(log_name(config), seed).vkey, renew_vkey=unused
    )


def list_keys(config: Config) -> list[dict[str, Any]]:
    """Return what keys there are, without their secrets."""
    kinds = {
        "serve": ("serve_file", "reply addresses, codes and seals are derived from it"),
        "link": ("link_file", "sign links; the newest signs, all verify"),
        "log": ("log_file", "sign the record; the newest that the log has announced signs"),
    }
    found: list[dict[str, Any]] = [
        {
            "key": name,
            "keys": len(read_secrets(config, key)),
            "file": str(config.path(getattr(config.keys, key))),
            "for": use,
        }
        for name, (key, use) in kinds.items()
    ]
    found[-1]["public"] = read_vkey(config).split()
    return found


def rotate_key(config: Config, name: str) -> list[Path]:
    """Make a new ``link`` or ``log`` key beside the old ones, and return the files that were written.

    Raises:
        ConfigError: a key file cannot be read or written.
    """
    secret = SystemChance().bytes(KEY_BYTES)
    written = [add_secret(config, f"{name}_file", secret)]
    if name == "log":
        vkeys = [LogSigner(log_name(config), seed).vkey for seed in read_secrets(config, "log_file")]
        written.append(write_vkeys(config, vkeys))
    return written


def process_name() -> str:
    """Return a name for this process as owner of leases and worker: host, process id, and something unique."""
    return f"{socket.gethostname()}:{os.getpid()}:{SystemChance().id()[:6]}"


def roles_of(serving: Serving, names: Sequence[str] = ROLES, listening: socket.socket | None = None) -> list[Role]:
    """Return the serving side's roles, ready to run.

    Args:
        listening: a bound socket for the web role, instead of ``[web] host`` and ``port``.

    Raises:
        ConfigError: an unknown name, or a port in use.
    """
    from mailgate.mail.imap import ImapMailbox
    from mailgate.mail.smtp import SmtpSender
    from mailgate.service.fetch import InboxRole
    from mailgate.service.roles import KeeperRole, OutboxRole
    from mailgate.web.app import make_app
    from mailgate.web.server import WebRole, bind

    config, owner = serving.config, process_name()
    unknown = [n for n in names if n not in ROLES]
    if unknown:
        raise ConfigError([f"There is no role {unknown[0]!r}; choose from {', '.join(ROLES)}."])
    smtp_password = config.password_of(config.smtp) if "outbox" in names else ""
    imap_password = config.password_of(config.imap) if "inbox" in names else ""
    makers: dict[str, Callable[[], Role]] = {
        "keeper": lambda: KeeperRole(serving, owner, monotonic),
        "outbox": lambda: OutboxRole(
            serving, lambda: SmtpSender(config.smtp, smtp_password, _authority(config, config.smtp.ca_file))
        ),
        "inbox": lambda: InboxRole(
            serving, lambda: ImapMailbox(config.imap, imap_password, _authority(config, config.imap.ca_file)), owner
        ),
        "web": lambda: WebRole(
            make_app(serving, shipped("templates/web/style.css"), monotonic),
            listening or bind(config.web.host, config.web.port),
            config.web.trusted_proxies,
        ),
    }
    return [makers[name]() for name in ROLES if name in names]


def rebuild_database(serving: Serving, spill: Spill, *, by: str) -> Rebuilt:
    """Make the empty database of ``serving`` from an archive that was verified, and has no holes.

    Args:
        spill: what verifying it has left.
        by: the operator who says so.

    Raises:
        InvalidArguments, LogBroken: see :func:`mailgate.service.rebuilding.rebuild`.
    """
    from mailgate.audit.gathering import erased, gather, notes
    from mailgate.service.rebuilding import rebuild
    from mailgate.service.regrowing import Found

    found = (
        Found(
            leaf=one.leaf,
            record=one.record,
            archived=one.archived,
            mail=one.mail,
            mailed_at=one.mailed_at,
            mailed_to=one.mailed_to,
            lines=one.lines,
            state=one.state.raw if one.state else None,
        )
        for one in gather(spill)
    )
    gone = frozenset(request for _, request in erased(spill).values())
    return rebuild(serving, found, notes(spill), erased=gone, by=by)


def make_worker(
    working: Working, actions: Mapping[str, Known], handlers: Mapping[str, Callable[[Outcome], Any]], *, once: bool
) -> WorkerRole:
    """Return the role that executes and resumes beside the agent's code."""
    journal = Journal(working.config.path(working.config.worker.journal))
    return WorkerRole(working, actions=actions, handlers=handlers, worker=process_name(), journal=journal, once=once)


def run_roles(roles: Iterable[Role], stop: threading.Event, beat: Callable[[], None]) -> None:
    """Run every role in a thread of its own until ``stop``; a role that fails stops all of them.

    Args:
        beat: wakes those who wait, once ``stop`` is set.
    """
    failures: list[BaseException] = []

    def run(role: Role) -> None:
        try:
            role.run(stop)
        except BaseException as error:  # the others must not go on alone unnoticed
            log.error("role_failed", role=role.name, why=f"{type(error).__name__}: {error}")
            failures.append(error)
            stop.set()

    threads = [threading.Thread(target=run, args=(r,), name=f"mailgate-{r.name}") for r in roles]
    for thread in threads:
        thread.start()
    stop.wait()
    beat()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _verifier(config: Config) -> LogVerifier:
    try:
        return LogVerifier(read_vkey(config))
    except ValueError as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError([f"[keys] vkey_file: {error}"]) from error


def _authority(config: Config, name: str) -> Path | None:
    return config.path(name) if name else None
