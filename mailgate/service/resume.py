"""Hand outcomes back to agents: each with its checkpoint, entered again after a crash, completed once."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from mailgate.errors import ApprovalPending, Forged
from mailgate.model.action import Action
from mailgate.model.canonical import from_plain, read_plain
from mailgate.model.lifecycle import FINAL, State
from mailgate.service.context import Working
from mailgate.service.execute import Report, place_of, told
from mailgate.service.once import Once
from mailgate.service.proof import check_asked, find_end, read_history
from mailgate.service.ruling import route_of
from mailgate.service.wording import sentence_for_model
from mailgate.store import Tx
from mailgate.store.events import append_event, events_of
from mailgate.store.requests import find_checkpoint, find_request
from mailgate.store.tables import Checkpoint, Request, Resumption
from mailgate.store.work import due_resumptions

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=5)
"""A handler silent for longer is presumed dead and entered again; it is prolonged while the worker lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an agent is resumed with.

    Attributes:
        id: the resumption's id; the same however often the handler is entered.
        state: what the agent stored, parsed if it was JSON, else bytes; None if it stored nothing.
        outcome: the final state: succeeded, failed, rejected, expired, lapsed, withdrawn, undeliverable, cancelled.
        result: what the action returned.
        attempt: how often the handler has been entered for this outcome, this time included.
        for_model: the sentence to hand to a language model.
    """

    id: str
    agent: str
    run: str
    on_behalf_of: str | None
    state: Any
    state_version: str
    outcome: str
    result: Any
    error: str
    effect: str
    reason: str
    decided_by: str
    action: str
    args: dict[str, Any]
    on_reject: str
    for_model: str
    attempt: int = 1


def claim_resumption(working: Working, agents: Mapping[str, Any], worker: str, once: Once) -> Outcome | None:
    """Take one outcome that waits for one of ``agents``; None if there is none that is proven."""
    with working.store.read() as tx:
        candidates = [
            r.request_id for r in due_resumptions(tx, agents, 16) if is_proven(tx, working, r.request_id, once)
        ]
    for request_id in candidates:
        outcome = _claim(working, request_id, agents, worker, once)
        if outcome is not None:
            return outcome
    return None


def claim_own(
    working: Working, request_id: str, done: Report, agents: Mapping[str, Any], worker: str, once: Once
) -> Outcome | None:
    """Take the outcome that this very worker has just reported, without waiting for the keeper's record of it.

    What the worker itself saw needs no witness; that it still stands in the database as it saw it is checked.
    """
    return _claim(working, request_id, agents, worker, once, seen=done)


def _claim(
    working: Working,
    request_id: str,
    agents: Mapping[str, Any],
    worker: str,
    once: Once,
    seen: Report | None = None,
) -> Outcome | None:
    with working.store.write() as tx:
        resumption = tx.session.get_one(Resumption, request_id, with_for_update=True, populate_existing=True)
        silent = resumption.state == "running" and (resumption.lease_until or tx.now) < tx.now
        if not silent and (resumption.state != "waiting" or resumption.next_at > tx.now):
            return None
        request = find_request(tx, request_id)
        if request is None or request.agent not in agents or not is_proven(tx, working, request_id, once, seen):
            return None
        if resumption.attempts >= working.config.worker.resume_attempts:
            _park(tx, resumption, "its handler never came back")
            return None
        resumption.state, resumption.worker = "running", worker
        resumption.attempts += 1
        resumption.lease_until = tx.now + LEASE
        tx.session.add(resumption)
        return outcome_of(tx, working, request, attempt=resumption.attempts)


def is_proven(tx: Tx, working: Working, request_id: str, once: Once, seen: Report | None = None) -> bool:
    """Return whether the outcome is one that the records bear out: nobody resumes an agent by writing a state.

    An outcome that the keeper has not recorded yet is not proven yet; one that it cannot record is said so once.

    Args:
        seen: what this worker itself saw come of it; then only who asked, and with which state, needs a record.
    """
    request = find_request(tx, request_id)
    if request is None or request.state not in FINAL:
        return False
    try:
        history = read_history(tx, working.verifier, request)
        if history.resumed is not None:
            raise Forged("resumptions", request_id, "its agent was resumed before; somebody turned that back")
        if seen is not None:
            check_asked(tx, history, request)
            return _as_seen(request, seen)
        if find_end(tx, working.verifier, request) is not None:
            check_asked(tx, history, request)
            return True
        if all(e.position is not None or e.refused for e in events_of(tx, request_id)):
            raise Forged("requests", request_id, f"it stands as {request.state}, but nothing that happened says so")
    except Forged as error:
        if once.first(f"resume {request_id} {error}"):
            log.error("not_resumed", request=request_id, why=str(error))
    return False


def _as_seen(request: Request, seen: Report) -> bool:
    state = State.SUCCEEDED if seen.succeeded else State.FAILED
    stands = (request.state, request.result, request.error, request.effect)
    return stands == (state, seen.result, seen.error, seen.effect)


def resume(working: Working, outcome: Outcome, handler: Callable[[Outcome], Any]) -> bool:
    """Enter the agent's handler and complete the resumption; a handler that fails is retried later, then parked.

    Returns:
        Whether the agent was resumed, and by us.
    """
    try:
        going_on = handler(outcome)
        if inspect.isawaitable(going_on):
            asyncio.run(_await(going_on))
    except ApprovalPending:
        pass  # the agent stopped at its next gate: that is a way to go on
    except (Exception, SystemExit, asyncio.CancelledError) as error:  # the agent's own code; the outcome stays
        _retry(working, outcome, told(error), place_of(error))
        return False
    with working.store.write() as tx:
        resumption = _own(tx, outcome)
        if resumption is None:
            return False
        resumption.state, resumption.finished_at = "done", tx.now
        tx.session.add(resumption)
        append_event(tx, "resumed", outcome.id, {"actor": {"agent": outcome.agent, "run": outcome.run}}, key=None)
    return True


def _own(tx: Tx, outcome: Outcome) -> Resumption | None:
    """Return the resumption, unless we were presumed dead and another worker entered the handler after us."""
    resumption = tx.session.get_one(Resumption, outcome.id, with_for_update=True, populate_existing=True)
    if resumption.state == "running" and resumption.attempts == outcome.attempt:
        return resumption
    log.warning("resumed_late", request=outcome.id, agent=outcome.agent, attempt=outcome.attempt)
    return None


def prolong_resumption(working: Working, request_id: str) -> None:
    """Say that this worker is still inside the handler."""
    with working.store.write() as tx:
        resumption = tx.session.get_one(Resumption, request_id)
        if resumption.state == "running":
            resumption.lease_until = tx.now + LEASE
            tx.session.add(resumption)


def _retry(working: Working, outcome: Outcome, why: str, where: str) -> None:
    with working.store.write() as tx:
        resumption = _own(tx, outcome)
        if resumption is None:
            return
        if resumption.attempts >= working.config.worker.resume_attempts:
            _park(tx, resumption, why, where)
            return
        resumption.state = "waiting"
        resumption.next_at = tx.now + timedelta(seconds=min(2**resumption.attempts, 3600))
        resumption.last_error = why[:2000]
        tx.session.add(resumption)
        log.warning("resume_failed", request=outcome.id, agent=outcome.agent, parked=False, why=why[:200], where=where)


def _park(tx: Tx, resumption: Resumption, why: str, where: str = "") -> None:
    """Stop handing an outcome to an agent whose own code cannot take it; the operators are told."""
    resumption.state, resumption.last_error = "parked", why[:2000]
    tx.session.add(resumption)
    body = {"actor": {"agent": resumption.agent}, "attempts": resumption.attempts, "error": why[:500]}
    append_event(tx, "resume_failed", resumption.request_id, body, key=None)
    log.warning(
        "resume_failed",
        request=resumption.request_id,
        agent=resumption.agent,
        parked=True,
        why=why[:200],
        where=where,
    )


def outcome_of(tx: Tx, working: Working, request: Request, *, attempt: int = 1) -> Outcome:
    """Return what the agent is told about ``request``."""
    checkpoint = find_checkpoint(tx, request.id)
    route = route_of(tx, request)
    return Outcome(
        id=request.id,
        agent=request.agent,
        run=request.run,
        on_behalf_of=request.on_behalf_of,
        state=_state(checkpoint) if checkpoint else None,
        state_version=checkpoint.state_version if checkpoint else "",
        outcome=request.state,
        result=None if request.result is None else from_plain(read_plain(request.result)),
        error=request.error,
        effect=request.effect,
        reason=request.reason,
        decided_by=request.decided_by,
        action=request.action,
        args=Action(name=request.action, canonical=request.canonical).arguments,
        on_reject=route,
        for_model=sentence_for_model(request, route=route),
        attempt=attempt,
    )


async def _await(going_on: Any) -> None:
    await going_on


def _state(checkpoint: Checkpoint) -> Any:
    if checkpoint.media_type != "application/json":
        return checkpoint.body
    try:
        return json.loads(checkpoint.body)
    except ValueError:
        return checkpoint.body  # the agent said it was JSON; what it stored is its own all the same
