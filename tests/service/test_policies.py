"""A changed configuration: what changed is recorded, and open requests are looked at under today's people."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mailgate.service.policies import settle_in
from mailgate.store.tables import Event, Policy
from tests.service.conftest import RigMaker
from tests.service.rig import GATES, PEOPLE, Rig


def restart(rig: Rig, **sections: Any) -> None:
    """Let the operator change the configuration and start the keeper again."""
    rig.changed(**sections)
    with rig.serving.store.write() as tx:
        settle_in(tx, rig.serving)
    rig.keeper()


def without(*names: str) -> dict[str, Any]:
    """Return the people but these."""
    return {name: person for name, person in PEOPLE.items() if name not in names}


def recorded(rig: Rig) -> list[str]:
    """Return the gates whose policies were recorded."""
    return sorted(json.loads(e.body)["gate"] for e in rig.rows(Event, kind="policy") if e.position is not None)


def test_policies_are_recorded_when_they_change(rig: Rig) -> None:
    """All of them at first, then those that changed, and one that is gone."""
    restart(rig)
    assert recorded(rig) == sorted(GATES)
    assert len(rig.rows(Policy)) == len({json.dumps(gate, sort_keys=True) for gate in GATES.values()})
    restart(rig)
    assert len(recorded(rig)) == len(GATES)
    kept = {name: gate for name, gate in GATES.items() if name != "warm_up"}
    restart(rig, gates=kept | {"pay": GATES["pay"] | {"veto": False}})
    assert recorded(rig) == sorted([*GATES, "pay", "warm_up"])
    assert [b["gate"] for b in rig.bodies_of_kind("policy") if not b["digest"]] == ["warm_up"]


def test_people_are_recorded_when_they_change(rig: Rig) -> None:
    """Who may approve is part of what an auditor needs: names, addresses, groups; not again while nothing changes."""
    restart(rig)
    restart(rig)
    restart(rig, people=without("alice"), groups={"finance": ["bob"]})
    first, then = rig.bodies_of_kind("people")
    assert set(first["people"]) == set(PEOPLE)
    assert first["people"]["alice"]["aliases"] == ["a.adams@example.com"]
    assert (set(then["people"]), then["groups"]) == (set(PEOPLE) - {"alice"}, {"finance": ["bob"]})


def test_a_request_keeps_the_policy_it_was_made_under(rig: Rig) -> None:
    """A quorum that was raised since is not asked of it."""
    request_id = rig.ask()
    restart(rig, gates=GATES | {"pay": {"approvers": ["alice", "bob"], "quorum": 2}})
    assert rig.press(request_id, "bob").done
    assert rig.state(request_id) == "approved"


def test_who_was_removed_is_asked_no_more(rig: Rig) -> None:
    """Nobody else was named: it ends at once instead of waiting for its deadline."""
    request_id = rig.ask()
    restart(rig, people=without("bob"))
    assert rig.state(request_id) == "undeliverable"
    assert rig.seat(request_id, "bob").state == "revoked"
    assert "revoked" in rig.kinds(request_id)


def test_the_others_go_on(rig: Rig) -> None:
    """Where enough of them are left."""
    rig.changed(gates=GATES | {"pay": {"approvers": ["alice", "bob"]}})
    request_id = rig.ask()
    restart(rig, people=without("alice"), gates=GATES | {"pay": {"approvers": ["bob"]}})
    assert rig.asked(request_id) == {"bob"}
    assert rig.press(request_id, "bob").done
    assert rig.state(request_id) == "approved"


def test_a_yes_of_somebody_who_was_removed_does_not_count(rig: Rig) -> None:
    """The quorum is checked against today's people when it is reached."""
    request_id = rig.ask("pay_twice")
    assert rig.press(request_id, "alice").done
    rig.keeper()
    rig.changed(people=without("alice"), gates={name: gate for name, gate in GATES.items() if name != "pay_twice"})
    rig.press(request_id, "bob")
    assert rig.state(request_id) != "approved"


def test_who_answered_and_was_removed_may_be_missed(make_rig: RigMaker) -> None:
    """Two of two, and one of them is in the group no more: nobody waits for a yes that cannot be enough."""
    gates = GATES | {"pay": {"approvers": ["group:finance"], "quorum": 2, "remind_after": "none"}}
    rig = make_rig(gates=gates, groups={"finance": ["alice", "bob"]})
    request_id = rig.ask()
    assert rig.press(request_id, "alice").done
    restart(rig, groups={"finance": ["bob"]})
    assert rig.state(request_id) == "undeliverable"


