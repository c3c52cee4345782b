"""What a worker, and the outbox beside it, say in the log: what they serve, what waits, and what went wrong where."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from mailgate.mail.smtp import SmtpSender
from mailgate.service.resume import Outcome
from mailgate.service.roles import OutboxRole
from mailgate.service.worker import WorkerRole
from mailgate.store.tables import Outgoing
from tests.service.rig import FakeSender, Rig

PATIENCE = 20


def events(logs: list[Any], name: str) -> list[dict[str, Any]]:
    """Return what was said under one name, without name and level."""
    return [{k: v for k, v in e.items() if k not in ("event", "log_level")} for e in logs if e["event"] == name]


def worker(rig: Rig, actions: dict[str, Any], handlers: dict[str, Callable[[Outcome], Any]]) -> WorkerRole:
    """Return a worker that declares these."""
    return WorkerRole(rig.working, actions=actions, handlers=handlers, worker="w1", journal=rig.journal)


def run_until(role: WorkerRole | OutboxRole, rig: Rig, done: Callable[[], bool]) -> None:
    """Run a role until ``done``."""
    stop, waiting = threading.Event(), threading.Event()
    thread = threading.Thread(target=role.run, args=(stop,))
    thread.start()
    try:
        for _ in range(PATIENCE * 100):
            if done():
                return
            waiting.wait(0.01)
        raise AssertionError("it did not come to that")
    finally:
        stop.set()
        rig.working.store.pulse.beat()
        rig.serving.store.pulse.beat()
        thread.join(PATIENCE)


def test_a_worker_says_what_it_serves(rig: Rig, logs: list[Any]) -> None:
    """The first line of its log tells whether the right module was loaded."""
    role = worker(rig, rig.shop.actions, {"support": rig.shop.go_on})
    run_until(role, rig, lambda: bool(events(logs, "worker_serves")))

    [said] = events(logs, "worker_serves")
    assert said["agents"] == ["support"]
    assert said["actions"] == sorted(rig.shop.actions)


def test_what_waits_for_nobody_is_said_once(rig: Rig, logs: list[Any]) -> None:
    """An approved action and an agent that this worker does not declare are named, each once, however many wait."""
    rig.approved(args={"order": "A-1"})
    rig.approved(args={"order": "A-2"})
    rig.approved("warm_up", agent="billing")
    rig.execute()
    rig.keeper()
    role = worker(rig, {"look_up": rig.shop.actions["look_up"]}, {"other": rig.shop.go_on})
    role._look_around()
    role._look_around()

    said = {(e["kind"], e["name"]) for e in events(logs, "not_served")}
    assert len(events(logs, "not_served")) == len(said)
    assert ("action", "pay") in said
    assert {k for k, _ in said} == {"action", "agent"}


def test_what_a_worker_serves_is_not_complained_of(rig: Rig, logs: list[Any]) -> None:
    """Work of its own is no news."""
    rig.approved()
    worker(rig, rig.shop.actions, {"support": rig.shop.go_on})._look_around()

    assert events(logs, "not_served") == []


def test_a_handler_that_fails_did_not_resume(rig: Rig, logs: list[Any]) -> None:
    """Only an agent that was resumed is said to be; a failure names file and line of the handler."""
    rig.approved()
    rig.execute()
    rig.keeper()

    def failing(_: Outcome) -> None:
        raise ValueError("no such ticket")

    run_until(worker(rig, {}, {"support": failing}), rig, lambda: bool(events(logs, "resume_failed")))

    said = events(logs, "resume_failed")[0]
    line = failing.__code__.co_firstlineno + 1
    assert said["where"] == f"{__file__}:{line}"
    assert events(logs, "resumed") == []


def test_a_resumed_agent_is_said_to_be(rig: Rig, logs: list[Any]) -> None:
    """A handler that came back is one resumption, said once."""
    rig.approved()
    rig.execute()
    rig.keeper()
    run_until(worker(rig, {}, {"support": rig.shop.go_on}), rig, lambda: bool(events(logs, "resumed")))

    assert [e["agent"] for e in events(logs, "resumed")] == ["support"]


def test_an_action_that_raises_is_said_with_the_kind_of_exception(rig: Rig, logs: list[Any]) -> None:
    """The log names what was raised and where, without the words, which may be anybody's."""

    def doing() -> None:
        raise KeyError("secret")

    rig.shop.doing = doing
    rig.approved()
    rig.execute()

    [said] = events(logs, "action_raised")
    assert (said["error"], said["where"].rpartition(":")[0]) == ("KeyError", __file__)
    assert "secret" not in str(said)


class _Broken(FakeSender):
    async def send(self, sender: str, recipient: str, raw: bytes) -> str:
        raise LookupError("nobody foresaw this")

    async def close(self) -> None:
        """Have nothing to close."""


def test_a_mail_that_fails_in_an_unforeseen_way_is_said(rig: Rig, logs: list[Any]) -> None:
    """An error of our own while sending is logged with the mail's id; the mail is kept and sent again later."""
    rig.ask()
    broken: Any = _Broken
    sender: Callable[[], SmtpSender] = broken
    run_until(OutboxRole(rig.serving, sender), rig, lambda: len(events(logs, "send_failed")) == 2)

    assert {e["mail"] for e in events(logs, "send_failed")} == {m.id for m in rig.rows(Outgoing)}
    assert {e["why"] for e in events(logs, "send_failed")} == {"LookupError: nobody foresaw this"}
    assert {m.state for m in rig.rows(Outgoing)}.isdisjoint({"sent", "failed"})


@pytest.mark.parametrize("state", ["waiting", "done"])
def test_only_an_outcome_that_waits_is_missed(rig: Rig, logs: list[Any], state: str) -> None:
    """An agent that was resumed by another worker is nothing to complain of."""
    rig.approved()
    rig.execute()
    rig.keeper()
    rig.forge("update resumptions set state = :state", state=state)
    worker(rig, rig.shop.actions, {})._look_around()

    assert [(e["kind"], e["name"]) for e in events(logs, "not_served")] == (
        [("agent", "support")] if state == "waiting" else []
    )
