"""Waking: whoever waits hears of a commit at once, of this process or another, without looking into tables."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from mailgate.store import Store, wake
from mailgate.store.wake import SqlitePulse
from tests.store.rows import a_request

LONG = 60.0
"""Seconds that no test waits: a missed wake-up shows as an unchanged count, or as the test's own time limit."""


def test_a_commit_wakes_who_waits_in_this_process(store: Store) -> None:
    """Every waiting thread, and each sees that the count has grown."""
    seen = store.pulse.count()
    woken: list[bool] = []

    def wait() -> None:
        store.pulse.wait(seen, LONG)
        woken.append(store.pulse.count() > seen)

    threads = [threading.Thread(target=wait) for _ in range(5)]
    for thread in threads:
        thread.start()
    with store.write() as tx:
        a_request(tx)
    for thread in threads:
        thread.join()
    assert woken == [True] * 5


def test_a_commit_before_the_wait_is_not_missed(store: Store) -> None:
    """The count is taken before looking for work: what came in between ends the wait at once."""
    seen = store.pulse.count()
    with store.write() as tx:
        a_request(tx)
    store.pulse.wait(seen, LONG)
    assert store.pulse.count() > seen


def test_a_wait_without_a_commit_ends_by_itself(store: Store) -> None:
    """Roles look by themselves now and then."""
    settled(store.pulse)
    seen = store.pulse.count()
    store.pulse.wait(seen, 0.001)
    assert store.pulse.count() == seen


def settled(pulse: Any) -> None:
    """Wait until the listener has seen the database a first time."""
    pulse.wait(pulse.count(), LONG)


PROCESS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
sys.stdin.readline()
with connection:
    connection.execute("insert into policies values (x'01', x'02')")
sys.stdin.readline()
"""


def test_a_commit_of_another_process_wakes_who_waits(store: Store, database: Path) -> None:
    """SQLite's own change counter tells, whoever wrote and with whatever program."""
    settled(store.pulse)
    seen = store.pulse.count()
    command = [sys.executable, "-c", PROCESS, str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        store.pulse.wait(seen, LONG)
        assert store.pulse.count() > seen
        process.stdin.close()
    with store.read() as tx:
        assert tx.session.connection().exec_driver_sql("select count(*) from policies").scalar_one() == 1


def test_a_commit_of_another_store_wakes_who_waits(store: Store, other: Store) -> None:
    """As between two roles that run as processes of their own."""
    settled(other.pulse)
    seen = other.pulse.count()
    with store.write() as tx:
        a_request(tx)
    other.pulse.wait(seen, LONG)
    assert other.pulse.count() > seen


class Listening(sqlite3.Connection):
    """A connection that notes down what is asked of it."""

    asked: set[str] = set()  # noqa: RUF012, one for all, since the listener makes its own

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        """Note it down, then ask."""
        self.asked.add(sql)
        return super().execute(sql, *parameters)


def test_listening_reads_the_change_counter_and_no_table(
    store: Store, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A waiting role costs next to nothing, however large the tables are."""
    connect = sqlite3.connect
    monkeypatch.setattr(wake.sqlite3, "connect", lambda *a, **k: connect(*a, **k, factory=Listening))
    settled(store.pulse)
    seen = store.pulse.count()
    with other.write() as tx:
        a_request(tx)
    store.pulse.wait(seen, LONG)
    assert Listening.asked == {"PRAGMA data_version"}


def test_a_change_that_is_not_committed_wakes_nobody(store: Store, database: Path) -> None:
    """Only what others can see is news."""
    settled(store.pulse)
    seen = store.pulse.count()
    writer = sqlite3.connect(database)
    writer.execute("insert into policies values (x'01', x'02')")
    store.pulse.wait(seen, wake.QUIET_SECONDS * 4)
    assert store.pulse.count() == seen
    writer.rollback()
    writer.close()


def test_closing_ends_every_wait(store: Store) -> None:
    """A process that stops does not hang in its roles."""
    settled(store.pulse)
    seen = store.pulse.count()
    waiting = threading.Thread(target=store.pulse.wait, args=(seen, LONG))
    waiting.start()
    store.pulse.close()
    waiting.join()
    store.pulse.wait(store.pulse.count(), LONG)
    assert not [t for t in threading.enumerate() if t.name == "mailgate-pulse"]


@pytest.mark.parametrize("name", ["nowhere/mailgate.db", "missing.db", "."])
def test_a_database_that_is_not_there_is_waited_for_and_not_made(tmp_path: Path, name: str) -> None:
    """The listener makes no empty file, and does not die of it either: it hears the first commit after."""
    pulse = SqlitePulse(tmp_path / name)
    seen = pulse.count()
    pulse.wait(seen, wake.QUIET_SECONDS * 2)
    assert [t.name for t in threading.enumerate()].count("mailgate-pulse") == 1
    assert list(tmp_path.iterdir()) == []
    if name == "missing.db":
        with sqlite3.connect(tmp_path / name) as connection:
            connection.execute("create table t (a)")
        connection.close()
        pulse.wait(seen, LONG)
        assert pulse.count() > seen
    pulse.close()
