"""Policies and people as records hold them: read as the service reads its own configuration, or not at all."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest

from mailgate.model.lifecycle import Stage
from mailgate.model.people import Directory, Person
from mailgate.model.policy import Gate
from mailgate.model.seating import Seat, gone_from, seated
from mailgate.model.terms import read_crowd, read_terms
from mailgate.model.verdict import Level

TEAM = Directory(
    people={
        "alice": Person(name="Alice Adams", address="Alice@Example.com", aliases=("a.adams@example.com",)),
        "bob": Person(name="Bob Brown", address="bob@example.com"),
        "desk": Person(name="Desk", address="desk@example.com", group=True),
    },
    groups={"finance": ("bob", "alice", "gone")},
)

GATES: dict[str, dict[str, Any]] = {
    "one": {"approvers": ["group:finance", "desk", "nobody"], "quorum": 2},
    "stages": {"stages": [{"approvers": ["bob"]}, {"approvers": ["group:finance"], "quorum": 2}]},
    "named": {"approvers": ["desk", "bob"], "named_people": True},
    "steps": {
        "approvers": ["bob"],
        "escalate_after": "1h",
        "escalate_to": ["alice"],
        "escalate_further": [{"after": "2h", "ask": ["desk", "bob"]}],
    },
    "nobody": {},
}


def recorded(gate: Gate) -> dict[str, Any]:
    """Return a policy as its record holds it."""
    found: dict[str, Any] = json.loads(gate.document())
    return found


@pytest.mark.parametrize("name", GATES)
def test_terms_are_those_of_the_gate(name: str) -> None:
    """Stages with their people and quorums, and whom escalation may add."""
    gate, crowd = Gate(**GATES[name]), read_crowd(TEAM.document())
    terms = read_terms(recorded(gate))
    shared = {"desk"} if gate.named_people else set()
    people = [tuple(p for p in TEAM.expand(s.approvers) if p not in shared) for s in gate.asked()]
    assert [stage.people for stage in terms.stages_of(crowd)] == people
    assert [stage.quorum for stage in terms.stages_of(crowd)] == [s.quorum for s in gate.asked()]
    assert terms.reserve_of(crowd) == TEAM.expand(name for step in gate.reserve for name in step)


@pytest.mark.parametrize(
    ("reply_level", "web_confirm", "separation"),
    [*product(("token", "aligned"), ("code", "fresh_code", "button"), ("checked", "proven"))],
)
def test_a_yes_counts_as_it_counted(reply_level: Any, web_confirm: Any, separation: Any) -> None:
    """For every level, as the gate itself says."""
    gate = Gate(approvers=("bob",), reply_level=reply_level, web_confirm=web_confirm, separation=separation)
    terms = read_terms(recorded(gate))
    assert {level: terms.takes_yes(level) for level in Level} == {level: gate.takes_yes(level) for level in Level}


def test_addresses_are_peoples_own() -> None:
    """Whatever their case or tag, aliases too."""
    crowd = read_crowd(TEAM.document())
    for address in ("ALICE@example.com", "alice+x@example.com", "A.Adams@Example.Com", "mallory@example.com"):
        assert crowd.owner_of(address) == TEAM.find_by_address(address)


@pytest.mark.parametrize("said", [{}, {"people": 1}, {"people": {"a": {}}, "groups": {}}, {"people": {}, "groups": []}])
def test_people_in_another_form_are_none(said: Any) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="not people"):
        read_crowd(said)


@pytest.mark.parametrize("name", ["stages", "veto", "reply_level", "web_confirm", "escalate_to"])
def test_a_policy_in_another_form_is_none(name: str) -> None:
    """A name that is missing, or has a value of another kind."""
    said = recorded(Gate(approvers=("bob",)))
    with pytest.raises(ValueError):
        read_terms({n: v for n, v in said.items() if n != name})
    with pytest.raises(ValueError):
        read_terms(said | {"web_confirm": "a nod"})


def test_who_is_seated() -> None:
    """Stand-ins in the place of whom they stand in for, those whom escalation added, and never who must not approve."""
    stages = [Stage(people=("alice", "bob"), quorum=2), Stage(people=("carol",), quorum=1)]
    seats = [
        Seat(person="dave", stage=0, state="open", stands_in_for="bob"),
        Seat(person="erin", stage=1, state="answered"),
        Seat(person="fred", stage=7, state="open"),
        Seat(person="gina", stage=0, state="revoked", stands_in_for="alice"),
    ]
    found = seated(
        stages, ("erin", "fred", "hans"), seats, nobody=frozenset({"carol"}), people={"alice", "bob", "dave", "gina"}
    )
    assert [stage.people for stage in found] == [("alice", "dave"), ("erin",)]
    assert [stage.quorum for stage in found] == [2, 1]
    assert gone_from(seats, ("zoe",)) == {"gina", "zoe"}
