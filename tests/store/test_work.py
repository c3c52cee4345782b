"""Leases, executions, resumptions: one owner at a time, and a paused one that wakes late changes nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailgate.errors import LeaseLost
from mailgate.store import Store
from mailgate.store.tables import Execution, Lease, Resumption
from mailgate.store.work import (
    Holding,
    due_resumptions,
    executions_of,
    hold_lease,
    is_free,
    prolong_execution,
    release_lease,
    silent_executions,
    take_lease,
)
from tests.store.fakes import START, FakeClock
from tests.store.rows import a_request, at_once, kept

LENGTH = timedelta(seconds=15)


def take(store: Store, owner: str) -> Holding | None:
    """Try to become the keeper."""
    with store.read() as tx:
        free = is_free(tx, "keeper", owner)
    with store.write() as tx:
        holding = take_lease(tx, "keeper", owner, LENGTH)
    assert (holding is not None) == free, "a look must agree with what taking finds"
    return holding


def must_take(store: Store, owner: str) -> Holding:
    """Become the keeper."""
    holding = take(store, owner)
    assert holding is not None
    return holding


def hold(store: Store, holding: Holding) -> None:
    """Prolong a lease."""
    with store.write() as tx:
        hold_lease(tx, holding, LENGTH)


def test_a_lease_has_one_owner_until_it_runs_out(store: Store, clock: FakeClock) -> None:
    """Others wait; at its end, to the instant, the next one takes it with a higher epoch."""
    first = must_take(store, "a")
    assert first == Holding(name="keeper", owner="a", epoch=1)
    clock.at = START + LENGTH - timedelta(microseconds=1)
    assert take(store, "b") is None
    clock.at = START + LENGTH
    assert take(store, "b") == Holding(name="keeper", owner="b", epoch=2)
    assert take(store, "a") is None


def test_holding_a_lease_prolongs_it(store: Store, clock: FakeClock) -> None:
    """As long as its owner writes, nobody else gets it."""
    holding = must_take(store, "a")
    for _ in range(5):
        clock.forward(seconds=10)
        hold(store, holding)
    clock.forward(seconds=14)
    assert take(store, "b") is None


def test_a_paused_owner_that_wakes_late_changes_nothing(store: Store, clock: FakeClock) -> None:
    """Its whole transaction is undone, by epoch: also when it took the lease again itself meanwhile, under the same name."""
    late = must_take(store, "a")
    clock.forward(minutes=1)
    now = must_take(store, "b")

    def write_late() -> None:
        with store.write() as tx:
            a_request(tx)
            hold_lease(tx, late, LENGTH)

    with pytest.raises(LeaseLost, match=r"^Another process is the keeper now\.$") as caught:
        write_late()
    assert caught.value.retryable
    with store.read() as tx:
        assert tx.session.connection().exec_driver_sql("select count(*) from requests").scalar_one() == 0
    hold(store, now)
    clock.forward(minutes=1)
    again = must_take(store, "a")
    assert again.epoch == 3
    with pytest.raises(LeaseLost):
        hold(store, late)
    hold(store, again)


def test_a_lease_that_ran_out_and_that_nobody_took_can_still_be_held(store: Store, clock: FakeClock) -> None:
    """Nobody else has written meanwhile: the epoch says so."""
    holding = must_take(store, "a")
    clock.forward(hours=1)
    hold(store, holding)
    assert take(store, "b") is None


def test_the_same_owner_takes_its_lease_again_with_a_new_epoch(store: Store) -> None:
    """A role that starts anew in its process makes its former self notice."""
    first = must_take(store, "a")
    second = must_take(store, "a")
    assert second.epoch == first.epoch + 1
    with pytest.raises(LeaseLost):
        hold(store, first)


def test_a_released_lease_is_free_at_once_and_only_its_holder_releases_it(store: Store) -> None:
    """An orderly stop costs nobody a wait; a late release by a former owner takes nothing away."""
    first = must_take(store, "a")
    with store.write() as tx:
        release_lease(tx, first)
    second = must_take(store, "b")
    with store.write() as tx:
        release_lease(tx, first)
    assert take(store, "c") is None
    hold(store, second)


def test_leases_of_different_names_do_not_touch(store: Store) -> None:
    """The keeper is one, each mailbox's intake another."""
    holding = must_take(store, "a")
    with store.write() as tx:
        other = take_lease(tx, "inbox gate", "b", LENGTH)
    assert other is not None
    with store.write() as tx:
        release_lease(tx, other)
    hold(store, holding)
    assert take(store, "b") is None


