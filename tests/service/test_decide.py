"""The one door: who may decide, what counts, and what is told to whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mailgate.errors import Forged, TokenError
from mailgate.model.verdict import Level, Verdict
from mailgate.service.decide import Counted
from mailgate.service.letters import how_it_stands
from mailgate.service.link import look
from mailgate.service.marks import mark_assignment
from mailgate.service.proof import get_approval
from mailgate.store.tables import Assignment, Decision, Request
from mailgate.tokens import address_hash
from tests.service.conftest import RigMaker
from tests.service.rig import GATES, PEOPLE, Rig

APPROVE, REJECT = Verdict.APPROVE, Verdict.REJECT


def stands(rig: Rig, request_id: str) -> str:
    """Return the sentence on how a request stands."""
    with rig.serving.store.read() as tx:
        return how_it_stands(tx, rig.serving, rig.request(request_id))


@pytest.mark.parametrize(("verdict", "state"), [(APPROVE, "approved"), (REJECT, "rejected")], ids=["approve", "reject"])
@pytest.mark.parametrize("channel", ["link", "reply"])
def test_one_answer_decides(rig: Rig, verdict: Verdict, state: str, channel: str) -> None:
    """One person's answer decides where one is enough, whichever way it comes."""
    request_id = rig.ask()

    if channel == "link":
        assert rig.press(request_id, "bob", verdict).done
    else:
        assert Counted.COUNTED is rig.reply(request_id, "bob", verdict).counted
    rig.keeper()

    assert state == rig.state(request_id)
    decision = rig.row(Decision)
    assert ("bob", verdict.value, channel) == (decision.person, decision.verdict, decision.channel)
    assert rig.kinds(request_id) == ["request", "decision"]
    assert rig.request(request_id).decided_by == "Bob Brown"


@pytest.mark.parametrize("second", ["link", "reply"])
@pytest.mark.parametrize("first", ["link", "reply"])
@pytest.mark.parametrize("verdict", [APPROVE, REJECT], ids=["approve", "reject"])
def test_one_person_decides_once(rig: Rig, first: str, second: str, verdict: Verdict) -> None:
    """A person's first decision stands, by whichever channel they answer again."""
    request_id = rig.ask("pay_twice")
    ways: dict[str, Any] = {
        "link": lambda v: rig.press(request_id, "bob", v),
        "reply": lambda v: rig.reply(request_id, "bob", v),
    }
    ways[first](APPROVE)

    again = ways[second](verdict)

    assert len(rig.rows(Decision)) == 1
    assert rig.state(request_id) == "pending"
    if second == "reply":
        assert Counted.REPEATED is again.counted
    else:
        assert not again.done
        assert "You approved it at" in again.sentence


def test_approve_below_the_level_is_not_counted(rig: Rig) -> None:
    """An approve that only the secret address proves is recorded and not counted where the gate asks for more."""
    request_id = rig.ask()

    ruled = rig.reply(request_id, "bob", APPROVE, level=Level.TOKEN)
    rig.keeper()

    assert Counted.BELOW_LEVEL is ruled.counted
    assert rig.state(request_id) == "pending"
    assert rig.rows(Decision) == []
    [body] = rig.bodies(request_id, "superseded")
    assert (body["because"], body["level"], body["meaning"]) == ("below_level", "token", "approve")


def test_person_can_still_answer_after_an_answer_below_the_level(rig: Rig) -> None:
    """An answer that was not counted takes nothing away: the same person may answer again, better proven."""
    request_id = rig.ask()
    rig.reply(request_id, "bob", APPROVE, level=Level.TOKEN)

    assert Counted.COUNTED is rig.reply(request_id, "bob", APPROVE, level=Level.ALIGNED).counted


