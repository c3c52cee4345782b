"""The worker: executes exactly what was approved, once, reports honestly, and hands outcomes back."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from mailgate import current_request
from mailgate.errors import ApprovalPending, NotDone
from mailgate.model.signature import Signature
from mailgate.model.verdict import Verdict
from mailgate.service.execute import Known, claim_next, report, run
from mailgate.service.journal import Journal
from mailgate.service.once import Once
from mailgate.service.resume import claim_resumption, resume
from mailgate.service.worker import WorkerRole
from mailgate.store.tables import Event, Execution, Request, Resumption
from tests.service.rig import Rig, in_parallel


def test_stored_bytes_are_what_runs(rig: Rig) -> None:
    """The function gets the arguments of the stored canonical bytes, with the defaults of the time of asking."""
    rig.approved(args={"order": "Ünï-1", "amount": 0.1})

    def other(order: str, amount: float, currency: str = "USD") -> None:
        rig.shop.ran.append(("other", {"order": order, "amount": amount, "currency": currency}))

    rig.shop.actions["pay"] = Known(signature=Signature("pay", other), function=other)
    rig.work()

    assert rig.shop.ran == [("other", {"order": "Ünï-1", "amount": 0.1, "currency": "EUR"})]


def test_types_survive_being_stored(rig: Rig) -> None:
    """Values that JSON lacks come back as the types that the signature declares."""
    got: list[Any] = []

    @rig.mg.action
    def warm_up(amount: Decimal, blob: bytes, big: int) -> None:
        got.extend((amount, blob, big))

    rig.shop.actions["warm_up"] = warm_up.known()
    rig.approved("warm_up", {"amount": Decimal("1.10"), "blob": b"\x00\xff", "big": 2**70})
    rig.work()

    assert [Decimal("1.10"), b"\x00\xff", 2**70] == got


def test_signature_that_changed_since_runs_nothing(rig: Rig) -> None:
    """Stored arguments that do not fit the function any more are a failure without effect, not a guess."""
    request_id = rig.approved()

    def pay(order: int) -> None:
        rig.shop.ran.append(("pay", {}))

    rig.shop.actions["pay"] = Known(signature=Signature("pay", pay), function=pay)
    rig.work()

    request = rig.request(request_id)
    assert (request.state, request.effect) == ("failed", "none")
    assert "It was not started" in request.error
    assert rig.shop.ran == []


def raising(error: BaseException) -> Any:
    """Return something to do that raises ``error``."""

    def doing() -> None:
        raise error

    return doing


def test_not_done_had_no_effect(rig: Rig) -> None:
    """An action that raises NotDone failed and had no effect; the agent and the operators hear that."""
    rig.shop.doing = raising(NotDone("the account is closed"))
    request_id = rig.approved()
    rig.work()

    request = rig.request(request_id)
    assert (request.state, request.effect, request.error) == ("failed", "none", "the account is closed")
    [outcome] = rig.shop.resumed
    assert "It had no effect." in outcome.for_model
    assert len(rig.notices()) == 1


@pytest.mark.parametrize("error", [RuntimeError("line dropped"), SystemExit(1), asyncio.CancelledError()], ids=repr)
def test_any_other_exception_leaves_the_effect_unknown(rig: Rig, error: BaseException) -> None:
    """Whatever else an action raises, it failed and nobody claims to know its effect."""
    rig.shop.doing = raising(error)
    request_id = rig.approved()
    rig.work()

    request = rig.request(request_id)
    assert (request.state, request.effect) == ("failed", "unknown")
    assert type(error).__name__ in request.error
    [outcome] = rig.shop.resumed
    assert "not known" in outcome.for_model


class Unspeakable:
    """A result that can be neither stored nor shown."""

    def __repr__(self) -> str:
        raise RuntimeError("unspeakable")


@pytest.mark.parametrize(
    "result", [object(), Unspeakable(), {1: 2}, "\ud800", [float("nan")]], ids=lambda r: type(r).__name__
)
def test_result_that_cannot_be_stored_is_no_failure(rig: Rig, result: Any) -> None:
    """The action ran; that its result cannot be stored must not make it look as if it had not."""
    rig.shop.doing = lambda: result
    request_id = rig.approved()
    rig.work()

    assert (rig.state(request_id), rig.request(request_id).error) == ("succeeded", "")
    [outcome] = rig.shop.resumed
    assert isinstance(outcome.result, str)


def test_result_comes_back(rig: Rig) -> None:
    """The agent is resumed with the result and with its own state."""
    rig.shop.doing = lambda: {"paid": True, "at": [1, 2]}
    rig.approved(state={"step": 4}, state_version="v3", on_behalf_of="carol@example.com")
    rig.work()

    [outcome] = rig.shop.resumed
    assert (outcome.result, outcome.state, outcome.state_version) == ({"paid": True, "at": [1, 2]}, {"step": 4}, "v3")
    assert (outcome.agent, outcome.run, outcome.on_behalf_of) == ("support", "run-1", "carol@example.com")
    assert outcome.args == {"order": "A-1", "amount": 120.0, "currency": "EUR"}


@pytest.mark.parametrize(
    ("state", "back"),
    [
        (b"\x80raw", b"\x80raw"),
        ((b"<x/>", "text/xml"), b"<x/>"),
        ((b"{not json", "application/json"), b"{not json"),
        (None, None),
        (False, False),
    ],
    ids=repr,
)
def test_state_comes_back_as_given(rig: Rig, state: Any, back: Any) -> None:
    """Bytes come back as bytes, whatever their media type promises; nothing comes back as None."""
    rig.approved(state=state)
    rig.work()

    [outcome] = rig.shop.resumed
    assert back == outcome.state


def test_current_request_is_the_idempotency_key(rig: Rig) -> None:
    """Inside an action its request's id is known; outside there is none."""
    seen: list[str | None] = []
    rig.shop.doing = lambda: seen.append(current_request())
    request_id = rig.approved()
    rig.work()

    assert [request_id] == seen
    assert current_request() is None


