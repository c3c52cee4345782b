"""Standing in for somebody: one step, for a while, on record, and never for the requester's own request."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mailgate.errors import Forged, InvalidArguments
from mailgate.service.delegation import delegate, end_delegation
from mailgate.service.keep import lose_seat
from mailgate.store.answers import stand_ins_over
from mailgate.store.tables import Assignment, Delegation, Event
from tests.service.conftest import RigMaker
from tests.service.rig import GATES, PEOPLE, Rig

DAVE = {"dave": {"name": "Dave Dunn", "address": "dave@example.com"}}
ESCALATED = {"escalate_after": "1h", "escalate_to": ["carol"]}


def hand_over(rig: Rig, principal: str = "bob", to: str = "carol", **options: Any) -> Delegation:
    """Let an operator note that ``to`` stands in for ``principal`` for a week."""
    until = options.pop("until", rig.clock.at + timedelta(days=7))
    row = delegate(rig.serving, principal, to, until=until, by="oscar", **options)
    rig.keeper()
    return row


def test_somebody_else_is_asked_and_decides(rig: Rig) -> None:
    """In Bob's place, and the record says for whom."""
    hand_over(rig)
    request_id = rig.ask()
    assert rig.asked(request_id) == {"carol"}
    assert rig.seat(request_id, "carol").for_person == "bob"

    assert rig.press(request_id, "carol").done
    rig.keeper()

    assert rig.state(request_id) == "approved"
    [decision] = rig.bodies(request_id, "decision")
    assert (decision["approver"]["person"], decision["for"]) == ("carol", "bob")
    assert rig.execute() is not None


def test_it_is_on_record(rig: Rig) -> None:
    """Who handed what to whom until when, and which operator said so."""
    hand_over(rig, gate="pay")
    event = rig.row(Event, kind="delegation")
    assert event.position is not None
    for said in (b'"from":"bob"', b'"to":"carol"', b'"gate":"pay"', b'"operator":"oscar"', b'"until":"2026-12-01T'):
        assert said in event.body


def test_it_ends_by_itself(rig: Rig) -> None:
    """Also for what was asked before: who stands in no longer, decides no longer."""
    hand_over(rig, until=rig.clock.at + timedelta(hours=1))
    request_id = rig.ask()
    rig.clock.forward(hours=2)
    assert not rig.press(request_id, "carol").done
    assert rig.state(request_id) == "pending"
    assert rig.asked(rig.ask(args={"order": "A-2"})) == {"bob"}


def test_when_it_ends_the_person_is_asked(rig: Rig) -> None:
    """By itself or early, also of requests that are open: nobody waits for somebody who may not answer."""
    hand_over(rig, until=rig.clock.at + timedelta(hours=1))
    request_id = rig.ask()
    rig.clock.forward(hours=2)
    rig.keeper()
    assert rig.asked(request_id) == {"bob"}
    assert rig.seat(request_id, "carol").state == "revoked"

    row = hand_over(rig)
    other = rig.ask(args={"order": "A-2"})
    end_delegation(rig.serving, row.id[:8], by="oscar")
    rig.keeper()
    assert rig.asked(other) == {"bob"}
    assert rig.press(other, "bob").done


def test_a_newer_word_moves_what_is_open(rig: Rig) -> None:
    """Carol may not answer for Bob once Alice does: Alice is asked, and nobody waits for Carol."""
    hand_over(rig)
    request_id = rig.ask()
    hand_over(rig, "bob", "alice")
    assert rig.asked(request_id) == {"alice"}
    assert rig.press(request_id, "alice").done
    assert rig.state(request_id) == "approved"


def test_it_ends_for_each_gate_by_itself(rig: Rig) -> None:
    """That Carol stands in at another gate does not keep her seat at this one."""
    hand_over(rig, gate="pay", until=rig.clock.at + timedelta(hours=1))
    hand_over(rig, gate="warm_up")
    request_id = rig.ask()
    assert rig.asked(request_id) == {"carol"}
    rig.clock.forward(hours=2)
    rig.keeper()
    assert rig.asked(request_id) == {"bob"}


@pytest.mark.parametrize("is_bob_there", [True, False])
def test_it_ends_for_who_was_asked_as_well(make_rig: RigMaker, is_bob_there: bool) -> None:
    """Escalation asked Dave in Carol's place; then Carol herself is asked, also where nobody else is left."""
    rig = make_rig(people=PEOPLE | DAVE, gates=GATES | {"pay": GATES["pay"] | ESCALATED})
    hand_over(rig, "carol", "dave", until=rig.clock.at + timedelta(hours=2))
    request_id = rig.ask()
    rig.clock.forward(hours=1.5)
    rig.keeper()
    assert rig.asked(request_id) == {"bob", "dave"}
    if not is_bob_there:
        with rig.serving.store.write() as tx:
            seat = tx.session.get_one(Assignment, rig.seat(request_id, "bob").id)
            lose_seat(tx, rig.serving, seat, because="it came back")
    rig.clock.forward(hours=1)
    rig.keeper()
    assert rig.asked(request_id) == ({"bob", "carol"} if is_bob_there else {"carol"})
    assert rig.press(request_id, "carol").done
    assert rig.state(request_id) == "approved"