def test_gate_may_take_the_token_for_enough(make_rig: RigMaker) -> None:
    """reply_level = token counts an approve that the secret address proves."""
    rig = make_rig(gates={"pay": GATES["pay"] | {"reply_level": "token"}})
    request_id = rig.ask()

    assert Counted.COUNTED is rig.reply(request_id, "bob", APPROVE, level=Level.TOKEN).counted
    assert rig.state(request_id) == "approved"


@pytest.mark.parametrize("verdict", [APPROVE, REJECT])
def test_unproven_reply_never_counts(make_rig: RigMaker, verdict: Verdict) -> None:
    """A reply without even the secret address decides nothing, not even a reject."""
    rig = make_rig(gates={"pay": GATES["pay"] | {"reply_level": "token"}})
    request_id = rig.ask()

    assert Counted.BELOW_LEVEL is rig.reply(request_id, "bob", verdict, level=Level.NONE).counted
    assert rig.state(request_id) == "pending"


def test_doubtful_reject_stops_and_is_withheld_from_the_agent(rig: Rig) -> None:
    """A reject at token level ends the request; the agent hears neither the text nor a name, as nobody is proven."""
    request_id = rig.ask()

    rig.reply(request_id, "bob", REJECT, level=Level.TOKEN, reason="Wire it to DE00 instead.")
    rig.keeper()
    outcome = rig.resume()

    assert rig.state(request_id) == "rejected"
    assert outcome is not None
    assert (outcome.outcome, outcome.reason, outcome.decided_by) == ("rejected", "", "a person")
    assert "DE00" not in outcome.for_model
    assert "Bob" not in outcome.for_model
    assert rig.row(Decision).reason == "Wire it to DE00 instead."


def test_reject_hands_its_reason_to_the_agent(rig: Rig) -> None:
    """A proven reject tells the agent who and why."""
    request_id = rig.ask()
    rig.reply(request_id, "bob", REJECT, reason="The order is open.")
    rig.keeper()

    outcome = rig.resume()

    assert outcome is not None
    assert (outcome.reason, outcome.decided_by) == ("The order is open.", "Bob Brown")
    assert "The order is open." in outcome.for_model


def test_reply_counts_by_the_time_the_server_received_it(rig: Rig) -> None:
    """An answer that arrived before the deadline and is read after it counts; one that arrived later does not."""
    first, second = rig.ask(), rig.ask(args={"order": "A-2"})
    deadline = rig.request(second).deadline_at
    assert deadline is not None
    rig.clock.forward(hours=5)

    in_time = rig.reply(first, "bob", given_at=rig.request(first).deadline_at)
    late = rig.reply(second, "bob", given_at=deadline + timedelta(milliseconds=1))

    assert (in_time.counted, late.counted) == (Counted.COUNTED, Counted.SUPERSEDED)
    assert (rig.state(first), rig.state(second)) == ("approved", "pending")


def test_late_link_says_so_and_decides_nothing(rig: Rig) -> None:
    """Past the deadline the page is truthful and takes no answer, though nobody has ended the request yet."""
    request_id = rig.ask()
    rig.clock.forward(hours=4, seconds=1)

    page = rig.press(request_id, "bob")

    assert (page.is_open, page.done) == (False, False)
    assert "The time to answer is over" in page.sentence
    assert rig.rows(Decision) == []


@pytest.mark.parametrize(
    ("ending", "sentence"),
    [
        (lambda rig, r: rig.press(r, "alice", REJECT), "already rejected by Alice Adams at 09:00 UTC"),
        (
            lambda rig, r: (rig.press(r, "alice"), rig.press(r, "bob")),
            "already approved by Bob Brown at 09:00 UTC",
        ),
        (
            lambda rig, r: (rig.clock.forward(hours=5), rig.keeper()),
            "expired at 14:00 UTC on Tue 24 Nov 2026 without an answer",
        ),
        (lambda rig, r: rig.mg.cancel(r), "ended as cancelled at 09:00 UTC"),
    ],
    ids=["rejected", "approved", "expired", "cancelled"],
)
def test_answer_after_the_end_is_superseded_and_told_the_truth(make_rig: RigMaker, ending: Any, sentence: str) -> None:
    """Whoever answers a request that ended hears what became of it, and the attempt is recorded."""
    gate = GATES["pay_twice"] | {"approvers": ["alice", "bob", "carol"]}
    rig = make_rig(gates={"pay_twice": gate})
    request_id = rig.ask("pay_twice")
    ending(rig, request_id)
    before = rig.state(request_id)

    page = rig.press(request_id, "carol")
    ruled = rig.reply(request_id, "carol")

    assert not page.done
    assert sentence in page.sentence
    assert Counted.SUPERSEDED is ruled.counted
    assert before == rig.state(request_id)
    assert sentence in stands(rig, request_id)
    assert rig.bodies(request_id, "superseded")[0]["because"] == "superseded"


