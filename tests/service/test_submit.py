"""Submitting an action: what the policy lets run, what is held, and what the same call gives again."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from mailgate.errors import (
    ActionRefused,
    AlreadyPending,
    InvalidArguments,
    KeyConflict,
    RejectedBefore,
    StoreUnavailable,
)
from mailgate.model.lifecycle import State, Trigger
from mailgate.model.policy import Tier
from mailgate.model.verdict import Level, Verdict
from mailgate.service.inspect import cancel_request
from mailgate.store import sqlite
from mailgate.store.requests import lock_request, move
from mailgate.store.tables import Checkpoint, Event, Logged, Outgoing, Request
from tests.service.conftest import RigMaker
from tests.service.rig import GATES, Rig, in_parallel


def rejected(rig: Rig, **options: Any) -> str:
    """Ask and let Bob reject; return the request's id."""
    request_id = rig.ask(**options)
    assert rig.press(request_id, "bob", Verdict.REJECT, reason="The customer lied.").done
    rig.keeper()
    return request_id


def test_auto_may_run_and_leaves_no_row(rig: Rig) -> None:
    """An action of tier auto may run at once, and nothing is stored about it."""
    before = rig.dump()

    ticket = rig.submit("look_up")

    assert (ticket.tier, ticket.status, ticket.may_run, ticket.request_id) == (Tier.AUTO, "run", True, "")
    assert before == rig.dump()


def test_log_may_run_and_leaves_a_row(rig: Rig) -> None:
    """An action of tier log may run at once; its row says who did what, and the report says what came of it."""
    ticket = rig.submit("note_down", {"order": "A-7"}, reasoning="It was asked for.", confidence=0.9)
    rig.mg.report(ticket, result={"noted": True})

    assert (ticket.tier, ticket.status, ticket.may_run) == (Tier.LOG, "run", True)
    row = rig.row(Logged)
    assert (
        row.action,
        row.agent,
        row.run,
        row.reasoning,
        row.confidence,
    ) == ("note_down", "support", "run-1", "It was asked for.", 0.9)
    assert (row.state, row.result) == ("succeeded", b'{"noted":true}')


def test_log_gives_its_first_result_again(rig: Rig) -> None:
    """The same logged call of the same run is not run twice; its ticket carries the first result."""
    rig.mg.report(rig.submit("note_down"), result="first")

    again = rig.submit("note_down")

    assert (again.may_run, again.status, again.result) == (False, "succeeded", "first")
    assert len(rig.rows(Logged)) == 1


def test_log_that_did_not_report_is_not_run_again(rig: Rig) -> None:
    """A logged call whose process died inside may have had its effect: it may not run again by itself."""
    rig.submit("note_down")

    again = rig.submit("note_down")

    assert (again.may_run, again.status) == (False, "executing")


def test_log_that_is_idempotent_may_run_again(rig: Rig) -> None:
    """A logged call that was declared idempotent may run again after its process died inside."""

    @rig.mg.action(idempotent=True)
    def note_down(order: str = "A-1") -> str:
        return order

    rig.submit("note_down")

    again = rig.submit("note_down")

    assert (again.may_run, again.status) == (True, "run")
    assert len(rig.rows(Logged)) == 1


def test_log_that_failed_says_so_again(rig: Rig) -> None:
    """The same logged call gives its failure again."""
    rig.mg.report(rig.submit("note_down"), error=RuntimeError("no paper"))

    again = rig.submit("note_down")

    assert (again.may_run, again.status) == (False, "failed")
    assert "no paper" in again.error


def test_approval_is_held_with_everything_a_person_needs(rig: Rig) -> None:
    """An action that needs approval is stored with its checkpoint and an event, and may not run."""
    ticket = rig.submit(
        state={"step": 3}, state_version="v2", reasoning="Charged twice.", on_behalf_of="carol@example.com"
    )

    assert (ticket.tier, ticket.status, ticket.may_run) == (Tier.REQUIRE_APPROVAL, "pending", False)
    request = rig.request(ticket.request_id)
    assert (
        request.action,
        request.state,
        request.reasoning,
        request.on_behalf_of,
    ) == ("pay", "pending", "Charged twice.", "carol@example.com")
    checkpoint = rig.row(Checkpoint)
    assert (json.loads(checkpoint.body), checkpoint.state_version) == ({"step": 3}, "v2")
    [event] = rig.rows(Event)
    assert (event.kind, event.mark) == ("request", None)
    assert "waits for a person's approval" in ticket.for_model


def test_same_call_gives_the_same_ticket(rig: Rig) -> None:
    """A run that is repeated gets the same pending request, whatever the order of its arguments."""
    first = rig.submit(args={"order": "A-1", "amount": 5.0})
    again = rig.submit(args={"amount": 5.0, "order": "A-1"})

    assert first.request_id == again.request_id
    assert len(rig.rows(Request)) == 1
    assert len(rig.rows(Event)) == 1


