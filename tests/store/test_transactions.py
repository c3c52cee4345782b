"""Transactions: all or nothing, one time each, and whoever waits is woken after a commit, and only then."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError, StatementError
from sqlmodel import select

from mailgate.chance import SystemChance
from mailgate.errors import StoreUnavailable
from mailgate.store import Store, open_store
from mailgate.store.clock import DatabaseClock
from mailgate.store.tables import Assignment, Decision, Policy, Request
from tests.store.fakes import START, FakeClock
from tests.store.rows import a_request, a_seat, at_once, kept


def ids(store: Store) -> list[str]:
    """Return the ids of the stored requests."""
    with store.read() as tx:
        return [r.id for r in tx.session.exec(select(Request).order_by(Request.id)).all()]


def test_a_write_is_stored_at_its_end(store: Store, other: Store) -> None:
    """Everything in it becomes visible to others at once, not before."""
    with store.write() as tx:
        a_request(tx, "r1")
        a_request(tx, "r2")
        assert ids(other) == []
    assert ids(other) == ["r1", "r2"]


def test_a_commit_counts_at_once_for_those_who_wait_here(store: Store) -> None:
    """Within the process nobody waits for the change counter to be looked at."""
    seen = store.pulse.count()
    for number in (1, 2):
        with store.write() as tx:
            a_request(tx, f"r{number}")
        assert store.pulse.count() == seen + number


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, StoreUnavailable])
def test_an_exception_undoes_everything_and_wakes_nobody(store: Store, error: type[BaseException]) -> None:
    """Whatever it was, nothing of the transaction stays."""
    seen = store.pulse.count()

    def stopped() -> None:
        with store.write() as tx:
            a_request(tx)
            raise error("stop")

    with pytest.raises(error):
        stopped()
    assert ids(store) == []
    assert store.pulse.count() == seen
    with store.write() as tx:
        a_request(tx, "r2")
    assert ids(store) == ["r2"]


def test_a_read_writes_nothing(store: Store) -> None:
    """What a reader changes by mistake is gone afterwards."""
    seen = store.pulse.count()
    with store.read() as tx:
        a_request(tx)
    assert ids(store) == []
    assert store.pulse.count() == seen


def test_a_read_sees_one_state(store: Store, other: Store) -> None:
    """A commit in between does not show: what was judged together belongs together."""
    with store.read() as tx:
        assert tx.session.exec(select(Request)).all() == []
        with other.write() as writing:
            a_request(writing)
        assert tx.session.exec(select(Request)).all() == []
    assert ids(store) == ["r1"]


def test_a_writer_holds_its_lock_before_it_reads(store: Store, other: Store) -> None:
    """What it read cannot have changed when it writes: two that read, add one and write lose nothing."""

    def add(number: int) -> str:
        with (store if number % 2 else other).write() as tx:
            request = tx.session.get_one(Request, "r1")
            request.confidence += 1
            tx.session.add(request)
        return "done"

    with store.write() as tx:
        a_request(tx)
    assert at_once(12, add) == ["done"] * 12
    with store.read() as tx:
        assert tx.session.get_one(Request, "r1").confidence == 12


def test_a_transaction_has_one_time(store: Store, clock: FakeClock) -> None:
    """Asked once, when first needed; time that passes meanwhile is the next one's."""
    with store.write() as tx:
        assert clock.read == 0
        assert tx.now == START
        clock.forward(hours=1)
        assert tx.now == START
        assert clock.read == 1
    with store.read() as tx:
        assert tx.now == START + timedelta(hours=1)


def test_rows_can_be_read_after_their_transaction(store: Store) -> None:
    """Roles look first and act afterwards."""
    with store.write() as tx:
        request = a_request(tx)
    assert (request.id, request.created_at) == ("r1", START)


