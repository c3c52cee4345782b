"""What happens because time passed, and because people or workers fell silent. None of it is ever an approval."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from mailgate.errors import Forged, IllegalTransition
from mailgate.model.verdict import Verdict
from mailgate.service.execute import report, run
from mailgate.service.inspect import settle_request
from mailgate.service.keep import has_unfounded, keep, lose_seat
from mailgate.service.policies import settle_in
from mailgate.store.tables import Assignment, Cursor, Execution, Incoming, Outgoing
from tests.service.conftest import RigMaker
from tests.service.rig import GATES, PEOPLE, Rig

HOUR = timedelta(hours=1)


def gates(**more: Any) -> dict[str, Any]:
    """Return gates in which ``pay`` has these settings besides."""
    return {"pay": GATES["pay"] | more}


def read_past(rig: Rig, instant: datetime, mailbox: str = "approvals@mail") -> None:
    """Say that the inbox has stored everything that arrived before ``instant``."""
    with rig.serving.store.write() as tx:
        cursor = tx.session.get(Cursor, (mailbox, "INBOX"))
        cursor = cursor or Cursor(mailbox=mailbox, folder="INBOX", uidvalidity=1, uid=1, started_at=instant)
        cursor.read_at = instant
        tx.session.add(cursor)


def deadline(rig: Rig, request_id: str) -> datetime:
    """Return when a request's time is over."""
    at = rig.request(request_id).deadline_at
    assert at is not None
    return at


def test_nobody_answered(rig: Rig) -> None:
    """At the deadline an unanswered request expires; its actor is the system, and the agent is resumed with it."""
    request_id = rig.ask(state={"at": 7})
    rig.clock.forward(hours=3, minutes=59)
    rig.keeper()
    assert rig.state(request_id) == "pending"

    rig.clock.forward(minutes=2)
    rig.keeper()

    assert rig.state(request_id) == "expired"
    [body] = rig.bodies(request_id, "expired")
    assert body["actor"] == {"system": "keeper"}
    outcome = rig.resume()
    assert outcome is not None
    assert (outcome.outcome, outcome.decided_by, outcome.state) == ("expired", "", {"at": 7})
    assert "not a rejection by a person" in outcome.for_model
    assert rig.seat(request_id, "bob").state == "closed"
    assert {"bob@example.com", "archive@gate.example.com"} == {m.recipient for m in rig.mails("outcome", request_id)}


def test_timeout_never_approves(make_rig: RigMaker) -> None:
    """Whatever else is due, time alone brings no request any nearer to running, one yes of two included."""
    every = {"timeout": "4h", "remind_after": "1h", "escalate_after": "2h", "escalate_to": ["carol"]}
    rig = make_rig(gates={"pay": GATES["pay"] | every, "pay_twice": GATES["pay_twice"] | every})
    first, second = rig.ask(), rig.ask("pay_twice")
    rig.press(second, "alice")

    for _ in range(10):
        rig.clock.forward(minutes=30)
        rig.keeper()
        assert rig.state(first) in ("pending", "expired")
        assert rig.state(second) in ("pending", "expired")
        assert rig.execute() is None

    assert (rig.state(first), rig.state(second)) == ("expired", "expired")


def test_without_a_timeout_it_waits(make_rig: RigMaker) -> None:
    """timeout = none waits until answered."""
    rig = make_rig(gates=gates(timeout="none"))
    request_id = rig.ask()

    rig.clock.forward(days=400)
    rig.keeper()
    assert rig.state(request_id) == "pending"
    assert rig.press(request_id, "bob").done


def test_expiry_waits_until_every_mailbox_was_read(rig: Rig) -> None:
    """A reply may have arrived in time and not be read yet: expiry waits for every mailbox to be read past the deadline."""
    request_id = rig.ask()
    end = deadline(rig, request_id)
    read_past(rig, end - HOUR, "one@mail")
    read_past(rig, end - HOUR, "two@mail")
    rig.clock.forward(hours=4, minutes=1)

    rig.keeper()
    assert rig.state(request_id) == "pending"
    read_past(rig, end + timedelta(seconds=1), "one@mail")
    rig.keeper()
    assert rig.state(request_id) == "pending"
    read_past(rig, end + timedelta(seconds=1), "two@mail")
    rig.keeper()
    assert rig.state(request_id) == "expired"


def test_answer_that_arrived_in_time_counts_while_expiry_waits(rig: Rig) -> None:
    """While expiry waits, a reply that the server received before the deadline still decides."""
    request_id = rig.ask()
    end = deadline(rig, request_id)
    read_past(rig, end - HOUR)
    rig.clock.forward(hours=4, minutes=5)
    rig.keeper()

    rig.reply(request_id, "bob", given_at=end - timedelta(seconds=1))
    read_past(rig, end + HOUR)
    rig.keeper()

    assert rig.state(request_id) == "approved"