def test_who_stood_in_can_still_be_asked_as_well(make_rig: RigMaker) -> None:
    """Carol's time in Bob's place was over before the escalation, which names her."""
    rig = make_rig(gates=GATES | {"pay": GATES["pay"] | ESCALATED})
    hand_over(rig, until=rig.clock.at + timedelta(minutes=30))
    request_id = rig.ask()
    rig.clock.forward(hours=1.5)
    rig.keeper()
    assert rig.asked(request_id) == {"bob", "carol"}
    assert rig.press(request_id, "carol").done
    assert rig.state(request_id) == "approved"


def test_what_is_decided_asks_nobody_any_more(make_rig: RigMaker) -> None:
    """A seat of somebody whose time is over keeps no keeper busy while an approved action waits."""
    gate = {"approvers": ["alice", "bob"], "cooling_off": "1d", "remind_after": "none"}
    rig = make_rig(gates=GATES | {"pay": gate})
    hand_over(rig, until=rig.clock.at + timedelta(hours=1))
    request_id = rig.ask()
    assert rig.press(request_id, "alice").done
    rig.clock.forward(hours=2)
    with rig.serving.store.read() as tx:
        assert stand_ins_over(tx) == []
    assert rig.seat(request_id, "carol").state == "open"


def test_who_is_stood_in_for_is_not_asked_besides(rig: Rig) -> None:
    """Somebody else's yes asks who is left, and Carol sits in Bob's place: a yes of his would not count."""
    hand_over(rig)
    request_id = rig.ask("pay_twice")
    assert rig.press(request_id, "alice").done
    rig.keeper()
    assert rig.asked(request_id) == {"carol"}


def test_who_decides_in_a_later_stage_does_not_stand_in_before(make_rig: RigMaker) -> None:
    """One person counts once: Carol's yes in Bob's place would leave nobody for the stage that is hers."""
    stages = [{"approvers": ["bob"]}, {"approvers": ["carol"]}]
    rig = make_rig(gates=GATES | {"pay": {"stages": stages, "remind_after": "none"}})
    hand_over(rig)
    request_id = rig.ask()
    for person in ("bob", "carol"):
        assert rig.asked(request_id) == {person}
        assert rig.press(request_id, person).done
        rig.keeper()
    assert rig.state(request_id) == "approved"


def test_an_end_is_not_undone(rig: Rig, logs: list[Any]) -> None:
    """Who turns the row back to what it was, mark and all, makes nobody stand in again."""
    row = hand_over(rig)
    before = rig.row(Delegation, id=row.id)
    end_delegation(rig.serving, row.id, by="oscar")
    rig.keeper()
    rig.forge("update delegations set until = '2026-12-01 09:00:00.000000', mark = :m", m=before.mark)
    assert rig.asked(rig.ask()) == {"bob"}
    assert any(entry["event"] == "forged" and entry["table"] == "delegations" for entry in logs)


def test_a_stand_in_who_cannot_be_reached_is_passed_by(rig: Rig) -> None:
    """His mail came back: the person is asked himself."""
    hand_over(rig)
    request_id = rig.ask()
    with rig.serving.store.write() as tx:
        seat = tx.session.get_one(Assignment, rig.seat(request_id, "carol").id)
        lose_seat(tx, rig.serving, seat, because="the mail to this person came back")
    rig.keeper()
    assert (rig.state(request_id), rig.asked(request_id)) == ("pending", {"bob"})
    assert rig.press(request_id, "bob").done
    assert rig.state(request_id) == "approved"


def test_a_forged_delegation_is_not_ended_but_said(rig: Rig) -> None:
    """Its end would be recorded with what was forged."""
    row = hand_over(rig)
    rig.forge("update delegations set delegate = 'alice'")
    with pytest.raises(Forged):
        end_delegation(rig.serving, row.id, by="oscar")
    assert len(rig.rows(Event, kind="delegation")) == 1


@pytest.mark.parametrize("prefix", ["", "zzz"])
def test_only_one_that_holds_can_be_ended(rig: Rig, prefix: str) -> None:
    """Otherwise one sentence, and nothing changes."""
    row = hand_over(rig)
    with pytest.raises(InvalidArguments, match="No delegation that holds now begins with"):
        end_delegation(rig.serving, prefix, by="oscar")
    assert rig.row(Delegation, id=row.id).until == row.until


