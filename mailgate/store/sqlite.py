"""SQLite as mailgate uses it: a commit that was reported stays, a writer has its turn before it reads, and waits for it briefly."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

from sqlalchemy import URL, Connection, Engine, create_engine, event

from mailgate.errors import StoreUnavailable

WRITES = "mailgate_writes"
"""The execution option that says a transaction will write."""

BUSY_SECONDS = 10
"""How long a writer waits for another one. Transactions here take milliseconds."""

LOOK_SECONDS = 0.0005
"""How often a waiting writer tries again. SQLite's own steps grow to 25 ms: many times what is waited for."""


def open_file(path: Path) -> Engine:
    """Return an engine on the database file ``path``, which need not exist yet.

    Raises:
        StoreUnavailable: there is no such folder, or the path is one.
    """
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
        hide_parameters=True,  # an error is logged, and what people wrote must not be
        pool_size=16,
        max_overflow=32,
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    try:
        # FULL: a commit that was reported survives a power cut; WAL alone would lose the last ones.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            # Of two processes that make a new file at once, SQLite tells one "locked" without waiting.
            if _until_free(partial(cursor.execute, f"PRAGMA {pragma}")):
                cursor.execute(f"PRAGMA {pragma}")
    finally:
        cursor.close()


def _begin(connection: Connection) -> None:
    # A writer takes its lock before it reads, so that what it read cannot have changed when it writes.
    if not connection.get_execution_options().get(WRITES, False):
        connection.exec_driver_sql("BEGIN")
        return
    raw = cast("sqlite3.Connection", connection.connection.dbapi_connection)
    raw.execute("PRAGMA busy_timeout=0")
    try:
        if _until_free(lambda: raw.execute("BEGIN IMMEDIATE")):
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # fails again, and this time as SQLAlchemy's error
    finally:
        raw.execute(f"PRAGMA busy_timeout={round(BUSY_SECONDS * 1000)}")


def _until_free(statement: Callable[[], object]) -> int:
    """Run ``statement``, again and again while somebody else holds the lock; return 0, or SQLite's primary result code."""
    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            statement()
        except sqlite3.DatabaseError as error:
            code = error.sqlite_errorcode & 0xFF
            if code != sqlite3.SQLITE_BUSY or time.monotonic() >= give_up:
                return code
        else:
            return 0
        time.sleep(LOOK_SECONDS)


def advice(message: str, path: str | None) -> str:
    """Return what to do about an error that SQLite words as ``message``."""
    for said, what in (
        ("readonly", f"Make {path} and its folder writable for this user."),
        ("unable to open", f"Make {path} and its folder readable and writable for this user."),
        ("locked", f"Another process holds {path} for very long; look for a copy or a backup of it."),
        ("not a database", f"{path} is not a SQLite database; change [mailgate] database, or move that file away."),
        ("malformed", f"{path} is damaged; stop everything that uses it and restore it from a backup."),
        ("full", f"Make room on the disk of {path}."),
    ):
        if said in message:
            return what
    return f"Look at {path} and its disk, or change [mailgate] database."