def test_async_action_is_awaited(rig: Rig) -> None:
    """An async action runs to its end before it is reported."""

    async def slowly() -> str:
        await asyncio.sleep(0)
        return f"slowly for {current_request()}"

    rig.shop.doing = slowly
    request_id = rig.approved()
    rig.work()

    assert f"slowly for {request_id}" == rig.shop.resumed[0].result


def test_two_workers_race_for_one_request(rig: Rig) -> None:
    """Of many workers on many machines, none of which knows of the others, one runs an approved action."""
    for order in ("A-1", "A-2", "A-3"):
        rig.approved(args={"order": order})
    machines = [Journal(rig.folder / f"journal-{n}") for n in range(6)]

    in_parallel([lambda j=j, n=n: (rig.execute(f"w{n}", j), rig.execute(f"w{n}", j)) for n, j in enumerate(machines)])
    while rig.execute():
        pass

    assert sorted(arguments["order"] for _, arguments in rig.shop.ran) == ["A-1", "A-2", "A-3"]
    assert {1} == {e.attempt for e in rig.rows(Execution)}


def test_worker_that_looked_before_another_claimed_runs_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker whose look is out of date when it claims finds the action executing, and leaves it to its worker."""
    from mailgate.service import execute

    rig.approved()
    claims = []
    look = execute.silent_executions

    def look_and_be_overtaken(tx: Any) -> Any:
        found = look(tx)
        if not claims:
            claims.append("first")
            claims.append(rig.claim("w1", Journal(rig.folder / "one")))
        return found

    monkeypatch.setattr(execute, "silent_executions", look_and_be_overtaken)

    second = claim_next(rig.working, rig.shop.actions, "w2", Journal(rig.folder / "two"), Once())

    assert claims[1] is not None
    assert second is None
    assert len(rig.rows(Execution)) == 1


def test_two_workers_race_for_what_was_left(rig: Rig) -> None:
    """Of many workers that find the same silent idempotent action, one takes it over."""
    rig.approved("warm_up")
    rig.claim("dead")
    rig.clock.forward(minutes=2)

    claims = in_parallel([lambda n=n: rig.claim(f"w{n}", Journal(rig.folder / f"j{n}")) for n in range(6)])

    assert sum(c is not None for c in claims) == 1
    assert len(rig.rows(Execution)) == 2


def test_what_was_taken_over_is_not_taken_over_again(rig: Rig) -> None:
    """The first attempt stays silent for ever; what counts is whether the latest one is alive."""
    rig.approved("warm_up")
    rig.claim("dead")
    rig.clock.forward(minutes=2)
    assert rig.claim("w2") is not None

    assert rig.claim("w3") is None
    rig.keeper()
    assert len(rig.rows(Execution)) == 2


def test_worker_leaves_what_it_does_not_know(rig: Rig) -> None:
    """A worker claims only actions that it can run."""
    request_id = rig.approved()
    del rig.shop.actions["pay"]

    assert rig.claim() is None
    assert rig.state(request_id) == "approved"


def test_worker_waits_for_the_record(rig: Rig) -> None:
    """Before the keeper has signed the decision's record, an approved request is not claimed, and nobody complains."""
    request_id = rig.ask()
    rig.press(request_id, "bob")
    assert rig.state(request_id) == "approved"

    assert rig.claim() is None
    rig.keeper()
    assert rig.claim() is not None
    assert rig.notices() == []


