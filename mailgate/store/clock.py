"""What time it is, by the database: one clock for all processes that share it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy import Connection, text


class Clock(Protocol):
    """Tells the time of a transaction."""

    def now(self, connection: Connection) -> datetime:
        """Return the aware UTC instant."""
        ...


class DatabaseClock:
    """The database server's own clock; on SQLite, this machine's."""

    def now(self, connection: Connection) -> datetime:
        """See :class:`Clock`."""
        if connection.dialect.name == "sqlite":
            stamp = connection.execute(text("select strftime('%Y-%m-%dT%H:%M:%f', 'now')")).scalar_one()
            return datetime.fromisoformat(stamp).replace(tzinfo=UTC)
        now: datetime = connection.execute(text("select clock_timestamp()")).scalar_one()
        return now.astimezone(UTC)