def test_same_call_gives_the_result_once_it_ran(rig: Rig) -> None:
    """A run that is repeated after the action ran gets its result and runs nothing."""
    rig.approved()
    rig.work()

    again = rig.submit()

    assert (again.status, again.result, again.decided_by) == ("succeeded", "done", "Bob Brown")
    assert len(rig.shop.ran) == 1


def test_key_makes_a_second_request(rig: Rig) -> None:
    """The same action under a key of its own is another request."""
    assert rig.submit().request_id != rig.submit(key="again").request_id


@pytest.mark.parametrize("name", ["pay", "note_down"])
def test_key_with_other_arguments_is_a_conflict(rig: Rig, name: str) -> None:
    """One key names one action in a run; other arguments under it raise."""
    rig.submit(name, {"order": "A-1"}, key="k")

    with pytest.raises(KeyConflict, match="'k'"):
        rig.submit(name, {"order": "A-2"}, key="k")


def test_key_of_a_rejected_action_with_other_arguments_is_a_conflict(rig: Rig) -> None:
    """A key stays taken after a rejection: other arguments under it are a conflict, not that rejection."""
    rejected(rig, args={"order": "A-1"}, key="k")

    with pytest.raises(KeyConflict):
        rig.submit(args={"order": "A-2"}, key="k")


@pytest.mark.parametrize("options", [{}, {"run": "run-2"}, {"key": "again"}, {"run": "run-2", "key": "again"}], ids=str)
def test_rejection_is_remembered(rig: Rig, options: dict[str, Any]) -> None:
    """A rejected action is refused with who and why, in the same run or another, and no key gets around it."""
    request_id = rejected(rig)
    mails = len(rig.rows(Outgoing))

    with pytest.raises(RejectedBefore) as caught:
        rig.submit(**options)
    rig.keeper()

    assert (request_id, "Bob Brown", "The customer lied.") == (
        caught.value.request_id,
        caught.value.decided_by,
        caught.value.reason,
    )
    assert "Do not try this action again" in caught.value.for_model
    assert mails == len(rig.rows(Outgoing))


def test_rejection_concerns_this_agent_and_action(rig: Rig) -> None:
    """Another agent, and other arguments, are not what was rejected."""
    rejected(rig)

    assert rig.submit(agent="billing").status == "pending"
    assert rig.submit(args={"order": "A-2"}).status == "pending"


def test_rejection_is_forgotten_after_its_time(rig: Rig) -> None:
    """After rejection_memory another run may ask again."""
    rejected(rig)
    rig.clock.forward(days=30, seconds=-5)
    with pytest.raises(RejectedBefore):
        rig.submit(run="run-2")

    rig.clock.forward(seconds=10)

    assert rig.submit(run="run-2").status == "pending"


def test_rejection_by_a_doubtful_sender_is_not_remembered(rig: Rig) -> None:
    """A reject that only the secret address proves ends its request and counts for no memory."""
    request_id = rig.ask()
    rig.reply(request_id, "bob", Verdict.REJECT, level=Level.TOKEN, reason="Send it to me instead.")

    assert rig.state(request_id) == "rejected"
    assert rig.submit(key="again").status == "pending"
    with pytest.raises(RejectedBefore):
        rig.submit()


def test_open_action_of_another_run_is_already_pending(rig: Rig) -> None:
    """Two runs of one agent do not ask for the same thing at once."""
    request_id = rig.submit().request_id

    with pytest.raises(AlreadyPending) as caught:
        rig.submit(run="run-2")

    assert (request_id, True) == (caught.value.request_id, caught.value.retryable)
    assert rig.submit(run="run-2", agent="billing").status == "pending"


def test_twins_are_allowed_where_the_gate_says_so(make_rig: RigMaker) -> None:
    """allow_twins lets two runs ask for the same thing."""
    rig = make_rig(gates={"pay": GATES["pay"] | {"allow_twins": True}})

    assert rig.submit().request_id != rig.submit(run="run-2").request_id


def expired(rig: Rig) -> str:
    """Ask and let the time pass."""
    request_id = rig.ask()
    rig.clock.forward(hours=5)
    rig.keeper()
    return request_id


def cancelled(rig: Rig) -> str:
    """Ask and take it back."""
    request_id = rig.ask()
    rig.mg.cancel(request_id)
    return request_id


def failed(rig: Rig) -> str:
    """Let it run and fail."""

    def fail() -> None:
        raise RuntimeError("the bank said no")

    rig.shop.doing = fail
    request_id = rig.approved()
    rig.work()
    return request_id


