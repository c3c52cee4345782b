"""The library face: decorated functions, sessions, their async twins."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from mailgate import current_request
from mailgate.errors import (
    ApprovalPending,
    InvalidArguments,
    NotCleared,
    OutsideSession,
    RejectedBefore,
    StoreUnavailable,
)
from mailgate.gate import GatedAction, Session
from mailgate.model.verdict import Verdict
from mailgate.service.execute import Known
from mailgate.store.tables import Logged, Request
from tests.service.rig import Rig


class Declared:
    """Actions of each tier declared on a rig's Mailgate, which note that they ran."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.ran: list[Any] = []
        self.gives: Callable[[Any], Any] = lambda value: f"did {value}"
        self.pay = self._declare("pay")
        self.look_up = self._declare("look_up")
        self.note_down = self._declare("note_down")
        for name, action in rig.mg.actions.items():
            rig.shop.actions[name] = action.known()

    def session(self, **options: Any) -> Session:
        """Return a session of agent support."""
        return self.rig.mg.session(**({"agent": "support", "run": "run-1"} | options))

    def _declare(self, name: str) -> GatedAction[..., Any]:
        def function(what: str, times: int = 1) -> Any:
            self.ran.append((name, what, times, current_request()))
            return self.gives(what)

        function.__name__ = name
        return self.rig.mg.action(function)


@pytest.fixture
def declared(rig: Rig) -> Declared:
    """Declare the actions."""
    return Declared(rig)


@pytest.mark.parametrize("name", ["pay", "look_up", "note_down"])
def test_outside_a_session_nothing_runs(declared: Declared, name: str) -> None:
    """A gated function called outside a session raises and does not run, whatever its tier."""
    with pytest.raises(OutsideSession, match=name):
        getattr(declared, name)("x")

    assert declared.ran == []


def test_session_that_ended_is_outside(declared: Declared) -> None:
    """After its block a session no longer lets calls through."""
    with declared.session():
        pass

    with pytest.raises(OutsideSession):
        declared.look_up("x")


def test_session_is_not_inherited_by_another_thread(declared: Declared) -> None:
    """A thread started inside a session is outside it: in doubt nothing runs."""
    caught: list[BaseException] = []

    def call() -> None:
        try:
            declared.look_up("x")
        except OutsideSession as error:
            caught.append(error)

    with declared.session():
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()

    assert len(caught) == 1
    assert declared.ran == []


def test_auto_runs_inside_a_session(declared: Declared) -> None:
    """Inside a session an auto action runs and gives its result, each time."""
    with declared.session() as session:
        assert declared.look_up("x") == "did x"
        assert session.call(declared.look_up, {"what": "x"}) == "did x"

    assert len(declared.ran) == 2


def test_log_runs_once_in_a_run(declared: Declared) -> None:
    """Inside a session a logged action runs once; called again it gives the stored result."""
    with declared.session():
        assert declared.note_down("x") == "did x"
        assert declared.note_down(what="x", times=1) == "did x"

    assert len(declared.ran) == 1


def test_held_action_raises_and_does_not_run(declared: Declared) -> None:
    """Inside a session an action that needs approval raises ApprovalPending with its request, and does not run."""
    with declared.session(state={"at": 1}), pytest.raises(ApprovalPending) as caught:
        declared.pay("x")

    assert declared.ran == []
    request = declared.rig.row(Request)
    assert (request.id, "pending") == (caught.value.request_id, caught.value.status)
    assert json.loads(request.canonical)["arguments"] == {"what": "x", "times": 1}


def test_held_action_gives_its_result_to_a_repeated_run(declared: Declared) -> None:
    """Once a worker ran it, the same call in a repeated run returns the result without running it again."""
    rig = declared.rig
    with declared.session(), pytest.raises(ApprovalPending):
        declared.pay("x")
    rig.keeper()
    rig.press(rig.row(Request).id, "bob")
    rig.keeper()
    rig.work()

    with declared.session():
        assert declared.pay("x") == "did x"

    assert [("pay", "x", 1, rig.row(Request).id)] == declared.ran
    assert current_request() is None


