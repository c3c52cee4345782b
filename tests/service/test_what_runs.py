"""What runs is what was approved, and what came of it is what is told."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from mailgate.errors import InvalidArguments
from mailgate.model.signature import Signature
from mailgate.service import execute
from mailgate.service.execute import Known
from mailgate.service.resume import Outcome
from mailgate.service.worker import WorkerRole
from mailgate.store.tables import Resumption
from tests.service.conftest import RigMaker
from tests.service.rig import Rig


def redeclare(rig: Rig, function: Any) -> None:
    """Let the worker know another version of `pay`."""
    rig.shop.actions["pay"] = Known(signature=Signature("pay", function), function=function)


def test_a_default_that_nobody_saw_does_not_run(rig: Rig) -> None:
    """Whoever asked did not declare the action; the worker's version would fill in a currency and turn text into a number."""
    ticket = rig.mg.submit("pay", {"order": "A-1", "amount": "1e3"}, agent="support", run="run-1")
    rig.keeper()
    assert rig.press(ticket.request_id, "bob").done
    rig.keeper()
    rig.work()
    assert rig.shop.ran == []
    request = rig.request(ticket.request_id)
    assert (request.state, request.effect) == ("failed", "none")
    assert "It was not started: its function takes other arguments now" in request.error


def test_a_function_that_has_changed_since_does_not_run(rig: Rig) -> None:
    """A new parameter has a default that was in no mail."""
    ran: list[Any] = []

    def pay(order: str = "", amount: float = 0.0, currency: str = "EUR", account: str = "mallory") -> None:
        ran.append(account)

    request_id = rig.approved()
    redeclare(rig, pay)
    rig.work()
    assert ran == []
    assert rig.request(request_id).effect == "none"


def test_an_error_about_arguments_from_inside_the_action_is_no_proof_that_it_had_no_effect(rig: Rig) -> None:
    """Only before it was entered nothing has happened."""

    def half_done() -> None:
        raise InvalidArguments("of a call inside, after the money went out")

    rig.shop.doing = half_done
    request_id = rig.approved()
    rig.work()
    assert (rig.request(request_id).state, rig.request(request_id).effect) == ("failed", "unknown")


def test_an_async_handler_is_entered(rig: Rig) -> None:
    """As an async action is."""
    entered: list[str] = []

    async def go_on(outcome: Outcome) -> None:
        await asyncio.sleep(0)
        entered.append(outcome.outcome)

    rig.approved()
    rig.execute()
    rig.keeper()
    rig.resume(go_on)
    assert entered == ["succeeded"]
    assert rig.row(Resumption).state == "done"


def test_an_async_handler_that_fails_is_entered_again(rig: Rig) -> None:
    """And an async one that is cancelled, too."""

    async def go_on(_: Outcome) -> None:
        raise asyncio.CancelledError

    rig.approved()
    rig.execute()
    rig.keeper()
    rig.resume(go_on)
    assert (rig.row(Resumption).state, rig.row(Resumption).attempts) == ("waiting", 1)


def test_a_handler_that_never_comes_back_is_parked(rig: Rig) -> None:
    """A process that dies inside it each time does not try for ever, and the operators hear of it."""

    def die(_: Outcome) -> None:
        raise KeyboardInterrupt

    request_id = rig.approved()
    rig.execute()
    rig.keeper()
    for _ in range(rig.working.config.worker.resume_attempts):
        with pytest.raises(KeyboardInterrupt):
            rig.resume(die)
        rig.clock.forward(minutes=6)
    assert rig.resume(die) is None
    rig.keeper()
    assert rig.row(Resumption).state == "parked"
    assert rig.kinds(request_id)[-1] == "resume_failed"


@pytest.fixture
def working(make_rig: RigMaker) -> Iterator[tuple[Rig, threading.Event, threading.Event]]:
    """Make a rig with short leases and an action that stays inside until it is let go."""
    rig = make_rig(worker={"lease": "1s"})
    inside, go = threading.Event(), threading.Event()
    rig.shop.doing = lambda: (inside.set(), go.wait(10), "done")[2]
    yield rig, inside, go
    go.set()


def test_a_worker_that_is_stopping_says_that_it_is_alive(
    working: tuple[Rig, threading.Event, threading.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the last action has come back: else it would be called dead, or run a second time, while it runs."""
    rig, inside, go = working
    beaten = threading.Semaphore(0)
    stay_alive = execute.stay_alive
    monkeypatch.setattr("mailgate.service.worker.stay_alive", lambda *a: (stay_alive(*a), beaten.release())[0])
    rig.approved()
    stop = threading.Event()
    role = WorkerRole(rig.working, actions=rig.shop.actions, handlers={}, worker="w", journal=rig.journal)
    running = threading.Thread(target=role.run, args=(stop,))
    running.start()
    assert inside.wait(10)
    stop.set()
    time.sleep(0)  # let it see that
    for _ in range(2):
        assert beaten.acquire(timeout=10)
    go.set()
    running.join()


def test_one_piece_of_work_that_is_gone_does_not_end_the_others_heartbeat(
    working: tuple[Rig, threading.Event, threading.Event],
) -> None:
    """Whatever it raises."""
    rig, *_ = working
    role = WorkerRole(rig.working, actions=rig.shop.actions, handlers={}, worker="w", journal=rig.journal)
    beaten = threading.Semaphore(0)

    def gone() -> None:
        raise LookupError("no such row")

    role._alive = {1: gone, 2: beaten.release}
    beating = threading.Thread(target=role._beat)
    beating.start()
    for _ in range(2):
        assert beaten.acquire(timeout=10)
    role._finished.set()
    beating.join()


def test_everybody_who_said_yes_is_named(rig: Rig) -> None:
    """Not only whoever was last."""
    request_id = rig.ask("pay_twice")
    for person in ("bob", "alice"):
        assert rig.press(request_id, person).done
        rig.keeper()
    rig.work()
    assert rig.request(request_id).decided_by == "Bob Brown and Alice Adams"