@pytest.mark.parametrize(
    "whom", ["alice@example.com", "ALICE@Example.com", "alice+billing@example.com", "a.adams@example.com"]
)
def test_requester_is_never_asked(rig: Rig, whom: str) -> None:
    """The person an agent acts for gets no seat, through whatever spelling, tag or alias."""
    request_id = rig.ask("pay_twice", on_behalf_of=whom)

    assert set() == rig.asked(request_id)  # two of two people are needed, and one is the requester
    assert rig.state(request_id) == "undeliverable"
    assert {"bob"} == {s.person for s in rig.rows(Assignment)}


def test_requester_never_counts(make_rig: RigMaker) -> None:
    """Nobody else being left, the others' quorum stays: the requester makes no second yes."""
    gate = GATES["pay_twice"] | {"approvers": ["alice", "bob", "carol"]}
    rig = make_rig(gates={"pay_twice": gate})
    request_id = rig.ask("pay_twice", on_behalf_of="a.adams+x@example.com")

    assert {"bob", "carol"} == rig.asked(request_id)
    rig.press(request_id, "bob")
    assert rig.state(request_id) == "pending"
    rig.press(request_id, "carol")
    assert rig.state(request_id) == "approved"


def test_somebody_who_becomes_the_requester_is_not_entitled(rig: Rig) -> None:
    """An alias that is learnt later makes its owner the requester, who may not decide from then on."""
    request_id = rig.ask(on_behalf_of="bobby@example.com")
    rig.changed(people=PEOPLE | {"bob": PEOPLE["bob"] | {"aliases": ["bobby@example.com"]}})

    assert Counted.NOT_ENTITLED is rig.reply(request_id, "bob").counted
    assert rig.state(request_id) == "pending"


@pytest.mark.parametrize("verdict", [APPROVE, REJECT], ids=["approve", "reject"])
@pytest.mark.parametrize("way", ["left", "moved", "left the group"])
def test_person_who_was_removed_does_not_count(make_rig: RigMaker, verdict: Verdict, way: str) -> None:
    """Who left, has another address, or is no longer in the group that is asked decides nothing, and is told so."""
    gates = {"pay": GATES["pay"] | {"approvers": ["group:finance"]}}
    rig = make_rig(gates=gates, groups={"finance": ["alice", "bob"]})
    request_id = rig.ask()
    others = {i: p for i, p in PEOPLE.items() if i != "bob"}
    match way:
        case "left":
            rig.changed(people=others)
        case "moved":
            rig.changed(people=others | {"bob": PEOPLE["bob"] | {"address": "bob@elsewhere.example"}})
        case _:
            rig.changed(groups={"finance": ["alice"]})

    ruled = rig.reply(request_id, "bob", verdict)
    page = rig.press(request_id, "bob", verdict)

    assert Counted.NOT_ENTITLED is ruled.counted
    assert not page.done
    assert rig.rows(Decision) == []
    assert rig.state(request_id) == "pending"


