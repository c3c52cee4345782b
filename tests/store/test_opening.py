"""A database that cannot be used: one sentence and a hint, never a traceback, and nothing made by mistake."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlmodel import select

from mailgate.errors import ConfigError, StoreUnavailable
from mailgate.store import Store, open_store, sqlite
from mailgate.store.migrate import migrate
from mailgate.store.tables import Request
from tests.store.fakes import FakeChance, FakeClock
from tests.store.rows import a_request

NOBODY = 65534


def use(path: Path | str) -> None:
    """Open a database, bring it up to date, read and write."""
    url = path if isinstance(path, str) else f"sqlite:///{path}"
    store = open_store(url, clock=FakeClock(), chance=FakeChance())
    try:
        migrate(store)
        with store.write() as tx:
            a_request(tx)
    finally:
        store.close()


def mistakes(url: str) -> tuple[str, ...]:
    """Return what is said of a URL that is a mistake of the configuration, whatever the state of any database."""
    with pytest.raises(ConfigError) as caught:
        open_store(url, clock=FakeClock(), chance=FakeChance())
    return caught.value.problems


def refusal(path: Path | str) -> StoreUnavailable:
    """Return how a database is refused."""
    with pytest.raises(StoreUnavailable) as caught:
        use(path)
    assert "\n" not in caught.value.message
    assert caught.value.message.endswith(".")
    assert "\n" not in caught.value.hint
    assert caught.value.hint.endswith(".")
    assert isinstance(caught.value, ConnectionError)
    assert caught.value.retryable
    return caught.value


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up root's right to read and write everything, where tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Return a folder that every user may enter."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        path = Path(name)
        path.chmod(0o755)
        yield path
        for folder in [path, *path.iterdir()]:
            if folder.is_dir():
                folder.chmod(0o755)


def missing_folder(folder: Path) -> Path:
    """Return a path in a folder that is not there."""
    return folder / "nowhere" / "mailgate.db"


def folder_itself(folder: Path) -> Path:
    """Return a folder's path."""
    return folder


def text_file(folder: Path) -> Path:
    """Return the path of a file that is no database."""
    path = folder / "notes.txt"
    path.write_text("Dear diary, " * 500)
    return path


def truncated(folder: Path) -> Path:
    """Return the path of a database of which only the beginning was copied."""
    path = folder / "mailgate.db"
    use(path)
    path.write_bytes(path.read_bytes()[:10_000])
    return path


def scribbled(folder: Path) -> Path:
    """Return the path of a database with a page overwritten."""
    path = folder / "mailgate.db"
    use(path)
    raw = path.read_bytes()
    path.write_bytes(raw[:4096] + b"\xff" * 40_000 + raw[44_096:])
    return path


@pytest.mark.parametrize(
    ("kind", "says", "advises"),
    [
        (missing_folder, "There is no folder .*nowhere for the database", "Make the folder, or change"),
        (folder_itself, "is a folder, not a database file", "Name a file in it"),
        (text_file, "file is not a database", "not a SQLite database"),
        (truncated, "malformed", "backup"),
        (scribbled, "malformed", "backup"),
    ],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_what_is_no_usable_database_file_is_refused(
    tmp_path: Path, kind: Callable[[Path], Path], says: str, advises: str
) -> None:
    """Each kind with its own sentence, the path in it or in the hint, and what to do."""
    path = kind(tmp_path)
    before = path.read_bytes() if path.is_file() else None
    error = refusal(path)
    assert str(path.parent) in error.message + error.hint
    assert advises in error.hint
    with pytest.raises(StoreUnavailable, match=says):
        use(path)
    assert (path.read_bytes() if path.is_file() else None) == before
    assert not missing_folder(tmp_path).parent.exists()


def test_a_file_that_may_not_be_written_is_refused(open_folder: Path) -> None:
    """Read-only file, folder, and mount look alike to SQLite; the hint names both file and folder."""
    path = open_folder / "mailgate.db"
    use(path)
    path.chmod(0o444)
    open_folder.chmod(0o555)
    with as_nobody():
        error = refusal(path)
    assert "readonly" in error.message
    assert "writable for this user" in error.hint
    assert str(path) in error.hint


def test_a_file_that_may_not_be_read_or_made_is_refused(open_folder: Path) -> None:
    """No rights on the file; no rights in the folder where it should be made."""
    path = open_folder / "mailgate.db"
    use(path)
    path.chmod(0o000)
    empty = open_folder / "empty"
    empty.mkdir()
    empty.chmod(0o555)
    with as_nobody():
        errors = [refusal(path), refusal(empty / "mailgate.db")]
    assert all("unable to open" in e.message and "writable for this user" in e.hint for e in errors)


@pytest.mark.parametrize(
    "url",
    ["postgresql://gate:s3cret@db.example.com/gate", "mailgate.db", "sqlite:mailgate.db", "mysql://x", "", "sqlite://"],
)
def test_a_database_of_another_kind_is_refused_without_its_password(url: str) -> None:
    """The sentence shows how to write it, and only the scheme of what was written."""
    [said] = mistakes(url)
    assert "write sqlite:///mailgate.db" in said
    assert "s3cret" not in said


@pytest.mark.parametrize("url", ["sqlite:///:memory:", "sqlite:///", "sqlite:////tmp/:memory:"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    """It would be gone with the process, and every thread would have its own."""
    [said] = mistakes(url)
    assert "names no file; write sqlite:///mailgate.db" in said


@pytest.mark.parametrize(
    "name", ["my gates.db", "a?b.db", "a#b.db", "100%25.db", "ü😀.db", "a'b.db", "a;b&c=d.db", "?mode=ro"]
)
def test_a_path_is_taken_as_it_is_written(tmp_path: Path, name: str) -> None:
    """No sign in a folder's or file's name makes it another file."""
    folder = tmp_path / name
    folder.mkdir()
    use(folder / name)
    assert {p.name.removesuffix("-wal").removesuffix("-shm") for p in folder.iterdir()} == {name}
    assert sqlite3.connect(folder / name).execute("select count(*) from requests").fetchone() == (1,)


def test_a_locked_database_is_unavailable_and_nothing_was_stored(
    database: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else holds the write lock for longer than we wait: the call says so, and may be made again."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.01)
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked") as caught, store.write() as tx:
        a_request(tx)
    assert caught.value.retryable
    assert caught.value.hint.startswith(f"Another process holds {database} for very long")
    with store.read() as tx:
        assert tx.session.exec(select(Request)).all() == []
    holder.execute("ROLLBACK")
    holder.close()
    with store.write() as tx:
        a_request(tx)


def test_more_threads_than_connections_are_unavailable_not_a_traceback(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool's own complaint is turned into ours."""
    monkeypatch.setattr(store.engine.pool, "_timeout", 0.01)
    with ExitStack() as held:
        for _ in range(16 + 32):
            held.enter_context(store.read()).session.connection()
        with (
            pytest.raises(StoreUnavailable, match=r"^All connections .* in use; try again\.$"),
            store.read() as one_more,
        ):
            one_more.session.connection()
    with store.read() as tx:
        tx.session.connection()


def test_connections_keep_what_was_promised(store: Store) -> None:
    """A commit that was reported survives a power cut, readers never wait for writers, and references hold."""
    with store.read() as tx:
        asked = tx.session.connection().exec_driver_sql
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        found = {name: asked(f"PRAGMA {name}").scalar_one() for name in pragmas}
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}
