"""Run approved actions, each once: claim on a signed decision, execute the stored bytes, report what came of it."""

from __future__ import annotations

import asyncio
import inspect
import traceback
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from mailgate.errors import Forged, IllegalTransition, InvalidArguments, NotDone
from mailgate.model.action import Action
from mailgate.model.canonical import NotCanonical, canonical_bytes, to_plain
from mailgate.model.lifecycle import State, Trigger
from mailgate.model.signature import Signature
from mailgate.service.conclude import conclude
from mailgate.service.context import Working
from mailgate.service.journal import Journal
from mailgate.service.once import Once
from mailgate.service.proof import find_approval, get_approval, start_by
from mailgate.store import Tx
from mailgate.store.events import append_event, events_of
from mailgate.store.requests import in_state, lock_request, move
from mailgate.store.tables import Execution, Request
from mailgate.store.work import executions_of, prolong_execution, silent_executions

log = structlog.get_logger(__name__)

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
        found = [r.id for r in in_state(tx, State.APPROVED, actions) if _is_founded(tx, working, r, once)]
        again = [r.id for r, e in silent_executions(tx) if e.idempotent and r.action in actions]
    for request_id in [*found, *again]:
        claim = _claim(working, request_id, actions, worker, journal, once)
        if claim is not None:
            return claim
    return None


def _is_founded(tx: Tx, working: Working, request: Request, once: Once) -> bool:
    try:
        if find_approval(tx, working.verifier, request) is not None:
            return True
        if not events_of(tx, request.id, "decision"):
            raise Forged("requests", request.id, "it stands as approved, but no decision was counted")
    except Forged as error:
        if once.first(f"claim {request.id} {error.why}"):
            log.error("forged", table=error.table, row=error.row, why=error.why, request=request.id)
    return False


def _claim(
    working: Working, request_id: str, actions: Mapping[str, Known], worker: str, journal: Journal, once: Once
) -> Claim | None:
    with working.store.write() as tx:
        request = lock_request(tx, request_id)
        known = actions.get(request.action)
        trigger = Trigger.RECLAIM if request.state == State.EXECUTING else Trigger.CLAIM
        try:
            approval = get_approval(tx, working.verifier, request)
            if known is None or (trigger is Trigger.CLAIM and start_by(approval) <= tx.now):
                return None
            if journal.has(request_id) and not known.idempotent:
                raise Forged("requests", request_id, "this worker started it before; somebody turned its state back")
            move(tx, request, trigger)
        except (Forged, IllegalTransition) as error:
            if once.first(f"claim {request_id} {error}"):
                log.error("not_claimed", request=request_id, why=str(error))
            return None
        attempt = len(executions_of(tx, request_id)) + 1
        lease = tx.now + working.config.worker.lease
        tx.session.add(
            Execution(
                request_id=request_id,
                attempt=attempt,
                worker=worker,
                idempotent=known.idempotent,
                claimed_at=tx.now,
                lease_until=lease,
            )
        )
        append_event(tx, "executing", request_id, {"actor": {"worker": worker}, "attempt": attempt}, key=None)
        claim = Claim(
            request_id=request_id, attempt=attempt, action=Action(name=request.action, canonical=request.canonical)
        )
    journal.note(request_id)
    return claim


def run(claim: Claim, known: Known) -> Report:
    """Run the action with the arguments of its stored bytes and return what came of it; never raises."""
    token = current_request_id.set(claim.request_id)
    try:
        arguments = known.signature.validate(claim.action.arguments)
        result = known.function(**arguments)
        if inspect.isawaitable(result):
            result = asyncio.run(_await(result))
        return Report(succeeded=True, result=_stored(result))
    except NotDone as error:
        return Report(succeeded=False, error=error.message)
    except InvalidArguments as error:
        return Report(succeeded=False, error=f"It was not started: {error.message}")
    except Exception as error:  # whatever an action raises, the agent and the people must hear of it
        log.warning("action_raised", request=claim.request_id, action=claim.action.name, where=_where(error))
        return Report(succeeded=False, error=f"{type(error).__name__}: {error}"[:2000], effect="unknown")
    finally:
        current_request_id.reset(token)


def report(working: Working, claim: Claim, done: Report, worker: str) -> bool:
    """Store what came of a claim and make the agent due to hear it; False if we were presumed dead meanwhile.

    A late report is kept as evidence on the execution and changes no outcome.
    """
    with working.store.write() as tx:
        request = lock_request(tx, claim.request_id)
        execution = tx.session.get_one(Execution, (claim.request_id, claim.attempt))
        latest = executions_of(tx, claim.request_id)[-1].attempt
        if request.state != State.EXECUTING or latest != claim.attempt:
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
        )
    return True


def stay_alive(working: Working, claim: Claim, worker: str, length: timedelta) -> None:
    """Say that this worker is still inside the action."""
    with working.store.write() as tx:
        prolong_execution(tx, claim.request_id, claim.attempt, worker, length)


def _stored(result: Any) -> bytes:
    try:
        return canonical_bytes(to_plain(result))
    except NotCanonical:
        # The action ran; what it returned must not make it look as if it had not.
        return canonical_bytes(to_plain(repr(result)[:10_000].encode("utf-8", "replace").decode()))


async def _await(awaitable: Any) -> Any:
    return await awaitable


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
