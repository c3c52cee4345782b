"""Fixtures of the store's tests: a migrated database, and a clock that stands still."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailgate.store import Store, open_store
from mailgate.store.migrate import migrate
from tests.store.fakes import FakeChance, FakeClock


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate one database; tests take a copy of the file."""
    path = tmp_path_factory.mktemp("migrated") / "mailgate.db"
    store = open_store(f"sqlite:///{path}", clock=FakeClock(), chance=FakeChance())
    migrate(store)
    store.close()
    return path


@pytest.fixture
def database(tmp_path: Path, migrated_file: Path) -> Path:
    """Return the path of a database of the test's own, migrated and empty."""
    return shutil.copy(migrated_file, tmp_path / "mailgate.db")


@pytest.fixture
def clock() -> FakeClock:
    """Return the clock of :func:`store`."""
    return FakeClock()


@pytest.fixture
def store(database: Path, clock: FakeClock) -> Iterator[Store]:
    """Open the test's own database."""
    opened = open_store(f"sqlite:///{database}", clock=clock, chance=FakeChance())
    yield opened
    opened.close()


@pytest.fixture
def other(database: Path, clock: FakeClock) -> Iterator[Store]:
    """Open the same database a second time, as another process would."""
    opened = open_store(f"sqlite:///{database}", clock=clock, chance=FakeChance())
    yield opened
    opened.close()