def test_of_twenty_who_want_a_lease_one_gets_it(store: Store, other: Store) -> None:
    """Free or run out: exactly one owner, one epoch each time."""
    for epoch in (1, 2):
        with store.write() as tx:
            if lease := tx.session.get(Lease, "keeper"):
                lease.until = tx.now

        def attempt(number: int) -> Holding | None:
            with (store if number % 2 else other).write() as tx:
                return take_lease(tx, "keeper", f"owner {epoch} {number}", LENGTH)  # noqa: B023, used within the turn

        results = at_once(20, attempt)
        [won] = [r for r in results if isinstance(r, Holding)]
        assert won.epoch == epoch
        assert [r for r in results if r is not won] == [None] * 19


def an_execution(attempt: int = 1, **changes: object) -> Execution:
    """Return a worker's run of a request, with ``changes``."""
    usual: dict[str, object] = {
        "request_id": "r1",
        "attempt": attempt,
        "worker": "w1",
        "idempotent": False,
        "claimed_at": START,
        "lease_until": START + LENGTH,
    }
    return Execution(**(usual | changes))


def silent(store: Store) -> list[tuple[str, int]]:
    """Return the runs whose workers have fallen silent."""
    with store.read() as tx:
        return [(r.id, e.attempt) for r, e in silent_executions(tx)]


def test_a_worker_is_silent_once_its_lease_is_over(store: Store, clock: FakeClock) -> None:
    """While it says that it is alive it is not; nobody else can say it for it."""
    with store.write() as tx:
        a_request(tx, state="executing")
        kept(tx, an_execution())
    clock.at = START + LENGTH
    assert silent(store) == []
    with store.write() as tx:
        prolong_execution(tx, "r1", 1, "w1", LENGTH)
    clock.at = START + 2 * LENGTH
    assert silent(store) == []
    clock.forward(microseconds=1)
    assert silent(store) == [("r1", 1)]
    with store.write() as tx:
        prolong_execution(tx, "r1", 1, "w2", LENGTH)
        prolong_execution(tx, "r1", 2, "w1", LENGTH)
        prolong_execution(tx, "r2", 1, "w1", LENGTH)
    assert silent(store) == [("r1", 1)]


def test_what_is_finished_or_not_executing_is_not_silent(store: Store, clock: FakeClock) -> None:
    """An outcome, or a request that somebody settled, waits for no worker."""
    with store.write() as tx:
        a_request(tx, "r1", state="executing")
        a_request(tx, "r2", state="in_doubt")
        kept(tx, an_execution(finished_at=START))
        kept(tx, an_execution(request_id="r2"))
    clock.forward(hours=1)
    assert silent(store) == []


def test_only_the_latest_run_of_a_request_can_fall_silent(store: Store, clock: FakeClock) -> None:
    """An idempotent action that is run again is alive, although its first worker never finished."""
    with store.write() as tx:
        a_request(tx, state="executing")
        kept(tx, an_execution(1))
        kept(tx, an_execution(2, worker="w2", lease_until=START + timedelta(hours=2)))
        assert [e.attempt for e in executions_of(tx, "r1")] == [1, 2]
    clock.forward(hours=1)
    assert silent(store) == []
    clock.forward(hours=2)
    assert silent(store) == [("r1", 2)]


def test_an_outcome_waits_for_its_agent_and_for_a_worker_that_fell_silent(store: Store, clock: FakeClock) -> None:
    """Due ones of the wanted agents, longest waiting first; done and parked ones never."""
    with store.write() as tx:
        for number, (state, agent, changes) in enumerate(
            [
                ("waiting", "support", {"next_at": START}),
                ("waiting", "support", {"next_at": START - timedelta(minutes=1)}),
                ("waiting", "support", {"next_at": START + timedelta(minutes=1)}),
                ("waiting", "sales", {"next_at": START}),
                ("running", "support", {"next_at": START, "lease_until": START + LENGTH}),
                ("done", "support", {"next_at": START}),
                ("parked", "support", {"next_at": START}),
            ]
        ):
            a_request(tx, f"r{number}", state="succeeded")
            kept(tx, Resumption(request_id=f"r{number}", agent=agent, state=state, **changes))

    def found(*agents: str, limit: int = 10) -> list[str]:
        with store.read() as tx:
            return [r.request_id for r in due_resumptions(tx, agents, limit)]

    assert found("support") == ["r1", "r0"]
    assert found("support", limit=1) == ["r1"]
    assert found("sales", "support") in (["r1", "r0", "r3"], ["r1", "r3", "r0"])
    assert found() == []
    clock.at = START + LENGTH
    assert "r4" not in found("support")
    clock.forward(microseconds=1)
    assert "r4" in found("support")
