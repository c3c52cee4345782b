"""Events: appended in the transaction in which they happened, sequenced by absence of a position, marked where only serve may."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from mailgate.model.canonical import NotCanonical
from mailgate.store import Store
from mailgate.store.events import MARK, append_event, event_fields, events_of, get_events, unarchived, unsequenced
from mailgate.store.tables import Event, Request
from mailgate.tokens import ServeKey
from tests.store.fakes import START, FakeClock
from tests.store.rows import a_request

KEY = ServeKey(bytes(range(32)))


def test_an_event_says_what_happened_when_and_in_one_form(store: Store, other: Store, clock: FakeClock) -> None:
    """The body is canonical JSON, the time is the transaction's, and it has no position yet."""
    clock.forward(microseconds=123_456)
    with store.write() as tx:
        a_request(tx)
        append_event(tx, "request", "r1", {"b": 1, "a": "é"}, key=None)
        append_event(tx, "policy", None, {}, key=None)
    with other.read() as tx:
        first, second = unsequenced(tx, 10)
    assert (first.kind, first.request_id, first.body) == ("request", "r1", '{"a":"é","b":1}'.encode())
    assert first.at == START + timedelta(microseconds=123_456)
    assert (first.position, first.mark, first.record, first.refused) == (None, None, None, "")
    assert (second.request_id, second.body) == (None, b"{}")


def test_an_event_of_a_transaction_that_is_undone_did_not_happen(store: Store) -> None:
    """Nothing is recorded that was not stored."""

    def undone() -> None:
        with store.write() as tx:
            a_request(tx)
            append_event(tx, "request", "r1", {}, key=None)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        undone()
    with store.read() as tx:
        assert unsequenced(tx, 10) == []


def test_an_event_that_cannot_be_written_unambiguously_is_refused(store: Store) -> None:
    """The mistake shows where it is made, not when the record is built."""
    with pytest.raises(NotCanonical), store.write() as tx:
        append_event(tx, "request", None, {"rate": float("nan")}, key=None)


def test_a_mark_still_fits_after_the_event_was_stored(store: Store, other: Store, clock: FakeClock) -> None:
    """Also where the time has more digits than the record shows; and it fits no other event."""
    clock.forward(microseconds=123_456)
    with store.write() as tx:
        a_request(tx)
        append_event(tx, "decision", "r1", {"meaning": "approved"}, key=KEY)
    with other.read() as tx:
        [event] = unsequenced(tx, 10)
        request = tx.session.get_one(Request, "r1")
    assert KEY.bears_mark(MARK, event_fields(event, request), event.mark)
    fields = event_fields(event, request)
    assert fields.keys() == {"ruling", "id", "request", "kind", "body", "at"}
    for name, value in {
        "ruling": "aa",
        "id": "x",
        "request": "r2",
        "kind": "undo",
        "body": "{}",
        "at": "2026-01-01T00:00:00.000Z",
    }.items():
        assert not KEY.bears_mark(MARK, fields | {name: value}, event.mark)


def test_what_is_neither_record_nor_refused_waits_in_the_order_it_happened(store: Store, clock: FakeClock) -> None:
    """By absence of a position: an event that commits late is not passed over."""
    with store.write() as tx:
        late = append_event(tx, "late", None, {}, key=None)
        late.at = START + timedelta(hours=1)
        for kind in ("a", "b", "refused", "done"):
            event = append_event(tx, kind, None, {}, key=None)
            event.refused = "forged" if kind == "refused" else ""
            event.position = 7 if kind == "done" else None
    with store.read() as tx:
        assert [e.kind for e in unsequenced(tx, 10)] == ["a", "b", "late"]
        assert [e.kind for e in unsequenced(tx, 2)] == ["a", "b"]


def test_no_two_records_have_one_position(store: Store) -> None:
    """The database itself refuses a second record at one place."""
    with store.write() as tx:
        append_event(tx, "a", None, {}, key=None).position = 1
    with pytest.raises(IntegrityError), store.write() as tx:
        append_event(tx, "b", None, {}, key=None).position = 1


def test_records_wait_for_the_archive_in_their_order(store: Store) -> None:
    """What is a record and rides in no archive mail yet, from first to last; what is none is not waited for."""
    with store.write() as tx:
        for kind, position in (("late", 2), ("archived", 0), ("early", 1), ("unsequenced", None)):
            event = append_event(tx, kind, None, {}, key=None)
            event.position, event.archived = position, kind == "archived"
    with store.read() as tx:
        assert [e.kind for e in unarchived(tx)] == ["early", "late"]


def test_the_events_of_a_request_are_found_by_kind(store: Store, clock: FakeClock) -> None:
    """In the order they happened; of other requests none."""
    with store.write() as tx:
        a_request(tx, "r1")
        a_request(tx, "r2")
        for kind in ("request", "decision", "outcome"):
            clock.forward(seconds=1)
            append_event(tx, kind, "r1", {}, key=None)
            append_event(tx, kind, "r2", {}, key=None)
    with store.read() as tx:
        assert [e.kind for e in events_of(tx, "r1")] == ["request", "decision", "outcome"]
        assert [e.kind for e in events_of(tx, "r1", "outcome", "request")] == ["request", "outcome"]
        assert events_of(tx, "r1", "undo") == []
        assert events_of(tx, "r3") == []


def test_events_are_given_in_the_order_of_their_records(store: Store) -> None:
    """A mail carries its records from first to last, however its events were named."""
    with store.write() as tx:
        ids = []
        for position in (2, 0, 1):
            event = append_event(tx, "a", None, json.loads("{}"), key=None)
            event.position = position
            ids.append(event.id)
    with store.read() as tx:
        found: list[Event] = list(get_events(tx, ids))
        assert [e.position for e in found] == [0, 1, 2]
        assert get_events(tx, []) == []
