"""The database connection: transactions that know the time, and one kind of error when it cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, event
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft
from sqlmodel import Session

from mailgate.chance import Chance
from mailgate.errors import ConfigError, StoreUnavailable
from mailgate.model.quoting import quoted
from mailgate.store.clock import Clock
from mailgate.store.sqlite import WRITES, advice, open_file
from mailgate.store.wake import Pulse, SqlitePulse

Row = TypeVar("Row")


@dataclass
class Tx:
    """One transaction: its session, and the instant it happens at (read once)."""

    session: Session
    clock: Clock
    chance: Chance
    _now: datetime | None = field(default=None, init=False)
    _locked: set[str] = field(default_factory=set, init=False)

    @property
    def now(self) -> datetime:
        """The one time of this transaction."""
        # Not functools.cached_property: until Python 3.12 it holds one lock for all instances while it computes, and
        # the first look at the time begins the transaction, so a writer that waits for its turn kept the one whose
        # turn it was from ever ending it.
        if self._now is None:
            self._now = self.clock.now(self.session.connection())
        return self._now

    def remember(self, what: str, owner: str, load: Callable[[], Sequence[Row]]) -> Sequence[Row]:
        """Return what ``load`` gives, and the same until this transaction writes anything or locks a request.

        Several checks of one use case look at the same seats, decisions and events; asking once makes them quicker, and
        makes sure that they judge the same rows.
        """
        if self.session.new or self.session.dirty or self.session.deleted:
            self.session.flush()
        kept = self.session.info.setdefault(_REMEMBERED, {})
        if (what, owner) not in kept:
            kept[what, owner] = load()
        return kept[what, owner]  # type: ignore[no-any-return]

    def locks(self, request_id: str) -> None:
        """Note that a request's row is locked now: what was read of it before may have changed until then."""
        if request_id not in self._locked:
            self._locked.add(request_id)
            _forget(self.session)


class _Session(Session):
    """A session of ours, so that its events are not everybody's."""


_REMEMBERED = "mailgate remembered"


def _forget(session: Any, *_: Any) -> None:
    session.info.pop(_REMEMBERED, None)


event.listen(_Session, "after_flush", _forget)
event.listen(_Session, "after_soft_rollback", _forget)


class Store:
    """The database, as transactions. Thread-safe; make one per process with :func:`open_store`."""

    def __init__(self, engine: Engine, clock: Clock, chance: Chance, pulse: Pulse) -> None:
        self.engine = engine
        self.chance = chance
        self.pulse = pulse
        self._clock = clock
        self._writing = engine.execution_options(**{WRITES: True})

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
            with _Session(engine, expire_on_commit=False) as session:
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
                f"The database cannot be used now: {error.orig}.", hint=advice(str(error.orig), engine.url.database)
            ) from error


def open_store(url: str, *, clock: Clock, chance: Chance) -> Store:
    """Return the store at ``url`` (``sqlite:///path``); the schema is not touched.

    Raises:
        ConfigError: a URL that no database of this version has.
        StoreUnavailable: the file cannot be opened.
    """
    scheme, _, name = url.partition("///")
    path = Path(name)
    if not url.startswith("sqlite:"):
        # Only what stands before the colon: behind it may be a password.
        kind = quoted(url.partition(":")[0])
        raise ConfigError(
            [f"[mailgate] database: {kind} is not a database this version can use; write sqlite:///mailgate.db."]
        )
    if scheme != "sqlite:" or path.name in ("", ":memory:"):
        raise ConfigError([f"[mailgate] database: {quoted(url)} names no file; write sqlite:///mailgate.db."])
    return Store(open_file(path), clock, chance, SqlitePulse(path))
