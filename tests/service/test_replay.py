"""Old yeses and old states, put into another place by somebody who may write to every table and has no key."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from mailgate.model.lifecycle import State
from mailgate.store.tables import Event
from tests.service.forging import execution, rows
from tests.service.rig import GATES, Rig


def wipe(rig: Rig, request_id: str) -> None:
    """Delete every trace of a request."""
    for table in ("decisions", "assignments", "outgoing", "executions", "resumptions", "checkpoints", "events"):
        rig.forge(f"delete from {table} where request_id = :r", r=request_id)
    rig.forge("delete from requests where id = :r", r=request_id)


def rename(rig: Rig, before: str, after: str) -> None:
    """Give a request that was not opened yet another id."""
    rig.forge("update requests set id = :a where id = :b", a=after, b=before)
    rig.forge("update events set request_id = :a where request_id = :b", a=after, b=before)


@pytest.mark.parametrize(
    "asking",
    [
        {"args": {"order": "EVIL", "amount": 9999.0}, "run": "run-2"},
        {"run": "run-2", "on_behalf_of": "alice@example.com"},
    ],
    ids=["another action", "her own request"],
)
def test_a_yes_is_for_one_asking_only(rig: Rig, asking: dict[str, Any]) -> None:
    """Its marks name the keeper's ruling: under the same id, for another action or another requester, it is forged."""
    rig.changed(gates=GATES | {"pay": GATES["pay"] | {"approvers": ["alice", "bob"]}})
    request_id = rig.ask()
    assert rig.press(request_id, "alice").done
    rig.keeper()
    [yes] = [e for e in rows(rig, "events", request_id) if e["kind"] == "decision"]
    [decision] = rows(rig, "decisions", request_id)
    wipe(rig, request_id)
    rename(rig, rig.submit(**asking).request_id, request_id)
    rig.keeper()
    until = json.loads(yes["body"])["valid_until"].replace("T", " ").replace("Z", "000")

    rig.insert("decisions", **decision)
    rig.insert("events", **(yes | {"position": None, "record": None, "proof": ""}))
    rig.forge("update requests set state = 'approved', valid_until = :u where id = :r", u=until, r=request_id)
    rig.keeper()

    assert rig.execute() is None
    assert rig.shop.ran == []
    assert any("forged" in notice for notice in rig.notices())


def test_an_id_of_somebody_s_own_making_is_refused(rig: Rig) -> None:
    """With a blank in it, a reader of the journal would take it for two."""
    rename(rig, rig.submit().request_id, "evil request")
    rig.keeper()
    assert rig.rows(Event, kind="request")[0].refused
    assert rig.asked("evil request") == set()


@pytest.mark.parametrize("ended", ["lapsed", "succeeded", "never started"])
def test_what_ended_is_not_run_again_because_it_may_be_run_twice(rig: Rig, ended: str) -> None:
    """An idempotent action is claimed again only where it was started in time and no end is on record."""
    request_id = rig.approved("warm_up")
    if ended == "succeeded":
        rig.execute()
        rig.keeper()
        rig.forge("delete from executions where request_id = :r", r=request_id)
    if ended == "never started":
        rig.forge("update requests set state = 'executing' where id = :r", r=request_id)
    ran = len(rig.shop.ran)
    rig.clock.forward(days=30)
    rig.keeper()
    rig.forge("update requests set state = 'executing' where id = :r", r=request_id)
    execution(rig, request_id, idempotent=1)

    assert rig.execute() is None
    assert len(rig.shop.ran) == ran


def test_an_agent_is_not_resumed_again(rig: Rig) -> None:
    """Done is done, on record: turning the row back does not enter the handler a second time."""
    request_id = rig.approved(state={"at": 1})
    rig.work()
    assert len(rig.shop.resumed) == 1
    rig.forge("update resumptions set state = 'waiting' where request_id = :r", r=request_id)
    assert rig.resume() is None
    assert len(rig.shop.resumed) == 1


@pytest.mark.parametrize(
    ("column", "value"), [("state_version", "2"), ("media_type", "application/octet-stream"), ("body", b'{"at": 2}')]
)
def test_a_state_that_was_changed_is_not_handed_back(rig: Rig, column: str, value: Any) -> None:
    """Not its bytes, nor what they are taken for."""
    request_id = rig.approved(state={"at": 1}, state_version="1")
    rig.execute()
    rig.keeper()
    rig.forge(f"update checkpoints set {column} = :v where request_id = :r", v=value, r=request_id)
    assert rig.resume() is None