def test_expiry_waits_for_mail_that_is_stored_and_not_yet_understood(rig: Rig) -> None:
    """A mail that arrived by the deadline and lies in the database unread keeps the request open."""
    request_id = rig.ask()
    end = deadline(rig, request_id)
    rig.clock.forward(hours=4, minutes=1)
    with rig.serving.store.write() as tx:
        mail = {"mailbox": "m", "folder": "f", "uidvalidity": 1, "uid": 1, "sha256": "00", "sealed": b"x", "size": 1}
        row = Incoming(id="mail", **mail, received_at=end - timedelta(seconds=1), fetched_at=tx.now, state="new")
        tx.session.add(row)
    rig.keeper()
    assert rig.state(request_id) == "pending"

    with rig.serving.store.write() as tx:
        tx.session.get_one(Incoming, "mail").state = "concluded"
    rig.keeper()
    assert rig.state(request_id) == "expired"


def test_expiry_waits_at_most_grace_and_says_why(rig: Rig) -> None:
    """After ``grace`` the request expires all the same, and the outcome says since when the mailbox was not readable."""
    request_id = rig.ask()
    end = deadline(rig, request_id)
    read_past(rig, end - HOUR)
    rig.clock.forward(hours=4, minutes=9, seconds=55)
    rig.keeper()
    assert rig.state(request_id) == "pending"

    rig.clock.forward(seconds=10)
    rig.keeper()

    assert rig.state(request_id) == "expired"
    assert f"{end - HOUR:%Y-%m-%d %H:%M} UTC" in rig.request(request_id).note
    [body] = rig.bodies(request_id, "expired")
    assert body["mailbox_read_until"].startswith(f"{end - HOUR:%Y-%m-%dT%H:%M}")


def test_mailbox_that_was_never_read_is_waited_for(make_rig: RigMaker) -> None:
    """Where replies are read at all, a mailbox that could not be opened yet counts as not read past the deadline."""
    rig = make_rig(imap={"username": "approvals"})
    request_id = rig.ask()

    rig.clock.forward(hours=4, minutes=5)
    rig.keeper()
    assert rig.state(request_id) == "pending"
    rig.clock.forward(minutes=6)
    rig.keeper()
    assert rig.state(request_id) == "expired"


def test_reminder_comes_once_to_those_who_have_not_answered(make_rig: RigMaker) -> None:
    """After remind_after, people who have not answered are asked once more, and only once."""
    rig = make_rig(gates={"pay_twice": GATES["pay_twice"] | {"remind_after": "1h"}})
    request_id = rig.ask("pay_twice")
    rig.press(request_id, "alice")

    for _ in range(4):
        rig.clock.forward(minutes=40)
        rig.keeper()

    [mail] = rig.mails("reminder", request_id)
    assert mail.recipient == "bob@example.com"
    assert [b["to"] for b in rig.bodies(request_id, "reminder")] == [["bob@example.com"]]


def test_reminder_says_the_same_with_the_same_secrets(make_rig: RigMaker) -> None:
    """A reminder repeats the request with the same link and code, so that either mail can be answered."""
    rig = make_rig(gates=gates(remind_after="1h"))
    request_id = rig.ask()
    rig.outbox()
    rig.clock.forward(hours=1, minutes=1)
    rig.keeper()
    rig.outbox()

    seat = rig.seat(request_id, "bob")
    code = rig.serving.key.code(seat.id, seat.generation)
    to_bob = [raw for _, recipient, raw in rig.sender.sent if recipient == "bob@example.com"]
    assert len(to_bob) == 2
    assert all(f"{code[:3]} {code[3:]}".encode() in raw for raw in to_bob)


def test_escalation_adds_people_and_never_lowers_the_quorum(make_rig: RigMaker) -> None:
    """After escalate_after others are asked as well; it still takes as many yeses, and the first people still count."""
    escalating = {"escalate_after": "2h", "escalate_to": ["carol"]}
    rig = make_rig(gates={"pay_twice": GATES["pay_twice"] | escalating})
    request_id = rig.ask("pay_twice")
    rig.clock.forward(hours=2, minutes=1)
    rig.keeper()
    assert {"alice", "bob", "carol"} == rig.asked(request_id)
    assert [m.recipient for m in rig.mails("escalation", request_id)] == ["carol@example.com"]

    rig.press(request_id, "carol")
    assert rig.state(request_id) == "pending"
    rig.press(request_id, "alice")
    assert rig.state(request_id) == "approved"