@pytest.mark.parametrize("ending", [expired, cancelled, failed])
def test_what_ended_otherwise_needs_a_new_key(rig: Rig, ending: Any) -> None:
    """After expiry, cancelling or failure the same call gives that outcome; a new key asks again."""
    request_id = ending(rig)
    rig.keeper()

    again = rig.submit()
    assert (request_id, ending.__name__, False) == (again.request_id, again.status, again.may_run)
    new = rig.submit(key="second try")
    assert new.status == "pending"
    assert request_id != new.request_id


def test_unknown_action_asks_the_default_approvers(make_rig: RigMaker) -> None:
    """An action without a gate needs approval by default_approvers."""
    rig = make_rig(mailgate={"default_approvers": ["alice"], "operators": ["oscar"]})

    request_id = rig.ask("delete_everything", {"really": True})

    assert {"alice"} == rig.asked(request_id)


def test_unknown_action_is_refused_where_nobody_could_approve(rig: Rig) -> None:
    """An action without a gate is refused where there are no default approvers, and nothing is stored."""
    before = rig.dump()

    with pytest.raises(ActionRefused, match="nobody to ask"):
        rig.submit("delete_everything", {"really": True})

    assert before == rig.dump()


@pytest.mark.parametrize(
    ("given", "stored"),
    [(None, 0.0), (-0.1, 0.0), (1.1, 0.0), (math.nan, 0.0), (math.inf, 0.0), ("0.9", 0.0), (0.62, 0.62), (1, 1.0)],
)
def test_doubtful_confidence_is_none(rig: Rig, given: Any, stored: float) -> None:
    """A confidence that is missing or not within 0 and 1 counts as none at all."""
    ticket = rig.submit(confidence=given)

    assert stored == rig.request(ticket.request_id).confidence


def test_little_confidence_needs_approval_whatever_the_rules_say(make_rig: RigMaker) -> None:
    """Below require_below an auto action is held, with the reason."""
    rig = make_rig(confidence={"require_below": 0.5}, gates={"look_up": {"tier": "auto", "approvers": ["bob"]}})

    held = rig.submit("look_up", confidence=0.4)

    assert held.status == "pending"
    assert "below 0.5" in rig.request(held.request_id).rule
    assert rig.submit("look_up", {"order": "A-2"}, confidence=0.5).may_run


@pytest.mark.parametrize("tier", ["auto", "log"])
def test_more_confidence_does_not_get_around_a_person(make_rig: RigMaker, tier: str) -> None:
    """What is being asked about is the same ticket, and what was rejected stays refused, however sure the agent is then."""
    rules = [{"when": "confidence >= 0.85", "tier": tier}]
    rig = make_rig(gates={"pay": {"approvers": ["bob"], "rules": rules}})
    held = rig.submit(confidence=0.2)
    again = rig.submit(confidence=0.9)
    assert (again.request_id, again.may_run) == (held.request_id, False)
    with pytest.raises(AlreadyPending):
        rig.submit(confidence=0.9, run="run-2")
    rig.keeper()
    assert rig.press(held.request_id, "bob", Verdict.REJECT, reason="no").done
    rig.keeper()
    for options in ({}, {"run": "run-2"}, {"key": "another"}):
        with pytest.raises(RejectedBefore):
            rig.submit(confidence=1.0, **options)
    assert rig.submit(args={"order": "A-2"}, confidence=0.9).may_run


@pytest.mark.parametrize(
    ("state", "body", "media_type"),
    [
        ({"a": [1, "ü"]}, '{"a": [1, "ü"]}'.encode(), "application/json"),
        (b"\x00\x01", b"\x00\x01", "application/octet-stream"),
        ((b"\x80\x04", "application/x-pickle"), b"\x80\x04", "application/x-pickle"),
        (lambda: {"called": True}, b'{"called": true}', "application/json"),
    ],
    ids=["value", "bytes", "typed bytes", "callable"],
)
def test_state_is_stored_as_given(rig: Rig, state: Any, body: bytes, media_type: str) -> None:
    """The checkpoint holds the agent's state: a value as JSON, bytes as they are, a callable's answer."""
    rig.submit(state=state)

    checkpoint = rig.row(Checkpoint)
    assert (body, media_type) == (checkpoint.body, checkpoint.media_type)


def test_no_state_makes_no_checkpoint(rig: Rig) -> None:
    """An agent that gives no state has no checkpoint."""
    rig.submit()

    assert rig.rows(Checkpoint) == []


def test_callable_state_is_asked_only_when_held(rig: Rig) -> None:
    """A snapshot may be costly: it is taken only of an action that is held."""

    def costly() -> None:
        raise AssertionError("nobody needs the state")

    assert rig.submit("look_up", state=costly).may_run
    assert rig.submit("note_down", state=costly).may_run


