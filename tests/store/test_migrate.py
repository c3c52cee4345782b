"""Migrations: they make exactly the tables of this version, once, whoever comes first."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect
from sqlmodel import SQLModel, select

from mailgate.errors import StoreUnavailable
from mailgate.store import Store, open_store
from mailgate.store.migrate import migrate
from mailgate.store.tables import Request
from tests.store.fakes import FakeChance, FakeClock
from tests.store.rows import a_request, at_once


@contextmanager
def opened(path: Path) -> Iterator[Store]:
    """Open a database that may be empty."""
    store = open_store(f"sqlite:///{path}", clock=FakeClock(), chance=FakeChance())
    try:
        yield store
    finally:
        store.close()


def test_the_migrations_make_exactly_the_tables_of_this_version(store: Store) -> None:
    """Alembic, comparing the database with ``store/tables.py``, finds nothing to do."""
    with store.read() as tx:
        connection = tx.session.connection()
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, SQLModel.metadata) == []


def test_every_constraint_and_index_is_there(store: Store) -> None:
    """What Alembic does not compare on SQLite: uniqueness and foreign keys forbid the impossible."""
    with store.read() as tx:
        found = inspect(tx.session.connection())
        for table in SQLModel.metadata.sorted_tables:
            unique = {tuple(u["column_names"]) for u in found.get_unique_constraints(table.name)}
            unique |= {tuple(i["column_names"]) for i in found.get_indexes(table.name) if i["unique"]}
            foreign = {(*f["constrained_columns"], f["referred_table"]) for f in found.get_foreign_keys(table.name)}
            indexed = {tuple(i["column_names"]) for i in found.get_indexes(table.name)}
            wanted_unique = {
                tuple(c.name for c in constraint.columns)  # type: ignore[attr-defined]
                for constraint in table.constraints
                if type(constraint).__name__ == "UniqueConstraint"
            } | {tuple(c.name for c in i.columns) for i in table.indexes if i.unique}
            assert unique == wanted_unique, table.name
            assert foreign == {(f.parent.name, f.column.table.name) for f in table.foreign_keys}, table.name
            assert indexed >= {tuple(c.name for c in i.columns) for i in table.indexes if not i.unique}, table.name
            assert set(found.get_pk_constraint(table.name)["constrained_columns"]) == {
                c.name for c in table.primary_key.columns
            }


def test_a_missing_and_an_empty_file_are_migrated(tmp_path: Path) -> None:
    """The first start needs no other command."""
    (tmp_path / "empty.db").touch()
    for name in ("missing.db", "empty.db"):
        with opened(tmp_path / name) as store:
            migrate(store)
            with store.read() as tx:
                assert tx.session.exec(select(Request)).all() == []


def test_migrating_again_changes_nothing(store: Store, other: Store) -> None:
    """Every process does it at every start; rows stay, and nobody is woken for it."""
    with store.write() as tx:
        a_request(tx)
    seen = other.pulse.count()
    migrate(other)
    migrate(store)
    assert other.pulse.count() == seen
    with other.read() as tx:
        assert tx.session.get_one(Request, "r1").agent == "support"


def test_two_threads_may_migrate_at_once(tmp_path: Path) -> None:
    """One does it, the others find it done."""

    def bring_up(number: int) -> str:
        with opened(tmp_path / "mailgate.db") as store:
            migrate(store)
            with store.write() as tx:
                a_request(tx, f"r{number}")
        return "done"

    assert at_once(4, bring_up) == ["done"] * 4
    with opened(tmp_path / "mailgate.db") as store, store.read() as tx:
        assert len(tx.session.exec(select(Request)).all()) == 4


def test_threads_may_migrate_different_databases_at_once(tmp_path: Path) -> None:
    """Alembic keeps its present migration in a module of its own: one database must not get another's tables."""

    def bring_up(number: int) -> str:
        with opened(tmp_path / f"{number}.db") as store:
            migrate(store)
            with store.write() as tx:
                a_request(tx)
        return "done"

    assert at_once(6, bring_up) == ["done"] * 6


PROCESS = """
import sys
from mailgate.chance import SystemChance
from mailgate.store import open_store
from mailgate.store.clock import DatabaseClock
from mailgate.store.migrate import migrate

store = open_store(sys.argv[1], clock=DatabaseClock(), chance=SystemChance())
print("ready", flush=True)
sys.stdin.readline()
migrate(store)
with store.write() as tx:
    tx.now
store.close()
print("done", flush=True)
"""


def test_two_processes_may_migrate_at_once(tmp_path: Path) -> None:
    """As when a server and a worker are started together on a new machine."""
    url = f"sqlite:///{tmp_path / 'mailgate.db'}"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    results = [process.communicate(timeout=60) for process in processes]
    assert [(out, err, p.returncode) for (out, err), p in zip(results, processes, strict=True)] == [
        ("done\n", "", 0)
    ] * 2


def test_a_newer_schema_is_refused_and_left_alone(database: Path) -> None:
    """An old version on one machine must not write into what a new one made."""
    with sqlite3.connect(database) as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    connection.close()
    with opened(database) as store:
        with pytest.raises(
            StoreUnavailable, match=r"^The database was made by a newer mailgate \(schema 9999\); upgrade"
        ):
            migrate(store)
        with store.read() as tx:
            version = tx.session.connection().exec_driver_sql("select version_num from alembic_version").scalar_one()
    assert version == "9999"


def test_a_failed_migration_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All or nothing: the next start finds an empty database, not half a schema."""
    from alembic import op

    made: list[str] = []
    create = op.create_table

    def failing(name: str, *args: object, **kwargs: object) -> object:
        made.append(name)
        if len(made) == 3:
            raise RuntimeError("power cut")
        return create(name, *args, **kwargs)  # type: ignore[arg-type]

    with opened(tmp_path / "mailgate.db") as store:
        monkeypatch.setattr(op, "create_table", failing)
        with pytest.raises(RuntimeError, match="power cut"):
            migrate(store)
        with store.read() as tx:
            assert inspect(tx.session.connection()).get_table_names() == []
        monkeypatch.undo()
        migrate(store)