@pytest.mark.parametrize("requester", ["bob@example.com", None])
def test_who_may_be_asked_as_well_is_asked_before_it_is_given_up(make_rig: RigMaker, requester: str | None) -> None:
    """Also where the one approver is the requester, or is removed: nobody else was asked, and there is somebody."""
    gate = GATES["pay"] | {"escalate_after": "1h", "escalate_to": ["carol"]}
    rig = make_rig(gates=GATES | {"pay": gate})
    request_id = rig.ask(on_behalf_of=requester)
    if requester is None:
        rig.changed(people={name: person for name, person in PEOPLE.items() if name != "bob"})
        with rig.serving.store.write() as tx:
            settle_in(tx, rig.serving)
        rig.keeper()
    assert rig.asked(request_id) == {"carol"}
    [escalation] = rig.bodies(request_id, "escalation")
    assert (escalation["to"], escalation["actor"]) == (["carol"], {"system": "keeper"})
    rig.clock.forward(hours=1)
    rig.keeper()
    assert len(rig.bodies(request_id, "escalation")) == 1
    assert rig.press(request_id, "carol").done
    rig.keeper()
    assert rig.state(request_id) == "approved"
    assert rig.execute() is not None


def test_escalation_comes_once_and_only_to_new_people(make_rig: RigMaker) -> None:
    """Nobody is asked twice by escalation, the requester never; where nobody is new, nothing is recorded as one."""
    rig = make_rig(gates=gates(escalate_after="2h", escalate_to=["bob", "alice", "carol"]))
    request_id = rig.ask(on_behalf_of="alice@example.com")
    for _ in range(3):
        rig.clock.forward(hours=1)
        rig.keeper()

    [body] = rig.bodies(request_id, "escalation")
    assert body["to"] == ["carol"]
    assert {"bob", "carol"} == rig.asked(request_id)

    alone = make_rig(gates=gates(escalate_after="2h", escalate_to=["bob"]))
    request_id = alone.ask()
    alone.clock.forward(hours=3)
    alone.keeper()
    assert alone.bodies(request_id, "escalation") == []


def test_escalation_goes_on_step_by_step(make_rig: RigMaker) -> None:
    """Each step asks its own people at its own time; a keeper that was away for long asks all of those that are due."""
    steps = {"escalate_after": "1h", "escalate_to": ["alice"], "escalate_further": [{"after": "2h", "ask": ["carol"]}]}
    rig = make_rig(gates=gates(**steps))
    request_id = rig.ask()
    asked = []
    for _ in range(3):
        rig.clock.forward(hours=1)
        rig.keeper()
        asked.append(rig.asked(request_id))
    assert asked == [{"bob", "alice"}, {"bob", "alice", "carol"}, {"bob", "alice", "carol"}]
    assert [body["to"] for body in rig.bodies(request_id, "escalation")] == [["alice"], ["carol"]]

    late = rig.ask(args={"order": "A-2"})
    rig.clock.forward(hours=3)
    rig.keeper()
    assert rig.asked(late) == {"bob", "alice", "carol"}
    rig.press(late, "carol")
    assert rig.state(late) == "approved"


def test_somebody_who_cannot_be_reached_brings_the_next_step_forward(make_rig: RigMaker) -> None:
    """One step at a time: the later one still comes at its own time."""
    steps = {"escalate_after": "1h", "escalate_to": ["alice"], "escalate_further": [{"after": "2h", "ask": ["carol"]}]}
    rig = make_rig(gates=gates(**steps))
    request_id = rig.ask()
    lose(rig, request_id, "bob")
    rig.keeper()
    assert rig.asked(request_id) == {"alice"}
    rig.clock.forward(hours=1)
    rig.keeper()
    assert rig.asked(request_id) == {"alice"}
    rig.clock.forward(hours=1)
    rig.keeper()
    assert rig.asked(request_id) == {"alice", "carol"}


def test_approval_lapses(rig: Rig) -> None:
    """What was approved and not started within valid_for does not run; the agent hears that."""
    request_id = rig.approved()
    rig.clock.forward(minutes=15, seconds=5)

    assert rig.execute() is None
    rig.keeper()

    assert rig.state(request_id) == "lapsed"
    assert getattr(rig.resume(), "outcome", "") == "lapsed"
    assert rig.shop.ran == []


def test_approval_holds_until_it_lapses(rig: Rig) -> None:
    """Within valid_for a worker starts it."""
    rig.approved()
    rig.clock.forward(minutes=14, seconds=55)

    assert rig.execute() is not None


