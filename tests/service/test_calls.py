"""Calls that run at once: what ran is what was judged and stored, and it is reported once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from mailgate.errors import InvalidArguments
from mailgate.gate import Mailgate, Session
from mailgate.store.tables import Logged
from tests.service.rig import Rig


@pytest.fixture
def mg(rig: Rig) -> Mailgate:
    """Return the library without any action declared yet."""
    return rig.mg


def session(mg: Mailgate) -> Session:
    """Return a session of the usual run."""
    return mg.session(agent="support", run="run-1")


def test_arguments_are_read_once(rig: Rig, mg: Mailgate) -> None:
    """An iterator gives its members once: what runs is what was stored, not an empty rest."""
    ran: list[Any] = []

    @mg.action
    def note_down(order: list[str]) -> None:
        ran.append(order)

    members: Iterator[str] = iter(["a", "b"])
    session(mg).call(note_down, {"order": members})
    assert ran == [["a", "b"]]
    assert b'["a","b"]' in rig.row(Logged).canonical


def test_a_coroutine_is_not_taken_for_a_result(rig: Rig, mg: Mailgate) -> None:
    """Called without await, an async action would be recorded as done and never have run."""

    @mg.action
    async def note_down(order: str) -> str:
        return order

    with pytest.raises(InvalidArguments, match=r"note_down is async: write `await session\.acall"):
        session(mg).call(note_down, {"order": "A-1"})
    assert rig.rows(Logged) == []
    assert asyncio.run(session(mg).acall(note_down, {"order": "A-1"})) == "A-1"
    assert rig.row(Logged).state == "succeeded"


def test_who_stops_waiting_for_a_thread_does_not_stop_it(rig: Rig, mg: Mailgate) -> None:
    """It has its effect all the same, and what came of it is stored, not that somebody gave up."""
    inside, go, done = threading.Event(), threading.Event(), threading.Event()

    @mg.action
    def note_down(order: str) -> str:
        inside.set()
        go.wait(10)
        return order

    report = mg.report
    mg.report = lambda *a, **k: (report(*a, **k), done.set())[0]  # type: ignore[method-assign]

    async def give_up() -> None:
        call = asyncio.create_task(session(mg).acall(note_down, {"order": "A-1"}))
        await asyncio.to_thread(inside.wait, 10)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        go.set()

    asyncio.run(give_up())
    assert done.wait(10)
    assert rig.row(Logged).state == "succeeded"


def test_an_outcome_is_reported_once_and_only_of_what_may_run(rig: Rig) -> None:
    """A late or mistaken report changes nothing."""
    ticket = rig.submit("note_down")
    rig.mg.report(ticket, result="done")
    with pytest.raises(InvalidArguments, match="was reported before: succeeded"):
        rig.mg.report(ticket, error=RuntimeError("no"))
    again = rig.submit("note_down")
    with pytest.raises(InvalidArguments, match="was not to be run"):
        rig.mg.report(again, error=RuntimeError("no"))
    assert rig.row(Logged).state == "succeeded"


def generator() -> Iterator[int]:
    """Run nothing when called."""
    yield 1


class Shop:
    """Something with a method."""

    def pay(self) -> None:
        """Pay."""


@pytest.mark.parametrize(("function", "why"), [(generator, "is a generator"), (Shop.pay, "is a method")])
def test_what_cannot_be_called_by_name_is_not_declared(mg: Mailgate, function: Any, why: str) -> None:
    """Said where it is declared, not when somebody has approved it."""
    with pytest.raises(InvalidArguments, match=why):
        mg.action(function)
    assert mg.action(name="bound")(Shop().pay).name == "bound"


def test_a_plain_function_is_no_action(mg: Mailgate) -> None:
    """One sentence, as for an unknown name."""
    with pytest.raises(InvalidArguments, match="There is no action 'generator'; declare it"):
        session(mg).call(generator, {})  # type: ignore[arg-type]


def test_a_cancelling_program_names_the_whole_id(rig: Rig) -> None:
    """An empty id, as that of an `auto` ticket, is nobody's."""
    request_id = rig.ask()
    for wrong in ("", request_id[:8]):
        with pytest.raises(InvalidArguments):
            rig.mg.cancel(wrong)
    assert rig.state(request_id) == "pending"