def test_somebody_who_moved_is_asked_at_the_new_address(rig: Rig) -> None:
    """With other secrets; the old link is dead."""
    request_id = rig.ask()
    old = rig.token(rig.seat(request_id, "bob"))
    restart(rig, people=PEOPLE | {"bob": PEOPLE["bob"] | {"address": "robert@example.com"}})
    seat = rig.seat(request_id, "bob")
    assert (seat.address, seat.state, seat.generation) == ("robert@example.com", "open", 2)
    assert rig.mails("request", request_id)[-1].recipient == "robert@example.com"
    assert rig.token(seat) != old
    assert rig.press(request_id, "bob").done


@pytest.mark.parametrize("group", [True, False])
def test_a_shared_mailbox_is_no_named_person(rig: Rig, group: bool) -> None:
    """Also where somebody's address became one after he was asked."""
    rig.changed(gates=GATES | {"pay": GATES["pay"] | {"named_people": True}})
    request_id = rig.ask()
    rig.changed(people=PEOPLE | {"bob": PEOPLE["bob"] | {"group": group}})
    assert rig.press(request_id, "bob").done is not group


def test_somebody_who_works_alone_may_approve_and_the_record_says_so(rig: Rig) -> None:
    """The sanctioned exception; without it the requester never counts."""
    rig.changed(gates=GATES | {"pay": GATES["pay"] | {"single_operator": True}})
    request_id = rig.ask(on_behalf_of="bob@example.com")
    assert rig.press(request_id, "bob").done
    rig.keeper()
    assert rig.bodies(request_id, "decision")[0]["self_approved"] is True
    assert rig.state(request_id) == "approved"


@pytest.mark.parametrize("channel", ["link", "reply"])
def test_a_forwarded_mail_is_not_enough_where_that_is_asked(rig: Rig, channel: str) -> None:
    """Whoever has the mail has its link and its code: with `proven` they approve nothing, and rejecting still stops."""
    rig.changed(gates=GATES | {"pay": GATES["pay"] | {"separation": "proven"}})
    request_id = rig.ask()
    if channel == "link":
        page = rig.press(request_id, "bob")
        assert (page.problem, page.approves, rig.state(request_id)) == ("not_here", False, "pending")
        rig.outbox()
        asking = next(raw for _, to, raw in rig.sender.sent if to == "bob@example.com")
        seat = rig.seat(request_id, "bob")
        assert rig.serving.key.code(seat.id, 1)[:3].encode() + b" " not in asking
    else:
        assert rig.reply(request_id, "bob").counted == "counted"
        assert rig.state(request_id) == "approved"


def test_a_requester_stays_one(rig: Rig) -> None:
    """Whoever was acted for when it was asked does not approve later, though an alias was taken out of the configuration."""
    gate = GATES["pay"] | {"escalate_to": ["alice"], "escalate_after": "1h"}
    rig.changed(gates=GATES | {"pay": gate})
    request_id = rig.ask(on_behalf_of="A.Adams+x@Example.com")
    people = PEOPLE | {"alice": PEOPLE["alice"] | {"aliases": []}}
    restart(rig, gates=GATES | {"pay": gate}, people=people)
    rig.clock.forward(hours=2)
    rig.keeper()
    assert "alice" not in rig.asked(request_id)


def test_a_vote_of_what_became_a_shared_mailbox_does_not_count(rig: Rig) -> None:
    """The quorum is checked against today's people when it is reached."""
    gates = GATES | {"pay_twice": GATES["pay_twice"] | {"named_people": True}}
    rig.changed(gates=gates)
    request_id = rig.ask("pay_twice")
    assert rig.press(request_id, "alice").done
    rig.changed(gates=gates, people=PEOPLE | {"alice": PEOPLE["alice"] | {"group": True}})
    rig.press(request_id, "bob")
    assert rig.state(request_id) != "approved"


def test_a_garbled_record_does_not_stop_the_keeper(rig: Rig) -> None:
    """At worst a policy is recorded once more."""
    restart(rig)
    rig.forge("update events set record = x'00' where kind = 'policy'")
    restart(rig)
    assert len(rig.rows(Event, kind="policy")) == 2 * len(GATES)
