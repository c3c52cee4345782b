"""The library face: declare actions, open a session, call through the gate. Wiring is in ``runtime.py``."""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar, cast, overload

import structlog

from mailgate.config import Config, find_config, load_config
from mailgate.errors import (
    ApprovalPending,
    InvalidArguments,
    NotCleared,
    OutsideSession,
    RejectedBefore,
    StoreUnavailable,
)
from mailgate.model.action import check_name, make_action
from mailgate.model.lifecycle import State
from mailgate.model.people import check_address
from mailgate.model.policy import Tier
from mailgate.model.signature import Signature
from mailgate.runtime import make_worker, open_working
from mailgate.service.await_outcome import await_outcome
from mailgate.service.context import Working
from mailgate.service.execute import Known, current_request_id, stored, told
from mailgate.service.inspect import cancel_request
from mailgate.service.resume import Outcome
from mailgate.service.snapshot import snapshot_of
from mailgate.service.submit import Call, Ticket, report_logged, submit
from mailgate.service.worker import WorkerRole

log = structlog.get_logger(__name__)

P = ParamSpec("P")
R = TypeVar("R")
Handler = Callable[[Outcome], Any]

_session: ContextVar[Session | None] = ContextVar("mailgate_session", default=None)


class GatedAction(Generic[P, R]):
    """A function behind its gate: calling it inside a session asks the gate first.

    ``unguarded`` is the function itself, for tests.
    """

    def __init__(self, name: str, function: Callable[P, R], *, idempotent: bool) -> None:
        self.name = name
        self.unguarded = function
        self.idempotent = idempotent
        self.signature = Signature(name, function)
        self.__doc__ = function.__doc__
        self.__name__ = name
        self.__wrapped__ = function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Go through the gate of the current session.

        Raises:
            OutsideSession: there is no session; nothing ran.
        """
        session = _session.get()
        if session is None:
            raise OutsideSession(f"{self.name} is gated: call it inside `with mg.session(...)`.")
        arguments = self.signature.bind(args, kwargs)
        if inspect.iscoroutinefunction(self.unguarded):
            return cast(R, session.acall(self, arguments))
        return session.call(self, arguments)

    def known(self) -> Known:
        """Return what a worker needs to run it."""
        return Known(signature=self.signature, function=self.unguarded, idempotent=self.idempotent)


class Mailgate:
    """The gate in front of an agent's actions. Make one with :meth:`load`, at import time; nothing is opened until used."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.actions: dict[str, GatedAction[Any, Any]] = {}
        self.handlers: dict[str, Handler] = {}
        self._working: Working | None = None

    @classmethod
    def load(cls, path: str | Path | None = None) -> Self:
        """Read the configuration: ``path``, else ``MAILGATE_CONFIG``, else ``./config.toml``. Needs no secret.

        Raises:
            ConfigError: with every mistake in it.
        """
        return cls(load_config(find_config(Path(path) if path is not None else None)))

    @property
    def working(self) -> Working:
        """The opened store and public key; opened when first used.

        Raises:
            StoreUnavailable, ConfigError: the database or ``log.vkey`` cannot be used.
        """
        if self._working is None:
            self._working = open_working(self.config)
        return self._working

    def close(self) -> None:
        """Close the database; it is opened again when used."""
        if self._working is not None:
            self._working.store.close()
            self._working = None

    @overload
    def action(self, function: Callable[P, R], /) -> GatedAction[P, R]: ...
    @overload
    def action(
        self, /, *, name: str | None = None, idempotent: bool = False
    ) -> Callable[[Callable[P, R]], GatedAction[P, R]]: ...
    def action(
        self, function: Callable[P, R] | None = None, /, *, name: str | None = None, idempotent: bool = False
    ) -> GatedAction[P, R] | Callable[[Callable[P, R]], GatedAction[P, R]]:
        """Put a function behind the gate of its name.

        Args:
            name: of the action and its gate; by default the function's.
            idempotent: may run again after its worker died (with the same :func:`current_request`).
        """

        def declare(function: Callable[P, R]) -> GatedAction[P, R]:
            action_name = name or function.__name__
            check_name(action_name)
            if action_name in self.actions:
                raise InvalidArguments(f"There are two actions named {action_name}; give one another name.")
            self.actions[action_name] = GatedAction(action_name, function, idempotent=idempotent)
            return self.actions[action_name]

        return declare if function is None else declare(function)

    def continues(self, agent: str) -> Callable[[Handler], Handler]:
        """Declare how ``agent`` goes on once an outcome is there; called in the worker with an :class:`Outcome`."""

        def declare(handler: Handler) -> Handler:
            self.handlers[agent] = handler
            return handler

        return declare

    def session(
        self,
        *,
        agent: str,
        run: str,
        on_behalf_of: str | None = None,
        state: Any = None,
        state_version: str = "",
    ) -> Session:
        """Return a session: one stretch of one run of one agent.

        Args:
            run: the same for a run that is repeated; what makes the same call the same.
            on_behalf_of: the mail address of the person the agent acts for, who never approves.
            state: what the agent needs to go on: JSON-serialisable, or bytes, or ``(bytes, media type)``, or a callable
                that returns one of these and is called only when an action is held.
        """
        return Session(self, agent=agent, run=run, on_behalf_of=on_behalf_of, state=state, state_version=state_version)

    def submit(
        self,
        name: str,
        args: Mapping[str, Any],
        *,
        agent: str,
        run: str,
        on_behalf_of: str | None = None,
        state: Any = None,
        state_version: str = "",
        reasoning: str = "",
        confidence: float | None = None,
        key: str | None = None,
        intent: str | None = None,
    ) -> Ticket:
        """Submit an action and return its ticket; never raises :class:`ApprovalPending`, runs nothing.

        Raises:
            InvalidArguments, KeyConflict, RejectedBefore, AlreadyPending, ActionRefused, StoreUnavailable.
        """
        declared = self.actions.get(name)
        call = Call(
            action=declared.signature.action(args) if declared else make_action(name, args),
            agent=_named("agent", agent),
            run=_named("run", run),
            on_behalf_of=_requester(on_behalf_of),
            snapshot=lambda: snapshot_of(state, state_version),
            reasoning=reasoning,
            confidence=_confidence(confidence),
            key=key,
            intent=intent,
            idempotent=declared.idempotent if declared else False,
        )
        return submit(self.working, call)

    async def asubmit(self, name: str, args: Mapping[str, Any], **options: Any) -> Ticket:
        """As :meth:`submit`, without blocking the event loop."""
        return await asyncio.to_thread(self.submit, name, args, **options)

    def report(self, ticket: Ticket, *, result: Any = None, error: BaseException | None = None) -> None:
        """Report what came of an action that its ticket let run (tiers ``auto`` and ``log``)."""
        if ticket.tier is Tier.LOG:
            report_logged(self.working, ticket, result=stored(result), error="" if error is None else told(error))

    async def areport(self, ticket: Ticket, *, result: Any = None, error: BaseException | None = None) -> None:
        """As :meth:`report`, without blocking the event loop."""
        await asyncio.to_thread(self.report, ticket, result=result, error=error)

    def cancel(self, request_id: str) -> None:
        """Cancel a pending request of an agent that no longer wants it.

        Raises:
            IllegalTransition: it is not pending any more.
        """
        cancel_request(self.working, request_id, by="the agent")

    def worker(self, *, once: bool = False) -> WorkerRole:
        """Return the worker for the actions and agents declared here; what `mailgate worker` runs."""
        return make_worker(
            self.working, {n: a.known() for n, a in self.actions.items()}, dict(self.handlers), once=once
        )

    async def await_outcome(self, ticket: Ticket, *, timeout_seconds: float | None = None) -> Outcome:
        """Wait until a held request has ended, and return its outcome.

        Raises:
            ApprovalPending: it has not within ``timeout_seconds``.
        """
        return await asyncio.to_thread(await_outcome, self.working, ticket.request_id, timeout_seconds)


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
        self._token: Token[Session | None] | None = None

    def __enter__(self) -> Self:
        """Make this the session that gated functions go through."""
        self._token = _session.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave it."""
        if self._token is not None:
            _session.reset(self._token)

    def call(
        self,
        action: GatedAction[..., R] | str,
        args: Mapping[str, Any],
        *,
        reasoning: str = "",
        confidence: float | None = None,
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
        ticket = self._mg.submit(
            declared.name, args, **self._about, reasoning=reasoning, confidence=confidence, key=key, intent=intent
        )
        if not ticket.may_run:
            return cast(R, _earlier(ticket))
        try:
            result = declared.unguarded(**declared.signature.validate(args))
        except BaseException as error:
            self._report(ticket, error=error)
            raise
        self._report(ticket, result=result)
        return cast(R, result)

    async def acall(self, action: GatedAction[..., Any] | str, args: Mapping[str, Any], **options: Any) -> Any:
        """As :meth:`call`, for async code; the action may be ``async`` or not."""
        declared = self._declared(action)
        ticket = await self._mg.asubmit(declared.name, args, **self._about, **options)
        if not ticket.may_run:
            return _earlier(ticket)
        try:
            values = declared.signature.validate(args)
            if inspect.iscoroutinefunction(declared.unguarded):
                result = await declared.unguarded(**values)
            else:
                result = await asyncio.to_thread(declared.unguarded, **values)
        except BaseException as error:
            await asyncio.to_thread(self._report, ticket, error=error)
            raise
        await asyncio.to_thread(self._report, ticket, result=result)
        return result

    def _report(self, ticket: Ticket, **came_of_it: Any) -> None:
        try:
            self._mg.report(ticket, **came_of_it)
        except StoreUnavailable as error:
            # It ran: to say now that nothing did, and that it may be tried again, would be a lie.
            log.error("not_reported", action=ticket.action, logged=ticket.request_id, why=error.message)

    def _declared(self, action: GatedAction[..., Any] | str) -> GatedAction[Any, Any]:
        name = action if isinstance(action, str) else action.name
        declared = self._mg.actions.get(name)
        if declared is None:
            raise InvalidArguments(f"There is no action {name!r}; declare it with @mg.action, or use mg.submit.")
        return declared


def current_request() -> str | None:
    """Return the id of the request whose action is running here, else None; an idempotency key for other services."""
    return current_request_id.get()


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


def _confidence(given: float | None) -> float:
    """Return ``given``; a missing one, or one that is no number within [0, 1], is no confidence at all."""
    is_number = isinstance(given, int | float) and math.isfinite(given)
    return float(given) if given is not None and is_number and 0.0 <= given <= 1.0 else 0.0


def _requester(address: str | None) -> str | None:
    """Return ``address`` if it is one plain address: a person who is not recognised could approve her own request."""
    try:
        return None if address is None else check_address(address)
    except (ValueError, TypeError) as error:
        raise InvalidArguments(
            f"on_behalf_of = {address!r}: give the plain mail address of the person the agent acts for, or None."
        ) from error


def _named(what: str, text: str) -> str:
    if not isinstance(text, str) or not text or len(text) > 200 or not text.isprintable():
        raise InvalidArguments(f"{what} = {text!r}: give it a printable name of 1 to 200 characters.")
    return text