def test_constraints_forbid_the_impossible(store: Store) -> None:
    """One call of a run is one request; one seat and one decision for a person; and the caller sees which it was."""
    with store.write() as tx:
        a_request(tx, "r1", key="k")
        a_seat(tx, "s1", person="bob")
        a_seat(tx, "s2", person="alice")
        kept(tx, decision("d1", "s1", "bob"))
    broken = [
        lambda tx: a_request(tx, "r2", key="k"),
        lambda tx: a_seat(tx, "s3", person="bob"),
        lambda tx: kept(tx, decision("d2", "s1", "carol")),
        lambda tx: kept(tx, decision("d3", "s2", "bob")),
        lambda tx: a_seat(tx, "s4", request_id="nowhere"),
        lambda tx: kept(tx, Policy(digest=b"x")),
    ]
    for attempt in broken:
        with pytest.raises(IntegrityError), store.write() as tx:
            attempt(tx)
    with store.read() as tx:
        assert len(tx.session.exec(select(Assignment)).all()) == 2
        assert len(tx.session.exec(select(Decision)).all()) == 1


def decision(decision_id: str, seat: str, person: str) -> Decision:
    """Return a person's yes."""
    return Decision(
        id=decision_id,
        request_id="r1",
        assignment_id=seat,
        person=person,
        stage=0,
        verdict="approve",
        level="aligned",
        channel="reply",
        decided_at=START,
    )


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 11, 24, 18, 0, 0, 123456, tzinfo=UTC),
        datetime(2026, 11, 24, 18, 0, 0, 123000, tzinfo=UTC),
        datetime(2026, 11, 24, 18, 0, tzinfo=UTC),
        datetime(2026, 11, 24, 10, 0, 0, 1, tzinfo=timezone(timedelta(hours=-8))),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ],
)
def test_instants_are_aware_utc_and_keep_their_microseconds(store: Store, other: Store, at: datetime) -> None:
    """What is read is the very instant that was stored, whatever zone it was given in."""
    with store.write() as tx:
        a_request(tx, created_at=at, deadline_at=at)
    with other.read() as tx:
        request = tx.session.get_one(Request, "r1")
    assert request.created_at == request.deadline_at == at
    assert request.created_at.utcoffset() == timedelta()
    assert request.remind_at is None


def test_an_instant_without_a_zone_is_refused(store: Store) -> None:
    """It would be taken for this machine's local time, and stored an hour or two off."""
    with pytest.raises(StatementError, match="zone"), store.write() as tx:
        a_request(tx, deadline_at=datetime(2026, 11, 24))
    assert ids(store) == []


def test_instants_sort_and_compare_in_the_database(store: Store) -> None:
    """Also those without a fraction beside those with one: the text they are stored as keeps their order."""
    times = [START + timedelta(microseconds=n) for n in (0, 1, 999_999, 1_000_000, 1_500_000)]
    with store.write() as tx:
        for number, at in reversed(list(enumerate(times))):
            a_request(tx, f"r{number}", created_at=at)
    with store.read() as tx:
        found = tx.session.exec(select(Request).order_by(Request.created_at)).all()  # type: ignore[arg-type]
        assert [r.created_at for r in found] == times
        later = tx.session.exec(select(Request).where(Request.created_at > times[1])).all()
        assert len(later) == 3


def test_the_database_s_clock_is_utc_with_milliseconds_and_goes_forward(database: Path) -> None:
    """The one clock of all processes; finer than a second, so that the order of events shows."""
    store = open_store(f"sqlite:///{database}", clock=DatabaseClock(), chance=SystemChance())
    before = datetime.now(UTC)
    seen = []
    for _ in range(20):
        with store.read() as tx:
            seen.append(tx.now)
    after = datetime.now(UTC)
    store.close()
    assert seen == sorted(seen)
    assert all(at.utcoffset() == timedelta() for at in seen)
    assert before - timedelta(milliseconds=1) <= seen[0] <= seen[-1] <= after
    assert any(at.microsecond for at in seen)
    assert all(at.microsecond % 1000 == 0 for at in seen)


def test_a_store_serves_many_threads(store: Store) -> None:
    """Writers queue, readers do not; nobody fails and nothing is lost."""
    done = threading.Event()
    looked: list[int] = []

    def look() -> None:
        while not done.is_set():
            looked.append(len(ids(store)))

    reader = threading.Thread(target=look)
    reader.start()

    def write(number: int) -> str:
        with store.write() as tx:
            a_request(tx, f"r{number}")
        return "done"

    assert at_once(20, write) == ["done"] * 20
    done.set()
    reader.join()
    assert len(ids(store)) == 20
    assert looked == sorted(looked)