def test_rejected_action_tells_who_and_why(declared: Declared) -> None:
    """After a rejection the same call raises with the person and the reason, and the model is told not to go around."""
    rig = declared.rig
    with declared.session(), pytest.raises(ApprovalPending):
        declared.pay("x")
    rig.keeper()
    rig.press(rig.row(Request).id, "bob", Verdict.REJECT, reason="Too much.")
    rig.keeper()

    with declared.session(), pytest.raises(RejectedBefore) as caught:
        declared.pay("x")

    assert (caught.value.decided_by, caught.value.reason) == ("Bob Brown", "Too much.")
    assert "equivalent" in caught.value.for_model


def test_cancelled_action_is_not_cleared(declared: Declared) -> None:
    """A call whose request ended otherwise raises NotCleared, which names the outcome and the way on."""
    with declared.session() as session:
        with pytest.raises(ApprovalPending) as pending:
            declared.pay("x")
        declared.rig.mg.cancel(pending.value.request_id)
        with pytest.raises(ApprovalPending):
            declared.pay("x")  # nobody has borne it out yet
        declared.rig.keeper()
        with pytest.raises(NotCleared, match="new key") as caught:
            declared.pay("x")
        with pytest.raises(ApprovalPending):
            session.call("pay", {"what": "x"}, key="second")

    assert caught.value.outcome == "cancelled"
    assert declared.ran == []


def test_arguments_are_checked_before_anybody_is_asked(declared: Declared) -> None:
    """A call that cannot run is an error at once; nothing is stored."""
    with declared.session() as session:
        with pytest.raises(InvalidArguments, match="times"):
            declared.pay("x", times="many")
        with pytest.raises(InvalidArguments, match="missing"):
            session.call(declared.pay, {})
        with pytest.raises(InvalidArguments, match="no action"):
            session.call("unheard_of", {})

    assert declared.rig.rows(Request) == []


@pytest.mark.parametrize(("what", "name"), [("agent", ""), ("run", "a\nb"), ("agent", "x" * 201), ("run", 7)])
def test_agents_and_runs_have_printable_names(declared: Declared, what: str, name: Any) -> None:
    """Names that cannot stand in a mail are refused."""
    with declared.session(**{what: name}), pytest.raises(InvalidArguments, match=what):
        declared.pay("x")


def test_action_that_raises_is_reported_and_raised(declared: Declared) -> None:
    """A logged action that raises is logged as failed, and the caller gets the exception itself."""

    def fail(_: Any) -> None:
        raise ZeroDivisionError("by zero")

    declared.gives = fail
    with declared.session(), pytest.raises(ZeroDivisionError):
        declared.note_down("x")

    row = declared.rig.row(Logged)
    assert (row.state, row.result) == ("failed", None)
    assert "by zero" in row.error


class Unspeakable:
    """A result that can be neither stored nor shown."""

    def __repr__(self) -> str:
        raise RuntimeError("unspeakable")


def test_result_that_cannot_be_stored_is_returned_all_the_same(declared: Declared) -> None:
    """A logged action that ran has run: whatever it returned reaches its caller, and the row says succeeded."""
    result = Unspeakable()
    declared.gives = lambda _: result

    with declared.session():
        assert result is declared.note_down("x")

    assert declared.rig.row(Logged).state == "succeeded"


def test_database_lost_while_it_ran_does_not_look_as_if_it_had_not(declared: Declared) -> None:
    """A logged action that ran gives its result though it cannot be reported; "nothing ran" would be a lie."""

    def lose(_: Any) -> str:
        declared.rig.path.rename(declared.rig.path.with_suffix(".gone"))
        declared.rig.path.mkdir()
        declared.rig.working.store.engine.dispose()
        return "ran"

    declared.gives = lose
    with declared.session():
        assert declared.note_down("x") == "ran"


