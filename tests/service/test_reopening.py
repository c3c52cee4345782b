"""What was open when the database was lost: people are asked again, what was approved is left in doubt, agents keep waiting."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from typing import Any

import pytest

from mailgate.audit.spill import Spill
from mailgate.demo.people import text_of
from mailgate.errors import InvalidArguments, LogBroken, RejectedBefore, TokenError
from mailgate.model.verdict import Verdict
from mailgate.service.guard import Guard
from mailgate.service.inspect import settle_request
from mailgate.service.ledger import accept_log
from mailgate.service.link import press
from mailgate.service.policies import settle_in
from mailgate.service.sealing import seal
from mailgate.store.tables import Assignment, Checkpoint, Event, Resumption
from tests.service.conftest import RigMaker
from tests.service.rebuilt import ARCHIVE, archived, rebuild_from, verified
from tests.service.rig import Rig

Pair = tuple[Rig, Rig]


@pytest.fixture
def pair(make_rig: RigMaker) -> Pair:
    """Make a rig that lives, and one that is made from its archive and shares its keys."""
    return pair_of(make_rig)


def pair_of(make_rig: RigMaker, **archive: Any) -> Pair:
    """Make a pair with more about the archive."""
    lived, made = (make_rig(archive={"address": ARCHIVE, "alarm_after": "3650d"} | archive) for _ in range(2))
    settle(lived)
    return lived, made


def settle(rig: Rig) -> None:
    """Let the keeper take up what is configured, as when it starts."""
    with rig.serving.store.write() as tx:
        settle_in(tx, rig.serving)
    rig.keeper()


def lose(pair: Pair, *, guard: bool = True) -> Rig:
    """Lose the first database, with or without its guard, and return the second, made from the archive and put to work."""
    lost, made = pair
    if guard:
        shutil.copy(lost.serving.guard.path, made.serving.guard.path)
    made.clock.at = lost.clock.at + timedelta(minutes=1)
    rebuild_from(archived(lost), made)
    settle(made)
    made.outbox()
    return made


def asks_bob(rig: Rig) -> str:
    """Return the text of the one mail to Bob, on one line."""
    [mail] = [raw for _, to, raw in rig.sender.sent if to == "bob@example.com"]
    return " ".join(text_of(mail).split())


WARNING = "Make sure that this was not approved and run shortly before"


def test_people_are_asked_again_under_new_secrets(pair: Pair) -> None:
    """The old link, code and address are void, since nobody knows how often somebody tried; the new ones work."""
    request_id = pair[0].ask()
    old = pair[0].seat(request_id, "bob")
    link, code = pair[0].token(old), pair[0].serving.key.code(old.id, 1)
    made = lose(pair)
    seat = made.seat(request_id, "bob")
    assert (seat.id, seat.state, seat.generation) == (old.id, "open", 2)
    assert "Earlier links and codes are void" in asks_bob(made)
    assert WARNING not in asks_bob(made)
    with pytest.raises(TokenError):
        press(made.serving, link, verdict=Verdict.APPROVE, code=code, reason="")
    assert made.state(request_id) == "pending"
    assert made.press(request_id, "bob").done
    made.keeper()
    made.work()
    assert made.state(request_id) == "succeeded"
    assert made.shop.ran == [("pay", {"order": "A-1", "amount": 120.0, "currency": "EUR"})]


def test_who_answered_is_not_asked_again(pair: Pair) -> None:
    """One of two said yes: the other one is asked again, and then it is approved."""
    request_id = pair[0].ask("pay_twice")
    pair[0].press(request_id, "alice")
    pair[0].keeper()
    made = lose(pair)
    assert made.asked(request_id) == {"bob"}
    assert made.press(request_id, "bob").done
    assert made.state(request_id) == "approved"


def test_what_was_approved_is_left_in_doubt(pair: Pair) -> None:
    """A worker may have started it just before: it does not run again; operators find out, and settle it."""
    request_id = pair[0].approved()
    made = lose(pair)
    assert made.execute() is None
    assert made.state(request_id) == "in_doubt"
    assert any("nobody knows whether it was started" in notice for notice in made.notices())

    settle_request(made.serving, request_id, succeeded=True, by="oscar")
    made.keeper()
    made.outbox()
    assert made.resume() is not None
    assert made.shop.ran == []
    assert [m.state for m in made.mails("outcome", request_id)] == ["sent", "sent"]


def test_what_was_being_run_is_left_in_doubt(pair: Pair) -> None:
    """Its worker is not heard of again."""
    request_id = pair[0].approved()
    assert pair[0].claim() is not None
    pair[0].keeper()
    with pair[0].serving.store.write() as tx:
        seal(tx, pair[0].serving)
    pair[0].keeper()
    made = lose(pair)
    made.clock.forward(hours=1)
    made.keeper()
    assert made.state(request_id) == "in_doubt"


def test_outcomes_that_waited_are_handed_back(pair: Pair) -> None:
    """An agent that was not resumed yet is resumed by what the archive says; one that was is not resumed twice."""
    waits, done = pair[0].ask(args={"order": "1"}), pair[0].ask(args={"order": "2"})
    pair[0].press(done, "bob", Verdict.REJECT)
    pair[0].keeper()
    assert pair[0].resume() is not None
    pair[0].keeper()
    pair[0].press(waits, "bob", Verdict.REJECT, reason="Not this one.")
    pair[0].keeper()
    made = lose(pair)
    outcome = made.resume()
    assert outcome is not None
    assert (outcome.id, outcome.outcome, outcome.reason) == (waits, "rejected", "Not this one.")
    assert made.resume() is None


def test_an_agent_s_state_is_carried_where_that_is_wanted(make_rig: RigMaker) -> None:
    """In the request's mail to the archive, and in no other; the agent goes on with it."""
    pair = pair_of(make_rig, carry_checkpoint=True)
    state = {"task": "refund", "step": 3}
    request_id = pair[0].ask(state=state, state_version="v7")
    pair[0].press(request_id, "bob", Verdict.REJECT)
    pair[0].keeper()
    pair[0].outbox()
    carries = [to for _, to, raw in pair[0].sender.sent if b'"checkpoint": {' in raw]
    assert carries == [ARCHIVE]
    outcome = lose(pair).resume()
    assert outcome is not None
    assert (outcome.state, outcome.state_version) == (state, "v7")