def silent(rig: Rig, name: str = "pay") -> str:
    """Let a worker claim an approved request and fall silent."""
    request_id = rig.approved(name)
    assert rig.claim("dead") is not None
    rig.keeper()
    rig.clock.forward(minutes=2)
    return request_id


def test_worker_that_fell_silent_leaves_it_in_doubt(rig: Rig) -> None:
    """A worker that dies inside an action leaves it in doubt: operators are told, nobody resumes, nobody runs it again."""
    request_id = silent(rig)
    rig.keeper()

    assert rig.state(request_id) == "in_doubt"
    assert [[m.recipient for m in rig.mails("notice")], len(rig.notices())] == [["oscar@example.com"], 1]
    assert "settle" in rig.mails("notice")[0].details
    assert rig.execute("w2") is None
    assert rig.resume() is None
    rig.keeper()
    assert len(rig.notices()) == 1


def test_worker_that_is_alive_is_left_alone(rig: Rig) -> None:
    """While a worker says that it is alive, its action may take as long as it takes."""
    from mailgate.service.execute import stay_alive

    request_id = rig.approved()
    claim = rig.claim()
    assert claim is not None
    for _ in range(5):
        rig.clock.forward(seconds=50)
        stay_alive(rig.working, claim, "w1", timedelta(seconds=60))
        rig.keeper()
    assert rig.state(request_id) == "executing"


def test_idempotent_action_is_claimed_again(rig: Rig) -> None:
    """What may be done twice is run again by another worker, and reported once."""
    request_id = silent(rig, "warm_up")
    rig.keeper()
    assert rig.state(request_id) == "executing"

    claim = rig.execute("w2")
    rig.keeper()

    assert claim is not None
    assert claim.attempt == 2
    assert rig.state(request_id) == "succeeded"
    assert rig.kinds(request_id) == ["request", "decision", "executing", "executing", "outcome"]


def test_late_report_is_evidence_and_changes_nothing(rig: Rig) -> None:
    """A worker that was presumed dead and reports late changes no outcome; what it said is kept."""
    request_id = rig.approved()
    claim = rig.claim("dead")
    assert claim is not None
    rig.clock.forward(minutes=2)
    rig.keeper()

    kept = report(rig.working, claim, run(claim, rig.shop.actions["pay"]), "dead")

    assert not kept
    assert rig.state(request_id) == "in_doubt"
    assert "succeeded=True" in rig.row(Execution, request_id=request_id).late_report
    assert rig.resume() is None


def test_late_report_of_an_attempt_that_was_replaced(rig: Rig) -> None:
    """After another worker took over, the first one's report is evidence; the second one's counts."""
    request_id = rig.approved("warm_up")
    first = rig.claim("dead")
    rig.clock.forward(minutes=2)
    second = rig.claim("w2")
    assert first is not None
    assert second is not None

    rig.shop.doing = lambda: "from the first"
    assert not report(rig.working, first, run(first, rig.shop.actions["warm_up"]), "dead")
    rig.shop.doing = lambda: "from the second"
    assert report(rig.working, second, run(second, rig.shop.actions["warm_up"]), "w2")

    assert rig.request(request_id).result == b'"from the second"'


@pytest.mark.parametrize(("succeeded", "state"), [(True, "succeeded"), (False, "failed")])
def test_person_settles_what_is_in_doubt(rig: Rig, succeeded: bool, state: str) -> None:
    """Only a person says what became of it; then the agent is resumed with that."""
    request_id = silent(rig)
    rig.keeper()

    settle_request(rig.serving, request_id[:5], succeeded=succeeded, by="oscar")
    rig.keeper()
    outcome = rig.resume()

    assert outcome is not None
    assert (state, None) == (outcome.outcome, outcome.result)
    [body] = rig.bodies(request_id, "settled")
    assert body["actor"] == {"operator": "oscar"}


def test_only_what_is_in_doubt_can_be_settled(rig: Rig) -> None:
    """Settling is for executions in doubt and nothing else."""
    request_id = rig.approved()

    with pytest.raises(IllegalTransition):
        settle_request(rig.serving, request_id, succeeded=True, by="oscar")
    assert rig.state(request_id) == "approved"


def lose(rig: Rig, request_id: str, person: str) -> None:
    """Let a person's mail come back."""
    with rig.serving.store.write() as tx:
        seat = tx.session.get_one(Assignment, rig.seat(request_id, person).id)
        lose_seat(tx, rig.serving, seat, because="the mail to this person came back")