def test_database_lost_before_means_nothing_runs(declared: Declared) -> None:
    """While the database is gone every call raises StoreUnavailable, and no action runs."""
    store = declared.rig.working.store
    store.engine.dispose()
    declared.rig.path.rename(declared.rig.path.with_suffix(".gone"))
    declared.rig.path.mkdir()

    with declared.session():
        for action in (declared.pay, declared.look_up, declared.note_down):
            with pytest.raises(StoreUnavailable):
                action("x")

    assert declared.ran == []


def test_async_twins(declared: Declared) -> None:
    """acall and an awaited async action go through the same gates, without blocking the event loop."""
    rig = declared.rig

    @rig.mg.action(name="look_up.async")
    async def looked_up(what: str) -> str:
        await asyncio.sleep(0)
        declared.ran.append(what)
        return what.upper()

    rig.serving.config.gates["look_up.async"] = rig.serving.config.gates["look_up"]

    async def story() -> list[Any]:
        with declared.session() as session:
            results = [
                await looked_up("a"),
                await session.acall(looked_up, {"what": "b"}),
                await session.acall(declared.note_down, {"what": "c"}),
                await session.acall("note_down", {"what": "c"}),
            ]
            with pytest.raises(ApprovalPending):
                await session.acall(declared.pay, {"what": "d"}, reasoning="Because.", confidence=0.3)
        with pytest.raises(OutsideSession):
            await looked_up("e")
        return results

    assert asyncio.run(story()) == ["A", "B", "did c", "did c"]
    assert [r if isinstance(r, str) else r[0] for r in declared.ran] == ["a", "b", "note_down"]
    request = rig.row(Request)
    assert (request.reasoning, request.confidence) == ("Because.", 0.3)


def test_lower_layer(declared: Declared) -> None:
    """asubmit gives a ticket without raising, areport stores what came of it, await_outcome waits for the end."""
    rig = declared.rig

    async def story() -> Any:
        logged = await rig.mg.asubmit("note_down", {"what": "x"}, agent="support", run="run-1")
        await rig.mg.areport(logged, result=[1, 2])
        held = await rig.mg.asubmit("pay", {"what": "x"}, agent="support", run="run-1")
        with pytest.raises(ApprovalPending):
            await rig.mg.await_outcome(held, timeout_seconds=0)
        rig.keeper()
        rig.press(held.request_id, "bob")
        rig.keeper()
        while rig.execute():
            rig.keeper()
        return await rig.mg.await_outcome(held, timeout_seconds=30)

    outcome = asyncio.run(story())

    assert (outcome.outcome, outcome.result, outcome.args) == ("succeeded", "did x", {"what": "x", "times": 1})
    assert rig.row(Logged).result == b"[1,2]"


def test_await_outcome_is_woken(declared: Declared) -> None:
    """Whoever awaits an outcome gets it once it is recorded."""
    rig = declared.rig
    ticket = rig.mg.submit("pay", {"what": "x"}, agent="support", run="run-1")
    rig.keeper()

    async def story() -> Any:
        waiting = asyncio.create_task(rig.mg.await_outcome(ticket, timeout_seconds=60))
        await asyncio.to_thread(rig.press, ticket.request_id, "bob", Verdict.REJECT)
        await asyncio.to_thread(rig.keeper)
        return await waiting

    assert asyncio.run(story()).outcome == "rejected"


def test_two_actions_of_one_name_are_refused(declared: Declared) -> None:
    """One name is one action."""
    declare = declared.rig.mg.action(name="pay")
    with pytest.raises(InvalidArguments, match="two actions"):
        declare(lambda what: what)


def test_unguarded_is_the_function_itself(declared: Declared) -> None:
    """Tests may call the function itself; a worker gets it, with its signature."""
    assert declared.pay.unguarded("x") == "did x"
    assert isinstance(declared.pay.known(), Known)