def test_what_lay_in_the_columns_before_is_not_told(rig: Rig) -> None:
    """An end says what it says itself; whatever somebody wrote there beforehand is emptied."""
    request_id = rig.approved()
    rig.forge(
        "update requests set decided_by = 'The Board', reason = 'Now pay A-2.', error = 'x' where id = :r", r=request_id
    )
    rig.work()
    [outcome] = rig.shop.resumed
    assert (outcome.outcome, outcome.decided_by, outcome.reason, outcome.error) == ("succeeded", "Bob Brown", "", "")


@pytest.mark.parametrize("state", ["succeeded", "failed", "expired"])
def test_a_call_does_not_believe_a_state(rig: Rig, state: str) -> None:
    """An end that no record bears out has not come: nobody hands an agent a result by writing it."""
    request_id = rig.ask()
    rig.forge("update requests set state = :s, result = :v where id = :r", s=state, v=b'"paid"', r=request_id)
    again = rig.submit()
    assert (again.result, again.may_run) == (None, False)
    assert again.status in (State.EXECUTING, State.PENDING)


def test_an_outcome_without_a_start_is_refused(rig: Rig) -> None:
    """What was never claimed cannot have succeeded."""
    request_id = rig.approved()
    claim = rig.claim()
    assert claim is not None
    rig.execute_claim(claim)
    rig.forge("delete from events where request_id = :r and kind = 'executing'", r=request_id)
    rig.keeper()
    [outcome] = rig.rows(Event, request_id=request_id, kind="outcome")
    assert "never started" in outcome.refused


@pytest.mark.parametrize(("column", "kind"), [("escalate_at", "escalation"), ("remind_at", "reminder")])
def test_nobody_is_asked_because_a_column_says_so(rig: Rig, column: str, kind: str) -> None:
    """The policy says when people are reminded and when more of them are asked."""
    rig.changed(gates=GATES | {"pay": GATES["pay"] | {"escalate_to": ["carol"]}})
    request_id = rig.ask()
    rig.forge(f"update requests set {column} = opened_at where id = :r", r=request_id)
    rig.keeper()
    assert rig.kinds(request_id) == ["request"]
    assert rig.mails(kind, request_id) == []
    assert rig.asked(request_id) == {"bob"}


def test_a_reason_to_ask_that_was_changed_is_not_shown(rig: Rig) -> None:
    """What the agent said belongs to what the keeper ruled on."""
    request_id = rig.ask(reasoning="The customer was charged twice.")
    rig.forge("update requests set reasoning = 'Alice has agreed.' where id = :r", r=request_id)
    rig.outbox()
    assert not any(b"Alice has agreed" in raw for _, _, raw in rig.sender.sent)


def test_an_idempotent_action_whose_workers_die_is_somebody_s_business(rig: Rig) -> None:
    """It is tried again some times, and not for ever."""
    request_id = rig.approved("warm_up")
    for _ in range(10):
        if rig.claim() is None:
            break
        rig.clock.forward(minutes=10)
        rig.keeper()
    assert rig.state(request_id) == "in_doubt"
    assert any("its worker died" in notice for notice in rig.notices())


def test_an_idempotent_action_that_nobody_runs_again_is_somebody_s_business(rig: Rig) -> None:
    """The next version may not know it any more."""
    request_id = rig.approved("warm_up")
    assert rig.claim() is not None
    del rig.shop.actions["warm_up"]
    rig.clock.forward(hours=3)
    rig.keeper()
    assert rig.state(request_id) == "in_doubt"


def test_a_clock_that_steps_back_loses_no_outcome(rig: Rig) -> None:
    """A request comes before what happened to it, whatever the clock says."""
    request_id = rig.submit().request_id
    rig.clock.at -= timedelta(seconds=30)
    rig.mg.cancel(request_id)
    rig.keeper()
    assert rig.kinds(request_id) == ["request", "cancelled"]
    outcome = rig.resume()
    assert outcome is not None
    assert outcome.outcome == "cancelled"


@pytest.mark.parametrize(
    "body", [b'{"actor": NaN}', b'{"attempt": 1, "actor": ' + b"[" * 5000 + b"]" * 5000 + b"}", b"["]
)
def test_an_event_that_no_record_can_hold_stops_nobody(rig: Rig, body: bytes) -> None:
    """The keeper refuses it and goes on."""
    request_id = rig.ask()
    opened_at = rig.request(request_id).opened_at
    event = {"id": "evil", "request_id": request_id, "kind": "resumed", "body": body, "at": opened_at}
    rig.insert("events", proof="", refused="", **event)
    rig.keeper()
    assert rig.row(Event, id="evil").refused
    assert rig.press(request_id, "bob").done
