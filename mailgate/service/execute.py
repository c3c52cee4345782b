"""Run approved actions, each once: claim on a signed decision, execute the stored bytes, report what came of it."""

from __future__ import annotations

import asyncio
import inspect
import traceback
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

import structlog

from mailgate.errors import Forged, InvalidArguments, NotDone
from mailgate.model.action import Action
from mailgate.model.canonical import canonical_bytes, to_plain
from mailgate.model.lifecycle import State, Trigger
from mailgate.model.redaction import redact
from mailgate.model.signature import Signature
from mailgate.service.archiving import forbids_execution
from mailgate.service.conclude import conclude
from mailgate.service.context import Working
from mailgate.service.journal import Journal
from mailgate.service.once import Once
from mailgate.service.proof import approved_by, read_history, start_by, start_from
from mailgate.store import Tx
from mailgate.store.events import append_event, events_of
from mailgate.store.requests import in_state, lock_request, move
from mailgate.store.tables import Execution, Request
from mailgate.store.tree import guarded_size
from mailgate.store.work import KEEPER, executions_of, is_live, prolong_execution, silent_executions

log = structlog.get_logger(__name__)

AT_A_TIME = 8
"""Requests a worker tries to claim after one look: enough that workers who look at once do not all come too late."""

current_request_id: ContextVar[str | None] = ContextVar("current_request_id", default=None)
"""The request whose action is running here; the idempotency key to hand on to other services."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An action that this worker can run."""

    signature: Signature
    function: Callable[..., Any]
    idempotent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One run of one approved action, ours until its lease ends."""

    request_id: str
    attempt: int
    action: Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of running an action. ``effect`` is ``none`` or ``unknown`` where it failed."""

    succeeded: bool
    result: bytes | None = None
    error: str = ""
    effect: str = "none"


def claim_next(
    working: Working, actions: Mapping[str, Known], worker: str, journal: Journal, once: Once
) -> Claim | None:
    """Claim one approved request whose signed decision verifies; None if there is none.

    A request that stands as approved without such a decision is passed over and said so; the keeper reports it.
    """
    with working.store.read() as tx:
        # A look before a write: whoever commits wakes everybody, itself too.
        standing = [(r, Trigger.CLAIM) for r in in_state(tx, State.APPROVED, actions)]
        standing += [(r, Trigger.RECLAIM) for r, _ in silent_executions(tx) if r.action in actions]
        startable = (
            (r.id, trigger) for r, trigger in standing if _may_start(tx, working, r, trigger, actions, journal, once)
        )
        found = list(islice(startable, AT_A_TIME))
    for request_id, trigger in found:
        claim = _claim(working, request_id, trigger, actions, worker, journal, once)
        if claim is not None:
            return claim
    return None


def _claim(
    working: Working,
    request_id: str,
    trigger: Trigger,
    actions: Mapping[str, Known],
    worker: str,
    journal: Journal,
    once: Once,
) -> Claim | None:
    """Claim what a look found, if it still is as it was then: another worker may have been faster."""
    with working.store.write() as tx:
        request = lock_request(tx, request_id)
        if not _may_start(tx, working, request, trigger, actions, journal, once):
            return None
        move(tx, request, trigger)
        known = actions[request.action]
        attempt = _new_attempt(tx, working, request, known, worker)
        body = {"actor": {"worker": worker}, "attempt": attempt, "idempotent": known.idempotent}
        append_event(tx, "executing", request_id, body, key=None)
        claim = Claim(
            request_id=request_id, attempt=attempt, action=Action(name=request.action, canonical=request.canonical)
        )
    journal.note(request_id)
    return claim


def _may_start(
    tx: Tx,
    working: Working,
    request: Request,
    trigger: Trigger,
    actions: Mapping[str, Known],
    journal: Journal,
    once: Once,
) -> bool:
    """Return whether an action may start now, for the first time or again; say once what forbids it for good."""
    known = actions.get(request.action)
    if known is None:
        return False
    try:
        return _is_startable(tx, working, request, trigger, known, journal)
    except Forged as error:
        if once.first(f"claim {request.id} {error}"):
            log.error("not_claimed", request=request.id, why=str(error))
        return False


def _is_startable(tx: Tx, working: Working, request: Request, trigger: Trigger, known: Known, journal: Journal) -> bool:
    """Return whether an action may start now.

    Raises:
        Forged: no signed decision approves it, or it was started before and is not idempotent, or it had ended.
    """
    history = read_history(tx, working.verifier, request)
    if any(e.position is None for e in events_of(tx, request.id, "undo")):
        return False  # taken back, and not recorded yet; or somebody keeps it from being recorded
    if history.approval is None:
        if any(e.position is None and not e.refused for e in events_of(tx, request.id, "decision")):
            return False  # not recorded yet
        raise Forged("requests", request.id, f"it stands as {request.state}, but no signed decision approves it")
    if history.approval.index >= guarded_size(tx) or not is_live(tx, KEEPER):
        return False  # the log is not known to be the newest there is: the database may have been turned back
    if forbids_execution(tx, working.config):
        return False
    runs = executions_of(tx, request.id)
    if trigger is Trigger.RECLAIM:
        is_silent = bool(runs) and runs[-1].finished_at is None and runs[-1].lease_until < tx.now
        was_in_time = history.started is not None or start_by(history.approval) > tx.now
        if history.end is not None or not was_in_time:
            raise Forged("requests", request.id, "it had ended before; somebody turned its state back")
        return known.idempotent and request.state == State.EXECUTING and is_silent
    if request.state != State.APPROVED or not start_from(history.approval) <= tx.now < start_by(history.approval):
        return False
    was_started = bool(runs) or history.started is not None or journal.has(request.id)
    if history.end is not None or (was_started and not known.idempotent):
        raise Forged("requests", request.id, "it was started before; somebody turned its state back")
    return True