@pytest.mark.parametrize(
    "state", [object(), {"x": math.nan}, {"x": {1, 2}}, "\ud800"], ids=["object", "nan", "set", "surrogate"]
)
def test_state_that_cannot_be_stored_is_refused(rig: Rig, state: Any) -> None:
    """An unserialisable state is refused before anybody is asked, and nothing is stored."""
    with pytest.raises(InvalidArguments, match="bytes and a media type"):
        rig.submit(state=state)

    assert rig.rows(Request) == []


def test_hidden_characters_are_refused(rig: Rig) -> None:
    """Text that would be read otherwise than it runs is not put before a person."""
    with pytest.raises(InvalidArguments, match="order") as caught:
        rig.submit(args={"order": "A-1\u202e0001-A"})

    assert caught.value.argument == "order"
    assert rig.rows(Request) == []


@pytest.mark.parametrize("whom", ["Carol Clark <carol@example.com>", "carol", "", "carol@example.com, bob@example.com"])
def test_person_answered_for_is_one_plain_address(rig: Rig, whom: str) -> None:
    """A requester who cannot be recognised could approve her own request: only a plain address is taken."""
    with pytest.raises(InvalidArguments, match="on_behalf_of"):
        rig.submit(on_behalf_of=whom)

    assert rig.rows(Request) == []


@pytest.mark.parametrize("name", ["look_up", "note_down", "pay"])
def test_same_submissions_at_once_make_one_row(rig: Rig, name: str) -> None:
    """However many processes submit the same call at once, there is one request, or one logged row that may run."""
    tickets = in_parallel([lambda: rig.submit(name)] * 8)

    if name != "look_up":
        assert len({t.request_id for t in tickets}) == 1
    if name == "note_down":
        assert sum(t.may_run for t in tickets) == 1


@contextmanager
def connected_with(rig: Rig, pragma: str) -> Iterator[None]:
    """Set something on every connection of the agents' side."""
    engine = rig.working.store.engine

    def connect(connection: Any, _: Any) -> None:
        connection.execute(pragma)

    engine.dispose()
    event.listen(engine, "connect", connect)
    yield
    event.remove(engine, "connect", connect)
    engine.dispose()


@pytest.mark.parametrize("name", ["pay", "note_down"])
def test_locked_database_means_try_again(rig: Rig, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody holds the database, a call that needs a row raises a retryable error and nothing may run."""
    other = sqlite3.connect(rig.path, isolation_level=None)
    other.execute("begin immediate")

    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.02)
    with pytest.raises(StoreUnavailable) as caught:
        rig.submit(name)
    other.close()

    assert caught.value.retryable
    assert rig.rows(Request) == []
    assert rig.rows(Logged) == []


@pytest.mark.parametrize("name", ["pay", "note_down"])
def test_read_only_database_means_nothing_runs(rig: Rig, name: str) -> None:
    """On a database that cannot be written, a call that needs a row raises with what to do."""
    with connected_with(rig, "pragma query_only=on"), pytest.raises(StoreUnavailable) as caught:
        rig.submit(name)

    assert "writable" in caught.value.hint


def test_agent_hears_of_its_own_cancelling(rig: Rig) -> None:
    """An agent that takes a request back before anybody was asked is resumed with that."""
    ticket = rig.submit()
    rig.mg.cancel(ticket.request_id)

    rig.keeper()

    assert getattr(rig.resume(), "outcome", None) == "cancelled"


def test_cancel_by_prefix(rig: Rig) -> None:
    """An operator may name a request by its first letters; none or several are an error."""
    request_id = rig.ask()

    with pytest.raises(InvalidArguments, match="No request begins"):
        cancel_request(rig.working, "zzz", by="operator root")
    assert request_id == cancel_request(rig.working, request_id[:6].upper(), by="operator root")
    assert rig.request(request_id).note == "by operator root"


def test_memory_is_of_the_gate(make_rig: RigMaker) -> None:
    """A gate with a shorter memory forgets sooner."""
    rig = make_rig(gates={"pay": GATES["pay"] | {"rejection_memory": timedelta(hours=1)}})
    rejected(rig)

    rig.clock.forward(hours=1, seconds=5)

    assert rig.submit(run="run-2").status == "pending"


def test_in_doubt_is_still_open(rig: Rig) -> None:
    """What may have happened is not asked for again by another run before a person settled it."""
    request_id = rig.approved()
    rig.claim()
    with rig.serving.store.write() as tx:
        move(tx, lock_request(tx, request_id), Trigger.DIE)

    with pytest.raises(AlreadyPending):
        rig.submit(run="run-2")
    assert rig.submit().status == State.IN_DOUBT
