"""A session: one stretch of one run of one agent. Its calls go through their gates."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import structlog

from mailgate.errors import ApprovalPending, InvalidArguments, NotCleared, RejectedBefore, StoreUnavailable
from mailgate.gate.actions import GatedAction, Through, current_session
from mailgate.model.confidence import Signals
from mailgate.model.lifecycle import State
from mailgate.model.policy import Tier
from mailgate.service.submit import Ticket

if TYPE_CHECKING:
    from mailgate.gate.library import Mailgate

log = structlog.get_logger(__name__)

R = TypeVar("R")


class Session:
    """One stretch of one run of one agent; used as a context manager, calls go through their gates."""

    def __init__(
        self, mg: Mailgate, *, agent: str, run: str, on_behalf_of: str | None, state: Any, state_version: str
    ) -> None:
        self._mg = mg
        self._about: dict[str, Any] = {
            "agent": agent,
            "run": run,
            "on_behalf_of": on_behalf_of,
            "state": state,
            "state_version": state_version,
        }
        self._token: Token[Through | None] | None = None

    def __enter__(self) -> Self:
        """Make this the session that gated functions go through."""
        self._token = current_session.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave it."""
        if self._token is not None:
            current_session.reset(self._token)

    def call(
        self,
        action: GatedAction[..., R] | str,
        args: Mapping[str, Any],
        *,
        reasoning: str = "",
        confidence: float | Signals | None = None,
        key: str | None = None,
        intent: str | None = None,
    ) -> R:
        """Return the action's result, now or from an earlier same call.

        Raises:
            ApprovalPending: a person is asked; the state is stored and the process may end.
            RejectedBefore, NotCleared, AlreadyPending, KeyConflict, ActionRefused: it did not run.
            InvalidArguments: the arguments do not fit; nobody is asked.
            StoreUnavailable: the database cannot be used now; it did not run.
        """
        declared = self._declared(action)
        if declared.is_async:
            raise InvalidArguments(f"{declared.name} is async: write `await session.acall({declared.name}, …)`.")
        ticket = self._mg.submit(
            declared.name, args, **self._about, reasoning=reasoning, confidence=confidence, key=key, intent=intent
        )
        return cast(R, self._run(declared, ticket) if ticket.may_run else _earlier(ticket))

    async def acall(self, action: GatedAction[..., Any] | str, args: Mapping[str, Any], **options: Any) -> Any:
        """As :meth:`call`, for async code; the action may be ``async`` or not."""
        declared = self._declared(action)
        ticket = await self._mg.asubmit(declared.name, args, **self._about, **options)
        if not ticket.may_run:
            return _earlier(ticket)
        if not declared.is_async:
            # In one piece: who stops waiting for the thread does not stop it, and it reports what came of it all the same.
            return await asyncio.to_thread(self._run, declared, ticket)
        try:
            result = await declared.unguarded(**declared.signature.validate(ticket.args))
        except BaseException as error:
            await asyncio.to_thread(self._report, ticket, error=error)
            raise
        await asyncio.to_thread(self._report, ticket, result=result)
        return result

    def _run(self, declared: GatedAction[Any, Any], ticket: Ticket) -> Any:
        """Run with the arguments that were judged and stored, not with the caller's, which may have changed since."""
        try:
            result = declared.unguarded(**declared.signature.validate(ticket.args))
        except BaseException as error:
            self._report(ticket, error=error)
            raise
        self._report(ticket, result=result)
        return result

    def _report(self, ticket: Ticket, **came_of_it: Any) -> None:
        try:
            self._mg.report(ticket, **came_of_it)
        except StoreUnavailable as error:
            # It ran: to say now that nothing did, and that it may be tried again, would be a lie.
            log.error("not_reported", action=ticket.action, logged=ticket.request_id, why=error.message)

    def _declared(self, action: GatedAction[..., Any] | str) -> GatedAction[Any, Any]:
        name = action.name if isinstance(action, GatedAction) else action
        declared = self._mg.actions.get(name) if isinstance(name, str) else None
        if declared is None:
            shown = name if isinstance(name, str) else getattr(name, "__name__", type(name).__name__)
            raise InvalidArguments(f"There is no action {shown!r}; declare it with @mg.action, or use mg.submit.")
        return declared


def _earlier(ticket: Ticket) -> Any:
    """Return the result that the same call gave before, or raise what became of it."""
    match ticket.status:
        case State.SUCCEEDED:
            return ticket.result
        case State.REJECTED:
            raise RejectedBefore(
                f"{ticket.action} was rejected.",
                request_id=ticket.request_id,
                decided_by=ticket.decided_by,
                reason=ticket.reason,
                for_model=ticket.for_model,
            )
        case State.PENDING | State.APPROVED | State.EXECUTING | State.IN_DOUBT if ticket.tier is not Tier.LOG:
            raise ApprovalPending(
                f"{ticket.action} waits for approval (request {ticket.request_id}, {ticket.status}).",
                request_id=ticket.request_id,
                status=ticket.status,
                for_model=ticket.for_model,
            )
    raise NotCleared(
        f"{ticket.action} ended as {ticket.status} before{': ' + ticket.error if ticket.error else ''}; "
        "a new try needs a new key.",
        request_id=ticket.request_id,
        outcome=ticket.status,
        for_model=ticket.for_model,
    )
