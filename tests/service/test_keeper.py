"""The keeper's turns: what somebody waits for at once, the rest together, and deadlines in between."""

from __future__ import annotations

import pytest

from mailgate.service.roles import GATHER, LOOK_SECONDS, KeeperRole
from mailgate.store.events import unsequenced
from tests.service.rig import Rig


class Ticks:
    """A monotonic clock that tests set."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.at


@pytest.fixture
def ticks() -> Ticks:
    """Return the clock of the keeper."""
    return Ticks()


@pytest.fixture
def keeper(rig: Rig, ticks: Ticks) -> KeeperRole:
    """Return a keeper that has looked and found nothing to do."""
    role = KeeperRole(rig.serving, "this process", ticks)
    settle(role)
    return role


def settle(role: KeeperRole) -> float:
    """Take turns until there is nothing to do; return for how long."""
    for _ in range(10):
        if wait := role._turn():
            return wait
    raise AssertionError("the keeper does not come to rest")


def waiting(rig: Rig) -> list[str]:
    """Return the kinds of events that are no records yet."""
    with rig.serving.store.read() as tx:
        return sorted(e.kind for e in unsequenced(tx, 100))


def test_a_decision_is_recorded_at_once(rig: Rig, keeper: KeeperRole) -> None:
    """A worker waits for it."""
    request_id = rig.submit().request_id
    keeper._turn()
    rig.press(request_id, "bob")
    assert waiting(rig) == ["decision"]
    keeper._turn()
    assert waiting(rig) == []


def test_what_a_worker_did_is_recorded_together(rig: Rig, keeper: KeeperRole) -> None:
    """Nobody waits for these, so the writer's lock is the worker's until it has handed the outcome back."""
    request_id = rig.submit().request_id
    settle(keeper)
    rig.press(request_id, "bob")
    settle(keeper)
    rig.execute()
    wait = settle(keeper)
    assert waiting(rig) == ["executing", "outcome"]
    assert 0 < wait <= GATHER.total_seconds()
    rig.clock.forward(seconds=wait)
    keeper._turn()
    assert waiting(rig) == []


def test_an_event_of_the_future_is_not_waited_for(rig: Rig, keeper: KeeperRole) -> None:
    """Whoever writes a time into the database cannot keep the log from growing."""
    request_id = rig.submit().request_id
    settle(keeper)
    rig.press(request_id, "bob")
    settle(keeper)
    rig.execute()
    with rig.working.store.write() as tx:
        for event in unsequenced(tx, 10):
            event.at = event.at.replace(year=2999)
            tx.session.add(event)
    keeper._turn()
    assert waiting(rig) == []


def test_a_deadline_is_seen_though_events_keep_coming(rig: Rig, keeper: KeeperRole, ticks: Ticks) -> None:
    """Records go first, but not for longer than a look may take."""
    late = rig.submit().request_id
    settle(keeper)
    rig.clock.forward(hours=48)
    for number in range(5):
        rig.submit(args={"order": f"A-{number}x"})
        keeper._turn()
        ticks.at += LOOK_SECONDS / 3
    assert rig.state(late) == "expired"


def test_a_new_request_brings_its_own_deadline(rig: Rig, keeper: KeeperRole, ticks: Ticks) -> None:
    """The keeper wakes for it, not only for its usual look."""
    rig.changed(gates={"pay": {"approvers": ["bob"], "timeout": "1s", "remind_after": "none"}})
    rig.submit()
    keeper._turn()
    rig.clock.forward(seconds=0.6)
    ticks.at += GATHER.total_seconds()
    assert 0 < settle(keeper) < 0.4