def test_it_is_for_one_gate_where_that_is_said(rig: Rig) -> None:
    """Other gates ask as before."""
    hand_over(rig, gate="warm_up")
    assert rig.asked(rig.ask()) == {"bob"}
    assert rig.asked(rig.ask("warm_up")) == {"carol"}


def test_what_was_handed_over_is_not_handed_on(rig: Rig) -> None:
    """Carol has handed her own approvals to Alice; Bob's stay with Carol."""
    hand_over(rig)
    hand_over(rig, "carol", "alice")
    assert rig.asked(rig.ask()) == {"carol"}


def test_the_requester_does_not_stand_in(rig: Rig) -> None:
    """For her own request the person who was to be asked is asked."""
    hand_over(rig)
    assert rig.asked(rig.ask(on_behalf_of="Carol+x@example.com")) == {"bob"}


def test_one_person_is_one_person(rig: Rig) -> None:
    """Two are needed; Alice, who is asked for herself, cannot be Bob as well, so he is asked all the same."""
    hand_over(rig, "bob", "alice")
    request_id = rig.ask("pay_twice")
    assert rig.asked(request_id) == {"alice", "bob"}
    assert rig.press(request_id, "alice").done
    assert rig.state(request_id) == "pending"


def test_the_quorum_counts_who_stands_in(rig: Rig) -> None:
    """Alice and, for Bob, Carol."""
    hand_over(rig)
    request_id = rig.ask("pay_twice")
    assert rig.asked(request_id) == {"alice", "carol"}
    assert rig.press(request_id, "alice").done
    rig.keeper()
    assert rig.state(request_id) == "pending"
    assert rig.press(request_id, "carol").done
    assert rig.state(request_id) == "approved"


def test_who_was_removed_is_not_stood_in_for(rig: Rig) -> None:
    """A stand-in has no more than the person had."""
    hand_over(rig)
    request_id = rig.ask()
    rig.changed(people={name: person for name, person in PEOPLE.items() if name != "bob"})
    assert not rig.press(request_id, "carol").done


@pytest.mark.parametrize("change", ["delegate = 'alice'", "until = '2030-01-01 00:00:00.000000'", "gate = ''"])
def test_a_delegation_is_not_forged(rig: Rig, change: str, logs: list[Any]) -> None:
    """A row that the serving side did not write counts for nothing: the person is asked himself, and it is said."""
    hand_over(rig, gate="pay")
    rig.forge(f"update delegations set {change}")
    assert rig.asked(rig.ask()) == {"bob"}
    assert any(entry["event"] == "forged" and entry["table"] == "delegations" for entry in logs)


def test_a_delegation_is_not_withdrawn_by_deleting_it(rig: Rig) -> None:
    """Else the one before it would hold again."""
    hand_over(rig)
    newer = hand_over(rig, "bob", "alice")
    rig.forge("delete from delegations where id = :i", i=newer.id)
    assert rig.asked(rig.ask()) == {"bob"}


def test_nobody_stands_in_for_the_requester(rig: Rig) -> None:
    """Who may not approve cannot let somebody else approve for him."""
    hand_over(rig)
    request_id = rig.ask(on_behalf_of="bob@example.com")
    assert rig.asked(request_id) == set()
    assert rig.state(request_id) == "undeliverable"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"principal": "zoe"}, "There is nobody 'zoe' under"),
        ({"to": "zoe"}, "There is nobody 'zoe' under"),
        ({"to": "bob"}, "bob cannot stand in for bob"),
        ({"to": "desk"}, "desk is a shared mailbox"),
        ({"gate": "nowhere"}, "There is no gate 'nowhere'"),
        ({"until": None}, r"The end, 2026-11-24 08:00 UTC, is past"),
    ],
)
def test_what_makes_no_sense_is_said(make_rig: RigMaker, options: dict[str, Any], why: str) -> None:
    """One sentence, and nothing is stored."""
    rig = make_rig(people=PEOPLE | {"desk": {"name": "Desk", "address": "desk@example.com", "group": True}})
    if "until" in options:
        options = {"until": rig.clock.at - timedelta(hours=1)}
    with pytest.raises(InvalidArguments, match=why):
        hand_over(rig, **options)
    assert rig.rows(Delegation) == []


def test_a_stand_in_who_was_removed_counts_no_more(rig: Rig) -> None:
    """His yes was one; by the time the quorum is reached he is nobody any more."""
    hand_over(rig)
    request_id = rig.ask("pay_twice")
    assert rig.press(request_id, "carol").done
    rig.keeper()
    rig.changed(people={name: person for name, person in PEOPLE.items() if name != "carol"})
    rig.press(request_id, "alice")
    assert rig.state(request_id) != "approved"
