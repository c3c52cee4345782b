"""Taking one's own decision back: while the action has not started, for good, and on record."""

from __future__ import annotations

from typing import Any

import pytest

from mailgate.model.verdict import Verdict
from mailgate.store.tables import Decision, Incoming
from tests.service.conftest import RigMaker
from tests.service.post import AUTHSERV_ID, deliver, reply
from tests.service.rig import GATES, PEOPLE, Rig

READING = {"authserv_id": AUTHSERV_ID, "username": "approvals"}


@pytest.fixture
def reading(make_rig: RigMaker) -> Rig:
    """Make a rig whose intake believes its mail server."""
    return make_rig(imap=READING)


def write(rig: Rig, request_id: str, text: str, person: str = "bob", **options: Any) -> Incoming:
    """Reply to the mail that asked."""
    mail = deliver(rig, reply(rig, request_id, person, text, **options), mail_id=rig.chance.id())
    rig.keeper()
    return mail


def test_a_yes_is_taken_back_before_it_runs(reading: Rig) -> None:
    """The request ends as withdrawn; nothing runs, and the agent is told."""
    request_id = reading.ask()
    write(reading, request_id, "APPROVE")
    assert reading.state(request_id) == "approved"

    write(reading, request_id, "UNDO")

    assert reading.state(request_id) == "withdrawn"
    assert reading.execute() is None
    assert reading.kinds(request_id) == ["request", "decision", "undo"]
    outcome = reading.resume()
    assert outcome is not None
    assert (outcome.outcome, outcome.decided_by) == ("withdrawn", "Bob Brown")
    assert "taken back" in outcome.for_model
    assert next(m.recipient for m in reading.mails("outcome", request_id)) == "bob@example.com"


def test_it_is_taken_back_for_good(reading: Rig) -> None:
    """The same person cannot decide this request again, also where it is still open."""
    request_id = reading.ask("pay_twice")
    write(reading, request_id, "APPROVE")
    write(reading, request_id, "UNDO")
    write(reading, request_id, "APPROVE")
    write(reading, request_id, "APPROVE", "alice")
    assert reading.state(request_id) != "approved"
    assert len(reading.rows(Decision, person="bob")) == 1


def test_a_quorum_that_is_out_of_reach_then_ends_it(reading: Rig) -> None:
    """Two are needed and two were asked: without one of them nobody can be reached who may approve."""
    request_id = reading.ask("pay_twice")
    write(reading, request_id, "APPROVE")
    write(reading, request_id, "UNDO")
    assert reading.state(request_id) == "undeliverable"


def test_the_others_can_still_reach_it(make_rig: RigMaker) -> None:
    """One of three is enough to go on with."""
    rig = make_rig(imap=READING, gates=GATES | {"pay": {"approvers": ["alice", "bob", "carol"], "quorum": 2}})
    request_id = rig.ask()
    write(rig, request_id, "APPROVE")
    write(rig, request_id, "UNDO")
    assert rig.state(request_id) == "pending"
    assert {m.recipient for m in rig.mails("receipt", request_id)} >= {
        f"{n}@example.com" for n in ("alice", "bob", "carol")
    }
    write(rig, request_id, "APPROVE", "alice")
    assert rig.state(request_id) == "pending"
    write(rig, request_id, "APPROVE", "carol")
    assert rig.state(request_id) == "approved"


def test_a_no_that_ended_nothing_is_taken_back_only_by_somebody_proven(make_rig: RigMaker) -> None:
    """With `veto = false` it only did not count; taking it back makes a yes more likely."""
    gate = {"approvers": ["alice", "bob", "carol"], "quorum": 2, "veto": False}
    rig = make_rig(imap=READING, gates=GATES | {"pay": gate})
    request_id = rig.ask()
    write(rig, request_id, "REJECT too much")
    assert rig.state(request_id) == "pending"
    write(rig, request_id, "UNDO", aligned=False)
    assert rig.row(Decision).undone_at is None
    write(rig, request_id, "UNDO")
    assert rig.row(Decision).undone_at is not None


def test_a_yes_is_taken_back_by_whoever_holds_the_address(reading: Rig) -> None:
    """A doubtful stop may stop."""
    request_id = reading.ask()
    write(reading, request_id, "APPROVE")
    write(reading, request_id, "UNDO", aligned=False)
    assert reading.state(request_id) == "withdrawn"


@pytest.mark.parametrize(
    ("before", "says"),
    [
        ("nothing", "There is no answer of yours to take back."),
        ("started", "It is too late to take your answer back."),
        ("rejected", "It is too late to take your answer back."),
    ],
)
def test_what_cannot_be_taken_back_is_said(reading: Rig, before: str, says: str) -> None:
    """And nothing changes."""
    request_id = reading.ask()
    if before == "started":
        write(reading, request_id, "APPROVE")
        assert reading.execute() is not None
    if before == "rejected":
        write(reading, request_id, "REJECT no")
    state = reading.state(request_id)
    write(reading, request_id, "UNDO")
    assert reading.state(request_id) == state
    [late] = reading.mails("late", request_id)
    assert says in late.details