def turn_back(rig: Rig, request_id: str) -> None:
    """Turn a request that ran back to approved, and hide that it did."""
    rig.forge("delete from executions where request_id = :r", r=request_id)
    rig.forge("delete from resumptions where request_id = :r", r=request_id)
    rig.forge("delete from events where request_id = :r and kind in ('executing', 'outcome', 'resumed')", r=request_id)
    rig.forge(
        "update requests set state = 'approved', result = null, finished_at = null, note = '' where id = :r",
        r=request_id,
    )


def test_state_turned_back_does_not_make_it_run_again(rig: Rig, logs: list[Any]) -> None:
    """A worker keeps a journal outside the database: what it started it does not start again, and says so once."""
    request_id = rig.approved()
    rig.work()
    turn_back(rig, request_id)

    for _ in range(3):
        assert rig.execute() is None

    assert len(rig.shop.ran) == 1
    [entry] = [e for e in logs if e["event"] == "not_claimed"]
    assert "turned its state back" in entry["why"]


def test_state_turned_back_is_seen_from_the_records_too(rig: Rig) -> None:
    """Without the journal (another machine), the records of the first execution stand against a second one."""
    request_id = rig.approved()
    rig.work()
    rig.forge("delete from executions where request_id = :r", r=request_id)
    rig.forge("update requests set state = 'approved' where id = :r", r=request_id)

    assert rig.execute("elsewhere", Journal(rig.folder / "other.journal")) is None
    rig.keeper()

    assert len(rig.shop.ran) == 1
    assert len(rig.notices()) == 1


def test_journal_is_shared_and_survives(rig: Rig) -> None:
    """Each worker of a machine sees what the others started, before and after a restart."""
    path = rig.folder / "shared"
    one, two = Journal(path), Journal(path)
    assert not two.has("r1")
    one.note("r1")
    two.note("r2")
    assert one.has("r2")
    assert two.has("r1")
    with path.open("a") as file:
        file.write("r3")  # cut off by a crash: it did not start
    assert not Journal(path).has("r3")
    assert Journal(path).has("r1")


def test_crash_while_resuming_enters_again_with_the_same_id(rig: Rig) -> None:
    """An outcome whose handler died is handed back again under the same id, and is completed once."""
    request_id = rig.approved()
    rig.execute()
    rig.keeper()
    first = claim_resumption(rig.working, {"support": None}, "dead", rig.once)
    assert first is not None
    assert rig.resume() is None

    rig.clock.forward(minutes=6)
    second = rig.resume()
    rig.keeper()

    assert second is not None
    assert (request_id, request_id) == (first.id, second.id)
    assert (first.attempt, second.attempt) == (1, 2)
    assert rig.row(Resumption).state == "done"
    assert len(rig.rows(Event, kind="resumed")) == 1
    rig.clock.forward(days=1)
    assert rig.resume() is None


@pytest.mark.parametrize("late", ["succeeds", "fails"])
def test_handler_that_was_presumed_dead_completes_nothing(rig: Rig, late: str) -> None:
    """A handler that comes back late neither completes a second time nor undoes what the next one completed."""
    rig.approved()
    rig.execute()
    rig.keeper()
    first = claim_resumption(rig.working, {"support": None}, "slow", rig.once)
    assert first is not None
    rig.clock.forward(minutes=6)
    assert rig.resume() is not None

    resume(rig.working, first, (lambda _: None) if late == "succeeds" else raising_handler)

    assert rig.row(Resumption).state == "done"
    assert len(rig.rows(Event, kind="resumed")) == 1
    rig.clock.forward(days=1)
    assert rig.resume() is None


def raising_handler(_: Any) -> None:
    """Fail, as an agent's code may."""
    raise RuntimeError("the agent's code is broken")