def test_seat_that_cannot_be_reached_escalates(make_rig: RigMaker) -> None:
    """When somebody cannot be reached others are asked at once, without waiting for escalate_after."""
    rig = make_rig(gates=gates(escalate_to=["carol"]))
    request_id = rig.ask()

    lose(rig, request_id, "bob")
    rig.keeper()

    assert ("pending", {"carol"}) == (rig.state(request_id), rig.asked(request_id))
    assert rig.press(request_id, "carol").done
    assert rig.state(request_id) == "approved"


def test_last_seat_that_cannot_be_reached_ends_it(rig: Rig) -> None:
    """When nobody is left to ask, the request ends as undeliverable, operators hear of it, and the agent is resumed."""
    request_id = rig.ask()

    lose(rig, request_id, "bob")
    lose(rig, request_id, "bob")
    rig.keeper()

    assert rig.state(request_id) == "undeliverable"
    assert "Bob Brown cannot be reached" in rig.request(request_id).note
    assert len(rig.notices()) == 1
    assert getattr(rig.resume(), "outcome", "") == "undeliverable"


def test_seat_that_cannot_be_reached_does_not_end_what_others_can_still_decide(make_rig: RigMaker) -> None:
    """One of three who cannot be reached leaves two, who are enough."""
    gate = GATES["pay_twice"] | {"approvers": ["alice", "bob", "carol"]}
    rig = make_rig(gates={"pay_twice": gate})
    request_id = rig.ask("pay_twice")

    lose(rig, request_id, "carol")
    assert rig.state(request_id) == "pending"
    lose(rig, request_id, "bob")
    assert rig.state(request_id) == "undeliverable"


def test_reject_stands_when_the_others_cannot_be_reached(make_rig: RigMaker) -> None:
    """Where a reject did not end it (veto = false) and the rest cannot be reached, the outcome is rejected."""
    rig = make_rig(gates={"pay_twice": GATES["pay_twice"] | {"quorum": 1, "veto": False}})
    request_id = rig.ask("pay_twice")
    rig.press(request_id, "alice", Verdict.REJECT)
    rig.keeper()

    lose(rig, request_id, "bob")
    rig.keeper()
    outcome = rig.resume()

    assert rig.state(request_id) == "rejected"
    assert outcome is not None
    assert (outcome.reason, outcome.decided_by) == ("It is wrong.", "Alice Adams")


def test_mail_that_a_server_refuses_makes_the_seat_undeliverable(rig: Rig) -> None:
    """A request mail that is refused for good is the same as a bounce."""
    from mailgate.errors import MailRefused

    async def refuse(sender: str, recipient: str, raw: bytes) -> str:
        raise MailRefused("550 no such user", code=550)

    rig.sender.send = refuse  # type: ignore[method-assign]
    request_id = rig.ask()

    rig.outbox()
    rig.keeper()

    assert rig.state(request_id) == "undeliverable"
    assert "550" in rig.request(request_id).note


def test_keeper_looks_before_it_writes(rig: Rig) -> None:
    """The look for unfounded approvals finds exactly those that no decision stands behind."""

    def look() -> bool:
        with rig.serving.store.read() as tx:
            return has_unfounded(tx)

    request_id = rig.ask("pay_twice")
    assert not look()
    rig.press(request_id, "alice")
    rig.keeper()
    rig.forge("update requests set state = 'approved'")
    assert look()
    rig.keeper()
    assert not look()  # it was said
    rig.forge("update requests set state = 'pending', note = ''")
    rig.press(request_id, "bob")
    rig.keeper()
    assert not look()
    rig.claim()
    assert not look()


def test_keeping_touches_nothing_when_nothing_is_due(rig: Rig) -> None:
    """A turn without anything due changes nothing."""
    rig.ask()
    before = rig.dump()

    with rig.serving.store.write() as tx:
        assert keep(tx, rig.serving) == 0

    assert before == rig.dump()


def test_cancelled_before_it_was_opened_asks_nobody(rig: Rig) -> None:
    """A request that its agent took back before the keeper saw it is recorded, and nobody gets a mail about it."""
    ticket = rig.submit()
    rig.mg.cancel(ticket.request_id)
    rig.keeper()

    assert rig.rows(Assignment) == []
    assert [m for m in rig.rows(Outgoing) if m.recipient == "bob@example.com"] == []
    assert rig.kinds(ticket.request_id) == ["request", "cancelled"]


def test_settling_a_forged_doubt_is_refused(rig: Rig) -> None:
    """A request that somebody merely wrote into the doubtful state was never approved, and cannot be settled."""
    request_id = rig.ask()
    rig.forge("update requests set state = 'in_doubt'")

    with pytest.raises(Forged, match="no signed decision"):
        settle_request(rig.serving, request_id, succeeded=True, by="oscar")
    assert rig.state(request_id) == "in_doubt"
