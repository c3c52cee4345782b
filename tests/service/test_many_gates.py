"""Several gates in one run: decided by different people, in any order; each outcome comes to the agent once."""

from __future__ import annotations

from itertools import permutations

import pytest

from mailgate.model.verdict import Verdict
from tests.service.conftest import RigMaker
from tests.service.rig import Rig

GATES = {
    "pay": {"approvers": ["bob"], "remind_after": "none"},
    "pay_twice": {"approvers": ["alice", "carol"], "quorum": 2, "remind_after": "none"},
    "warm_up": {"approvers": ["carol"], "remind_after": "none"},
}
DECIDES = {"pay": ("bob",), "pay_twice": ("alice", "carol"), "warm_up": ("carol",)}


@pytest.fixture
def run(make_rig: RigMaker) -> Rig:
    """Make a rig with three gates of different people."""
    return make_rig(gates=GATES)


def decide(rig: Rig, asked: dict[str, str], name: str) -> None:
    """Let the people of one gate answer: the last one is rejected, the others approved."""
    verdict = Verdict.REJECT if name == "warm_up" else Verdict.APPROVE
    for person in DECIDES[name]:
        assert rig.press(asked[name], person, verdict).done
        rig.keeper()


@pytest.mark.parametrize("order", list(permutations(GATES)), ids=" ".join)
def test_each_outcome_comes_once_in_the_order_of_the_answers(run: Rig, order: tuple[str, ...]) -> None:
    """Whatever is decided first goes on first; the others stay open."""
    asked = {name: run.ask(name, state={"at": name}) for name in GATES}
    told: list[tuple[str, str]] = []
    for name in order:
        decide(run, asked, name)
        run.work()
        told.append((name, "rejected" if name == "warm_up" else "succeeded"))
        assert [(r.action, r.outcome) for r in run.shop.resumed] == told
        assert [r.state for r in run.shop.resumed] == [{"at": done} for done, _ in told]
    run.work()
    assert len(run.shop.resumed) == 3
    assert [ran for ran, _ in run.shop.ran] == [name for name in order if name != "warm_up"]


def test_what_is_decided_at_once_is_handed_back_one_by_one(run: Rig) -> None:
    """All three answered before a worker comes by."""
    asked = {name: run.ask(name, state={"at": name}) for name in GATES}
    for name in GATES:
        decide(run, asked, name)
    run.work()
    assert sorted(r.action for r in run.shop.resumed) == sorted(GATES)
    assert len({r.id for r in run.shop.resumed}) == 3


def test_a_part_may_be_decided_and_the_rest_expire(run: Rig) -> None:
    """The run is told of each."""
    asked = {name: run.ask(name) for name in GATES}
    decide(run, asked, "pay")
    run.work()
    run.clock.forward(hours=5)
    run.keeper()
    run.work()
    assert (run.shop.resumed[0].action, run.shop.resumed[0].outcome) == ("pay", "succeeded")
    assert sorted((r.action, r.outcome) for r in run.shop.resumed[1:]) == [
        ("pay_twice", "expired"),
        ("warm_up", "expired"),
    ]
