"""Seats and decisions: found by what a mail carries, and tries that are counted however many come at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailgate.store import Store
from mailgate.store.answers import (
    assignments_of,
    change_assignment,
    decisions_of,
    find_assignment,
    find_by_address,
    find_sent,
    use_code_try,
)
from mailgate.store.tables import Assignment, Decision
from tests.store.fakes import START, FakeClock
from tests.store.rows import a_mail, a_request, a_seat, at_once, kept


@pytest.fixture
def seats(store: Store) -> Store:
    """Return a store with a request and two seats."""
    with store.write() as tx:
        a_request(tx)
        a_seat(tx, "s1")
        a_seat(tx, "s2")
        a_mail(tx, "m1", assignment_id="s1", message_id="hash one")
        a_mail(tx, "m2", assignment_id="s2", message_id="hash two")
    return store


def name_of(seat: Assignment | None) -> str | None:
    """Return a seat's id."""
    return seat and seat.id


def test_a_seat_is_found_by_its_reply_or_bounce_address(seats: Store) -> None:
    """By hash, among the other addresses of a mail; nothing to look for finds nothing."""
    with seats.read() as tx:
        found = {
            ("reply s1",): ["s1"],
            ("x", "bounce s2", "y"): ["s2"],
            ("bounce s1", "reply s2"): ["s1", "s2"],
            ("reply s1", "bounce s1"): ["s1"],
            ("reply s3",): [],
            (): [],
            ("",): [],
        }
        for hashes, names in found.items():
            assert sorted(seat.id for seat in find_by_address(tx, list(hashes))) == names


def test_a_seat_is_found_by_the_mail_it_answers(seats: Store) -> None:
    """The second locator: each recipient has Message-IDs of his own, kept as hashes."""
    with seats.read() as tx:
        assert [m.id for m in find_sent(tx, ["hash x", "hash two"])] == ["m2"]
        assert {m.id for m in find_sent(tx, ["hash one", "hash two"])} == {"m1", "m2"}
        assert find_sent(tx, ["hash x"]) == []
        assert find_sent(tx, []) == []
        assert name_of(find_assignment(tx, "s1")) == "s1"
        assert find_assignment(tx, "s3") is None


def test_seats_and_decisions_come_in_the_order_they_were_made(store: Store, clock: FakeClock) -> None:
    """Oldest first, and those of one instant by id."""
    with store.write() as tx:
        a_request(tx)
        a_request(tx, "r2")
        for seat in ("s3", "s1", "s2"):
            a_seat(tx, seat, created_at=START + timedelta(seconds=seat == "s1"))
        a_seat(tx, "elsewhere", "r2")
        for number, seat in enumerate(("s3", "s1", "s2")):
            kept(
                tx,
                Decision(
                    id=f"d{number}",
                    request_id="r1",
                    assignment_id=seat,
                    person=seat,
                    stage=0,
                    verdict="approve",
                    level="aligned",
                    channel="reply",
                    decided_at=START + timedelta(seconds=-number),
                ),
            )
    with store.read() as tx:
        assert [s.id for s in assignments_of(tx, "r1")] == ["s2", "s3", "s1"]
        assert [d.id for d in decisions_of(tx, "r1")] == ["d2", "d1", "d0"]
        assert decisions_of(tx, "r2") == []


def test_a_change_is_stored_and_seen_at_hand(seats: Store) -> None:
    """One seat, the named columns, nothing else."""
    with seats.write() as tx:
        seat = find_assignment(tx, "s1")
        assert seat is not None
        change_assignment(tx, seat, generation=2, away=True)
        assert (seat.generation, seat.away) == (2, True)
    with seats.read() as tx:
        assert [(s.generation, s.away, s.state) for s in assignments_of(tx, "r1")] == [
            (2, True, "open"),
            (1, False, "open"),
        ]


def test_a_code_may_be_tried_as_often_as_allowed(seats: Store) -> None:
    """The limit itself is the last try; another seat has its own."""
    used = []
    for _ in range(7):
        with seats.write() as tx:
            seat = find_assignment(tx, "s1")
            assert seat is not None
            used.append((use_code_try(tx, seat, 5), seat.code_tries))
    assert used == [(True, 1), (True, 2), (True, 3), (True, 4), (True, 5), (False, 5), (False, 5)]
    with seats.read() as tx:
        assert [s.code_tries for s in assignments_of(tx, "r1")] == [5, 0]


def test_twenty_who_try_a_code_at_once_get_five_tries(seats: Store, other: Store) -> None:
    """Guessing in parallel, through two processes, gains nothing."""

    def attempt(number: int) -> bool:
        with (seats if number % 2 else other).write() as tx:
            seat = find_assignment(tx, "s1")
            assert seat is not None
            return use_code_try(tx, seat, 5)

    assert sorted(map(str, at_once(20, attempt))) == ["False"] * 15 + ["True"] * 5


def test_a_try_is_counted_on_what_is_stored_not_on_what_was_read(seats: Store) -> None:
    """A seat read long ago does not bring its old count back."""
    with seats.write() as tx:
        stale = find_assignment(tx, "s1")
        assert stale is not None
        tx.session.connection().exec_driver_sql("update assignments set code_tries = 5 where id = 's1'")
        assert not use_code_try(tx, stale, 5)
        assert stale.code_tries == 5