def _new_attempt(tx: Tx, working: Working, request: Request, known: Known, worker: str) -> int:
    attempt = len(executions_of(tx, request.id)) + 1
    tx.session.add(
        Execution(
            request_id=request.id,
            attempt=attempt,
            worker=worker,
            idempotent=known.idempotent,
            claimed_at=tx.now,
            lease_until=tx.now + working.config.worker.lease,
        )
    )
    return attempt


def run(claim: Claim, known: Known) -> Report:
    """Run the action with the arguments of its stored bytes and return what came of it; never raises."""
    try:
        arguments = known.signature.validate(claim.action.arguments)
        if known.signature.action(arguments).digest != claim.action.digest:
            # A default that was not there, a number that was text: the mail showed something else.
            raise InvalidArguments("its function takes other arguments now than those that were approved")
    except InvalidArguments as error:
        return Report(succeeded=False, error=_readable(f"It was not started: {error.message}"))
    token = current_request_id.set(claim.request_id)
    try:
        result = known.function(**arguments)
        if inspect.isawaitable(result):
            result = asyncio.run(_await(result))
        return Report(succeeded=True, result=stored(result))
    except NotDone as error:
        return Report(succeeded=False, error=_readable(redact(error.message)))
    except (Exception, SystemExit, asyncio.CancelledError) as error:
        # Whatever an action raises, the agent and the people must hear of it.
        kind, where = type(error).__name__, place_of(error)
        log.warning("action_raised", request=claim.request_id, action=claim.action.name, error=kind, where=where)
        return Report(succeeded=False, error=told(error), effect="unknown")
    finally:
        current_request_id.reset(token)


def report(working: Working, claim: Claim, done: Report, worker: str) -> bool:
    """Store what came of a claim and make the agent due to hear it; False if we were presumed dead meanwhile.

    A late report is kept as evidence on the execution and changes no outcome.
    """
    with working.store.write() as tx:
        request = lock_request(tx, claim.request_id)
        runs = executions_of(tx, claim.request_id)
        execution = next((e for e in runs if e.attempt == claim.attempt), None)
        if execution is None:
            log.error("not_reported", request=claim.request_id, attempt=claim.attempt, why="its execution is gone")
            return False
        if request.state != State.EXECUTING or execution is not runs[-1]:
            execution.late_report = f"succeeded={done.succeeded} error={done.error}"
            tx.session.add(execution)
            return False
        execution.finished_at = tx.now
        tx.session.add(execution)
        body = {"actor": {"worker": worker}, "attempt": claim.attempt, "error": done.error, "effect": done.effect}
        trigger = Trigger.SUCCEED if done.succeeded else Trigger.FAIL
        conclude(
            tx,
            request,
            trigger,
            kind="outcome",
            body=body,
            key=None,
            result=done.result,
            error=done.error,
            effect=done.effect,
            decided_by=approved_by(tx, working.verifier, request),
        )
    return True


def stay_alive(working: Working, claim: Claim, worker: str, length: timedelta) -> None:
    """Say that this worker is still inside the action."""
    with working.store.write() as tx:
        prolong_execution(tx, claim.request_id, claim.attempt, worker, length)


def stored(result: Any) -> bytes:
    """Return the canonical bytes of what an action gave: as it is, else as Python shows it, else the name of its type.

    The action ran: what it returned must not make it look as if it had not.
    """
    for form in (lambda: result, lambda: repr(result)[:10_000].encode("utf-8", "replace").decode()):
        try:
            return canonical_bytes(to_plain(form()))
        except Exception:
            log.info("result_not_stored_as_it_is", type=type(result).__name__)
    return canonical_bytes(f"<{type(result).__name__}>")


def told(error: BaseException) -> str:
    """Return what people and the agent are told of an exception, without secrets it names; at most 2,000 characters."""
    try:
        text = str(error)
    except Exception:  # an exception of somebody's own making
        text = "it cannot be shown"
    return _readable(f"{type(error).__name__}: {redact(text[:20_000])}")


def _readable(text: str) -> str:
    return text[:2000].encode("utf-8", "replace").decode()


async def _await(awaitable: Any) -> Any:
    return await awaitable


def place_of(error: BaseException) -> str:
    """Return where an exception was raised, as ``file:line``; empty if nothing was entered."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