def test_an_agent_without_its_state_is_not_resumed(pair: Pair) -> None:
    """Neither one that waited nor one whose request ends later; operators are told of the first, its outcome stays known."""
    waits = pair[0].ask(args={"order": "1"}, state={"step": 1})
    open_still = pair[0].ask(args={"order": "2"}, state={"step": 2})
    pair[0].press(waits, "bob", Verdict.REJECT)
    pair[0].keeper()
    made = lose(pair)
    assert made.rows(Checkpoint) == []
    made.press(open_still, "bob", Verdict.REJECT)
    made.keeper()
    assert made.resume() is None
    assert {row.state for row in made.rows(Resumption)} == {"parked"}
    assert any("could not be resumed" in notice for notice in made.notices())
    # Who asks again for the same hears what came of it.
    with pytest.raises(RejectedBefore, match="Bob Brown"):
        made.submit(args={"order": "1"})


def test_the_record_says_that_the_database_was_made_again(pair: Pair) -> None:
    """By whom, from how many records, and how many the guard had seen."""
    pair[0].ask()
    size = len(pair[0].rows(Event))
    made = lose(pair)
    body = json.loads(made.row(Event, kind="rebuilt").body)
    assert (body["actor"], body["size"], body["guarded"]) == ({"operator": "olive"}, size, size)
    assert made.row(Event, kind="rebuilt").position is not None


def test_the_log_goes_on(pair: Pair) -> None:
    """Old and new mails together are one archive, complete, without a fork."""
    pair[0].ask()
    made = lose(pair)
    with made.serving.store.write() as tx:
        seal(tx, made.serving)
    made.keeper()
    mails = [*archived(pair[0]), *archived(made)]
    assert verdict_of(mails, made) == ("complete", {})


def verdict_of(mails: list[bytes], rig: Rig) -> tuple[str, dict[Any, int]]:
    """Return what verifying some mails comes to."""
    spill = Spill()
    try:
        report = verified(mails, rig.working.verifier.vkey, spill)
        return report.verdict.value, dict(report.counts)
    finally:
        spill.close()


def test_records_that_never_reached_the_archive_are_missed(pair: Pair) -> None:
    """The guard has seen more: nothing goes on before an operator says so, and people are warned."""
    request_id = pair[0].ask()
    mails = archived(pair[0])
    pair[0].press(request_id, "bob")
    pair[0].keeper()
    shutil.copy(pair[0].serving.guard.path, pair[1].serving.guard.path)
    made = pair[1]
    done, _ = rebuild_from(mails, made)
    assert not done.accepted
    assert done.guarded is not None
    assert done.guarded > done.records
    with pytest.raises(LogBroken, match="were made"):
        made.keeper()
    object.__setattr__(made.serving, "guard", Guard(made.serving.guard.path, made.serving.verifier))  # another process
    accept_log(made.serving)
    made.keeper()
    made.outbox()
    assert WARNING in asks_bob(made)


def test_without_a_guard_the_archive_is_taken_for_the_newest(pair: Pair) -> None:
    """The guard is written; but people are warned, since nobody knows what the archive lacks."""
    pair[0].ask()
    made = lose(pair, guard=False)
    assert made.serving.guard.newest() is not None
    assert WARNING in asks_bob(made)


def test_a_guard_of_another_story_stops_it(pair: Pair) -> None:
    """What the guard saw is not what the archive has: nothing is written."""
    pair[1].ask(args={"order": "other"})
    guard = pair[1].serving.guard.path.read_bytes()
    pair[0].ask()
    pair[0].ask(args={"order": "A-2"})
    fresh = pair[1]
    for table in (
        "outgoing",
        "questions",
        "decisions",
        "assignments",
        "events",
        "requests",
        "nodes",
        "heads",
        "policies",
    ):
        fresh.forge(f"delete from {table}")
    fresh.serving.guard.path.write_bytes(guard)
    with pytest.raises(LogBroken, match="another story"):
        rebuild_from(archived(pair[0]), fresh)
    assert fresh.rows(Event) == []


def test_a_database_with_something_in_it_is_left_alone(pair: Pair) -> None:
    """It is not for us to say what is worth more."""
    pair[0].ask()
    pair[1].submit()
    with pytest.raises(InvalidArguments, match="not empty"):
        rebuild_from(archived(pair[0]), pair[1])


def test_after_its_deadline_nobody_is_asked_again(pair: Pair) -> None:
    """It expires."""
    request_id = pair[0].ask()
    mails = archived(pair[0])
    made = pair[1]
    made.clock.at = pair[0].clock.at + timedelta(hours=5)
    rebuild_from(mails, made)
    assert [s.state for s in made.rows(Assignment)] == ["open"]
    made.keeper()
    assert made.state(request_id) == "expired"
