"""The database connection: transactions that know the time, and one kind of error when it cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
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
        except OperationalError as error:
            raise StoreUnavailable(
                f"The database cannot be used now: {error.orig}.", hint=_advice(str(error.orig))
            ) from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise StoreUnavailable("The database closed the connection; try again.") from error
            raise


def open_store(url: str, *, clock: Clock, chance: Chance) -> Store:
    """Return the store at ``url`` (``sqlite:///path`` or ``postgresql://…``); the schema is not touched.

    Raises:
        StoreUnavailable: the file cannot be opened or the server cannot be reached.
    """
    if not url.startswith("sqlite:"):
        raise StoreUnavailable(
            f"{url.split(':', 1)[0]!r} is not a database this version can use; write sqlite:///mailgate.db."
        )
    path = Path(url.removeprefix("sqlite:///"))
    if not path.parent.is_dir():
        raise StoreUnavailable(
            f"There is no folder {path.parent} for the database; make it, or change [mailgate] database."
        )
    engine = create_engine(
        url, connect_args={"isolation_level": None, "timeout": BUSY_SECONDS}, pool_size=16, max_overflow=32
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
            f"busy_timeout={BUSY_SECONDS * 1000}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
    finally:
        cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes its lock before it reads, so that what it read cannot have changed when it writes.
    writes = connection.get_execution_options().get("mailgate_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _advice(message: str) -> str:
    if "readonly" in message or "read-only" in message:
        return "Make the database file and its folder writable for this user."
    if "locked" in message:
        return "Another process holds the database for very long; look for a copy or a backup of it."
    return "Check [mailgate] database."