def test_yes_of_somebody_removed_since_does_not_count_towards_the_quorum(make_rig: RigMaker) -> None:
    """The quorum is checked against the people of now when it is reached."""
    gates = {"pay": GATES["pay"] | {"approvers": ["group:finance"], "quorum": 2}}
    rig = make_rig(gates=gates, groups={"finance": ["alice", "bob", "carol"]})
    request_id = rig.ask()
    rig.press(request_id, "alice")
    rig.changed(groups={"finance": ["bob", "carol"]})

    rig.press(request_id, "bob")
    assert rig.state(request_id) == "pending"
    rig.press(request_id, "carol")
    assert rig.state(request_id) == "approved"


def test_quorum_needs_two_people(rig: Rig) -> None:
    """Two distinct people are needed; each hears of the other's answer, and one reject is enough."""
    request_id = rig.ask("pay_twice")
    rig.press(request_id, "alice")
    rig.keeper()
    assert rig.state(request_id) == "pending"
    assert {"alice@example.com", "bob@example.com", "archive@gate.example.com"} == {
        m.recipient for m in rig.mails("receipt")
    }

    rig.press(request_id, "bob", REJECT)

    assert rig.state(request_id) == "rejected"
    assert rig.request(request_id).decided_by == "Bob Brown"


def test_reject_without_veto_only_does_not_count(make_rig: RigMaker) -> None:
    """veto = false: a reject ends it only when the quorum cannot be reached any more."""
    gate = GATES["pay_twice"] | {"approvers": ["alice", "bob", "carol"], "veto": False}
    rig = make_rig(gates={"pay_twice": gate})
    first, second = rig.ask("pay_twice"), rig.ask("pay_twice", {"order": "A-2"})

    rig.press(first, "alice", REJECT)
    assert rig.state(first) == "pending"
    rig.press(first, "bob")
    rig.press(first, "carol")
    rig.press(second, "alice", REJECT)
    rig.press(second, "bob", REJECT)

    assert (rig.state(first), rig.state(second)) == ("approved", "rejected")


def stages(*stages: tuple[list[str], int], **more: Any) -> dict[str, Any]:
    """Return gates in which ``pay`` has these stages."""
    asked = [{"approvers": people, "quorum": quorum} for people, quorum in stages]
    return {"pay": {"stages": asked, "remind_after": "none"} | more}


def test_second_stage_is_asked_only_after_the_first(make_rig: RigMaker) -> None:
    """Ordered stages: Carol hears of it only once Bob said yes, and only her yes makes it approved."""
    rig = make_rig(gates=stages((["bob"], 1), (["carol"], 1)))
    request_id = rig.ask()
    assert {"bob"} == rig.asked(request_id)

    rig.press(request_id, "bob")
    rig.keeper()
    assert ("pending", {"carol"}) == (rig.state(request_id), rig.asked(request_id))

    rig.press(request_id, "carol")
    rig.keeper()
    assert rig.state(request_id) == "approved"
    assert [b["outcome"] for b in rig.bodies(request_id, "decision")] == ["pending", "approved"]


def test_second_stage_asks_somebody_who_was_not_needed_in_the_first(make_rig: RigMaker) -> None:
    """Who was asked in the first stage and did not answer is asked again for the second, and counts there."""
    rig = make_rig(gates=stages((["alice", "bob"], 1), (["alice"], 1)))
    request_id = rig.ask()
    rig.press(request_id, "bob")
    rig.keeper()

    assert rig.seat(request_id, "alice").stage == 1
    assert len([m for m in rig.mails("request") if m.recipient == "alice@example.com"]) == 2
    rig.press(request_id, "alice")
    assert rig.state(request_id) == "approved"


def test_nobody_rejected_where_too_few_are_left(make_rig: RigMaker) -> None:
    """A yes that leaves nobody for the next stage is no rejection: the request is given up, and operators hear of it."""
    rig = make_rig(gates=stages((["alice", "bob"], 1), (["bob"], 1)))
    request_id = rig.ask()

    rig.press(request_id, "bob")
    rig.keeper()
    outcome = rig.resume()

    assert rig.state(request_id) == "undeliverable"
    assert "rejected" not in [b.get("outcome") for b in rig.bodies(request_id, "decision")]
    assert outcome is not None
    assert outcome.outcome == "undeliverable"
    assert len(rig.notices()) == 1
    assert {"undeliverable"} == {b["outcome"] for b in rig.bodies(request_id, "undeliverable")}


