"""What a transaction read it need not read again, and what makes it look anew."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from mailgate.store import Store, Tx
from mailgate.store.answers import assignments_of, decisions_of
from mailgate.store.events import append_event, events_of
from mailgate.store.requests import find_policy, keep_policy, lock_request
from tests.store.rows import a_request, a_seat


@pytest.fixture
def asked(store: Store) -> list[str]:
    """Collect the statements that reach the database."""
    statements: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    return statements


def ids(tx: Tx) -> list[str]:
    """Return the seats of the one request."""
    return [s.id for s in assignments_of(tx, "r1")]


def test_what_was_read_is_not_asked_again(store: Store, asked: list[str]) -> None:
    """Each of these is looked at by several checks of one use case."""
    with store.write() as tx:
        a_request(tx)
        a_seat(tx)
        keep_policy(tx, b"p", b"document")
    with store.read() as tx:
        for look in (assignments_of, decisions_of, events_of):
            asked.clear()
            first = look(tx, "r1")
            assert look(tx, "r1") is first
            assert sum("SELECT" in s for s in asked) == 1
        asked.clear()
        assert find_policy(tx, b"p") == find_policy(tx, b"p") == b"document"
        assert sum("SELECT" in s for s in asked) == 1


def test_requests_are_told_apart(store: Store) -> None:
    """What one request has another one does not get."""
    with store.write() as tx:
        a_request(tx, "r1")
        a_request(tx, "r2")
        a_seat(tx, "s1", "r1")
        a_seat(tx, "s2", "r2")
    with store.read() as tx:
        assert [[s.id for s in assignments_of(tx, r)] for r in ("r1", "r2", "r3")] == [["s1"], ["s2"], []]


def test_own_writes_are_seen(store: Store) -> None:
    """Added before anything was flushed, or after: the next look has it."""
    with store.write() as tx:
        a_request(tx)
        assert ids(tx) == []
        a_seat(tx, "s1")
        assert ids(tx) == ["s1"]
        append_event(tx, "request", "r1", {}, key=None)
        assert [e.kind for e in events_of(tx, "r1")] == ["request"]
        append_event(tx, "executing", "r1", {}, key=None)
        assert {e.kind for e in events_of(tx, "r1")} == {"request", "executing"}
        assert [e.kind for e in events_of(tx, "r1", "executing")] == ["executing"]


def test_what_was_undone_is_gone(store: Store) -> None:
    """A savepoint that is rolled back takes what was read inside it along."""
    with store.write() as tx:
        a_request(tx)
        inside = tx.session.begin_nested()
        a_seat(tx, "s1")
        assert ids(tx) == ["s1"]
        inside.rollback()
        assert ids(tx) == []


def test_a_lock_looks_anew(store: Store, asked: list[str]) -> None:
    """Before a row was locked others may have changed what belongs to it; afterwards nobody can."""
    with store.write() as tx:
        a_request(tx)
    with store.write() as tx:
        ids(tx)
        lock_request(tx, "r1")
        asked.clear()
        ids(tx)
        lock_request(tx, "r1")
        ids(tx)
        assert sum("FROM assignments" in s for s in asked) == 1
