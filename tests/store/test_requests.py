"""Requests: found by what they are, moved by the table alone, and by one hand only."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import col

from mailgate.errors import IllegalTransition, InvalidArguments
from mailgate.model.lifecycle import TRANSITIONS, State, Trigger
from mailgate.model.policy import Gate, policy_digest
from mailgate.store import Store
from mailgate.store.requests import (
    due,
    find_by_prefix,
    find_call,
    find_checkpoint,
    find_logged,
    find_open_twin,
    find_policy,
    find_rejection,
    find_request,
    get_request,
    in_state,
    is_awaited,
    keep_policy,
    latest,
    lock_request,
    move,
    next_due_at,
)
from mailgate.store.tables import Checkpoint, Logged, Request
from tests.store.fakes import START, FakeClock
from tests.store.rows import a_decision, a_request, a_seat, at_once, kept

DIGEST = b"d" * 32


def minutes(count: float) -> timedelta:
    """Return a length of time."""
    return timedelta(minutes=count)


@pytest.mark.parametrize(("state", "trigger"), list(TRANSITIONS))
def test_every_row_of_the_table_moves_a_stored_request(
    store: Store, other: Store, state: State, trigger: Trigger
) -> None:
    """The new state and the values beside it are stored, returned, and seen on the object at hand."""
    with store.write() as tx:
        a_request(tx, state=state.value)
    with store.write() as tx:
        request = lock_request(tx, "r1")
        assert move(tx, request, trigger, note="moved") == TRANSITIONS[state, trigger]
        assert (request.state, request.note) == (TRANSITIONS[state, trigger], "moved")
    with other.read() as tx:
        stored = get_request(tx, "r1")
        assert (stored.state, stored.note) == (TRANSITIONS[state, trigger], "moved")


def test_a_move_that_the_table_lacks_changes_nothing(store: Store) -> None:
    """A pending request cannot be claimed, whoever asks."""
    with store.write() as tx:
        a_request(tx)
    with (
        pytest.raises(IllegalTransition, match=r"^A request that is pending cannot be claimed\.$"),
        store.write() as tx,
    ):
        move(tx, get_request(tx, "r1"), Trigger.CLAIM, note="moved")
    with store.read() as tx:
        assert (get_request(tx, "r1").state, get_request(tx, "r1").note) == ("pending", "")


def test_a_move_from_a_state_that_was_read_before_is_refused(store: Store) -> None:
    """What was read is the condition of the update: a stale object cannot turn an expired request into an approved one."""
    with store.write() as tx:
        a_request(tx)
    with store.write() as tx:
        stale = get_request(tx, "r1")
        tx.session.connection().exec_driver_sql("update requests set state = 'expired' where id = 'r1'")
        with pytest.raises(IllegalTransition):
            move(tx, stale, Trigger.APPROVE)
    with store.write() as tx:
        stale = get_request(tx, "r1")
        tx.session.connection().exec_driver_sql("update requests set state = 'cancelled' where id = 'r1'")
        assert lock_request(tx, "r1").state == "cancelled"
        assert stale.state == "cancelled"


@pytest.mark.parametrize(
    ("before", "triggers"),
    [
        ("pending", [Trigger.APPROVE]),
        ("pending", [Trigger.APPROVE, Trigger.EXPIRE, Trigger.CANCEL, Trigger.REJECT]),
        ("approved", [Trigger.CLAIM]),
        ("approved", [Trigger.CLAIM, Trigger.WITHDRAW, Trigger.LAPSE]),
        ("executing", [Trigger.SUCCEED, Trigger.FAIL, Trigger.DIE]),
    ],
)
def test_of_twenty_who_move_a_request_exactly_one_does(
    store: Store, other: Store, before: str, triggers: list[Trigger]
) -> None:
    """Threads of two processes at once: one wins, every other one is told that it cannot."""
    with store.write() as tx:
        a_request(tx, state=before)

    def attempt(number: int) -> State:
        with (store if number % 2 else other).write() as tx:
            return move(tx, lock_request(tx, "r1"), triggers[number % len(triggers)], note=str(number))

    results = at_once(20, attempt)
    [won] = [r for r in results if isinstance(r, State)]
    assert [type(r) for r in results if r is not won] == [IllegalTransition] * 19
    with store.read() as tx:
        request = get_request(tx, "r1")
    assert request.state == won == TRANSITIONS[State(before), triggers[int(request.note) % len(triggers)]]


def test_a_call_is_found_by_agent_run_and_key(store: Store) -> None:
    """The same call of the same run is the same request; anything else is another."""
    with store.write() as tx:
        a_request(tx, "r1", key="k")
        a_request(tx, "r2", key="k", run="run-8")
        a_request(tx, "r3", key="k", agent="sales")
    with store.read() as tx:
        found = find_call(tx, "support", "run-7", "k")
        assert found is not None
        assert found.id == "r1"
        assert find_call(tx, "support", "run-7", "K") is None
        assert find_call(tx, "support", "run-9", "k") is None


@pytest.mark.parametrize("state", list(State))
def test_a_twin_is_another_run_s_request_that_is_not_over(store: Store, state: State) -> None:
    """Only the same agent, the very same action, another run, and not ended."""
    with store.write() as tx:
        a_request(tx, "r1", state=state.value)
    is_open = state in (State.PENDING, State.APPROVED, State.EXECUTING, State.IN_DOUBT)
    with store.read() as tx:
        assert (find_open_twin(tx, "support", DIGEST, "run-8") is not None) == is_open
        assert find_open_twin(tx, "support", DIGEST, "run-7") is None
        assert find_open_twin(tx, "sales", DIGEST, "run-8") is None
        assert find_open_twin(tx, "support", b"e" * 32, "run-8") is None


def test_the_latest_rejection_within_memory_is_found(store: Store) -> None:
    """Of the same agent and action, by somebody who spoke for the person; older ones are forgotten, other ends are none."""
    document = Gate().document()
    policy = policy_digest(document)
    rejected = {"state": "rejected", "policy": policy}
    with store.write() as tx:
        keep_policy(tx, policy, document)
        a_request(tx, "old", **rejected, finished_at=START - minutes(60))
        a_request(tx, "new", **rejected, finished_at=START - minutes(5), run="run-8")
        a_request(tx, "expired", state="expired", policy=policy, finished_at=START)
        a_request(tx, "sales", **rejected, finished_at=START, agent="sales")
        a_request(tx, "other", **rejected, finished_at=START, digest=b"e" * 32)
        a_request(tx, "doubtful", **rejected, finished_at=START, run="run-9")
        a_request(tx, "by link", **rejected, finished_at=START, run="run-9")
        a_request(tx, "undone", **rejected, finished_at=START, run="run-9")
        levels = {"doubtful": "token", "by link": "link"}
        for request_id in ("old", "new", "sales", "other", "doubtful", "by link", "undone"):
            seat = a_seat(tx, f"seat of {request_id}", request_id)
            undone_at = START if request_id == "undone" else None
            level = levels.get(request_id, "aligned")
            a_decision(tx, seat, verdict="reject", level=level, undone_at=undone_at)
    with store.read() as tx:
        found = find_rejection(tx, "support", DIGEST, START - minutes(90))
        assert found is not None
        assert found.id == "new"
        assert find_rejection(tx, "support", DIGEST, START - minutes(5)) is None


def test_a_request_is_found_by_id_and_by_the_beginning_of_it(store: Store) -> None:
    """At most two, which is enough to say that it was not enough; no sign in it is a wildcard."""
    with store.write() as tx:
        for request_id in ("ab1", "ab2", "ab3", "a%1", "a_x"):
            a_request(tx, request_id)
    with store.read() as tx:
        assert [r.id for r in find_by_prefix(tx, "ab1")] == ["ab1"]
        assert len(find_by_prefix(tx, "ab")) == 2
        assert [r.id for r in find_by_prefix(tx, "a%")] == ["a%1"]
        assert [r.id for r in find_by_prefix(tx, "a_")] == ["a_x"]
        assert find_by_prefix(tx, "zz") == []
        assert find_request(tx, "ab") is None
        assert get_request(tx, "ab2").id == "ab2"
        with pytest.raises(InvalidArguments, match=r"^There is no request 'ab'; `mailgate requests list` shows"):
            get_request(tx, "ab")


def test_what_is_due_comes_earliest_first_and_at_its_instant(store: Store, clock: FakeClock) -> None:
    """The instant itself counts; other states and requests without one do not."""
    with store.write() as tx:
        for number in (3, 1, 2):
            a_request(tx, f"r{number}", deadline_at=START + minutes(number), remind_at=START + minutes(10 * number))
        a_request(tx, "none")
        a_request(tx, "done", state="expired", deadline_at=START)
    column = col(Request.deadline_at)
    with store.read() as tx:
        assert due(tx, State.PENDING, column) == []
    clock.at = START + minutes(2)
    with store.read() as tx:
        assert [r.id for r in due(tx, State.PENDING, column)] == ["r1", "r2"]
        assert [r.id for r in due(tx, State.PENDING, column, limit=1)] == ["r1"]
        assert [r.id for r in due(tx, State.PENDING, col(Request.remind_at))] == []


def test_the_next_instant_is_the_earliest_of_all_kinds(store: Store) -> None:
    """Deadline, reminder, escalation of what is pending; the end of validity of what is approved; nothing else."""
    with store.read() as tx:
        assert next_due_at(tx) is None
    with store.write() as tx:
        a_request(tx, "over", state="expired", deadline_at=START, remind_at=START, valid_until=START)
        a_request(tx, "never")
    expected = None
    for number, column in enumerate(("deadline_at", "remind_at", "escalate_at", "valid_until")):
        with store.read() as tx:
            assert next_due_at(tx) == expected
        expected = START + minutes(50 - 10 * number)
        with store.write() as tx:
            a_request(tx, column, state="approved" if column == "valid_until" else "pending", **{column: expected})
    with store.read() as tx:
        assert next_due_at(tx) == START + minutes(20)


def test_a_deadline_is_awaited_until_the_mailbox_was_read_past_it(store: Store, clock: FakeClock) -> None:
    """A reply may lie there that came in time; then it is not awaited any more."""
    with store.write() as tx:
        a_request(tx, deadline_at=START + minutes(10))
        a_request(tx, "done", state="approved", deadline_at=START)
    with store.read() as tx:
        assert not is_awaited(tx, START)
    clock.at = START + minutes(10)
    with store.read() as tx:
        assert is_awaited(tx, START + minutes(9))
        assert is_awaited(tx, START + minutes(10))
        assert not is_awaited(tx, START + minutes(11))


def test_requests_are_listed_by_state_and_by_age(store: Store, clock: FakeClock) -> None:
    """Work is oldest first, of the wanted actions only; lists for people are newest first."""
    for number in range(4):
        clock.forward(minutes=1)
        with store.write() as tx:
            a_request(
                tx, f"r{number}", action="wire" if number % 2 else "pay", state="approved" if number else "pending"
            )
    with store.read() as tx:
        assert [r.id for r in in_state(tx, State.APPROVED)] == ["r1", "r2", "r3"]
        assert [r.id for r in in_state(tx, State.APPROVED, ["wire"])] == ["r1", "r3"]
        assert [r.id for r in in_state(tx, State.APPROVED, ["wire"], limit=1)] == ["r1"]
        assert in_state(tx, State.APPROVED, []) == []
        assert [r.id for r in latest(tx)] == ["r3", "r2", "r1", "r0"]
        assert [r.id for r in latest(tx, state="approved", limit=2)] == ["r3", "r2"]


def test_a_policy_is_kept_once(store: Store) -> None:
    """By its digest; the first one stays, as digests say what they name."""
    with store.write() as tx:
        keep_policy(tx, b"1", b"policy")
        keep_policy(tx, b"1", b"another")
    with store.write() as tx:
        keep_policy(tx, b"1", b"another")
        assert find_policy(tx, b"1") == b"policy"
        assert find_policy(tx, b"2") is None


def test_checkpoints_and_logged_calls_are_found(store: Store) -> None:
    """Exact bytes come back; what is not there is None."""
    with store.write() as tx:
        a_request(tx)
        kept(tx, Checkpoint(request_id="r1", media_type="application/json", body=b"\x00\xff{}", sha256=b"s" * 32))
        kept(
            tx,
            Logged(
                id="l1",
                action="look",
                canonical=b"{}",
                digest=DIGEST,
                agent="support",
                run="run-7",
                key="k",
                created_at=tx.now,
                state="executing",
            ),
        )
    with store.read() as tx:
        checkpoint, logged = find_checkpoint(tx, "r1"), find_logged(tx, "support", "run-7", "k")
        assert checkpoint is not None
        assert logged is not None
        assert (checkpoint.body, logged.id) == (b"\x00\xff{}", "l1")
        assert find_checkpoint(tx, "r2") is None
        assert find_logged(tx, "support", "run-8", "k") is None
