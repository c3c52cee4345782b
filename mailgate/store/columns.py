"""The kinds of columns that tables are made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, DateTime, Dialect, ForeignKey, LargeBinary, String, Text, TypeDecorator
from sqlalchemy import text as sql
from sqlmodel import Field


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant; SQLite, which has no zones, stores it without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Take aware instants only."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; an instant is aware UTC")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give aware instants back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def instant(*, null: bool = True, index: bool = False) -> Any:
    """Return a column of an aware UTC instant."""
    return Field(default=None, sa_column=Column(Instant(), nullable=null, index=index))


def binary(*, null: bool = True) -> Any:
    """Return a column of bytes."""
    return Field(default=None, sa_column=Column(LargeBinary, nullable=null))


def prose() -> Any:
    """Return a column of text of any length, empty at first."""
    return Field(default="", sa_column=Column(Text, nullable=False))


def later_prose() -> Any:
    """Return such a column for a table that has rows already."""
    return Field(default="", sa_column=Column(Text, nullable=False, server_default=sql("''")))


def json_text() -> Any:
    """Return a column of plain JSON, an empty object at first."""
    return Field(default="{}", sa_column=Column(Text, nullable=False, server_default="{}"))


def of_request(*, index: bool = True, primary: bool = False, null: bool = False) -> Any:
    """Return a column that names a request."""
    column: Column[str] = Column(String(32), ForeignKey("requests.id"), nullable=null, index=index, primary_key=primary)
    return Field(default=None, sa_column=column)
