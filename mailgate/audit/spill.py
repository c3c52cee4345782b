"""Facts of an archive on disk while it is verified, so that memory does not grow with it. Standard library only.

A temporary SQLite file, gone when it is closed. Mails come in any order, twice, and in copies; what can only be said once
all were read is asked here afterwards. The queries stand beside what asks them.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mailgate.model.findings import Found, Kind

_SCHEMA = """
create table mail (id integer primary key, place text, subject text, message_id text, at real, sender text, instance text,
    code text, state text, why text, digest blob);
create table body (idx integer, leaf blob, request text, seq integer, event text, at real, raw blob,
    primary key (idx, leaf)) without rowid;
create table carrier (idx integer, leaf blob, mail integer, recipient text, note integer,
    primary key (idx, leaf, mail)) without rowid;
create table note (id integer primary key, text text, size integer, root blob, mail integer, signed integer);
create table claim (idx integer, leaf blob, mail integer, primary key (idx, leaf, mail)) without rowid;
create table thread (idx integer, leaf blob, request text, seq integer, event text, at real, mail integer, raw blob,
    primary key (idx, leaf)) without rowid;
create table stamp (mail integer, text blob, signature blob);
create table kept (digest blob, mail integer, request text, signed integer, dns blob,
    primary key (digest, mail)) without rowid;
create table lines (idx integer, leaf blob, raw blob, primary key (idx, leaf)) without rowid;
create table state (idx integer, leaf blob, media_type text, version text, raw blob,
    primary key (idx, leaf)) without rowid;
create table found (kind text, why text, idx integer, request text, place text);
"""

_BATCH = 2000
"""Rows that wait in memory: enough that writing them costs little, few enough that they take no room."""


class Spill:
    """The file, and the rows that wait to be written to it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="mailgate-audit-")
        self._db = sqlite3.connect(Path(self._folder.name) / "facts.db", isolation_level=None)
        # Nothing here outlives the process, so nothing has to be safe on disk.
        self._db.executescript("pragma journal_mode=off; pragma synchronous=off; pragma cache_size=-20000; begin;")
        for statement in _SCHEMA.split(";"):
            self._db.execute(statement)
        self._waiting: dict[str, list[tuple[Any, ...]]] = {}

    def close(self) -> None:
        """Remove the file."""
        self._db.close()
        self._folder.cleanup()

    def add(self, table: str, *row: Any) -> None:
        """Add a row, unless one with its key is there."""
        rows = self._waiting.setdefault(table, [])
        rows.append(tuple(map(_storable, row)))
        if len(rows) >= _BATCH:
            self._write(table, rows)

    def find(self, query: str, *values: Any) -> Iterator[Any]:
        """Yield what a query finds; rows that wait are written first."""
        for table, rows in self._waiting.items():
            self._write(table, rows)
        yield from self._db.execute(query, values)

    def first(self, query: str, *values: Any) -> Any:
        """Return the first row that a query finds, or None."""
        return next(self.find(query, *values), None)

    def change(self, statement: str, *values: Any) -> None:
        """Change rows."""
        for _ in self.find(statement, *values):
            pass

    def report(self, found: Iterable[Found]) -> None:
        """Keep findings."""
        for one in found:
            self.add("found", one.kind.value, one.why, one.index, one.request, one.place)

    def findings(self) -> Iterator[Found]:
        """Yield the findings, each once, in the order of the log; those about no record come last."""
        query = "select distinct kind, why, idx, request, place from found order by idx is null, idx, kind, place, why"
        for kind, why, index, request, place in self.find(query):
            yield Found(kind=Kind(kind), why=why, index=index, request=request, place=place)

    def _write(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        if rows:
            marks = ",".join("?" * len(rows[0]))
            self._db.executemany(f"insert or ignore into {table} values ({marks})", rows)  # noqa: S608 - our own names
            rows.clear()


def _storable(value: Any) -> Any:
    """Return a value as SQLite takes it: whoever writes a mail may write numbers and letters that it does not."""
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "replace").decode()
    return min(value, _MOST) if isinstance(value, int) else value


_MOST = 2**62
"""No log has so many records."""