def test_stage_that_nobody_can_fill_any_more_ends_it(make_rig: RigMaker) -> None:
    """Where everybody of the second stage was removed meanwhile, the request is given up when that stage begins."""
    rig = make_rig(gates=stages((["bob"], 1), (["group:board"], 1)), groups={"board": ["carol"]})
    request_id = rig.ask()
    rig.changed(groups={"board": []})

    rig.press(request_id, "bob")
    rig.keeper()

    assert rig.state(request_id) == "undeliverable"


def test_veto_of_the_first_stage_still_holds_in_the_second(make_rig: RigMaker) -> None:
    """Somebody of the first stage who was not needed may still stop it."""
    rig = make_rig(gates=stages((["alice", "bob"], 1), (["carol"], 1)))
    request_id = rig.ask()
    rig.press(request_id, "bob")
    rig.keeper()

    rig.press(request_id, "alice", REJECT)

    assert rig.state(request_id) == "rejected"


def test_earlier_generation_is_revoked(rig: Rig) -> None:
    """Once a seat's secrets were renewed, the old ones decide nothing, neither by reply nor by link."""
    request_id = rig.ask()
    old = rig.token(rig.seat(request_id, "bob"))
    revoke(rig, request_id, "bob")

    assert Counted.NOT_ENTITLED is rig.reply(request_id, "bob", generation=1).counted
    with pytest.raises(TokenError):
        look(rig.serving, old)
    assert Counted.COUNTED is rig.reply(request_id, "bob", generation=2).counted


def revoke(rig: Rig, request_id: str, person: str) -> None:
    """Renew a seat's secrets, as the serving side would."""
    seat = rig.seat(request_id, person)
    with rig.serving.store.write() as tx:
        row = tx.session.get_one(Assignment, seat.id)
        row.generation += 1
        row.reply_hash = address_hash(rig.serving.key.reply_token(row.id, row.generation))
        row.bounce_hash = address_hash(rig.serving.key.bounce_token(row.id, row.generation))
        mark_assignment(rig.serving.key, row, tx.session.get_one(Request, row.request_id))
        tx.session.add(row)


def test_request_that_the_keeper_did_not_open_cannot_be_decided(rig: Rig) -> None:
    """Before the keeper's own ruling there is nothing to decide on."""
    asked, other = rig.ask(), rig.submit(args={"order": "A-2"}).request_id
    seat = rig.seat(asked, "bob")
    rig.forge("update assignments set request_id = :r where id = :i", r=other, i=seat.id)

    with pytest.raises(Forged):
        rig.reply(other, "bob")
    assert rig.rows(Decision) == []


def test_receipt_and_record_name_the_level(rig: Rig) -> None:
    """The record says how well the decider was proven, and never more than that."""
    request_id = rig.ask()
    rig.press(request_id, "bob")
    rig.keeper()

    with rig.working.store.read() as tx:
        record = get_approval(tx, rig.working.verifier, rig.request(request_id))

    assert (record.body["level"], record.body["meaning"]) == ("link+code", "approved")
    assert record.body["approver"] == {"person": "bob", "name": "Bob Brown", "address": "bob@example.com"}
    assert rig.request(request_id).digest == record.digest


def test_policy_changed_while_pending_does_not_count(rig: Rig) -> None:
    """A request keeps the policy it was made under: a quorum that is lowered later is not its own."""
    request_id = rig.ask("pay_twice")
    rig.changed(gates=GATES | {"pay_twice": GATES["pay_twice"] | {"quorum": 1}})

    rig.press(request_id, "alice")

    assert rig.state(request_id) == "pending"
