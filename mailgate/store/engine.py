"""The database connection: transactions that know the time, and one kind of error when it cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft
from sqlmodel import Session

from mailgate.chance import Chance
from mailgate.errors import StoreUnavailable
from mailgate.store.clock import Clock
from mailgate.store.wake import Pulse, SqlitePulse

BUSY_SECONDS = 10
"""How long a SQLite writer waits for another one. Transactions here take milliseconds."""


@dataclass
class Tx:
    """One transaction: its session, and the instant it happens at (read once)."""

    session: Session
    clock: Clock
    chance: Chance
    _now: datetime | None = field(default=None, init=False)

    @property
    def now(self) -> datetime:
        """The one time of this transaction."""
        # Not functools.cached_property: until Python 3.12 it holds one lock for all instances while it computes, and
        # the first look at the time begins the transaction, so a writer that waits for its turn kept the one whose
        # turn it was from ever ending it.
        if self._now is None:
            self._now = self.clock.now(self.session.connection())
        return self._now


class Store:
    """The database, as transactions. Thread-safe; make one per process with :func:`open_store`."""

    def __init__(self, engine: Engine, clock: Clock, chance: Chance, pulse: Pulse) -> None:
        self.engine = engine
        self.chance = chance
        self.pulse = pulse
        self._clock = clock
        self._writing = engine.execution_options(mailgate_writes=True)

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """Give a transaction that sees one state of the database and writes nothing."""
        with self._transaction(self.engine) as tx:
            yield tx

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """Give a transaction that is committed at the end, or undone by any exception; then wake the roles.

        Raises:
            StoreUnavailable: locked for too long, gone, or read-only. Nothing was stored.
        """
        with self._transaction(self._writing) as tx:
            yield tx
            tx.session.commit()
        self.pulse.beat()

    def close(self) -> None:
        """Close every connection."""
        self.pulse.close()
        self.engine.dispose()

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Tx]:
        try:
            with Session(engine, expire_on_commit=False) as session:
                yield Tx(session, self._clock, self.chance)
        except IntegrityError:
            raise
        except NoConnectionLeft as error:
            raise StoreUnavailable(
                "All connections of this process to the database are in use; try again.",
                hint="Run fewer threads in one process.",
            ) from error
        except DBAPIError as error:
            # SQLite calls a damaged file, or one that is none of its own, by the plain name; the others are our mistakes.
            if not (
                isinstance(error, OperationalError) or type(error) is DatabaseError or error.connection_invalidated
            ):
                raise
            raise StoreUnavailable(
                f"The database cannot be used now: {error.orig}.", hint=_advice(str(error.orig), engine.url.database)
            ) from error


def open_store(url: str, *, clock: Clock, chance: Chance) -> Store:
    """Return the store at ``url`` (``sqlite:///path`` or ``postgresql://…``); the schema is not touched.

    Raises:
        StoreUnavailable: the file cannot be opened or the server cannot be reached.
    """
    scheme, _, name = url.partition("///")
    path = Path(name)
    if scheme != "sqlite:" or path.name in ("", ":memory:"):
        raise StoreUnavailable(
            f"{url.split(':', 1)[0]!r} is not a database this version can use; write sqlite:///mailgate.db.",
            hint="Change [mailgate] database; a database in memory would be gone with the process.",
        )
    if not path.parent.is_dir():
        raise StoreUnavailable(
            f"There is no folder {path.parent} for the database.",
            hint="Make the folder, or change [mailgate] database.",
        )
    if path.is_dir():
        raise StoreUnavailable(
            f"{path} is a folder, not a database file.",
            hint=f"Name a file in it under [mailgate] database: sqlite:///{path / 'mailgate.db'}.",
        )
    # Not the text: what looks like a query or an escape in it is part of the file's name.
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"isolation_level": None, "timeout": BUSY_SECONDS},
        pool_size=16,
        max_overflow=32,
    )
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Store(engine, clock, chance, SqlitePulse(path))


def _configure_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    try:
        # FULL: a commit that was reported survives a power cut; WAL alone would lose the last ones.
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={round(BUSY_SECONDS * 1000)}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
    finally:
        cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes its lock before it reads, so that what it read cannot have changed when it writes.
    writes = connection.get_execution_options().get("mailgate_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _advice(message: str, path: str | None) -> str:
    for said, advice in (
        ("readonly", f"Make {path} and its folder writable for this user."),
        ("unable to open", f"Make {path} and its folder readable and writable for this user."),
        ("locked", f"Another process holds {path} for very long; look for a copy or a backup of it."),
        ("not a database", f"{path} is not a SQLite database; change [mailgate] database, or move that file away."),
        ("malformed", f"{path} is damaged; stop everything that uses it and restore it from a backup."),
        ("full", f"Make room on the disk of {path}."),
    ):
        if said in message:
            return advice
    return f"Look at {path} and its disk, or change [mailgate] database."