@pytest.mark.parametrize("error", [RuntimeError("broken"), SystemExit(1)], ids=repr)
def test_handler_that_fails_is_retried_then_parked(rig: Rig, error: BaseException) -> None:
    """A handler that fails is entered again after a growing pause, then parked and reported; the outcome stays."""
    request_id = rig.approved()
    rig.execute()
    rig.keeper()
    entered: list[Any] = []

    def handler(outcome: Any) -> None:
        entered.append(rig.clock.at)
        raise error

    for _ in range(4 * 3600):
        rig.resume(handler)
        if rig.row(Resumption).state == "parked":
            break
        rig.clock.forward(seconds=1)

    pauses = [(b - a).total_seconds() for a, b in pairwise(entered)]
    assert rig.working.config.worker.resume_attempts == len(entered)
    assert pauses == sorted(pauses)
    assert pauses[-1] > 50 * pauses[0] > 0
    assert rig.state(request_id) == "succeeded"
    rig.keeper()
    assert "resume_failed" in rig.kinds(request_id)
    assert any("resumed" in headline for headline in rig.notices())
    rig.clock.forward(days=30)
    assert rig.resume(handler) is None


def test_handler_that_stops_at_its_next_gate_is_complete(rig: Rig) -> None:
    """An agent that goes on until its next gate has been resumed."""
    rig.approved()
    rig.execute()
    rig.keeper()

    def handler(_: Any) -> None:
        with rig.mg.session(agent="support", run="run-1") as session:
            session.call("pay", {"order": "A-2", "amount": 1.0, "currency": "EUR"})

    rig.mg.action(name="pay")(rig.shop.pay)
    with pytest.raises(ApprovalPending):
        handler(None)
    rig.resume(handler)

    assert rig.row(Resumption).state == "done"
    assert sorted(r.state for r in rig.rows(Request)) == ["pending", "succeeded"]


def test_outcome_waits_for_its_own_agent(rig: Rig) -> None:
    """A worker resumes only agents that it has a handler for."""
    rig.approved()
    rig.execute()
    rig.keeper()

    assert rig.resume(agent="billing") is None
    assert rig.resume(agent="support") is not None


@pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.REJECT], ids=["approve", "reject"])
def test_each_outcome_resumes_once(rig: Rig, verdict: Verdict) -> None:
    """Many workers at once hand one outcome back once."""
    request_id = rig.ask()
    rig.press(request_id, "bob", verdict)
    rig.keeper()
    rig.execute()
    rig.keeper()

    outcomes = in_parallel([rig.resume] * 6)

    assert len(rig.shop.resumed) == 1
    assert sum(o is not None for o in outcomes) == 1


def test_worker_role_does_it_all(rig: Rig) -> None:
    """The role claims, runs, reports, resumes, and goes on after an action and a handler that fail."""
    orders = [f"A-{n}" for n in range(4)]
    for order in orders:
        rig.approved(args={"order": order})
    finished = threading.Event()

    def handler(outcome: Any) -> None:
        rig.shop.go_on(outcome)
        if len(rig.shop.resumed) == len(orders):
            finished.set()

    role = WorkerRole(
        rig.working,
        actions=rig.shop.actions,
        handlers={"support": handler},
        worker="w1",
        journal=rig.journal,
    )
    stop = threading.Event()
    thread = threading.Thread(target=role.run, args=(stop,))
    thread.start()
    try:
        while not finished.is_set():
            rig.keeper()
            finished.wait(0.01)
    finally:
        stop.set()
        rig.working.store.pulse.beat()
        thread.join(30)

    assert not thread.is_alive()
    assert orders == sorted(a["order"] for _, a in rig.shop.ran)
    assert len(rig.shop.resumed) == 4


def test_report_without_a_claim_of_ours_changes_nothing(rig: Rig) -> None:
    """A report about an execution that the database does not know is an error, not an outcome."""
    request_id = rig.approved()
    claim = rig.claim()
    assert claim is not None
    rig.forge("update executions set attempt = 7")
    done = run(claim, rig.shop.actions["pay"])

    assert not report(rig.working, claim, done, "w1")
    assert rig.state(request_id) == "executing"


def test_lease_is_as_long_as_configured(rig: Rig) -> None:
    """A claim holds for the configured lease."""
    rig.approved()
    rig.claim()

    execution = rig.row(Execution)
    assert timedelta(seconds=60) == execution.lease_until - execution.claimed_at