def test_nobody_takes_another_s_answer_back(reading: Rig) -> None:
    """Only one's own."""
    request_id = reading.ask("pay_twice")
    write(reading, request_id, "APPROVE", "alice")
    write(reading, request_id, "UNDO", "bob")
    assert reading.row(Decision).undone_at is None


@pytest.mark.parametrize("forged", ["2026-11-24 09:00:00.000000", None])
def test_whether_it_was_taken_back_is_not_forged(reading: Rig, forged: str | None) -> None:
    """Written into the row, or out of it: the marked event says otherwise, and nothing is counted."""
    request_id = reading.ask("pay_twice")
    write(reading, request_id, "APPROVE")
    if forged is None:
        write(reading, request_id, "UNDO")
    reading.forge("update decisions set undone_at = :at", at=forged)
    write(reading, request_id, "APPROVE", "alice")
    assert reading.state(request_id) != "approved"
    assert reading.execute() is None


def test_an_approval_cools_off(make_rig: RigMaker) -> None:
    """It is not started before it can no longer be taken back in peace; then it has its whole time to start."""
    rig = make_rig(imap=READING, gates=GATES | {"pay": {"approvers": ["bob"], "cooling_off": "10m", "valid_for": "5m"}})
    request_id = rig.approved()
    assert rig.execute() is None
    rig.clock.forward(minutes=9)
    rig.keeper()
    assert rig.execute() is None
    rig.clock.forward(minutes=2)
    rig.keeper()
    assert rig.execute() is not None
    assert rig.state(request_id) == "succeeded"


def test_the_page_takes_it_back(rig: Rig) -> None:
    """The used link offers it, and asks for the code as it did for the yes."""
    request_id = rig.approved()
    assert rig.look(request_id, "bob").can_undo
    wrong = rig.press(request_id, "bob", Verdict.UNDO, code="000000")
    assert (wrong.problem, rig.state(request_id)) == ("code_wrong", "approved")
    page = rig.press(request_id, "bob", Verdict.UNDO)
    assert page.done
    assert "taken back" in page.title
    assert rig.state(request_id) == "withdrawn"
    assert not rig.look(request_id, "bob").can_undo
    assert not rig.press(request_id, "bob", Verdict.UNDO).done


@pytest.mark.parametrize("hidden", [False, True])
def test_an_undo_that_waits_for_its_record_holds(reading: Rig, hidden: bool) -> None:
    """Turned back to approved before the keeper came by, or kept from being recorded: nothing runs, and it is said."""
    request_id = reading.approved()
    assert reading.press(request_id, "bob", Verdict.UNDO).done
    if hidden:
        reading.forge("update events set refused = 'x' where kind = 'undo'")
    reading.forge("delete from resumptions")
    reading.forge("update requests set state = 'approved', finished_at = null where id = :r", r=request_id)
    assert reading.execute() is None
    reading.keeper()
    assert reading.execute() is None
    assert any("forged" in notice for notice in reading.notices())


def test_who_was_removed_may_still_take_a_yes_back(rig: Rig) -> None:
    """It can only stop the action, and whoever allowed it may know why."""
    request_id = rig.approved()
    rig.changed(people={name: person for name, person in PEOPLE.items() if name != "bob"})
    assert rig.press(request_id, "bob", Verdict.UNDO).done
    rig.keeper()
    assert rig.state(request_id) == "withdrawn"
    assert rig.execute() is None


def test_the_record_claims_no_code_that_was_not_asked_for(make_rig: RigMaker) -> None:
    """Where a link approves nothing its mail has no code: a yes is taken back without one, and the record says so."""
    rig = make_rig(imap=READING, gates=GATES | {"pay": GATES["pay"] | {"separation": "proven"}})
    request_id = rig.ask()
    write(rig, request_id, "APPROVE")
    assert not rig.look(request_id, "bob").needs_code
    assert rig.press(request_id, "bob", Verdict.UNDO, code="").done
    [undo] = rig.bodies(request_id, "undo")
    assert (undo["level"], undo["evidence"]) == ("link", {"code": "not asked"})


def test_a_no_is_not_taken_back_by_a_link_without_its_code(make_rig: RigMaker) -> None:
    """Where a forwarded mail is not enough for a yes, it is not enough to take a no away either."""
    gate = {"approvers": ["alice", "bob", "carol"], "quorum": 2, "veto": False, "separation": "proven"}
    rig = make_rig(imap=READING, gates=GATES | {"pay": gate})
    request_id = rig.ask()
    write(rig, request_id, "REJECT too much")
    assert not rig.press(request_id, "bob", Verdict.UNDO).done
    assert rig.row(Decision).undone_at is None
